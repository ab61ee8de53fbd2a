"""Outgoing servers: how they are reached, what is suggested, what signing in proves, what saving changes."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.models import AuditEvent
from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, ServerAddress
from sending.identities import identities, server_guess, servers
from sending.identities.server_guess import ServerGuess
from sending.models import OutgoingServer
from sending.smtp.session import CLIENT_NAME
from tests import factories
from tests.sending.settled import identities_of, relay, settle
from tests.sending.settled import settle as settled

TESTED = {
    "host": "smtp.gmx.example",
    "port": 465,
    "encryption": "ssl",
    "login": "same",
    "username": "alice@post.example",
    "password": "secret",
    "sender": "alice@post.example",
}


@pytest.fixture(autouse=True)
def scope(acme):
    with tenancy.scope(acme.pk):
        yield


def server_of(account) -> OutgoingServer:
    return OutgoingServer.objects.get(account=account)


# ── Ways ────────────────────────────────────────────────────────────────────
def test_there_is_no_way_before_it_is_settled(account):
    with pytest.raises(MailError, match="sending_not_set_up"):
        servers.route_of(account)
    settled(account, tested_at=None)
    with pytest.raises(MailError, match="sending_not_set_up"):
        servers.route_of(account)


@pytest.mark.parametrize(
    ("fields", "credentials"),
    [
        ({"login": "same"}, Credentials("box", "secret")),
        ({"login": "own", "username": "ada", "password": "own secret"}, Credentials("ada", "own secret")),
        ({"login": "none"}, None),
    ],
)
def test_who_signs_in(account, fields, credentials):
    settled(account, **fields)
    found = servers.route_of(account)
    assert found.address == ServerAddress("smtp.post.example", 465, "ssl")
    assert found.credentials == credentials
    assert not found.is_relay
    assert "secret" not in repr(found)


def test_gmails_view_of_the_last_month_is_no_user_name_for_sending(acme, alice):
    account = factories.connect(acme, alice, username="recent:ada@gmail.com")
    settled(account)
    assert servers.route_of(account).credentials.username == "ada@gmail.com"


def test_the_relay_is_where_the_operator_says(settings, account):
    settled(account, is_custom=False)
    with pytest.raises(MailError, match="sending_not_set_up"):
        servers.route_of(account)
    relay(settings)
    found = servers.route_of(account)
    assert found.is_relay
    assert found.address == ServerAddress("relay.internal", 25, "plain", by_operator=True)
    assert found.credentials == Credentials("mailhub", "relay secret")
    assert "relay secret" not in repr(found)


@pytest.mark.parametrize(
    ("ssl", "tls", "port", "expected"),
    [
        (True, False, None, (465, "ssl")),
        (False, True, None, (587, "starttls")),
        (False, False, None, (25, "plain")),
        (False, True, 2525, (2525, "starttls")),
    ],
)
def test_what_the_address_of_the_relay_leaves_out(settings, ssl, tls, port, expected):
    relay(settings)
    settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS, settings.EMAIL_PORT = ssl, tls, port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = None
    found = servers.relay()
    assert (found.address.port, found.address.encryption) == expected
    assert found.credentials is None


def test_mail_that_is_written_to_files_is_no_relay(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    assert servers.relay() is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://hub.example.org", "hub.example.org"),
        ("https://hub.example.org:8443/x", "hub.example.org"),
        ("http://127.0.0.1:8000", CLIENT_NAME),
        ("http://[::1]:8000", CLIENT_NAME),
        ("http://localhost", CLIENT_NAME),
    ],
)
def test_what_we_call_ourselves(settings, url, name):
    settings.MAILHUB_URL = url
    assert servers.client_name() == name


# ── Suggestions ─────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"host": "pop.gmx.net", "provider": "gmx"}, ServerGuess("mail.gmx.net")),
        ({"host": "pop.earthlink.net"}, ServerGuess("smtpauth.earthlink.net", 587, "starttls")),
        ({"host": "pop.tiscali.it"}, ServerGuess("smtp.tiscali.it", own_network=True)),
        ({"host": "mx.own.example", "email": "ada@gmx.net"}, ServerGuess("mail.gmx.net")),
        ({"host": "pop.hoster.example"}, ServerGuess("smtp.hoster.example")),
        ({"host": "POP3.hoster.example"}, ServerGuess("smtp.hoster.example")),
        ({"host": "mail.hoster.example"}, ServerGuess("mail.hoster.example")),
        ({"host": "pop.local"}, ServerGuess("pop.local")),
    ],
)
def test_what_is_suggested(acme, alice, fields, expected):
    account = factories.connect(acme, alice, **{"email": "ada@own.example", **fields})
    assert server_guess.guess_server(account) == expected


def test_the_demo_provider_has_ports_of_its_own(settings, account):
    settings.MAILHUB_DEMO_MAILBOX = {"host": account.host, "port": account.port, "smtp_port": 21465}
    assert server_guess.guess_server(account) == ServerGuess("127.0.0.1", 21465)
    settings.MAILHUB_DEMO_MAILBOX = {"host": account.host, "port": 21995, "smtp_port": 21465}
    assert server_guess.guess_server(account).port == 465


@pytest.mark.parametrize(
    ("fetching", "host", "familiar"),
    [
        ("pop.gmx.net", "mail.gmx.net", True),
        ("pop.gmx.net", "MAIL.gmx.net", True),
        ("pop.gmx.net", "smtp.gmail.com", False),
        ("mail.hoster.example", "mail.hoster.example", True),
        ("pop.hoster.example", "smtp.hoster.example", True),
        ("pop.hoster.example", "evil.hoster.example", False),
        ("pop.hoster.example", "smtp.hoster.example.evil.example", False),
        ("pop.example", "smtp.example", False),
    ],
)
def test_which_server_is_shown_the_stored_password_unasked(acme, alice, fetching, host, familiar):
    account = factories.connect(acme, alice, host=fetching, email=f"ada@{host}")
    assert server_guess.is_familiar(host, account) is familiar


# ── What signing in proves ──────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("address", "fields", "proven"),
    [
        # The log-in is the address.
        ("ada@firm.example", {"login": "own", "username": "ada@firm.example"}, True),
        ("Ada@Firm.example", {"login": "own", "username": "ada@firm.EXAMPLE"}, True),
        ("ada@firm.example", {"login": "own", "username": "ada@firm.example", "encryption": "plain"}, True),
        ("ada@firm.example", {"login": "own", "username": "eve@firm.example"}, False),
        ("ada@firm.example", {"login": "own", "username": "ada"}, False),
        # The server is the provider of the domain.
        ("ada@gmx.net", {"login": "own", "username": "12345", "host": "mail.gmx.net"}, True),
        ("ada@web.de", {"login": "own", "username": "ada", "host": "smtp.web.de"}, True),
        ("ada@gmx.net", {"login": "own", "username": "ada", "host": "smtp.web.de"}, False),
        ("ada@firm.example", {"login": "own", "username": "ada", "host": "mail.firm.example"}, True),
        ("ada@firm.example", {"login": "own", "username": "ada", "host": "firm.example"}, True),
        ("ada@firm.example", {"login": "own", "username": "ada", "host": "evilfirm.example"}, False),
        ("ada@gmx.net", {"login": "own", "username": "ada", "host": "smtp.gmx.net"}, False),
        # But not if anybody may have answered, or nobody signed in.
        (
            "ada@firm.example",
            {"login": "own", "username": "ada", "host": "mail.firm.example", "encryption": "plain"},
            False,
        ),
        ("ada@firm.example", {"login": "none", "host": "mail.firm.example"}, False),
        ("ada@firm.example", {"is_custom": False, "login": "own", "username": "ada@firm.example"}, False),
    ],
)
def test_what_signing_in_proves(account, address, fields, proven):
    server = OutgoingServer(account=account, **{"host": "smtp.hoster.example", **fields})
    assert servers.proves(address, server, account) is proven


def test_the_sign_in_for_fetching_proves_likewise(acme, alice):
    account = factories.connect(acme, alice, username="recent:ada@gmail.com")
    server = OutgoingServer(account=account, host="smtp.gmail.com")
    assert servers.proves("ada@gmail.com", server, account)


# ── Saving ──────────────────────────────────────────────────────────────────
def test_what_was_tested_is_saved_and_what_was_refused_before_is_forgotten(account, alice):
    old = settled(account)
    OutgoingServer.objects.update(
        paused_since=old.tested_at,
        not_before=old.tested_at,
        error_code="sending_login_failed",
        error_text="no",
    )
    servers.save_tested_server(account, alice, {**TESTED, "login": "own"})
    found = server_of(account)
    assert (found.host, found.port, found.encryption, found.login) == ("smtp.gmx.example", 465, "ssl", "own")
    assert (found.username, found.password) == ("alice@post.example", "secret")
    assert (found.paused_since, found.not_before, found.error_code, found.error_text) == (None, None, "", "")
    assert found.tested_at is not None
    assert account.outgoing_server.host == "smtp.gmx.example"


def test_the_password_for_fetching_is_not_kept_twice(account, alice):
    servers.save_tested_server(account, alice, TESTED)
    assert server_of(account).password == ""
    assert "secret" not in repr(list(AuditEvent.objects.values()))


def test_an_accepted_address_is_proven_and_the_others_no_longer_are(account, alice):
    other = identities.add(account, alice, address="info@shop.example")
    account.identities.update(is_login=True)
    tested = {**TESTED, "login": "own"}
    assert servers.save_tested_server(account, alice, tested).is_login
    other.refresh_from_db()
    assert not other.is_login


def test_an_address_that_is_gone_by_now_proves_nothing(account, alice):
    assert servers.save_tested_server(account, alice, {**TESTED, "sender": "gone@post.example"}) is None
    assert not any(identity.is_login for identity in identities_of(account))


def test_through_mailhub_nothing_of_the_other_server_stays(account, alice):
    servers.save_tested_server(account, alice, {**TESTED, "login": "own"})
    servers.save_relay_server(account, alice)
    found = server_of(account)
    assert (found.is_custom, found.host, found.username, found.password) == (False, "", "", "")
    assert found.tested_at is None
    assert not any(identity.is_login for identity in identities_of(account))


def test_both_ways_are_in_the_audit_log(account, alice):
    servers.save_tested_server(account, alice, TESTED)
    servers.save_relay_server(account, alice)
    found = AuditEvent.objects.filter(action="sending.settled").order_by("pk")
    assert [event.detail["host"] for event in found] == ["smtp.gmx.example", ""]


def test_whether_a_way_is_settled(settings, account):
    assert not servers.is_set_up(None)
    assert servers.is_set_up(settle(account))
    assert not servers.is_set_up(settle(account, tested_at=None))
    assert not servers.is_set_up(settle(account, is_custom=False))
    relay(settings)
    assert servers.is_set_up(settle(account, is_custom=False))
