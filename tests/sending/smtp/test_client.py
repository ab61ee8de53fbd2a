"""Handing over a message: the envelope, what each recipient gets, and what the server cannot take."""

from __future__ import annotations

import pytest

from sending.smtp.client import Answer, Envelope, Phase, Verdict
from tests.sending.sessions import BOB, EVE, MESSAGE, USERNAME, send
from tests.servers.smtp import EXTENSIONS, SubmissionServer
from tests.servers.tls import make_ca

ZOE = "zoe@post.example"


@pytest.fixture(scope="module")
def certificate_authority(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def tls(settings, certificate_authority):
    """Inside TLS the server's words may be shown; returns what a server needs for it."""
    settings.MAILHUB_MAIL_CA_FILE = str(certificate_authority.ca_file)
    return {"encryption": "ssl", "certificate": certificate_authority.issue("127.0.0.1")}


def verdicts(found) -> list[str]:
    return [each.verdict.value for each in found.recipients]


def without(*names: str) -> list[str]:
    return [line for line in EXTENSIONS if line.split()[0] not in names]


# ── All is well ─────────────────────────────────────────────────────────────


def test_sent_bytes_arrive_as_they_are(settings, tls):
    with SubmissionServer(**tls) as server:
        found, handed = send(settings, server, "ssl", to=(BOB, EVE))
    (letter,) = server.accepted
    assert (letter.sender, letter.recipients, letter.data) == (USERNAME, (BOB, EVE), MESSAGE)
    assert letter.parameters == f"SIZE={len(MESSAGE)}"
    assert (found.verdict, found.phase, found.error) == (Verdict.ACCEPTED, Phase.ACCEPTED, None)
    assert found.answer == Answer(250, "2.0.0", "queued as 42")
    assert verdicts(found) == ["accepted"] * 2
    assert handed.calls == 1
    assert handed.said == []  # the dot had not been sent when we were told
    assert server.said()[-1] == "QUIT"


def test_sent_a_large_message(settings, tls):
    message = b"Subject: x\r\n\r\n" + (b"." + b"y" * 70 + b"\r\n") * 40_000
    with SubmissionServer(**tls) as server:
        found, _ = send(settings, server, "ssl", message=message)
    assert found.verdict is Verdict.ACCEPTED
    assert server.accepted[0].data == message


def test_sent_from_nobody(settings):
    with SubmissionServer() as server:
        found, _ = send(settings, server, sender="")
    assert found.verdict is Verdict.ACCEPTED
    assert server.accepted[0].sender == ""


def test_sent_without_extensions(settings):
    with SubmissionServer(extensions=["AUTH PLAIN"]) as server:
        found, _ = send(settings, server)
    assert found.verdict is Verdict.ACCEPTED
    assert server.accepted[0].parameters == ""


def test_sent_domains_go_out_in_ascii(settings):
    with SubmissionServer(extensions=without("SMTPUTF8")) as server:
        found, _ = send(settings, server, to=("bob@Bücher.example",))
    assert found.recipients[0].address == "bob@Bücher.example"
    assert server.accepted[0].recipients == ("bob@xn--bcher-kva.example",)


# ── Some recipients ─────────────────────────────────────────────────────────


def test_sent_to_those_who_were_taken(settings, tls):
    refuse = {
        f"RCPT TO:<{EVE}>": "550 5.1.1 No such user",
        f"RCPT TO:<{ZOE}>": "450 4.7.1 Greylisted, try again in 5 minutes",
    }
    with SubmissionServer(**tls, refuse=refuse) as server:
        found, _ = send(settings, server, "ssl", to=(EVE, BOB, ZOE))
    assert server.accepted[0].recipients == (BOB,)
    assert found.verdict is Verdict.ACCEPTED
    assert verdicts(found) == ["refused_permanent", "accepted", "refused_temporary"]
    eve, bob, zoe = found.recipients
    assert (eve.failure, eve.answer) == ("recipient_refused", Answer(550, "5.1.1", "No such user"))
    assert (bob.failure, bob.answer) == ("", Answer(250, "2.0.0", "queued as 42"))
    assert (zoe.failure, zoe.retry_after) == ("greylisted", 300)
    assert found.error.code == "recipient_refused"


@pytest.mark.parametrize(
    ("first", "second", "verdict", "code"),
    [
        ("550 5.1.1 no", "550 5.1.1 no", Verdict.PERMANENT, "recipient_refused"),
        ("550 5.1.1 no", "451 4.3.0 later", Verdict.TEMPORARY, "refused_for_now"),
        ("452 4.2.2 full", "450 4.7.1 greylisted", Verdict.TEMPORARY, "recipient_full"),
        ("552 5.2.2 full", "552 5.2.2 full", Verdict.PERMANENT, "recipient_full"),
        ("550 5.4.5 Daily sending limit exceeded", "550 5.1.1 no", Verdict.TEMPORARY, "sending_limit"),
        (
            "554 5.7.1 Relay access denied",
            "554 5.7.1 Relay access denied",
            Verdict.PERMANENT,
            "relay_refused",
        ),
        # Whatever it says: at RCPT it is about this message, and no reason to stop the account.
        ("554 5.7.1 blocked using zen.spamhaus.org", "550 5.1.1 no", Verdict.PERMANENT, "blocked_here"),
        ("530 5.7.0 Authentication required", "530 5.7.0 x", Verdict.PERMANENT, "sign_in_needed"),
    ],
)
def test_sent_to_nobody(settings, first, second, verdict, code):
    refuse = {f"RCPT TO:<{BOB}>": first, f"RCPT TO:<{EVE}>": second}
    with SubmissionServer(refuse=refuse) as server:
        found, handed = send(settings, server, to=(BOB, EVE))
        server.wait_until_idle()
    assert (found.verdict, found.error.code, handed.calls) == (verdict, code, 0)
    assert found.phase is Phase.SIGNED_IN
    assert server.said("DATA") == []
    assert server.said()[-1] == "QUIT"


def test_sent_too_many_recipients_for_one_message(settings):
    """The rest goes in another message, later (RFC 5321, 4.5.3.1.10)."""
    to = tuple(f"u{number}@post.example" for number in range(6))
    for line in ("452 4.5.3 Too many recipients", "552 too many recipients"):
        with SubmissionServer(refuse={f"RCPT TO:<{to[2]}>": line}) as server:
            found, _ = send(settings, server, to=to)
        assert server.accepted[0].recipients == to[:2]
        assert len(server.said("RCPT")) == 3
        assert verdicts(found) == ["accepted"] * 2 + ["refused_temporary"] * 4


def test_sent_the_server_leaves_among_the_recipients(settings):
    refuse = {f"RCPT TO:<{EVE}>": "421 4.3.2 shutting down"}
    with SubmissionServer(refuse=refuse) as server:
        found, handed = send(settings, server, to=(BOB, EVE, ZOE))
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.NOT_SENT, "smtp_busy", 0)
    assert verdicts(found) == ["not_sent", "refused_temporary", "not_sent"]
    assert server.said("DATA") == []


# ── Refusals of all of it ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "verdict", "code"),
    [
        ("554 5.2.252 SendAsDenied; x", Verdict.PERMANENT, "sender_refused"),
        ("553 5.7.1 Sender address rejected: not owned by user", Verdict.PERMANENT, "sender_refused"),
        ("452 4.3.1 Insufficient system storage", Verdict.TEMPORARY, "smtp_busy"),
        ("450 4.7.0 too many messages, try again in 2 minutes", Verdict.TEMPORARY, "sending_limit"),
        ("530 5.7.0 Must issue a STARTTLS command first", Verdict.NOT_SENT, "encryption_needed"),
    ],
)
def test_sent_refused_at_mail_from(settings, line, verdict, code):
    with SubmissionServer(refuse={"MAIL": line}) as server:
        found, _ = send(settings, server, to=(BOB, EVE))
    assert (found.verdict, found.error.code) == (verdict, code)
    assert verdicts(found) == [verdict.value] * 2
    assert server.said("RCPT") == []


@pytest.mark.parametrize("when", ["DATA", "DOT"])
@pytest.mark.parametrize(
    ("line", "verdict", "code"),
    [
        ("554 5.7.1 Message rejected as spam", Verdict.PERMANENT, "message_refused"),
        ("552 5.3.4 Message too big", Verdict.PERMANENT, "too_large_to_send"),
        ("451 4.3.0 try again in 60 seconds", Verdict.TEMPORARY, "refused_for_now"),
        ("550 5.4.5 Daily user sending limit exceeded", Verdict.TEMPORARY, "sending_limit"),
        ("421 4.3.2 shutting down", Verdict.TEMPORARY, "smtp_busy"),
    ],
)
def test_sent_refused_at_the_message(settings, tls, when, line, verdict, code):
    refuse = {when: line, f"RCPT TO:<{EVE}>": "550 5.1.1 unknown"}
    with SubmissionServer(**tls, refuse=refuse) as server:
        found, handed = send(settings, server, "ssl", to=(BOB, EVE))
    assert (found.verdict, found.error.code) == (verdict, code)
    assert verdicts(found) == [verdict.value, "refused_permanent"]
    assert found.answer.code == int(line[:3])
    assert found.recipients[0].answer == found.answer
    assert found.recipients[1].failure == "recipient_refused"
    assert handed.calls == (when == "DOT")
    assert found.phase is (Phase.HANDED_OVER if when == "DOT" else Phase.ENVELOPE)
    assert server.accepted == []


def test_sent_a_limit_without_a_time_waits_an_hour(settings):
    with SubmissionServer(refuse={"DOT": "550 5.4.5 Daily user sending limit exceeded"}) as server:
        found, _ = send(settings, server)
    assert found.error.retry_after == found.recipients[0].retry_after == 3600


def test_sent_words_are_not_kept_without_tls(settings):
    with SubmissionServer(refuse={"DOT": "554 5.7.1 inner secret"}) as server:
        found, _ = send(settings, server)
    assert found.answer == Answer(554, "5.7.1", "")
    assert found.error.server_text == ""


# ── What we know the server cannot take ─────────────────────────────────────


def test_sent_too_large_is_not_tried(settings):
    with SubmissionServer(extensions=[*without("SIZE"), "SIZE 60"]) as server:
        found, handed = send(settings, server)
        server.wait_until_idle()
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.PERMANENT, "too_large_to_send", 0)
    assert verdicts(found) == ["refused_permanent"]
    assert server.said("MAIL") == []


def test_sent_as_large_as_allowed_goes(settings):
    with SubmissionServer(extensions=[*without("SIZE"), f"SIZE {len(MESSAGE)}"]) as server:
        found, _ = send(settings, server)
    assert found.verdict is Verdict.ACCEPTED


EIGHT_BIT = "Subject: x\r\n\r\nGrüße\r\n".encode()
UTF8_HEADER = "To: zoë@post.example\r\n\r\nx\r\n".encode()


@pytest.mark.parametrize(
    ("message", "missing", "parameters"),
    [(EIGHT_BIT, "8BITMIME", "BODY=8BITMIME"), (UTF8_HEADER, "SMTPUTF8", "BODY=8BITMIME SMTPUTF8")],
)
def test_sent_other_than_ascii_only_where_it_is_offered(settings, message, missing, parameters):
    with SubmissionServer() as server:
        found, _ = send(settings, server, message=message)
    assert found.verdict is Verdict.ACCEPTED
    assert server.accepted[0].parameters == f"SIZE={len(message)} {parameters}"
    with SubmissionServer(extensions=without(missing)) as server:
        found, _ = send(settings, server, message=message)
        server.wait_until_idle()
    assert (found.verdict, found.error.code) == (Verdict.PERMANENT, "characters_refused")
    assert server.said("MAIL") == []


def test_sent_to_an_address_with_other_than_ascii(settings):
    with SubmissionServer() as server:
        found, _ = send(settings, server, to=("zoë@post.example", BOB))
    assert verdicts(found) == ["accepted"] * 2
    assert "SMTPUTF8" in server.accepted[0].parameters
    with SubmissionServer(extensions=without("SMTPUTF8")) as server:
        found, _ = send(settings, server, to=("zoë@post.example", BOB))
    assert verdicts(found) == ["refused_permanent", "accepted"]
    assert found.recipients[0].failure == "characters_refused"
    assert server.accepted[0].recipients == (BOB,)


@pytest.mark.parametrize(
    "address",
    ["bob", "bob@post.example> SIZE=1", "bob@post.example\r\nDATA", "a\0b@post.example", ""],
)
def test_sent_no_command_hides_in_an_address(settings, address):
    with SubmissionServer() as server:
        found, _ = send(settings, server, to=(address, BOB))
        server.wait_until_idle()
    assert verdicts(found) == ["refused_permanent", "accepted"]
    assert server.said("RCPT") == [f"RCPT TO:<{BOB}>"]
    with SubmissionServer() as server:
        found, _ = send(settings, server, sender=address or "x")
        server.wait_until_idle()
    assert found.error.code == "characters_refused"
    assert server.said("MAIL") == server.said("DATA") == []


@pytest.mark.parametrize(
    "message", [b"", b"no end", b"bare\nlf\r\n", b"a\r\n.\n", b"nul\0\r\n", b"x" * 999 + b"\r\n"]
)
def test_sent_nothing_that_two_servers_could_read_in_two_ways(settings, message):
    with SubmissionServer() as server:
        found, handed = send(settings, server, message=message)
        server.wait_until_idle()
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.NOT_SENT, "internal", 0)
    assert server.said("MAIL") == []


def test_sent_to_nobody_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="nobody"):
        Envelope(USERNAME, ())
