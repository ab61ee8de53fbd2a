"""What is computed to sign in, against the examples of the RFCs."""

from __future__ import annotations

import base64

import pytest

from fetching.pop3 import LocalProtocolError, RemoteProtocolError, sasl


def test_plain():
    assert sasl.plain("tim", "tanstaaftanstaaf") == b"\0tim\0tanstaaftanstaaf"


def test_a15_plain_is_utf8():
    assert sasl.plain("jörg", "pässwörd€") == "\0jörg\0pässwörd€".encode()


def test_login():
    assert sasl.login("tim", "secret") == (b"tim", b"secret")


def test_cram_md5_example_of_rfc_2195():
    challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    answer = sasl.cram_md5("tim", "tanstaaftanstaaf", challenge)
    assert base64.b64encode(answer) == b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"


def test_apop_example_of_rfc_1939():
    digest = sasl.apop_digest(b"<1896.697170952@dbc.mtview.ca.us>", "tanstaaf")
    assert digest == "c4c9334bac560ecc979e58001b3e22fb"


def test_xoauth2():
    assert sasl.xoauth2("ada@example.org", "ya29.x") == b"user=ada@example.org\1auth=Bearer ya29.x\1\1"


@pytest.mark.parametrize("challenge", [b"not base64!", b"PDE=4", b"abc", b"\xff"])
def test_a_challenge_that_is_no_base64_is_the_servers_fault(challenge):
    with pytest.raises(RemoteProtocolError):
        sasl.cram_md5("tim", "secret", challenge)


@pytest.mark.parametrize("odd", ["a\0b", "a\nb", "a\rb", "a\1b", "a\ud800b"])
@pytest.mark.parametrize(
    "compute",
    [
        lambda text: sasl.plain("ada", text),
        lambda text: sasl.plain(text, "x"),
        lambda text: sasl.login("ada", text),
        lambda text: sasl.login(text, "x"),
        lambda text: sasl.cram_md5("ada", text, b""),
        lambda text: sasl.cram_md5(text, "x", b""),
        lambda text: sasl.xoauth2("ada", text),
        lambda text: sasl.apop_digest(b"<a@b>", text),
    ],
)
def test_c20_control_characters_are_refused(compute, odd):
    with pytest.raises(LocalProtocolError) as caught:
        compute(odd)
    assert odd not in str(caught.value)
    assert caught.value.__cause__ is None
