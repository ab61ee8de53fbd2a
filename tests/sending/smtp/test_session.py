"""Connecting, TLS, greeting, EHLO and signing in, against servers that behave and servers that do not."""

from __future__ import annotations

import base64

import pytest

from accounts.servers.transport import Credentials, ServerAddress
from sending.smtp.client import Envelope, Limits, Phase, Verdict, deliver
from tests.sending.sessions import LIMITS, MESSAGE, PASSWORD, USERNAME, probed, send
from tests.servers.loopback import PATIENCE
from tests.servers.scripted import (
    ScriptedServer,
    drip_forever,
    drop,
    exchange,
    expect,
    flood,
    reset,
    stall,
)
from tests.servers.scripted import send as say
from tests.servers.smtp import EXTENSIONS, SubmissionServer
from tests.servers.tls import make_ca

STEPS = ["resolved", "connected", "secure", "greeting", "signed_in", "sender", "finished"]


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def certificate(ca):
    return ca.issue("127.0.0.1")


@pytest.fixture
def trusted(settings, ca):
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)


def auth_only(*mechanisms: str) -> list[str]:
    return [each for each in EXTENSIONS if not each.startswith("AUTH")] + [" ".join(["AUTH", *mechanisms])]


# ── The usual ways in ───────────────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
@pytest.mark.parametrize("segment", [0, 1], ids=["whole", "byte by byte"])
def test_sent_by_all_encryptions(settings, certificate, encryption, segment):
    server = SubmissionServer(encryption=encryption, certificate=certificate, segment=segment)
    with server:
        found, handed = send(settings, server, encryption)
    assert (found.verdict, found.phase, handed.calls) == (Verdict.ACCEPTED, Phase.ACCEPTED, 1)
    assert [letter.data for letter in server.accepted] == [MESSAGE]
    assert server.peers[0].secure is (encryption != "plain")
    assert server.counters["sign_ins"] == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["plain", "ssl", "starttls"])
def test_sent_test_reports_steps_in_order_and_sends_nothing(settings, certificate, encryption):
    with SubmissionServer(encryption=encryption, certificate=certificate) as server:
        steps, _ = probed(settings, server, encryption)
        server.wait_until_idle()
    assert steps == [step for step in STEPS if encryption != "plain" or step != "secure"]
    assert server.said()[-3:] == [f"MAIL FROM:<{USERNAME}>", "RSET", "QUIT"]
    assert server.accepted == server.parts == []


@pytest.mark.usefixtures("trusted")
def test_sent_details_of_steps_are_our_own_words(settings, certificate):
    steps = []
    with SubmissionServer(encryption="ssl", certificate=certificate) as server:
        probed(settings, server, "ssl", steps=steps)
    details = {step.name: step.detail for step in steps}
    assert details["resolved"] == "127.0.0.1"
    assert details["secure"].startswith("TLS 1.")
    assert "mail.test" not in str(details)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("mechanisms", "said"),
    [
        (["CRAM-MD5", "PLAIN", "LOGIN"], ["AUTH PLAIN ***"]),
        (["LOGIN", "CRAM-MD5"], ["AUTH LOGIN"]),
        (["XOAUTH2", "CRAM-MD5"], ["AUTH CRAM-MD5"]),
    ],
)
def test_sent_the_best_mechanism_inside_tls(settings, certificate, mechanisms, said):
    server = SubmissionServer(encryption="ssl", certificate=certificate, extensions=auth_only(*mechanisms))
    with server:
        probed(settings, server, "ssl")
    assert server.said("AUTH") == said
    assert server.counters["sign_ins"] == 1


def test_sent_a_digest_rather_than_a_password_outside_tls(settings):
    with SubmissionServer() as server:
        probed(settings, server)
    assert server.said("AUTH") == ["AUTH CRAM-MD5"]


@pytest.mark.usefixtures("trusted")
def test_sent_other_than_ascii_in_a_password(settings, certificate):
    with SubmissionServer(encryption="ssl", certificate=certificate, password="pässwörd€") as server:
        probed(settings, server, "ssl", password="pässwörd€")
    assert server.counters["sign_ins"] == 1


def test_sent_without_signing_in_where_that_is_enough(settings):
    with SubmissionServer(sign_in=False) as server:
        found, _ = send(settings, server, password=None)
    assert found.verdict is Verdict.ACCEPTED
    assert server.said("AUTH") == []


@pytest.mark.parametrize(
    ("name", "said"), [("client.example", "EHLO client.example"), ("a b\r\nRSET", "EHLO [127.0.0.1]")]
)
def test_sent_who_we_are(settings, name, said):
    with SubmissionServer() as server:
        probed(settings, server, client_name=name)
    assert server.said("EHLO") == [said]


def test_sent_helo_to_a_server_that_does_not_know_ehlo(settings):
    with SubmissionServer(extensions=None, sign_in=False) as server:
        found, _ = send(settings, server, password=None)
    assert found.verdict is Verdict.ACCEPTED
    assert server.said()[:3] == ["EHLO client.example", "HELO client.example", f"MAIL FROM:<{USERNAME}>"]


def test_sent_helo_offers_no_way_to_sign_in(settings):
    with SubmissionServer(extensions=None) as server:
        probed(settings, server, code="sign_in_missing")
        server.wait_until_idle()
    assert server.said() == ["EHLO client.example", "HELO client.example"]


# ── Reaching the server, the greeting ───────────────────────────────────────


def test_sent_nobody_listens(settings):
    with SubmissionServer() as server:
        pass
    found, _ = send(settings, server)
    assert (found.phase, found.verdict, found.error.code) == (Phase.STARTED, Verdict.NOT_SENT, "unreachable")
    assert found.recipients[0].failure == "unreachable"


def test_sent_a_host_of_the_inner_network_is_not_even_asked(settings):
    with SubmissionServer() as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
        found = deliver(
            ServerAddress("127.0.0.1", server.port, "plain"),
            Credentials(USERNAME, PASSWORD),
            Envelope(USERNAME, ("bob@post.example",)),
            MESSAGE,
            on_hand_over=lambda: None,
        )
        assert found.error.code in ("host_invalid", "port_not_allowed")
        assert server.peers == []


def test_sent_no_greeting(settings):
    with ScriptedServer([stall()]) as server:
        probed(settings, server, code="timeout", limits=Limits(greeting=0.2))


def test_sent_a_greeting_that_drips(settings):
    """Each byte comes well before any limit for silence, the whole never."""
    with ScriptedServer([drip_forever(b"2", 0.02)]) as server:
        probed(settings, server, code="sending_too_slow", limits=Limits(greeting=0.4))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"421 4.3.2 too busy", "smtp_busy"),
        (b"554 no service", "smtp_busy"),
        (b"554 5.7.1 blocked using zen.spamhaus.org", "blocked_here"),
    ],
)
def test_sent_greeting_refused(settings, line, code):
    with ScriptedServer([say(line + b"\r\n"), expect(b"nothing")]) as server:
        _, error = probed(settings, server, code=code)
    assert error.server_text == ""
    assert server.said() == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encryption", ["plain", "ssl"])
@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"* OK IMAP4rev1\r\n", b"+OK POP3\r\n", b"x\n"]
)
def test_sent_another_protocol_is_not_quoted(settings, certificate, banner, encryption):
    script = [say(banner), stall()]
    with ScriptedServer(script, certificate=certificate if encryption == "ssl" else None) as server:
        _, error = probed(settings, server, encryption, code="not_smtp")
    assert error.server_text == ""
    assert error.permanent


def test_sent_an_ftp_server_greets_alike(settings):
    script = [
        say(b"220 FTP ready\r\n"),
        exchange((b"EHLO .*", b"530 log in\r\n"), (b"HELO .*", b"530 log in\r\n")),
    ]
    with ScriptedServer(script) as server:
        probed(settings, server, code="not_smtp")


def test_sent_an_endless_greeting(settings):
    with ScriptedServer([say(b"220-"), flood(b"x" * 4096)]) as server:
        probed(settings, server, code="not_smtp")
    with ScriptedServer([flood(b"220-x\r\n" * 100)]) as server:
        probed(settings, server, code="not_smtp")


@pytest.mark.parametrize(("begin", "end"), [(b"", drop()), (b"220 re", drop()), (b"220 re", reset())])
def test_sent_the_line_drops_at_the_greeting(settings, begin, end):
    with ScriptedServer([say(begin), end]) as server:
        found, _ = send(settings, server)
    assert (found.verdict, found.error.code) == (Verdict.NOT_SENT, "sending_interrupted")
    assert found.phase <= Phase.CONNECTED


# ── Signing in ──────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
def test_sent_a_wrong_password(settings, certificate):
    with SubmissionServer(encryption="ssl", certificate=certificate) as server:
        steps, error = probed(settings, server, "ssl", code="sending_login_failed", password="wrong")
        server.wait_until_idle()
    assert error.server_text == "Error: authentication failed"
    assert steps == ["resolved", "connected", "secure", "greeting"]
    assert server.counters["refused"] == 1
    assert server.said("AUTH") == ["AUTH PLAIN ***"]  # one attempt: no falling through to the next way


def test_sent_nothing_is_quoted_without_tls(settings):
    with SubmissionServer() as server:
        _, error = probed(settings, server, code="sending_login_failed", password="wrong")
    assert error.server_text == ""


@pytest.mark.usefixtures("trusted")
def test_sent_a_wrong_password_leaves_the_message_waiting(settings, certificate):
    """It pauses the account; failing every message in the outbox for it would be wrong."""
    with SubmissionServer(encryption="ssl", certificate=certificate) as server:
        found, handed = send(settings, server, "ssl", password="wrong")
    assert (found.verdict, found.phase, handed.calls) == (Verdict.NOT_SENT, Phase.SECURED, 0)
    assert found.error.error_class == "authentication"
    assert [each.verdict for each in found.recipients] == [Verdict.NOT_SENT]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("line", ["504 5.5.4 Unrecognized authentication type", "502 5.5.1 not implemented"])
def test_sent_an_unknown_mechanism_is_no_attempt(settings, certificate, line):
    server = SubmissionServer(
        encryption="ssl", certificate=certificate, refuse={"AUTH PLAIN ***": line, "AUTH LOGIN": line}
    )
    with server:
        probed(settings, server, "ssl")
    assert server.said("AUTH") == ["AUTH PLAIN ***", "AUTH LOGIN", "AUTH CRAM-MD5"]


@pytest.mark.usefixtures("trusted")
def test_sent_no_mechanism_is_known_after_all(settings, certificate):
    server = SubmissionServer(encryption="ssl", certificate=certificate, refuse={"AUTH": "504 5.5.4 what?"})
    with server:
        probed(settings, server, "ssl", code="sign_in_missing")


@pytest.mark.parametrize("password", ["pässwörd", "a\r\nRSET", "a\0b"])
def test_sent_a_password_that_cannot_be_sent_is_not_sent(settings, password):
    with SubmissionServer(extensions=auth_only("LOGIN", "CRAM-MD5")) as server:
        probed(settings, server, code="password_unencodable", password=password)
        server.wait_until_idle()
    assert server.said() == ["EHLO client.example"]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("mechanism", "when"), [("PLAIN", "AUTH"), ("LOGIN", "***"), ("CRAM-MD5", "***")])
def test_sent_hanging_up_instead_of_an_answer(settings, certificate, mechanism, when):
    server = SubmissionServer(
        encryption="ssl", certificate=certificate, extensions=auth_only(mechanism), drop_on=when
    )
    with server:
        _, error = probed(settings, server, "ssl", code="authentication_unclear")
    assert not error.permanent


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "secret",
    [PASSWORD, base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode()],
    ids=["plain", "base64"],
)
def test_sent_a_password_repeated_by_the_server_goes_no_further(settings, certificate, secret):
    server = SubmissionServer(
        encryption="ssl", certificate=certificate, refuse={"AUTH": f"535 5.7.8 wrong: {secret}"}
    )
    with server:
        _, error = probed(settings, server, "ssl", code="sending_login_failed")
    assert error.server_text == ""


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("challenges", "code"),
    [
        ([b"334 ???\r\n"], "protocol_error"),
        ([b"334 eA==\r\n", b"334 eA==\r\n", b"501 cancelled\r\n"], "authentication_unclear"),
        ([b"235 welcome\r\n"], ""),
    ],
)
def test_sent_odd_challenges(settings, certificate, challenges, code):
    hello = (b"EHLO .*", b"250-x\r\n250 AUTH CRAM-MD5\r\n")
    script = [say(b"220 hi\r\n"), exchange(hello, (b"AUTH CRAM-MD5", challenges[0]))]
    script += [exchange((b".*", answer)) for answer in challenges[1:]]
    script += [exchange((b"MAIL .*", b"250 ok\r\n"), (b"RSET", b"250 ok\r\n"), (b"QUIT", b"221 bye\r\n"))]
    with ScriptedServer(script, certificate=certificate) as server:
        if code:
            script[-1] = stall()
        probed(settings, server, "ssl", code=code)


# ── The sender, in the test ─────────────────────────────────────────────────


@pytest.mark.usefixtures("trusted")
def test_sent_test_finds_that_the_address_may_not_be_used(settings, certificate):
    line = "553 5.7.1 <other@example.org>: Sender address rejected: not owned by user ada"
    with SubmissionServer(encryption="ssl", certificate=certificate, refuse={"MAIL": line}) as server:
        steps, error = probed(settings, server, "ssl", code="sender_refused", sender="other@example.org")
    assert "not owned by user" in error.server_text
    assert steps[-1] == "signed_in"


@pytest.mark.parametrize(
    "fault", [{"drop_on": "QUIT"}, {"drop_on": "RSET"}, {"refuse": {"RSET": "502 what?"}}]
)
def test_sent_test_does_not_depend_on_the_farewell(settings, fault):
    with SubmissionServer(**fault) as server:
        steps, _ = probed(settings, server)
    assert steps[-1] == "finished"


def test_sent_test_of_an_address_that_is_none(settings):
    with SubmissionServer() as server:
        probed(settings, server, code="characters_refused", sender="not an address")


def test_sent_the_session_has_an_end(settings):
    limits = Limits(connect=PATIENCE, greeting=PATIENCE, command=PATIENCE, session=0.5)
    with SubmissionServer(stall_on="MAIL") as server:
        probed(settings, server, code="timeout", limits=limits)


def test_sent_silence_at_a_command(settings):
    limits = Limits(connect=PATIENCE, greeting=PATIENCE, command=0.2, session=PATIENCE)
    with SubmissionServer(stall_on="EHLO") as server:
        probed(settings, server, code="timeout", limits=limits)
    assert LIMITS.command == PATIENCE
