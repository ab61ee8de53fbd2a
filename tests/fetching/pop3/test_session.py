"""Connecting, TLS, greeting and signing in, against servers that behave and servers that do not."""

from __future__ import annotations

import pytest

from fetching.source import Limits
from tests.fetching.sessions import PASSWORD, USERNAME, refused, session
from tests.servers.loopback import PATIENCE
from tests.servers.pop3 import CAPABILITIES, MailboxServer
from tests.servers.scripted import (
    ScriptedServer,
    drip_forever,
    drop,
    exchange,
    expect,
    flood,
    reset,
    send,
    stall,
)
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


# ── The usual ways in ───────────────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
@pytest.mark.parametrize("segment", [0, 1], ids=["whole", "byte by byte"])
def test_c16_all_encryptions(settings, certificate, encryption, segment):
    server = MailboxServer(
        [b"Subject: x\r\n\r\n"], encryption=encryption, certificate=certificate, segment=segment
    )
    with server, session(settings, server, encryption) as source:
        assert source.stat() == (1, 14)
        assert source.quit() is True
    assert server.peers[0].secure is (encryption != "plain")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["ssl", "starttls"])
def test_steps_in_order(settings, certificate, encryption):
    steps = []
    with (
        MailboxServer([b"Subject: x\r\n\r\n"], encryption=encryption, certificate=certificate) as server,
        session(settings, server, encryption, on_step=steps.append) as source,
    ):
        source.listing()
    names = ["resolved", "connected", "secure", "greeting", "signed_in", "uidl", "listed"]
    assert [step.name for step in steps] == names
    details = {step.name: step.detail for step in steps}
    assert details["resolved"] == "127.0.0.1"
    assert details["secure"].startswith("TLS 1.")
    assert details["listed"] == "1 14"
    assert all(0 <= step.seconds < PATIENCE for step in steps)
    assert "Mailbox ready" not in str(steps)


def test_steps_without_encryption(settings):
    steps = []
    with MailboxServer() as server, session(settings, server, on_step=steps.append) as source:
        source.listing()
    assert [step.name for step in steps] == [
        "resolved",
        "connected",
        "greeting",
        "signed_in",
        "uidl",
        "listed",
    ]


MECHANISMS = [
    ("SASL CRAM-MD5 PLAIN LOGIN", False, "AUTH PLAIN"),
    ("SASL CRAM-MD5", False, f"USER {USERNAME}"),
    ("SASL PLAIN LOGIN", True, "AUTH PLAIN"),
    ("SASL LOGIN", True, f"USER {USERNAME}"),
    ("SASL XOAUTH2", True, f"USER {USERNAME}"),
    ("SASL XOAUTH2", False, f"USER {USERNAME}"),
]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("challenge", [b"+ ", b"+"], ids=["plus space", "plus"])
@pytest.mark.parametrize(("sasl", "apop", "said"), MECHANISMS)
def test_the_best_mechanism_inside_tls(settings, certificate, sasl, apop, said, challenge):
    server = MailboxServer(
        encryption="ssl", certificate=certificate, capabilities=["USER", sasl], apop=apop, challenge=challenge
    )
    with server, session(settings, server, "ssl"):
        pass
    assert server.transcripts[0][1] == said
    assert server.counters["sign_ins"] == 1


@pytest.mark.usefixtures("trusted")
def test_a9_challenge_that_says_ok(settings, certificate):
    server = MailboxServer(
        encryption="ssl", certificate=certificate, capabilities=["SASL LOGIN"], challenge=b"+OK "
    )
    with server, session(settings, server, "ssl"):
        pass
    assert server.counters["sign_ins"] == 1


@pytest.mark.parametrize(("apop", "said"), [(True, "APOP"), (False, "USER")])
def test_no_plain_sasl_outside_tls(settings, apop, said):
    with (
        MailboxServer(capabilities=["USER", "SASL PLAIN LOGIN"], apop=apop) as server,
        session(settings, server),
    ):
        pass
    assert server.transcripts[0][1].startswith(said)


def test_c9_a_server_without_capa(settings):
    server = MailboxServer([b"a\r\n", b"b\r\n"], capabilities=None)
    with server, session(settings, server) as source:
        assert len(source.listing().rows) == 2
        assert [len(each.data) for each in source.retrieve([1, 2])] == [3, 3]
        assert source.quit()
    assert server.counters["pipelined"] == 0


@pytest.mark.parametrize("pipelining", [True, False])
def test_c10_the_last_capabilities_count(settings, pipelining):
    before, after = (["USER"], CAPABILITIES) if pipelining else (CAPABILITIES, ["UIDL", "LOGIN-DELAY 720"])
    server = MailboxServer([b"a\r\n"] * 20, capabilities=before, capabilities_after=after)
    with server, session(settings, server) as source:
        assert len(list(source.retrieve(range(1, 21)))) == 20
        assert source.login_delay == (None if pipelining else 720)
    assert bool(server.counters["pipelined"]) is pipelining


def test_utf8_is_switched_on_where_it_is_offered(settings):
    with MailboxServer(capabilities=["USER", "UTF8"]) as server, session(settings, server):
        pass
    assert server.transcripts[0][:3] == ["CAPA", "UTF8", f"USER {USERNAME}"]


@pytest.mark.usefixtures("trusted")
def test_utf8_never_comes_before_stls(settings, certificate):
    capabilities = ["USER", "UTF8"]
    server = MailboxServer(encryption="starttls", certificate=certificate, capabilities=capabilities)
    with server, session(settings, server, "starttls"):
        pass
    assert server.transcripts[0][:4] == ["CAPA", "STLS", "CAPA", "UTF8"]


# ── C1 to C4: the greeting ──────────────────────────────────────────────────


def test_c1_no_greeting(settings):
    with ScriptedServer([stall()]) as server:
        refused(settings, server, code="timeout", limits=Limits(greeting=0.2))


def test_c2_a_greeting_that_drips(settings):
    """Each byte comes well before the limit for silence, the whole never."""
    with ScriptedServer([drip_forever(b"+", 0.05)]) as server:
        refused(settings, server, code="too_slow", limits=Limits(greeting=0.4, command=5))


GREETING_REFUSALS = [
    (b"-ERR too many connections", "server_busy"),
    (b"-ERR [SYS/TEMP] come back later", "server_busy"),
    (b"-ERR [AUTH] wrong planet", "server_busy"),
    (b"-ERR [IN-USE] locked", "mailbox_busy"),
]


@pytest.mark.parametrize(("line", "code"), GREETING_REFUSALS)
def test_c3_greeting_refused(settings, line, code):
    with ScriptedServer([send(line + b"\r\n"), expect(b"nothing")]) as server:
        error = refused(settings, server, code=code)
        assert not error.permanent
        assert error.server_text == ""
    assert server.said() == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["plain", "ssl"])
@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"* OK IMAP4rev1\r\n", b"220 ESMTP\r\n", b"x\n"]
)
def test_c4_another_protocol_is_not_quoted(settings, certificate, banner, encryption):
    script = [send(banner), stall()]
    with ScriptedServer(script, certificate=certificate if encryption == "ssl" else None) as server:
        error = refused(settings, server, encryption, code="not_pop3")
        assert error.server_text == ""
        assert error.permanent


def test_c14_an_endless_greeting(settings):
    with ScriptedServer([send(b"+OK "), flood(b"x" * 4096)]) as server:
        refused(settings, server, code="not_pop3")


@pytest.mark.parametrize(("begin", "end"), [(b"", drop()), (b"+OK re", drop()), (b"+OK re", reset())])
def test_c17_the_line_drops_at_the_greeting(settings, begin, end):
    with ScriptedServer([send(begin), end]) as server:
        refused(settings, server, code="connection_lost")


# ── A: signing in ───────────────────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
def test_a1_wrong_password(settings, certificate):
    with MailboxServer(encryption="ssl", certificate=certificate) as server:
        error = refused(settings, server, "ssl", code="authentication_failed", password="wrong")
        assert error.server_text == "Authentication failed."


def test_a1_nothing_is_quoted_without_tls(settings):
    with MailboxServer() as server:
        assert refused(settings, server, code="authentication_failed", password="x").server_text == ""


@pytest.mark.parametrize(
    ("line", "code", "pause"),
    [
        ("-ERR [SYS/TEMP] Temporary authentication failure.", "server_busy", None),
        ("-ERR [SYS/PERM] Account is locked out", "account_blocked", None),
        ("-ERR [IN-USE] Mailbox locked", "mailbox_busy", None),
        ("-ERR mailbox is locked by another client", "mailbox_busy", None),
        ("-ERR [LOGIN-DELAY] wait 90 seconds", "login_delay", 90),
        ("-ERR hmm", "authentication_unclear", None),
        ("-ERR POP3 access is disabled", "login_disabled", None),
    ],
)
def test_a2_a3_a4_a5_a6_refusals_at_pass(settings, line, code, pause):
    with MailboxServer(capabilities=["USER"], err_on={"PASS": line}) as server:
        assert refused(settings, server, code=code).retry_after == pause


def test_a5_the_delay_is_known_from_capa(settings):
    server = MailboxServer(
        capabilities=["USER", "LOGIN-DELAY 720"], err_on={"PASS": "-ERR [LOGIN-DELAY] wait"}
    )
    with server:
        assert refused(settings, server, code="login_delay").retry_after == 720


@pytest.mark.usefixtures("trusted")
def test_a15_other_than_ascii(settings, certificate):
    server = MailboxServer(encryption="ssl", certificate=certificate, password="pässwörd€")
    with server, session(settings, server, "ssl", password="pässwörd€"):
        pass
    assert server.said("AUTH") == ["AUTH PLAIN"]


@pytest.mark.parametrize("password", ["pässwörd", "a\r\nDELE 1", "a\0b"])
def test_a15_c20_a_password_that_cannot_be_sent_is_not_sent(settings, password):
    with MailboxServer(capabilities=["USER"]) as server:
        refused(settings, server, code="password_unencodable", password=password)
        server.wait_until_idle()
    assert server.said() == ["CAPA"]


@pytest.mark.usefixtures("trusted")
def test_a18_one_attempt_a_session(settings, certificate):
    with MailboxServer(encryption="ssl", certificate=certificate, apop=True) as server:
        refused(settings, server, "ssl", code="authentication_failed", password="wrong")
        server.wait_until_idle()
    assert server.said() == ["CAPA", "AUTH PLAIN", "***"]
    assert server.counters["refused"] == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("line", ["-ERR unknown command", "-ERR mechanism not supported"])
def test_a18_an_unknown_mechanism_is_no_attempt(settings, certificate, line):
    server = MailboxServer(
        encryption="ssl",
        certificate=certificate,
        apop=True,
        err_on={"AUTH PLAIN": line, "USER": line, "AUTH LOGIN": line},
    )
    with server, session(settings, server, "ssl"):
        pass
    assert server.said("A") == ["AUTH PLAIN", "AUTH LOGIN", "AUTH CRAM-MD5"]


@pytest.mark.parametrize("command", ["PASS", "AUTH CRAM-MD5", "APOP"])
def test_c18_hanging_up_instead_of_an_answer(settings, command):
    sasl = ["SASL CRAM-MD5"] if command.startswith("AUTH") else []
    server = MailboxServer(capabilities=["USER", *sasl], apop=command == "APOP", drop_on=command)
    with server:
        assert not refused(settings, server, code="authentication_unclear").permanent


def test_c17_hanging_up_before_the_password_is_no_suspicion(settings):
    with MailboxServer(capabilities=["USER"], drop_on="USER") as server:
        refused(settings, server, code="connection_lost")


@pytest.mark.usefixtures("trusted")
def test_a_password_repeated_by_the_server_goes_no_further(settings, certificate):
    server = MailboxServer(
        encryption="ssl",
        certificate=certificate,
        capabilities=["USER"],
        err_on={"PASS": f"-ERR [AUTH] wrong password {PASSWORD}"},
    )
    with server:
        assert refused(settings, server, "ssl", code="authentication_failed").server_text == ""


def test_only_stls_is_offered_and_the_password_stays_here(settings, certificate):
    server = MailboxServer(encryption="starttls", certificate=certificate, capabilities=["UIDL"])
    with server:
        refused(settings, server, "plain", code="login_disabled")
        server.wait_until_idle()
    assert server.said() == ["CAPA"]


@pytest.mark.usefixtures("trusted")
def test_a_challenge_that_is_no_base64(settings, certificate):
    greeting = [send(b"+OK\r\n"), exchange((b"CAPA", b"+OK\r\nSASL CRAM-MD5\r\n.\r\n"))]
    with ScriptedServer(
        [*greeting, exchange((b"AUTH CRAM-MD5", b"+ ???\r\n"))], certificate=certificate
    ) as server:
        refused(settings, server, "ssl", code="protocol_error")


def test_c11_endless_capabilities(settings):
    with ScriptedServer(
        [send(b"+OK\r\n"), expect(b"CAPA"), send(b"+OK\r\n"), flood(b"X-MORE\r\n" * 50)]
    ) as server:
        refused(settings, server, code="protocol_error")
