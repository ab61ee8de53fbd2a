"""Testing settings for sending against a server: every step, every end, and that nothing of it can be abused."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from accounts.servers import hosts, probes
from accounts.servers.failures import MailError, describe
from fetching.connect import probe as fetching
from sending import tasks
from sending.identities import probe as send_probe
from tests import factories
from tests.servers.scripted import ScriptedServer, send, stall
from tests.servers.smtp import SubmissionServer
from tests.servers.tls import CA, make_ca

SENDER = "ada@example.org"
ADDRESS = {
    "account": 1,
    "host": "smtp.example.org",
    "port": 465,
    "encryption": "ssl",
    "login": "own",
    "username": SENDER,
    "password": "correct horse",
    "sender": SENDER,
}


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
        where = {"host": server.host, "port": server.port}
        where["encryption"] = getattr(server, "encryption", "plain")
        test = send_probe.start(member, {**ADDRESS, **where, **changes})
        tasks.probe(test)
        return send_probe.result(test, member)

    return run


def names(result) -> list[str]:
    return [step["name"] for step in result.steps]


# ── What happens at the server ──────────────────────────────────────────────
@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
def test_every_step_is_noted_and_nothing_is_sent(probe, ca, encryption):
    certificate = None if encryption == "plain" else ca.issue("127.0.0.1")
    with SubmissionServer(encryption=encryption, certificate=certificate) as server:
        result = probe(server)
        server.wait_until_idle()
        assert server.said("MAIL") == [f"MAIL FROM:<{SENDER}>"]
        assert server.said("RSET")
        assert server.said("QUIT")
        assert not server.said("RCPT")
        assert not server.said("DATA")
        assert server.accepted == []
    assert (result.state, result.error) == ("passed", "")
    assert names(result) == [step for step in send_probe.STEPS if encryption != "plain" or step != "secure"]
    assert result.steps[0]["detail"] == "127.0.0.1"
    assert all(step["seconds"] >= 0 for step in result.steps)


def test_nobody_signs_in_where_nobody_needs_to(probe):
    with SubmissionServer(sign_in=False) as server:
        result = probe(server, login="none", username="", password="")
        assert not server.said("AUTH")
    assert result.state == "passed"
    assert "signed_in" not in names(result)


def test_what_we_call_ourselves(probe, settings):
    settings.MAILHUB_URL = "https://hub.example.org"
    with SubmissionServer() as server:
        probe(server)
        assert server.said("EHLO") == ["EHLO hub.example.org"]


def test_a_wrong_password(probe, ca):
    with SubmissionServer(encryption="ssl", certificate=ca.issue("127.0.0.1")) as server:
        result = probe(server, password="wrong")
    assert (result.state, result.error) == ("failed", "sending_login_failed")
    assert names(result) == ["resolved", "connected", "secure", "greeting"]
    assert "authentication failed" in result.server_text


def test_an_address_that_is_not_ones_own(probe, ca):
    refusal = {"MAIL": "553 5.7.1 <eve@example.org>: Sender address rejected: not owned by user"}
    with SubmissionServer(encryption="ssl", certificate=ca.issue("127.0.0.1"), refuse=refusal) as server:
        result = probe(server, sender="eve@example.org")
    assert (result.state, result.error) == ("failed", "sender_refused")
    assert names(result)[-1] == "signed_in"
    assert "not owned by user" in result.server_text


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda ca: ca.self_signed("127.0.0.1"), "certificate_self_signed"),
        (lambda ca: ca.issue("127.0.0.1", expired=True), "certificate_expired"),
        (lambda ca: ca.issue("mail.elsewhere.example"), "certificate_wrong_name"),
    ],
)
def test_bad_certificates_never_see_the_password(probe, ca, make, code):
    with SubmissionServer(encryption="ssl", certificate=make(ca)) as server:
        result = probe(server)
        assert (result.state, result.error) == ("failed", code)
        assert names(result) == ["resolved", "connected"]
        assert server.said() == []


def test_no_encryption_where_it_was_asked_for(probe, ca):
    with SubmissionServer() as server:
        result = probe(server, encryption="starttls")
        assert not server.said("AUTH")
    assert result.error == "starttls_missing"


def test_nobody_listens(probe):
    with SubmissionServer() as server:
        pass
    result = probe(server)
    assert (result.state, result.error, names(result)) == ("failed", "unreachable", ["resolved"])


def test_a_host_of_the_inner_network_is_not_even_asked(member, settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    with SubmissionServer() as server:
        test = send_probe.start(member, {**ADDRESS, "host": "127.0.0.1", "port": server.port})
        tasks.probe(test)
        assert server.transcripts == []
    assert send_probe.result(test, member).state == "failed"


def test_the_operators_relay_is_no_host_that_people_can_name(probe, settings, member):
    """Even where it listens on loopback: its exemption is the operator's, not the host's."""
    with SubmissionServer(sign_in=False) as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
        where = {"host": server.host, "port": server.port, "encryption": "plain", "login": "none"}
        test = send_probe.start(member, {**ADDRESS, **where})
        tasks.probe(test)
        assert server.transcripts == []


@pytest.mark.parametrize(
    "address", ["ada@example.org>\r\nDATA", "a\x00@example.org", "no address", "jürgen@example.org"]
)
def test_an_address_never_becomes_a_command(probe, address):
    with SubmissionServer(extensions=["AUTH PLAIN"]) as server:
        result = probe(server, sender=address)
        assert not server.said("MAIL")
        assert not server.said("DATA")
    assert (result.state, result.error) == ("failed", "characters_refused")


@pytest.mark.parametrize(
    ("banner", "code"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 SECRET\r\n", "not_smtp"),
        (b"+OK SECRET POP3 ready\r\n", "not_smtp"),
        (b"HTTP/1.1 400 SECRET\r\n\r\n", "not_smtp"),
        (b"421 SECRET is busy\r\n", "smtp_busy"),
        (b"554 SECRET takes no mail from you\r\n", ""),
    ],
)
def test_no_banner_is_kept(probe, banner, code):
    """What answers may be a service of the inner network."""
    with ScriptedServer([send(banner), stall()]) as server:
        result = probe(server, encryption="plain")
    assert result.state == "failed"
    assert code in ("", result.error)
    assert describe(result.error).sentence
    assert "SECRET" not in repr(result)


# ── What is kept ────────────────────────────────────────────────────────────
def test_the_password_is_nowhere_in_clear(member):
    test = send_probe.start(member, ADDRESS)
    assert ADDRESS["password"] not in repr(cache.get(f"probe:sending:{test}:settings"))
    assert ADDRESS["password"] not in repr(send_probe.result(test, member))
    assert send_probe.settings_of(test, member) == ADDRESS


def test_ids_cannot_be_guessed_and_belong_to_one_member(member, acme, bob, umbrella, charlie):
    first, second = (send_probe.start(member, ADDRESS) for _ in range(2))
    assert first != second
    assert len(first) >= 32
    for other in (factories.membership(acme, bob), factories.membership(umbrella, charlie)):
        assert send_probe.settings_of(first, other) is None
        assert send_probe.result(first, other) is None


@pytest.mark.parametrize("text", ["", "no-such-test", "x" * 65, "a:settings", "../x", "a b", "é"])
def test_what_is_no_test(member, text):
    assert send_probe.settings_of(text, member) is None
    assert send_probe.result(text, member) is None
    tasks.probe(text)


def test_a_forgotten_test_is_gone(member):
    test = send_probe.start(member, ADDRESS)
    send_probe.forget(test)
    assert send_probe.settings_of(test, member) is None
    tasks.probe(test)  # the worker came late
    assert send_probe.result(test, member) is None


def test_a_test_of_sending_is_none_of_fetching(member):
    test = send_probe.start(member, ADDRESS)
    assert fetching.settings_of(test, member) is None
    other = fetching.start(member, {**ADDRESS, "port": 995})
    assert send_probe.settings_of(other, member) is None


@pytest.mark.parametrize("kind", probes.HOURLY)
def test_only_so_many_an_hour(member, monkeypatch, kind):
    monkeypatch.setitem(probes.HOURLY, kind, 2)
    for _ in range(2):
        send_probe.start(member, ADDRESS)
    with pytest.raises(MailError, match="too_many_tests"):
        send_probe.start(member, ADDRESS)


def test_tests_of_both_directions_are_counted_together(member, monkeypatch):
    monkeypatch.setitem(probes.HOURLY, "person", 1)
    fetching.start(member, {**ADDRESS, "host": "pop.example.org", "port": 995})
    with pytest.raises(MailError, match="too_many_tests"):
        send_probe.start(member, ADDRESS)


def test_passwords_are_not_sprayed_over_many_people(acme, alice, bob, umbrella, charlie, monkeypatch):
    """The target counts, whoever asks, and in whichever organization."""
    monkeypatch.setitem(probes.HOURLY, "target", 1)
    send_probe.start(factories.membership(acme, alice), ADDRESS)
    for other in (factories.membership(acme, bob), factories.membership(umbrella, charlie)):
        for spelling in ({}, {"port": 587}, {"username": SENDER.upper()}, {"host": "SMTP.example.org"}):
            with pytest.raises(MailError, match="too_many_tests"):
                send_probe.start(other, {**ADDRESS, **spelling})
        send_probe.start(other, {**ADDRESS, "username": f"else-{other.pk}"})


def test_a_host_is_not_scanned_by_many_people_for_many_mailboxes(acme, alice, umbrella, charlie, monkeypatch):
    monkeypatch.setitem(probes.HOURLY, "host", 2)
    for number in range(2):
        send_probe.start(factories.membership(acme, alice), {**ADDRESS, "username": f"box-{number}"})
    other = factories.membership(umbrella, charlie)
    for spelling in ({}, {"port": 587}, {"host": ADDRESS["host"].upper()}):
        with pytest.raises(MailError, match="too_many_tests"):
            send_probe.start(other, {**ADDRESS, "username": "another", **spelling})
    send_probe.start(other, {**ADDRESS, "host": "smtp.elsewhere.example"})


def test_a_providers_host_is_not_closed_to_all_by_the_tests_of_some(member, monkeypatch):
    monkeypatch.setitem(probes.HOURLY, "host", 1)
    for number in range(4):  # as many as run at a time
        send_probe.start(member, {**ADDRESS, "host": "smtp.gmail.com", "username": f"box-{number}"})


def test_an_address_counts_whatever_names_lead_there(member, monkeypatch, settings):
    """Whoever owns a domain has as many host names as they like."""
    monkeypatch.setattr(probes, "HOURLY_ADDRESS", 2)
    monkeypatch.setattr(hosts, "resolve", lambda name, port: ["8.8.8.8"])
    dialled = []

    def dial(address, port, timeout):
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(hosts, "dial", dial)
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    found = []
    for number in range(4):
        test = send_probe.start(member, {**ADDRESS, "port": 465, "host": f"n{number}.scan.example"})
        tasks.probe(test)
        found.append(send_probe.result(test, member).error)
    assert found == ["unreachable"] * 2 + ["too_many_tests"] * 2
    assert len(dialled) == 2
