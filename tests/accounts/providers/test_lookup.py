"""The presets: consistent with the forms and the host policy, and found by address."""

from __future__ import annotations

from collections import Counter

import pytest
from django.utils.functional import Promise

from accounts.models import MailAccount
from accounts.models.mail_accounts import COLORS
from accounts.providers.lookup import PROVIDERS, TILES, by_slug, for_address, username_for
from accounts.servers import hosts

READY = [provider for provider in PROVIDERS if provider.connectable and provider.slug != "other"]

each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.slug)
each_ready = pytest.mark.parametrize("provider", READY, ids=lambda provider: provider.slug)


@pytest.fixture(autouse=True)
def policy(settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []


def test_slugs_and_domains_are_unique():
    counted = Counter([provider.slug for provider in PROVIDERS])
    counted.update(domain for provider in PROVIDERS for domain in provider.domains)
    assert [name for name, count in counted.items() if count > 1] == []


@each
def test_a_preset_fits_the_model_and_the_style_sheet(provider):
    assert 0 < len(provider.slug) <= MailAccount._meta.get_field("provider").max_length
    assert provider.color in COLORS
    assert len(provider.letter) == 1
    assert {provider.encryption, provider.smtp_encryption} <= set(MailAccount.Encryption.values)
    assert all(domain == domain.lower() and domain.count("*") <= 1 for domain in provider.domains)


@each
def test_what_a_person_reads_can_be_translated(provider):
    assert all(isinstance(text, Promise) for text in (provider.note, *provider.help_steps) if text)
    assert all(str(text).endswith(".") for text in (provider.note, *provider.help_steps) if text)
    if not provider.connectable or provider.app_password:
        assert provider.note


@each_ready
def test_every_preset_passes_the_host_policy(provider):
    assert hosts.check_host(provider.pop_host) == provider.pop_host
    assert hosts.check_port(provider.pop_port, "pop3", provider.pop_host) == provider.pop_port
    assert hosts.check_host(provider.smtp_host) == provider.smtp_host
    assert hosts.check_port(provider.smtp_port, "smtp", provider.smtp_host) == provider.smtp_port
    if provider.imap_host:
        assert hosts.check_host(provider.imap_host) == provider.imap_host


@each_ready
def test_the_port_and_the_encryption_agree(provider):
    assert (provider.pop_port, provider.encryption) in {(995, "ssl"), (110, "starttls"), (110, "plain")}


@each_ready
def test_limits_are_sane(provider):
    assert 1 <= provider.connections <= 10
    assert provider.min_interval_seconds is None or 60 <= provider.min_interval_seconds <= 900


def test_the_tiles_are_those_of_the_connect_page():
    assert [(str(tile.name), tile.letter, tile.color, str(tile.label)) for tile in TILES] == [
        ("Gmail", "G", "red", "App password"),
        ("Outlook.com", "O", "blue", "Coming"),
        ("Office 365", "3", "ochre", "Coming"),
        ("Yahoo", "Y", "violet", "App password"),
        ("GMX", "G", "teal", ""),
        ("WEB.DE", "W", "ochre", ""),
        ("Zoho", "Z", "red", ""),
        ("Fastmail", "F", "slate", "App password"),
        ("T-Online", "T", "magenta", ""),
        ("iCloud", "i", "slate", "No POP3"),
        ("Proton", "P", "violet", "No POP3"),
        ("Other", "…", "slate", "Enter servers"),
    ]
    assert [tile.slug for tile in TILES if not tile.connectable] == [
        "outlook",
        "office365",
        "icloud",
        "proton",
    ]


@pytest.mark.parametrize(
    ("email", "slug"),
    [
        ("alice@gmail.com", "gmail"),
        ("Alice.Hartono@GoogleMail.com", "gmail"),
        (" alice@gmx.de ", "gmx"),
        ("alice@gmx.co.uk", "gmx-international"),
        ("alice@yahoo.com", "yahoo"),
        ("alice@yahoo.co.uk", "yahoo"),
        ("alice@yahoo.com.br", "yahoo"),
        ("alice@yahoo.de", "yahoo"),
        ("alice@yahoo.co.jp", "yahoo-japan"),
        ("alice@hotmail.co.id", "outlook"),
        ("alice@outlook.com", "outlook"),
        ("alice@live.nl", "outlook"),
        ("alice@ya.ru", "yandex"),
        ("alice@yandex.com.tr", "yandex"),
        ("alice@zoho.eu", "zoho-eu"),
        ("alice@plum.ocn.ne.jp", "ocn"),
        ("alice@ocn.ne.jp", "ocn"),
        ("alice@me.com", "icloud"),
        ("alice@pm.me", "proton"),
        ('"odd@part"@web.de', "web-de"),
        ("alice@example.com", None),
        ("alice@notgmail.com", None),
        ("alice@gmail.com.example", None),
        ("alice@yahoo.example", None),
        ("alice@yahoo.evil.com", None),
        ("alice@yahoo.com.evil", None),
        ("alice@yahoo.", None),
        ("alice@yahoo", None),
        ("alice@yahoo.*", None),
        ("alice@*.ocn.ne.jp", None),
        ("alice@my.yahoo.com", None),
        ("gmail.com", None),
        ("", None),
        ("@", None),
    ],
)
def test_the_provider_of_an_address(email, slug):
    found = for_address(email)
    assert (found and found.slug) == slug


def test_a_slug_is_looked_up():
    assert by_slug("gmx").pop_host == "pop.gmx.net"
    assert by_slug("other").pop_host == ""
    assert by_slug("no-such-provider") is None


@pytest.mark.parametrize(
    ("slug", "email", "username"),
    [
        ("gmx", "alice.h@gmx.de", "alice.h@gmx.de"),
        ("web-de", "alice.h@web.de", "alice.h"),
        ("web-de", ' "odd@part"@web.de', '"odd@part"'),
        ("web-de", "alice", "alice"),
        ("other", " Alice@Example.com ", "Alice@Example.com"),
    ],
)
def test_the_user_name_a_provider_expects(slug, email, username):
    assert username_for(by_slug(slug), email) == username


def test_facts_that_surprise():
    """Each of these has cost somebody an evening."""
    assert (by_slug("nifty").pop_port, by_slug("nifty").encryption) == (110, "plain")
    assert (by_slug("outlook").smtp_port, by_slug("outlook").smtp_encryption) == (587, "starttls")
    assert {p.slug for p in PROVIDERS if p.smtp_own_network} == {"tiscali", "o2-pl"}
    assert by_slug("ovh").min_interval_seconds == 60
    assert {p.slug for p in PROVIDERS if p.min_interval_seconds == 900} == {
        "gmx",
        "gmx-international",
        "web-de",
    }
    assert {p.slug for p in PROVIDERS if p.username_style == "local"} == {
        *("yahoo-japan", "web-de", "uol", "free", "laposte", "wp", "o2-pl", "nifty")
    }
    assert {p.slug for p in PROVIDERS if p.status == "no_pop3"} == {"icloud", "proton", "tuta"}
    assert by_slug("zoho-organization").pop_host == "poppro.zoho.com"
