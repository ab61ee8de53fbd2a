"""Replies: lines, codes, enhanced codes, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.smtp.errors import RemoteProtocolError
from sending.smtp.replies import MAX_LINE, MAX_LINES, MAX_TEXT, Reply, ReplyReader


def read(data: bytes) -> Reply | None:
    reader = ReplyReader()
    reader.append(data)
    return reader.next()


@pytest.mark.parametrize(
    ("data", "code", "enhanced", "text"),
    [
        (b"250 OK\r\n", 250, "", "OK"),
        (b"250\r\n", 250, "", ""),
        (b"250 \r\n", 250, "", ""),
        (b"250-\r\n250\r\n", 250, "", ""),
        (b"250 2.1.5 Recipient taken\r\n", 250, "2.1.5", "Recipient taken"),
        (b"550-5.1.1 No such\r\n550 5.1.1 user here\r\n", 550, "5.1.1", "No such user here"),
        (b"550-No such user\r\n550 5.1.1 really\r\n", 550, "5.1.1", "No such user really"),
        (b"554 5.2.252 SendAsDenied; x\r\n", 554, "5.2.252", "SendAsDenied; x"),
        (b"535 5.7.139 Authentication unsuccessful\r\n", 535, "5.7.139", "Authentication unsuccessful"),
        (b"421 4.7.0 Try again later\r\n", 421, "4.7.0", "Try again later"),
        (b"550 5.1.1: unknown\r\n", 550, "5.1.1", "unknown"),
        # The class of the enhanced code must be that of the code (RFC 2034, 4).
        (b"550 4.1.1 odd\r\n", 550, "", "4.1.1 odd"),
        (b"250 5.5.5 odd\r\n", 250, "", "5.5.5 odd"),
        # Numbers that are something else: an address, a version, a code of four parts.
        (b"550 5.7.1.2 is not welcome\r\n", 550, "", "5.7.1.2 is not welcome"),
        (b"220 5.10.2 Exim\r\n", 220, "", "5.10.2 Exim"),
        (b"550 5.7.1000 x\r\n", 550, "", "5.7.1000 x"),
        ("550 5.1.1 Größe überschritten\r\n".encode(), 550, "5.1.1", "Größe überschritten"),
        (b"550 bad \xff byte\r\n", 550, "", "bad � byte"),
    ],
)
def test_sent_reply(data, code, enhanced, text):
    reply = read(data)
    assert (reply.code, reply.enhanced, reply.text) == (code, enhanced, text)


@pytest.mark.parametrize(
    ("code", "kinds"), [(250, "p"), (354, "i"), (334, "i"), (450, "t"), (421, "t"), (550, "f"), (599, "f")]
)
def test_sent_the_first_digit_decides(code, kinds):
    reply = Reply(code)
    found = {
        "p": reply.is_positive,
        "i": reply.is_intermediate,
        "t": reply.is_temporary,
        "f": reply.is_permanent,
    }
    assert "".join(kind for kind, holds in found.items() if holds) == kinds


@pytest.mark.parametrize(
    "data",
    [
        b"+OK ready\r\n",
        b"* OK IMAP4rev1\r\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\r\n",
        b"25 short\r\n",
        b"2500 long\r\n",
        b"250_odd\r\n",
        b"150 of another protocol\r\n",
        b"650 of no protocol\r\n",
        b" 250 indented\r\n",
        b"\xd9\xa2\xd9\xa5\xd9\xa0 arabic\r\n",
    ],
)
def test_sent_what_is_no_reply(data):
    with pytest.raises(RemoteProtocolError, match="not a reply"):
        read(data)


def test_sent_all_lines_have_one_code():
    with pytest.raises(RemoteProtocolError, match="changes its code"):
        read(b"250-one\r\n251 two\r\n")


@pytest.mark.parametrize("data", [b"250 ok\n", b"250-ok\n250 ok\r\n", b"\n"])
def test_sent_a_bare_lf_ends_no_line(data):
    with pytest.raises(RemoteProtocolError, match="LF alone"):
        read(data)


def test_sent_a_reply_without_end():
    with pytest.raises(RemoteProtocolError, match="reply without end"):
        read(b"250-more\r\n" * (MAX_LINES + 1))
    assert read(b"250-more\r\n" * (MAX_LINES - 1) + b"250 done\r\n").code == 250


def test_sent_a_line_without_end():
    reader = ReplyReader()
    for _ in range(MAX_LINE // 64):
        reader.append(b"2" * 64)
        assert reader.next() is None
    reader.append(b"2")
    with pytest.raises(RemoteProtocolError, match="line without end"):
        reader.next()


def test_sent_words_are_bounded():
    assert len(read((b"250-" + b"x" * 500 + b"\r\n") * 50 + b"250 y\r\n").text) == MAX_TEXT


def test_sent_several_replies_in_one_block():
    reader = ReplyReader()
    reader.append(b"250-a\r\n250 b\r\n354 go\r\n22")
    assert [reader.next().code, reader.next().code] == [250, 354]
    assert reader.next() is None
    assert reader.is_midway
    reader.append(b"1 bye\r\n")
    assert reader.next().text == "bye"
    assert not reader.is_midway


@hypothesis_settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_sent_any_bytes_are_read_the_same_however_they_are_cut(data, size):
    def run(step: int) -> tuple[list[Reply], str]:
        reader, found = ReplyReader(), []
        try:
            for start in range(0, len(data), step):
                reader.append(data[start : start + step])
                while (reply := reader.next()) is not None:
                    found.append(reply)
        except RemoteProtocolError as error:
            return found, str(error)
        return found, ""

    assert run(size) == run(len(data) or 1)
