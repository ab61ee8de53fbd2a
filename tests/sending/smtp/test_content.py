"""The message as DATA carries it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.smtp import content
from sending.smtp.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (b"a\r\n", b"a\r\n"),
        (b".\r\n", b"..\r\n"),
        (b".a\r\n..b\r\nc.\r\n", b"..a\r\n...b\r\nc.\r\n"),
        (b"\r\n.\r\n\r\n", b"\r\n..\r\n\r\n"),
    ],
)
def test_sent_dots_are_doubled(message, sent):
    assert content.stuffed(message) == sent


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no end",
        b"a\nb\r\n",
        b"a\rb\r\n",
        b"a\r\r\n",
        b"a\n\r\n",
        b"\n.\r\n",
        b"a\0b\r\n",
        b"x" * 999 + b"\r\n",
        b"ok\r\n" + b"x" * 999 + b"\r\nok\r\n",
    ],
)
def test_sent_a_message_with_odd_line_ends_is_refused(message):
    with pytest.raises(LocalProtocolError):
        content.check(message)


def test_sent_a_line_of_998_octets_goes():
    content.check(b"x" * 998 + b"\r\n")


def test_sent_what_a_message_needs():
    assert not content.is_eight_bit(b"plain\r\n")
    assert content.is_eight_bit("ä\r\n".encode())
    assert content.has_utf8_header("To: ä@b.example\r\n\r\nx\r\n".encode())
    assert not content.has_utf8_header("To: a@b.example\r\n\r\nä\r\n".encode())
    assert not content.has_utf8_header(b"To: \xe4@b.example\r\n\r\nx\r\n")


@hypothesis_settings(deadline=None)
@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".a", b"\xff"]), max_size=20))
def test_sent_stuffing_is_undone_by_any_server(lines):
    message = b"".join(line + b"\r\n" for line in lines)
    received = []
    for line in (content.stuffed(message) + b".\r\n").split(b"\r\n"):
        if line == b".":
            break
        received.append(line[1:] if line.startswith(b".") else line)
    assert b"".join(line + b"\r\n" for line in received) == message
