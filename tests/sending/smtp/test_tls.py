"""TLS as it must fail: bad certificates, missing or poisoned STARTTLS, old versions."""

from __future__ import annotations

import ssl

import pytest

from sending.smtp.client import Phase, Verdict
from tests.sending.sessions import probed, send
from tests.servers.scripted import ScriptedServer, exchange, expect, start_tls
from tests.servers.scripted import send as say
from tests.servers.smtp import SubmissionServer
from tests.servers.tls import make_ca


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def certificate(ca):
    return ca.issue("127.0.0.1")


@pytest.fixture
def trusted(settings, ca):
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["ssl", "starttls"])
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda ca: ca.issue("127.0.0.1", expired=True), "certificate_expired"),
        (lambda ca: ca.self_signed("127.0.0.1"), "certificate_self_signed"),
        (lambda ca: ca.issue("mail.example.org"), "certificate_wrong_name"),
    ],
    ids=["expired", "self-signed", "wrong name"],
)
def test_sent_bad_certificates_see_no_password(settings, ca, make, code, encryption):
    with SubmissionServer(encryption=encryption, certificate=make(ca)) as server:
        found, handed = send(settings, server, encryption)
        server.wait_until_idle()
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.NOT_SENT, code, 0)
    assert found.phase is Phase.CONNECTED
    assert server.said() in ([], ["EHLO client.example", "STARTTLS"])


def test_sent_starttls_not_offered(settings):
    with SubmissionServer() as server:
        probed(settings, server, "starttls", code="starttls_missing")
        server.wait_until_idle()
    assert server.said() == ["EHLO client.example"]


@pytest.mark.parametrize(
    ("line", "code"), [("454 4.7.0 no entropy", "smtp_busy"), ("502 5.5.1 not here", "starttls_missing")]
)
def test_sent_starttls_refused(settings, certificate, line, code):
    server = SubmissionServer(encryption="starttls", certificate=certificate, refuse={"STARTTLS": line})
    with server:
        probed(settings, server, "starttls", code=code)
        server.wait_until_idle()
    assert server.said() == ["EHLO client.example", "STARTTLS"]


@pytest.mark.usefixtures("trusted")
def test_sent_plain_text_glued_behind_starttls(settings, certificate):
    glued = b"220 go\r\n250-pwned\r\n250 AUTH PLAIN\r\n235 welcome\r\n"
    script = [say(b"220 hi\r\n"), exchange((b"EHLO .*", b"250-x\r\n250 STARTTLS\r\n"), (b"STARTTLS", glued))]
    with ScriptedServer([*script, start_tls(certificate), expect(b"nothing more")]) as server:
        probed(settings, server, "starttls", code="protocol_error")
    assert server.said() == ["EHLO client.example", "STARTTLS"]


@pytest.mark.usefixtures("trusted")
def test_sent_what_was_offered_before_starttls_is_forgotten(settings, certificate):
    """Whoever sits in the line offers a way to sign in that he would like, and a limit that is none."""
    server = SubmissionServer(
        encryption="starttls", certificate=certificate, extensions=["AUTH CRAM-MD5", "SIZE 1"]
    )
    server.faults.on_command = lambda _session, line: (
        server.extensions.__setitem__(slice(None), ["AUTH PLAIN"]) if line == "STARTTLS" else None
    )
    with server:
        found, _ = send(settings, server, "starttls")
    assert found.verdict is Verdict.ACCEPTED
    assert server.said("AUTH") == ["AUTH PLAIN ***"]


@pytest.mark.usefixtures("trusted")
def test_sent_old_tls(settings, certificate, monkeypatch):
    context = certificate.server_context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    monkeypatch.setattr(type(certificate), "server_context", lambda self: context)
    with SubmissionServer(encryption="ssl", certificate=certificate) as server:
        probed(settings, server, "ssl", code="tls_failed")


def test_sent_tls_to_a_plain_port(settings):
    with SubmissionServer() as server:
        probed(settings, server, "ssl", code="tls_failed")


def test_sent_no_password_in_the_clear_where_only_starttls_is_offered(settings, certificate):
    with SubmissionServer(encryption="starttls", certificate=certificate) as server:
        probed(settings, server, "plain", code="encryption_needed")
        server.wait_until_idle()
    assert server.said() == ["EHLO client.example"]
