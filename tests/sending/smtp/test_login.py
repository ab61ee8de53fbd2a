"""Ways to sign in, best first."""

from __future__ import annotations

import pytest

from sending.smtp import login
from sending.smtp.extensions import Extensions

USER, SECRET = "ada@example.org", "correct horse"


def names(*offered: str, encrypted: bool = True, username: str = USER, password: str = SECRET) -> list[str]:
    extensions = Extensions(auth=frozenset(offered))
    return [each.name for each in login.methods(username, password, offered=extensions, encrypted=encrypted)]


@pytest.mark.parametrize(
    ("offered", "encrypted", "order"),
    [
        (("CRAM-MD5", "LOGIN", "PLAIN"), True, ["PLAIN", "LOGIN", "CRAM-MD5"]),
        (("CRAM-MD5", "LOGIN", "PLAIN"), False, ["CRAM-MD5", "PLAIN", "LOGIN"]),
        (("LOGIN", "XOAUTH2"), True, ["LOGIN"]),
        (("XOAUTH2", "GSSAPI"), True, []),
        ((), True, []),
    ],
)
def test_sent_order(offered, encrypted, order):
    assert names(*offered, encrypted=encrypted) == order


def test_sent_other_than_ascii_goes_where_an_encoding_is_defined():
    assert names("PLAIN", "LOGIN", "CRAM-MD5", password="pässwörd") == ["PLAIN"]
    assert names("LOGIN", "CRAM-MD5", username="ädä") == []


@pytest.mark.parametrize("bad", ["a\r\nb", "a\0b", "a\1b", "\ud800"])
def test_sent_what_cannot_be_sent_is_not(bad):
    assert names("PLAIN", "LOGIN", "CRAM-MD5", password=bad) == []
    assert names("PLAIN", "LOGIN", "CRAM-MD5", username=bad) == []


def test_sent_what_each_says():
    offered = Extensions(auth=frozenset(login.MECHANISMS))
    plain, by_login, cram = login.methods("tim", "tanstaaftanstaaf", offered=offered, encrypted=True)
    assert plain.command.line == b"AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n"
    assert plain.answers == ()
    assert by_login.command.line == b"AUTH LOGIN\r\n"
    assert [answer(b"") for answer in by_login.answers] == [b"tim", b"tanstaaftanstaaf"]
    assert cram.command.line == b"AUTH CRAM-MD5\r\n"
    # The example of RFC 2195, 2.
    challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    assert [answer(challenge) for answer in cram.answers] == [b"tim b913a602c7eda7a495b4e6e7334d3890"]


def test_sent_a_password_too_long_for_a_line_is_left_out():
    assert names("PLAIN", password="x" * 10_000) == []
    assert names("PLAIN", "LOGIN", password="x" * 10_000) == ["LOGIN"]


def test_sent_no_password_in_a_repr():
    for method in login.methods(
        USER, SECRET, offered=Extensions(auth=frozenset(login.MECHANISMS)), encrypted=True
    ):
        assert SECRET not in repr(method)
