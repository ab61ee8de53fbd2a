"""Which way to sign in is tried next, and what a server gets wrong before that: CAPA's end, the kind of encryption."""

from __future__ import annotations

import threading

import pytest

from fetching.pop3 import session as pop3_session
from fetching.source import Limits
from tests.fetching.sessions import USERNAME, refused, session
from tests.servers.pop3 import MailboxServer
from tests.servers.scripted import ScriptedServer, drop, exchange, send
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


# ── Which way, and which next ───────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
def test_a18_servers_that_keep_hashes_are_shown_the_password_inside_tls(settings, certificate):
    """They offer APOP and CRAM-MD5 and refuse both like a wrong password; nobody can be asked to mend that."""
    refusal = "-ERR [AUTH] Authentication failed."
    server = MailboxServer(
        encryption="ssl",
        certificate=certificate,
        capabilities=["USER", "SASL CRAM-MD5 DIGEST-MD5"],
        apop=True,
        err_on={"APOP": refusal, "AUTH": refusal},
    )
    with server, session(settings, server, "ssl"):
        pass
    assert server.transcripts[0][1:3] == [f"USER {USERNAME}", "PASS ***"]


NAMED = [
    ("APOP", "-ERR APOP is not available for this user"),
    ("APOP", "-ERR [AUTH] no APOP secret on file"),
    ("AUTH CRAM-MD5", "-ERR CRAM-MD5 authentication failed"),
    ("AUTH CRAM-MD5", "-ERR [AUTH] this mechanism needs a plain text password here"),
]


@pytest.mark.parametrize(("way", "line"), NAMED)
def test_a18_a_refusal_that_names_the_way_lets_one_other_be_tried(settings, way, line):
    sasl = ["SASL CRAM-MD5"] if way.startswith("AUTH") else []
    server = MailboxServer(capabilities=["USER", *sasl], apop=not sasl, err_on={way: line})
    with server, session(settings, server):
        pass
    assert server.transcripts[0][1].startswith(way)
    assert server.transcripts[0][2:4] == [f"USER {USERNAME}", "PASS ***"]


def test_a18_and_not_more_than_one(settings):
    line = "-ERR authentication mechanism failed"
    server = MailboxServer(
        capabilities=["USER", "SASL CRAM-MD5 PLAIN"], apop=True, err_on={"AUTH": line, "APOP": line}
    )
    with server:
        refused(settings, server, code="authentication_failed")
        server.wait_until_idle()
    assert server.said("A") == ["AUTH CRAM-MD5", f"APOP {USERNAME} ***"]
    assert not server.said("USER")


def test_a18_hanging_up_after_the_first_refusal_does_not_hide_it(settings):
    greeting = [send(b"+OK <1.2@test>\r\n"), exchange((b"CAPA", b"-ERR\r\n"))]
    script = [*greeting, exchange((b"APOP .*", b"-ERR [AUTH] no APOP for you\r\n")), drop()]
    with ScriptedServer(script) as server:
        refused(settings, server, code="authentication_failed")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("length", [248, 249, 1000])
@pytest.mark.parametrize("sasl", [["SASL PLAIN"], []])
def test_a15_passwords_longer_than_a_line_go_by_sasl_or_are_said_to_be_too_long(
    settings, certificate, length, sasl
):
    password = "x" * length
    server = MailboxServer(
        encryption="ssl", certificate=certificate, password=password, capabilities=["USER", *sasl]
    )
    with server:
        if sasl or length <= 248:
            with session(settings, server, "ssl", password=password):
                pass
            assert server.counters["sign_ins"] == 1
        else:
            refused(settings, server, "ssl", code="password_too_long", password=password)
            server.wait_until_idle()
            assert server.said() == ["CAPA"]


# ── CAPA without an end ─────────────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
@pytest.mark.parametrize("reply", [b"+OK\r\nUSER\r\nUIDL\r\nSTLS\r\n", b"+OK\r\n", b"+OK\r\nUSER\r\nUI"])
def test_c11_capa_without_its_dot_costs_a_moment_and_not_the_session(
    settings, certificate, monkeypatch, encryption, reply
):
    monkeypatch.setattr(pop3_session, "CAPA_SECONDS", 0.2)
    server = MailboxServer(
        [b"a\r\n"] * 3, encryption=encryption, certificate=certificate, raw_on={"CAPA": reply}
    )
    with server, session(settings, server, encryption) as source:
        assert len(source.listing().rows) == 3
        assert [found.data for found in source.retrieve([1, 2, 3])] == [b"a\r\n"] * 3
        assert source.quit()
    assert server.said("CAPA") == ["CAPA"]
    assert server.counters["pipelined"] == 0


def test_c11_a_slow_capa_is_waited_for(settings, monkeypatch):
    monkeypatch.setattr(pop3_session, "CAPA_SECONDS", 0.01)
    server = MailboxServer(capabilities=["USER", "LOGIN-DELAY 9"])
    server.faults.on_command = lambda _session, line: line == "CAPA" and threading.Event().wait(0.1)
    with server, session(settings, server) as source:
        assert source.login_delay == 9


# ── The wrong kind of encryption ────────────────────────────────────────────


@pytest.mark.parametrize("stls", [True, False])
def test_c21_ssl_at_a_port_that_begins_plain(settings, certificate, stls):
    with MailboxServer(encryption="starttls" if stls else "plain", certificate=certificate) as server:
        error = refused(settings, server, "ssl", code="starttls_needed")
    assert "STARTTLS" in error.remedy
    assert server.said() == []


@pytest.mark.parametrize("encryption", ["starttls", "plain"])
@pytest.mark.parametrize("known", [True, False])
def test_c21_no_ssl_at_a_port_that_is_encrypted_from_the_start(settings, ca, certificate, encryption, known):
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file) if known else ""
    with MailboxServer(encryption="ssl", certificate=certificate) as server:
        error = refused(settings, server, encryption, code="ssl_needed", limits=Limits(greeting=0.5))
        assert "SSL" in error.remedy
        server.wait_until_idle()
    assert server.said() == []


@pytest.mark.parametrize("limits", [{"session": 0.3}, {"command": 0.3}])
def test_c11_a_capa_that_is_never_answered_ends_the_session(settings, monkeypatch, limits):
    monkeypatch.setattr(pop3_session, "CAPA_SECONDS", 0.05)
    with MailboxServer(stall_on="CAPA") as server:
        refused(settings, server, code="timeout", limits=Limits(**limits))
