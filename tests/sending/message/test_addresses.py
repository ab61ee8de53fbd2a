"""Addresses as they go out, and which are the same."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.message.addresses import AddressError, ascii_domain, for_sending, key


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("ada@example.org", "ada@example.org"),
        (" ada@EXAMPLE.org ", "ada@example.org"),
        ("Ada.Lovelace+tag@example.org", "Ada.Lovelace+tag@example.org"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
        ("zoë@post.example", "zoë@post.example"),
        ('"two words"@post.example', '"two words"@post.example'),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
        ("ada@localhost", "ada@localhost"),
        ("o'neil!#$%&*/=?^_`{|}~-@post.example", "o'neil!#$%&*/=?^_`{|}~-@post.example"),
    ],
)
def test_sent_addresses(address, sent):
    assert for_sending(address) == sent


@pytest.mark.parametrize(
    "address",
    [
        *("", "ada", "@example.org", "ada@", "ada@@example.org", "ada@example..org", "ada@-example.org"),
        *(
            "a da@example.org",
            "ada@exa mple.org",
            "ada,bob@example.org",
            "<ada@example.org>",
            "ada@example.org>",
        ),
        *(
            "ada\r\nbob@example.org",
            "ada@example.org\r\nRCPT",
            "a\0@example.org",
            '"a\r\n"@example.org',
            '"a"b@x.y',
        ),
        *(".ada@example.org", "ada.@example.org", "a..b@example.org", "a" * 65 + "@example.org"),
        *("ada@" + "a" * 64 + ".org", "ada@" + "a.b" * 100, "\ud800@example.org", "ada@\ud800.org"),
        # Python's codec would leave the joiner out, and browsers do not.
        *("ada@exa\u200dmple.org", "ada@-ß.example", "ada@" + "ß" * 60 + ".example"),
    ],
)
def test_sent_what_is_no_address(address):
    with pytest.raises(AddressError) as caught:
        for_sending(address)
    assert not address or address not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@example.org", "ADA@Example.ORG", True),
        ("ada@bücher.example", "Ada@xn--bcher-kva.example", True),
        ("ada@example.org", "ada+tag@example.org", False),
        ("not an address", "NOT AN ADDRESS ", True),
        ("ada@-", "ada@-", True),
    ],
)
def test_sent_the_same_address(one, other, same):
    assert (key(one) == key(other)) is same


@hypothesis_settings(deadline=None)
@given(st.text(max_size=80))
def test_sent_any_text_is_an_address_or_an_error(text):
    key(text)
    try:
        sent = for_sending(text)
    except AddressError:
        return
    assert not set(sent) & set("\r\n\0")
    assert sent.rpartition("@")[2].isascii()
    assert for_sending(sent) == sent
    assert key(sent) == key(text)


@hypothesis_settings(deadline=None)
@given(st.text(alphabet="abcäöüßéñ例.-_xn", max_size=40))
def test_sent_domains_are_ascii_or_refused(domain):
    with contextlib.suppress(AddressError):
        assert ascii_domain(domain).isascii()


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("Fußball.Example", "xn--fuball-cta.example"),
        ("Ας.example", "xn--mxa8a.example"),
        ("faß。example", "xn--fa-hia.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--strae-oqa.example", "xn--strae-oqa.example"),
    ],
)
def test_sent_domains_by_idna_2008(domain, name):
    """Since 2008 ß and ς are letters of their own: straße and strasse may belong to two people."""
    assert ascii_domain(domain) == name
    assert key(f"ada@{domain}") == f"ada@{name}" != key("ada@strasse.example")
