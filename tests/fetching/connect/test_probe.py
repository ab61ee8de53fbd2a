"""Testing settings against a real server: every step, every end, and that nothing of it can be abused."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from accounts import tenancy
from accounts.models import MailAccount
from accounts.servers import probes
from accounts.servers.failures import MailError, describe
from fetching import tasks
from fetching.connect import probe as fetch_probe
from fetching.source import Limits
from tests import factories
from tests.fetching.connecting import FORM, TEST
from tests.servers.pop3 import MailboxServer
from tests.servers.scripted import ScriptedServer, send, stall
from tests.servers.tls import CA, make_ca

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> CA:
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def member(acme, alice):
    return factories.membership(acme, alice)


@pytest.fixture
def probe(member, settings, ca):
    """Test settings against a server on loopback, in this process; returns how the test stands afterwards."""
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)

    def run(server, **changes):
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        address = {"host": server.host, "port": server.port, "encryption": server.encryption}
        who = {"username": server.username, "password": server.password}
        test = fetch_probe.start(member, {**address, **who, **changes})
        tasks.probe(test)
        return fetch_probe.result(test, member)

    return run


def names(probe) -> list[str]:
    return [step["name"] for step in probe.steps]


# ── What happens at the server ──────────────────────────────────────────────
@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
def test_every_step_is_noted(probe, ca, encryption):
    certificate = None if encryption == "plain" else ca.issue("127.0.0.1")
    letters = [factories.letter("One"), factories.letter("Two")]
    with MailboxServer(letters, encryption=encryption, certificate=certificate) as server:
        result = probe(server)
    assert (result.state, result.error) == ("passed", "")
    assert result.found == {"messages": 2, "bytes": sum(map(len, letters))}
    wanted = [name for name in fetch_probe.STEPS if encryption != "plain" or name != "secure"]
    assert names(result) == wanted
    assert all(step["seconds"] >= 0 for step in result.steps)
    assert result.seconds > 0
    assert result.steps[0]["detail"] == "127.0.0.1"


def test_a_test_fetches_nothing_and_changes_nothing(probe):
    with MailboxServer([factories.letter()]) as server:
        probe(server)
        server.wait_until_idle()
        assert not server.said("RETR")
        assert not server.said("DELE")
        assert server.said("QUIT")
        assert len(server.messages) == 1


def test_an_empty_mailbox_passes(probe):
    with MailboxServer() as server:
        assert probe(server).state == "passed"


def test_a_wrong_password(probe, ca):
    with MailboxServer(encryption="ssl", certificate=ca.issue("127.0.0.1")) as server:
        result = probe(server, password="wrong")
    assert (result.state, result.error) == ("failed", "authentication_failed")
    assert names(result) == ["resolved", "connected", "secure", "greeting"]
    assert "Authentication failed" in result.server_text


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda ca: ca.self_signed("127.0.0.1"), "certificate_self_signed"),
        (lambda ca: ca.issue("127.0.0.1", expired=True), "certificate_expired"),
        (lambda ca: ca.issue("mail.elsewhere.example"), "certificate_wrong_name"),
    ],
)
def test_bad_certificates_never_see_the_password(probe, ca, make, code):
    with MailboxServer(encryption="ssl", certificate=make(ca)) as server:
        result = probe(server)
        assert (result.state, result.error) == ("failed", code)
        assert names(result) == ["resolved", "connected"]
        assert server.said() == []


def test_a_server_that_cannot_tell_messages_apart(probe):
    capabilities = ("TOP", "USER")
    with MailboxServer([factories.letter()], uidl=False, capabilities=capabilities) as server:
        result = probe(server)
    assert (result.state, result.error) == ("failed", "uidl_missing")
    assert names(result)[-1] == "signed_in"


@pytest.mark.parametrize("policy", ["after_storing", "after_days", "keep"])
def test_u3_a_server_without_names_for_mail_will_do_where_none_stays(probe, policy):
    with MailboxServer([factories.letter()], uidl=False, capabilities=["USER"]) as server:
        result = probe(server, rules={"delete_policy": policy})
    assert (result.state, result.error) == (
        ("passed", "") if policy == "after_storing" else ("failed", "uidl_missing")
    )


@pytest.mark.parametrize(
    ("served", "chosen", "code"),
    [
        ("starttls", "ssl", "starttls_needed"),
        ("ssl", "starttls", "ssl_needed"),
        ("ssl", "plain", "ssl_needed"),
    ],
)
def test_c21_the_wrong_kind_of_encryption_is_told_with_the_right_one(
    probe, ca, monkeypatch, served, chosen, code
):
    monkeypatch.setattr(fetch_probe, "Limits", lambda **more: Limits(**more, greeting=0.5))
    with MailboxServer(encryption=served, certificate=ca.issue("127.0.0.1")) as server:
        result = probe(server, encryption=chosen)
        server.wait_until_idle()
    assert (result.state, result.error) == ("failed", code)
    assert server.said() == []


def test_nobody_listens(probe):
    with MailboxServer() as server:
        pass
    result = probe(server)
    assert (result.state, result.error, names(result)) == ("failed", "unreachable", ["resolved"])


def test_a_host_of_the_inner_network_is_not_even_asked(member, settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    with MailboxServer() as server:
        address = {"host": "127.0.0.1", "port": server.port, "encryption": "plain"}
        test = fetch_probe.start(member, {**address, "username": "ada", "password": PASSWORD})
        tasks.probe(test)
        assert server.transcripts == []
    assert fetch_probe.result(test, member).state == "failed"


# ── Whose words are shown ───────────────────────────────────────────────────
BANNERS = [
    (b"SSH-2.0-OpenSSH_9.2p1 SECRET\r\n", "not_pop3"),
    (b"* OK SECRET IMAP4rev1\r\n", "not_pop3"),
    (b"HTTP/1.1 400 SECRET\r\n\r\n", "not_pop3"),
    (b"-ERR [SYS/TEMP] SECRET\r\n", "server_busy"),
    (b"-ERR SECRET in use\r\n", "mailbox_busy"),
]


@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
@pytest.mark.parametrize(("banner", "code"), BANNERS)
def test_c4_no_banner_reaches_the_page(
    acme, as_alice, member, settings, ca, queued, press, banner, code, encryption
):
    """What answers may be a service of the inner network: not one byte of its greeting is shown, TLS or not."""
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)
    certificate = ca.issue("127.0.0.1") if encryption == "ssl" else None
    with ScriptedServer([send(banner), stall()], certificate=certificate) as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        where = {"host": server.host, "port": server.port, "encryption": encryption}
        answer = press(as_alice, TEST, {**FORM, "username": "ada", **where})
        ((_, test),) = queued
        tasks.probe(test)
    result = fetch_probe.result(test, member)
    assert (result.error, result.server_text) == (code, "")
    page = as_alice.get(answer.url).text
    assert str(describe(code).sentence) in page
    assert "SECRET" not in page + repr(result)


@pytest.mark.parametrize("encryption", ["plain", "ssl"])
def test_a_refusal_is_quoted_inside_tls_after_a_greeting_and_nowhere_else(
    acme, as_alice, settings, ca, queued, press, encryption
):
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)
    certificate = ca.issue("127.0.0.1") if encryption == "ssl" else None
    words = {"err_on": {"AUTH": "-ERR [AUTH] Ask the HELPDESK", "PASS": "-ERR [AUTH] Ask the HELPDESK"}}
    with MailboxServer(encryption=encryption, certificate=certificate, **words) as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        where = {"host": server.host, "port": server.port, "encryption": encryption}
        answer = press(as_alice, TEST, {**FORM, "username": "ada", **where})
        ((_, test),) = queued
        tasks.probe(test)
    assert ("HELPDESK" in as_alice.get(answer.url).text) is (encryption == "ssl")


# ── What is kept ────────────────────────────────────────────────────────────
def test_the_password_is_nowhere_in_clear(member, acme):
    test = fetch_probe.start(member, {**ADDRESS, "password": PASSWORD})
    assert PASSWORD not in repr(cache.get(probes._key(fetch_probe.KIND, test, "settings")))
    assert PASSWORD not in repr(fetch_probe.result(test, member))
    assert fetch_probe.settings_of(test, member)["password"] == PASSWORD


ADDRESS = {"host": "pop.example.org", "port": 995, "encryption": "ssl", "username": "ada"}


def test_ids_cannot_be_guessed_and_belong_to_one_member(member, acme, bob, umbrella, charlie):
    first = fetch_probe.start(member, {**ADDRESS, "password": PASSWORD})
    second = fetch_probe.start(member, {**ADDRESS, "password": PASSWORD})
    assert first != second
    assert len(first) >= 32
    for other in (factories.membership(acme, bob), factories.membership(umbrella, charlie)):
        assert fetch_probe.settings_of(first, other) is None
        assert fetch_probe.result(first, other) is None


def test_a_forgotten_test_is_gone(member):
    test = fetch_probe.start(member, {**ADDRESS, "password": PASSWORD})
    fetch_probe.forget(test)
    assert fetch_probe.settings_of(test, member) is None
    tasks.probe(test)  # the worker came late
    assert fetch_probe.result(test, member) is None


@pytest.mark.parametrize("kind", probes.HOURLY)
def test_only_so_many_an_hour(member, monkeypatch, kind):
    monkeypatch.setitem(probes.HOURLY, kind, 2)
    for _ in range(2):
        fetch_probe.start(member, {**ADDRESS, "password": PASSWORD})
    with pytest.raises(MailError, match="too_many_tests"):
        fetch_probe.start(member, {**ADDRESS, "password": PASSWORD})


def test_passwords_are_not_sprayed_over_many_people(acme, alice, bob, umbrella, charlie, monkeypatch):
    """The target counts, whoever asks, and in whichever organization."""
    monkeypatch.setitem(probes.HOURLY, "target", 1)
    fetch_probe.start(factories.membership(acme, alice), {**ADDRESS, "password": "one"})
    for other in (factories.membership(acme, bob), factories.membership(umbrella, charlie)):
        with pytest.raises(MailError, match="too_many_tests"):
            fetch_probe.start(other, {**ADDRESS, "password": "two"})
        fetch_probe.start(other, {**ADDRESS, "username": f"else-{other.pk}", "password": "three"})


@pytest.mark.parametrize(
    "spelling", [{"port": 110}, {"encryption": "starttls"}, {"username": "ADA"}, {"host": "POP.example.org"}]
)
def test_a_target_is_a_mailbox_however_it_is_spelled(member, monkeypatch, spelling):
    monkeypatch.setitem(probes.HOURLY, "target", 1)
    fetch_probe.start(member, {**ADDRESS, "password": "one"})
    with pytest.raises(MailError, match="too_many_tests"):
        fetch_probe.start(member, {**ADDRESS, **spelling, "password": "two"})


# ── From the form to the account ────────────────────────────────────────────
def test_from_the_form_to_the_account_with_a_real_server(
    acme, as_alice, settings, ca, monkeypatch, django_capture_on_commit_callbacks
):
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)
    monkeypatch.setattr(tasks.probe, "delay", tasks.probe)
    monkeypatch.setattr(tasks.fetch_account, "delay", lambda *args: None)
    letters = [factories.letter("One"), factories.letter("Two")]
    with MailboxServer(letters, encryption="ssl", certificate=ca.issue("127.0.0.1")) as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        form = {
            "email": server.username,
            "name": "Ada",
            "provider": "other",
            "host": server.host,
            "port": server.port,
            "encryption": "ssl",
            "password": server.password,
        }
        with django_capture_on_commit_callbacks(execute=True):
            answer = as_alice.post("/o/acme/settings/accounts/connect/test/", form)
        page = as_alice.get(answer.url).text
        assert "It works" in page
        assert "2 messages" in page
        test = answer.url.partition("test=")[2].partition("#")[0]
        with django_capture_on_commit_callbacks(execute=True):
            as_alice.post("/o/acme/settings/accounts/connect/save/", {"test": test})
    with tenancy.scope(acme.pk):
        account = MailAccount.objects.get()
    assert (account.host, account.port, account.password) == (server.host, server.port, server.password)
