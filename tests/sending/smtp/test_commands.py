"""Commands: their bytes, and that none can hold a second one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.smtp import commands
from sending.smtp.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (commands.ehlo("client.example"), b"EHLO client.example\r\n"),
        (commands.ehlo("[127.0.0.1]"), b"EHLO [127.0.0.1]\r\n"),
        (commands.ehlo("[IPv6:::1]"), b"EHLO [IPv6:::1]\r\n"),
        (commands.helo("client"), b"HELO client\r\n"),
        (commands.starttls(), b"STARTTLS\r\n"),
        (commands.auth("PLAIN", "AGEAYg=="), b"AUTH PLAIN AGEAYg==\r\n"),
        (commands.auth("LOGIN"), b"AUTH LOGIN\r\n"),
        (commands.auth("EXTERNAL", ""), b"AUTH EXTERNAL =\r\n"),
        (commands.mail_from("a@b.example"), b"MAIL FROM:<a@b.example>\r\n"),
        (commands.mail_from(""), b"MAIL FROM:<>\r\n"),
        (commands.mail_from("a@b.example", size=12), b"MAIL FROM:<a@b.example> SIZE=12\r\n"),
        (
            commands.mail_from("ä@b.example", size=1, eight_bit=True, utf8=True),
            "MAIL FROM:<ä@b.example> SIZE=1 BODY=8BITMIME SMTPUTF8\r\n".encode(),
        ),
        (commands.rcpt_to("a+b@c.example"), b"RCPT TO:<a+b@c.example>\r\n"),
        (commands.rcpt_to('"a b"@c.example'), b'RCPT TO:<"a b"@c.example>\r\n'),
        (commands.rcpt_to("a@[192.0.2.1]"), b"RCPT TO:<a@[192.0.2.1]>\r\n"),
        (commands.data(), b"DATA\r\n"),
        (commands.rset(), b"RSET\r\n"),
        (commands.quit_(), b"QUIT\r\n"),
    ],
)
def test_sent_lines(command, line):
    assert command.line == line


BAD = ["a\r\nRSET", "a\nb", "a\rb", "a\0b", "a\tb", "a\x7fb"]


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize(
    "build",
    [
        lambda text: commands.ehlo(text),
        lambda text: commands.auth("PLAIN", text),
        lambda text: commands.auth(text),
        lambda text: commands.mail_from(f"{text}@b.example"),
        lambda text: commands.mail_from(f"a@{text}"),
        lambda text: commands.rcpt_to(f"{text}@b.example"),
        lambda text: commands.rcpt_to(f'"{text}"@b.example'),
    ],
)
def test_sent_line_breaks_and_controls_are_refused(build, text):
    with pytest.raises(LocalProtocolError) as caught:
        build(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *("", "a", "@b.example", "a@", "a b@c.example", "a@b c", "<a@b.example>"),
        *("a@b.example> SIZE=1", "a>@b.example", 'a"b@c.example', "a@b,c"),
    ],
)
def test_sent_what_is_no_path(address):
    with pytest.raises(LocalProtocolError):
        commands.rcpt_to(address)


def test_sent_other_than_ascii_needs_smtputf8():
    with pytest.raises(LocalProtocolError):
        commands.rcpt_to("ä@b.example")
    assert commands.rcpt_to("ä@b.example", utf8=True).line == "RCPT TO:<ä@b.example>\r\n".encode()


def test_sent_lines_have_an_end():
    with pytest.raises(LocalProtocolError, match="longer than"):
        commands.rcpt_to("a" * 1000 + "@b.example")
    with pytest.raises(LocalProtocolError, match="longer than"):
        commands.auth("PLAIN", "x" * 13_000)
    with pytest.raises(LocalProtocolError, match="too long"):
        commands.answer_line("x" * 13_000)


def test_sent_a_lone_surrogate_is_no_crash():
    with pytest.raises(LocalProtocolError):
        commands.rcpt_to("\ud800@b.example", utf8=True)


def test_sent_passwords_are_in_no_repr():
    assert "AGEAYg" not in repr(commands.auth("PLAIN", "AGEAYg=="))


@hypothesis_settings(deadline=None)
@given(st.text(max_size=40))
def test_sent_whatever_an_address_is_it_makes_one_line_or_none(text):
    for build in (commands.mail_from, commands.rcpt_to):
        try:
            line = build(text, utf8=True).line
        except LocalProtocolError:
            continue
        assert line.count(b"\r") == line.count(b"\n") == 1
        assert line.endswith(b"\r\n")
        assert line.count(b"<") == line.count(b">") == 1 or b'"' in line
