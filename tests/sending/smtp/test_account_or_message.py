"""After signing in only MAIL FROM may stop the account: each refusal at its moment, and what it may stop."""

# ruff: noqa: E501 - a server's sentence is easier to judge in one piece
from __future__ import annotations

import pytest

from accounts.servers.failures import FAILURES, ErrorClass
from sending.smtp.client import Verdict
from sending.smtp.dialogue import Limits
from tests.sending.sessions import BOB, EVE, send
from tests.servers.smtp import SubmissionServer

# The moment, what the server says, and as what it counts. None of these is about the account.
OF_A_MESSAGE = [
    ("DOT", "550 5.7.26 Unauthenticated email from example.net is not accepted due to the DMARC policy of the domain", "message_refused"),
    ("DOT", "554 5.7.1 Rejected: a link in your message is listed by Spamhaus DBL (bad-shop.example)", "message_refused"),
    ("DOT", "550 5.7.1 URL in body listed at uribl.example: account blocked there", "message_refused"),
    ("DOT", "550 5.7.1 The domain of a link is on a blocklist (SURBL)", "message_refused"),
    ("DOT", "554 5.7.1 Message blocked: authentication required for this kind of attachment", "message_refused"),
    ("DOT", "550 5.7.1 Your account has been blocked from sending this message, please log in first", "message_refused"),
    ("DOT", "535 5.7.8 not authenticated", "message_refused"),
    ("DOT", "554 5.6.0 certificate of the signature expired", "message_refused"),
    ("DATA", "550 5.7.1 user account expired", "message_refused"),
    ("DATA", "503 5.5.1 must authenticate first", "message_refused"),
    ("DOT", "550 5.7.509 Access denied, sending domain example.org does not pass DMARC verification", "message_refused"),
    ("DOT", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Cannot submit message.", "sending_limit"),
    ("DOT", "550 5.7.705 Access denied, tenant has exceeded threshold", "sending_limit"),
    ("DOT", "554 5.7.0 You have reached your daily sending limit", "sending_limit"),
    ("DOT", "550 Outgoing quota used up", "sending_limit"),
    ("RCPT", "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", "sending_limit"),
    ("RCPT", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; sender was not authenticated when sending to this group", "recipient_refused"),
    ("RCPT", "550 5.7.1 authentication required", "recipient_refused"),
    ("RCPT", "550 5.7.1 Your account is suspended at this company", "recipient_refused"),
    ("RCPT", "550 5.2.1 The mailbox is disabled, account blocked", "recipient_refused"),
    ("RCPT", "550 5.1.1 account expired", "recipient_refused"),
    ("RCPT", "550 5.7.1 mail from a domain on a blocklist", "recipient_refused"),
    ("RCPT", "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocked_here"),
    ("RCPT", "550 5.7.25 no reverse name", "blocked_here"),
    ("RCPT", "504 5.5.2 <[127.0.0.1]>: Helo command rejected: need fully-qualified hostname", "blocked_here"),
    ("RCPT", "550 5.7.1 <client.example>: Helo command rejected: Host not found", "blocked_here"),
    ("RCPT", "550 Bad HELO", "blocked_here"),
    ("MAIL", "501 5.5.2 <x>: Helo command rejected: Invalid name", "blocked_here"),
    ("MAIL", "550 5.1.0 Sender domain account expired at registrar", "sender_refused"),
    ("MAIL", "550 Sender domain expired, account blocked by its registrar", "sender_refused"),
    ("MAIL", "550 5.7.23 SPF: 192.0.2.1 is not authenticated for example.org", "sender_refused"),
    ("MAIL", "550 5.7.26 unauthenticated sender", "sender_refused"),
    ("MAIL", "550 5.7.1 sender authentication required by the policy of the domain (SPF)", "sender_refused"),
    ("MAIL", "554 5.7.1 Sender domain is listed by Spamhaus DBL", "sender_refused"),
    ("MAIL", "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocked_here"),
]  # fmt: skip
OF_THE_ACCOUNT = [
    ("530 5.7.0 Authentication required", "sign_in_needed"),
    ("550 5.7.57 Client not authenticated to send mail", "sign_in_needed"),
    ("503 5.5.1 Authentication required", "sign_in_needed"),
    ("530 5.7.0 Must issue a STARTTLS command first", "encryption_needed"),
    ("538 5.7.11 Encryption required", "encryption_needed"),
    ("535 5.7.8 bad credentials", "sending_login_failed"),
    ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", "smtp_switched_off"),
    ("550 5.2.1 Mailbox disabled", "account_blocked"),
    ("550 5.7.502 Access denied, banned sender", "account_blocked"),
    ("550 Your account has been suspended", "account_blocked"),
    ("550 5.7.1 Your account was temporarily locked", "account_blocked"),
]


@pytest.mark.parametrize(("when", "line", "code"), OF_A_MESSAGE)
def test_sent_a_refusal_of_one_message_stops_no_account(settings, when, line, code):
    with SubmissionServer(refuse={when: line}) as server:
        found, _ = send(settings, server)
    assert found.error.code == code
    wanted = Verdict.TEMPORARY if code == "sending_limit" else Verdict.PERMANENT
    assert (found.verdict, found.recipients[0].verdict) == (wanted, wanted)
    if code == "sending_limit":
        assert found.error.retry_after == 3600, "a pause, since the next message would be refused as well"


@pytest.mark.parametrize(("line", "code"), OF_THE_ACCOUNT)
def test_sent_a_refusal_of_the_account_at_mail_from_lets_the_message_wait(settings, line, code):
    with SubmissionServer(refuse={"MAIL": line}) as server:
        found, _ = send(settings, server)
    assert (found.verdict, found.error.code) == (Verdict.NOT_SENT, code)
    assert FAILURES[code].error_class in (ErrorClass.AUTHENTICATION, ErrorClass.CONFIG)


@pytest.mark.parametrize("when", ["MAIL", "RCPT"])
def test_sent_a_server_that_wants_a_sign_in_where_there_is_none(settings, when):
    """Without a user name it is the settings that are wrong, at whichever of the two it says so."""
    with SubmissionServer(sign_in=False, refuse={when: "530 5.7.0 Authentication required"}) as server:
        found, _ = send(settings, server, password=None)
    assert (found.verdict, found.error.code) == (Verdict.NOT_SENT, "sign_in_needed")


# ── Signing in ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "line",
    [
        "553 5.3.0 Auth failure",
        "503 5.5.1 not now",
        "504 5.5.4 what?",
        "432 4.7.12 A password transition is needed",
    ],
)
def test_sent_a_refused_way_that_was_no_verdict_leads_to_the_next(settings, line):
    with SubmissionServer(extensions=["AUTH PLAIN LOGIN"], refuse={"AUTH PLAIN ***": line}) as server:
        found, _ = send(settings, server)
    assert found.verdict is Verdict.ACCEPTED
    assert server.said("AUTH") == ["AUTH PLAIN ***", "AUTH LOGIN"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("535 5.7.8 no", "sending_login_failed"),
        ("534 5.7.9 app password", "sending_login_failed"),
        ("550 5.7.1 authentication failed", "authentication_unclear"),
        ("553 5.7.8 authentication failed", "sending_login_failed"),
        ("432 4.3.2 Concurrent connections limit exceeded", "smtp_busy"),
        ("454 4.7.0 Temporary authentication failure", "smtp_busy"),
    ],
)
def test_sent_what_may_be_a_wrong_password_is_not_tried_twice(settings, line, code):
    with SubmissionServer(extensions=["AUTH PLAIN LOGIN"], refuse={"AUTH PLAIN ***": line}) as server:
        found, _ = send(settings, server)
        server.wait_until_idle()
    assert (found.verdict, found.error.code) == (Verdict.NOT_SENT, code)
    assert server.said("AUTH") == ["AUTH PLAIN ***"]


@pytest.mark.parametrize("code", [432, 454, 421])
def test_sent_a_temporary_refusal_of_the_sign_in_pauses_nothing(settings, code):
    with SubmissionServer(refuse={"AUTH": f"{code} 4.7.12 later"}) as server:
        found, _ = send(settings, server)
    assert not found.error.permanent


def test_sent_what_one_way_says_is_worth_more_than_that_another_is_unknown(settings):
    refuse = {"AUTH PLAIN ***": "553 5.3.0 Auth failure", "AUTH LOGIN": "504 5.5.4 unknown"}
    with SubmissionServer(extensions=["AUTH PLAIN LOGIN"], refuse=refuse) as server:
        found, _ = send(settings, server)
    assert found.error.code == "authentication_unclear", "which waits, and does not stop the account"


# ── One recipient at whom the server leaves ─────────────────────────────────


def test_sent_it_is_known_at_whom_the_line_ended(settings):
    for fault in ({"refuse": {f"RCPT TO:<{EVE}>": "421 not in route list"}}, {"drop_on": f"RCPT TO:<{EVE}>"}):
        with SubmissionServer(**fault) as server:
            found, _ = send(settings, server, to=(BOB, EVE, "zoe@post.example"))
        assert [each.ended_session for each in found.recipients] == [False, True, False]
        assert found.verdict is Verdict.NOT_SENT


def test_sent_servers_may_take_their_five_minutes():
    """RFC 5321, 4.5.3.2: for the greeting, MAIL and RCPT; ten for the final dot."""
    limits = Limits()
    assert (limits.greeting, limits.command, limits.final_dot) == (300, 300, 600)
    assert limits.session > limits.greeting + limits.command + limits.final_dot
