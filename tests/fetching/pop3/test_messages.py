"""Bodies of RETR and TOP: byte-exact wherever the blocks are cut, and never more than allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetching.pop3 import buffer, commands
from fetching.pop3.connection import NEED_DATA, State
from fetching.pop3.errors import MessageTooLarge, RemoteProtocolError
from fetching.pop3.events import Message, MessageChunk, MessageEnd
from tests.fetching.pop3.feeding import blocks, byte_by_byte, merged, signed_in, trailing, whole


def stuffed(message: bytes) -> bytes:
    """As a server sends it (RFC 1939, 3): every line that begins with a dot gets one more."""
    assert message == b"" or message.endswith(b"\r\n")
    lines = message.split(b"\r\n")[:-1]
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


MESSAGES = {
    "empty": b"",
    "one blank line": b"\r\n",
    "header only": b"Subject: x\r\n\r\n",
    "header without the blank line": b"Subject: x\r\n",
    "usual": b"Subject: x\r\n\r\nHello\r\n",
    "a dot first": b".hidden\r\n\r\nbody\r\n",
    "a lone dot first": b".\r\n",
    "two dots first": b"..\r\n",
    "lone dots only": b".\r\n.\r\n.\r\n",
    "dots everywhere": b"..a\r\n...\r\n.\r\nb.\r\n.c.\r\n....\r\n",
    "a dot at the end": b"text\r\n.\r\n",
    "c15 LF dot LF": b"a\n.\nb\r\n",
    "c15 LF dot CRLF": b"a\n.\r\nb\r\n",
    "c15 CR dot CR": b"a\r.\rb\r\n",
    "c15 CRLF dot LF": b"a\r\n.\nb\r\n",
    "c15 CRLF dot CR": b"a\r\n.\rb\r\n",
    "c15 CR CRLF": b"a\r\r\n.\r\r\nb\r\n",
    "c15 bare LF throughout": b"a\nb\n..c\n\r\n",
    "NUL and 8 bit": bytes(range(256)) + b"\r\n",
    "looks like a reply": b"+OK\r\n-ERR [AUTH]\r\n",
    "c14 a long line": b"x" * 200_000 + b"\r\n",
}


@pytest.mark.parametrize("stream_above", [1024 * 1024, 0])
@pytest.mark.parametrize("feed", [whole, byte_by_byte, trailing])
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_r16_byte_exact(message, feed, stream_above):
    conn = signed_in(stream_above=stream_above)
    conn.send(commands.retr(1))
    assert merged(feed(conn, b"+OK\r\n" + stuffed(message))) == [Message(1, message)]


@pytest.mark.parametrize("stream_above", [1024, 6, 0])
@pytest.mark.parametrize("message", [MESSAGES["dots everywhere"], MESSAGES["c15 CR CRLF"], MESSAGES["empty"]])
def test_r16_cut_at_every_place(message, stream_above):
    reply = b"+OK\r\n" + stuffed(message)
    data = reply + b"-ERR gone\r\n" + reply
    for cut in range(len(data)):
        conn = signed_in(stream_above=stream_above)
        for number in (1, 2, 3):
            conn.send(commands.retr(number))
        first = []
        conn.receive(data[:cut])
        while (event := conn.next_event()) is not NEED_DATA:
            first.append(event)
        conn.receive(data[cut:])
        while (event := conn.next_event()) is not NEED_DATA:
            first.append(event)
        one, err, three = merged(first)
        assert (one, err.text, three) == (Message(1, message), "gone", Message(3, message))


LINES = st.lists(st.sampled_from([b".", b"..", b"\r", b"\n", b"a", b"", b".\r", b"\n.", b"+OK"]), max_size=12)


@given(
    lines=LINES,
    size=st.integers(1, 40),
    stream_above=st.sampled_from([0, 5, 20, 1024]),
    many=st.sampled_from([0, 2, 1000]),
)
def test_r16_any_message_in_any_blocks(lines, size, stream_above, many):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffer, "_MANY", many)
        any_message_in_any_blocks(lines, size, stream_above)


def any_message_in_any_blocks(lines, size, stream_above):
    message = b"".join(line + b"\r\n" for line in lines)
    conn = signed_in(stream_above=stream_above)
    conn.send(commands.retr(1))
    conn.send(commands.retr(2))
    reply = b"+OK\r\n" + stuffed(message)
    assert blocks(conn, reply + reply, size) == [Message(1, message), Message(2, message)]


def test_a_server_that_forgets_to_stuff_loses_nothing():
    conn = signed_in()
    conn.send(commands.retr(1))
    assert whole(conn, b"+OK\r\n.a\r\nb\r\n.\r\n") == [Message(1, b".a\r\nb\r\n")]


# ── Large messages ──────────────────────────────────────────────────────────


def test_a_large_message_comes_in_pieces():
    conn = signed_in(stream_above=1000)
    conn.send(commands.retr(7))
    message = b"0123456789" * 500 + b"\r\n"
    data = b"+OK\r\n" + stuffed(message)
    found = []
    for start in range(0, len(data), 500):
        conn.receive(data[start : start + 500])
        while (event := conn.next_event()) is not NEED_DATA:
            found.append(event)
    *pieces, end = found
    assert all(isinstance(piece, MessageChunk) and piece.number == 7 for piece in pieces)
    assert end == MessageEnd(7, len(message))
    assert b"".join(piece.data for piece in pieces) == message
    assert max(len(piece.data) for piece in pieces) <= 1500


def test_a_large_message_is_never_held():
    conn = signed_in(stream_above=4096)
    conn.send(commands.retr(1))
    conn.receive(b"+OK\r\n")
    block = b"..34567890" * 400 + b"\r\n"
    size = 0
    for _ in range(500):
        conn.receive(block)
        while (event := conn.next_event()) is not NEED_DATA:
            size += len(event.data)
        assert len(conn._buffer._data) < 3 * 4096
    conn.receive(b".\r\n")
    found = []
    while (event := conn.next_event()) is not NEED_DATA:
        found.append(event)
    size += sum(len(event.data) for event in found[:-1])
    assert found[-1] == MessageEnd(1, size)
    assert size == 500 * (len(block) - 1)


@pytest.mark.parametrize("stream_above", [10_000, 500, 0])
@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_r10_a_message_beyond_the_cap(feed, stream_above):
    conn = signed_in(max_message=1000, stream_above=stream_above)
    conn.send(commands.retr(1))
    with pytest.raises(MessageTooLarge):
        feed(conn, b"+OK 10 octets\r\n" + stuffed(b"x" * 999 + b"\r\n"))
    assert conn.state is State.BOTCHED


@pytest.mark.parametrize("stream_above", [10_000, 500, 0])
@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_r10_a_message_of_just_the_cap(feed, stream_above):
    conn = signed_in(max_message=1000, stream_above=stream_above)
    message = b"." * 998 + b"\r\n"
    conn.send(commands.retr(1))
    assert merged(feed(conn, b"+OK\r\n" + stuffed(message))) == [Message(1, message)]


def test_r10_an_endless_message_is_cut_off_early():
    conn = signed_in(max_message=10_000, stream_above=1000)
    conn.send(commands.retr(1))
    conn.receive(b"+OK\r\n")
    for _ in range(11):
        conn.receive(b"endless\r\n" * 100)
        while conn.next_event() is not NEED_DATA:
            pass
    conn.receive(b"endless\r\n" * 100)
    with pytest.raises(MessageTooLarge):
        conn.next_event()


def test_messages_after_one_in_pieces():
    conn = signed_in(stream_above=10)
    conn.send(commands.retr(1))
    conn.send(commands.top(2, 0))
    data = b"+OK\r\n" + stuffed(b"x" * 100 + b"\r\n") + b"+OK\r\n" + stuffed(b"y\r\n")
    assert byte_by_byte(conn, data) == [Message(1, b"x" * 100 + b"\r\n"), Message(2, b"y\r\n")]


def test_c15_a_body_ended_by_lf_alone_never_ends():
    """Not at LF . LF, and so not in the middle of the next reply either."""
    conn = signed_in()
    conn.send(commands.retr(1))
    conn.receive(b"+OK\r\nbody\n.\n")
    assert conn.next_event() is NEED_DATA
    conn.receive_eof()
    with pytest.raises(RemoteProtocolError):
        conn.next_event()
