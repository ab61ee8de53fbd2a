"""Commands as bytes: exact, one line each, secrets unseen."""

from __future__ import annotations

import pytest

from fetching.pop3 import commands
from fetching.pop3.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (commands.user(b"ada@example.org"), b"USER ada@example.org\r\n"),
        (commands.password(b"with a space "), b"PASS with a space \r\n"),
        (commands.apop(b"mrose", "c4c9334bac560ecc979e58001b3e22fb"), None),
        (commands.auth("PLAIN", answers=1), b"AUTH PLAIN\r\n"),
        (commands.auth("XOAUTH2", answers=0, initial="dXNlcg=="), b"AUTH XOAUTH2 dXNlcg==\r\n"),
        (commands.auth("EXTERNAL", answers=0, initial=""), b"AUTH EXTERNAL =\r\n"),
        (commands.stls(), b"STLS\r\n"),
        (commands.utf8(), b"UTF8\r\n"),
        (commands.capa(), b"CAPA\r\n"),
        (commands.stat(), b"STAT\r\n"),
        (commands.list_sizes(), b"LIST\r\n"),
        (commands.list_sizes(7), b"LIST 7\r\n"),
        (commands.uidl(), b"UIDL\r\n"),
        (commands.uidl(7), b"UIDL 7\r\n"),
        (commands.retr(100_000), b"RETR 100000\r\n"),
        (commands.top(3, 0), b"TOP 3 0\r\n"),
        (commands.dele(1), b"DELE 1\r\n"),
        (commands.rset(), b"RSET\r\n"),
        (commands.noop(), b"NOOP\r\n"),
        (commands.quit_(), b"QUIT\r\n"),
    ],
)
def test_lines(command, line):
    assert command.line == (line or b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n")


@pytest.mark.parametrize("build", [commands.user, commands.password, lambda a: commands.apop(a, "0" * 32)])
@pytest.mark.parametrize("argument", [b"a\rb", b"a\nb", b"a\r\nDELE 1", b"a\0b", b"\n", b""])
def test_c20_line_breaks_and_nul_are_refused(build, argument):
    with pytest.raises(LocalProtocolError):
        build(argument)


@pytest.mark.parametrize("build", [commands.user, commands.password])
def test_a_line_may_have_255_octets_and_no_more(build):
    assert len(build(b"x" * 248).line) == 255
    with pytest.raises(LocalProtocolError, match="longer than 255"):
        build(b"x" * 249)


def test_mechanism_names_and_answers_cannot_smuggle():
    with pytest.raises(LocalProtocolError):
        commands.auth("PLAIN\r\nDELE 1", answers=1)
    with pytest.raises(LocalProtocolError, match="too long"):
        commands.answer_line("x" * commands.MAX_ANSWER)
    assert commands.answer_line("*") == b"*\r\n"


def test_apop_takes_no_name_with_a_space():
    with pytest.raises(LocalProtocolError):
        commands.apop(b"ada lovelace", "0" * 32)


@pytest.mark.parametrize(
    "build", [commands.retr, commands.dele, commands.uidl, commands.list_sizes, lambda n: commands.top(n, 0)]
)
@pytest.mark.parametrize("number", [0, -1])
def test_message_numbers_begin_at_one(build, number):
    with pytest.raises(LocalProtocolError):
        build(number)


def test_top_takes_no_negative_lines():
    with pytest.raises(LocalProtocolError):
        commands.top(1, -1)


@pytest.mark.parametrize(
    "command", [commands.password(b"hunter2"), commands.auth("XOAUTH2", answers=0, initial="hunter2")]
)
def test_a_secret_is_in_no_repr(command):
    assert "hunter2" not in repr(command)


def test_a_secret_is_in_no_error():
    with pytest.raises(LocalProtocolError) as caught:
        commands.password(b"hunter2\n")
    assert "hunter2" not in str(caught.value)
