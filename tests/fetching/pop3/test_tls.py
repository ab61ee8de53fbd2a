"""TLS as it must fail: bad certificates, missing or poisoned STLS, old versions."""

from __future__ import annotations

import ssl

import pytest

from accounts.servers import transport
from tests.fetching.sessions import failing, refused, session
from tests.servers.pop3 import CAPABILITIES, MailboxServer
from tests.servers.scripted import ScriptedServer, drop, exchange, expect, send, signed_in, start_tls
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
    ("kind", "code"),
    [
        ("expired", "certificate_expired"),
        ("self-signed", "certificate_self_signed"),
        ("wrong name", "certificate_wrong_name"),
    ],
)
def test_c5_bad_certificates(settings, ca, kind, code, encryption):
    certificate = {
        "expired": lambda: ca.issue("127.0.0.1", expired=True),
        "self-signed": lambda: ca.self_signed("127.0.0.1"),
        "wrong name": lambda: ca.issue("mail.example.org"),
    }[kind]()
    with MailboxServer(encryption=encryption, certificate=certificate) as server:
        refused(settings, server, encryption, code=code)
        server.wait_until_idle()
    assert server.said() in ([], ["CAPA", "STLS"])


def test_c6_stls_not_offered(settings):
    with MailboxServer(capabilities=CAPABILITIES) as server:
        refused(settings, server, "starttls", code="starttls_missing")
    assert server.said() == ["CAPA"]


def test_c6_stls_refused_without_capa(settings):
    with MailboxServer(capabilities=None) as server:
        refused(settings, server, "starttls", code="starttls_missing")
    assert server.said() == ["CAPA", "STLS"]


def test_c6_stls_refused_for_the_moment(settings):
    script = [
        send(b"+OK\r\n"),
        exchange((b"CAPA", b"-ERR\r\n"), (b"STLS", b"-ERR [SYS/TEMP] no entropy\r\n")),
    ]
    with ScriptedServer(script) as server:
        refused(settings, server, "starttls", code="server_busy")


@pytest.mark.usefixtures("trusted")
def test_c7_plain_text_glued_behind_stls(settings, certificate):
    glued = b"+OK begin\r\n+OK\r\n+OK\r\n"
    script = [send(b"+OK\r\n"), exchange((b"CAPA", b"+OK\r\nSTLS\r\n.\r\n"), (b"STLS", glued))]
    script += [start_tls(certificate), expect(b"nothing more")]
    with ScriptedServer(script) as server:
        refused(settings, server, "starttls", code="protocol_error")
    assert server.said() == ["CAPA", "STLS"]


@pytest.mark.usefixtures("trusted")
def test_c7_capabilities_from_before_stls_are_forgotten(settings, certificate):
    """The plain half offers only PLAIN, which a thief would like; the half inside TLS decides."""
    server = MailboxServer(encryption="starttls", certificate=certificate, capabilities=["SASL PLAIN"])
    server.faults.on_command = lambda session, line: (
        server.capabilities.__setitem__(0, "SASL CRAM-MD5") if line == "STLS" else None
    )
    with server, session(settings, server, "starttls"):
        pass
    assert "AUTH CRAM-MD5" in server.said()


@pytest.mark.usefixtures("trusted")
def test_c8_old_tls(settings, certificate, monkeypatch):
    context = certificate.server_context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    monkeypatch.setattr(type(certificate), "server_context", lambda self: context)
    with MailboxServer(encryption="ssl", certificate=certificate) as server:
        refused(settings, server, "ssl", code="tls_failed")


def test_tls_to_a_plain_port(settings):
    with MailboxServer() as server:
        refused(settings, server, "ssl", code="starttls_needed")


@pytest.mark.usefixtures("trusted")
def test_r16_a_message_in_many_small_records(settings, certificate):
    whole = b".%d\r\n" * 80_000 % tuple(range(80_000))  # more than one block
    assert len(whole) > 2 * transport.BLOCK
    server = MailboxServer([b"one\r\n", whole], encryption="ssl", certificate=certificate, segment=1000)
    with server, session(settings, server, "ssl") as source:
        assert [found.data for found in source.retrieve([1, 2])] == [b"one\r\n", whole]
        assert source.quit()


@pytest.mark.usefixtures("trusted")
def test_c17_what_came_before_the_line_dropped_is_kept(settings, certificate):
    replies = b"+OK\r\none\r\n.\r\n+OK\r\ntw"
    script = [
        *signed_in(capabilities=[b"PIPELINING"]),
        exchange((b"RETR 1", b""), (b"RETR 2", replies)),
        drop(),
    ]
    with (
        ScriptedServer([start_tls(certificate), *script]) as server,
        session(settings, server, "ssl") as source,
    ):
        found = source.retrieve([1, 2])
        assert next(found).data == b"one\r\n"
        with failing("connection_lost"):
            list(found)
        assert source.quit() is False
