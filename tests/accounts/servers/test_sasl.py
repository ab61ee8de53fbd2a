"""SASL messages, by the examples of their RFCs."""

from __future__ import annotations

import pytest

from accounts.servers import sasl


def test_plain():
    assert sasl.plain("tim", "tanstaaftanstaaf") == b"\0tim\0tanstaaftanstaaf"  # RFC 4616, 4
    assert sasl.plain("ü", "ö") == "\0ü\0ö".encode()


def test_login():
    assert sasl.login("tim", "secret") == (b"tim", b"secret")


def test_cram_md5_example_of_rfc_2195():
    challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    assert sasl.cram_md5("tim", "tanstaaftanstaaf", challenge) == b"tim b913a602c7eda7a495b4e6e7334d3890"


@pytest.mark.parametrize("challenge", [b"not base64!", b"PDE=4", b"abc", b"\xff", b"???"])
def test_a_challenge_that_is_no_base64_is_the_servers_fault(challenge):
    with pytest.raises(sasl.BadChallenge):
        sasl.cram_md5("tim", "secret", challenge)


@pytest.mark.parametrize("bad", ["a\r", "a\n", "a\0", "a\1", "\udcff"])
def test_what_cannot_be_carried_is_refused_and_not_repeated(bad):
    for run in (
        lambda: sasl.plain(bad, "x"),
        lambda: sasl.plain("x", bad),
        lambda: sasl.login("x", bad),
        lambda: sasl.cram_md5(bad, "x", b""),
    ):
        with pytest.raises(sasl.Unsendable) as caught:
            run()
        assert bad not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
