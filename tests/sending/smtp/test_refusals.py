"""What servers mean: their own sentences, at the moments they say them."""

# ruff: noqa: E501 - a server's sentence is easier to judge in one piece
from __future__ import annotations

import pytest

from accounts.servers.failures import FAILURES
from sending.smtp import refusals
from sending.smtp.refusals import DAY, HOUR
from sending.smtp.replies import Reply, ReplyReader


def reply(line: str) -> Reply:
    reader = ReplyReader()
    reader.append(line.encode() + b"\r\n")
    found = reader.next()
    assert found is not None
    return found


GREETINGS = [
    ("421 4.3.2 Service not available, closing transmission channel", "smtp_busy", None),
    ("421 Too many connections from your host, try again in 10 minutes", "sending_limit", 600),
    ("554 No SMTP service here", "smtp_busy", None),
    (
        "554 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org",
        "blocked_here",
        None,
    ),
    ("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", "blocked_here", None),
]


@pytest.mark.parametrize(("line", "code", "pause"), GREETINGS)
def test_sent_greetings(line, code, pause):
    assert refusals.greeting(reply(line)) == (code, pause)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("500 5.5.1 Command unrecognized", "not_smtp"),
        ("530 Please login with USER and PASS", "not_smtp"),
        ("421 4.7.0 Try again later", "smtp_busy"),
        ("550 Your IP address is blocked", "blocked_here"),
    ],
)
def test_sent_refused_at_ehlo(line, code):
    assert refusals.session(reply(line)).code == code


SIGN_IN = [
    ("535 5.7.8 Username and Password not accepted. For more information, go to https://support.example", "sending_login_failed"),
    ("535-5.7.8 Error: authentication failed: UGFzc3dvcmQ6\r\n535 5.7.8 ", "sending_login_failed"),
    ("535 Incorrect authentication data", "sending_login_failed"),
    ("535 5.7.3 Authentication unsuccessful", "sending_login_failed"),
    ("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "sending_login_failed"),
    ("534 5.7.9 Application-specific password required.", "sending_login_failed"),
    ("432 4.7.12 A password transition is needed", "authentication_unclear"),
    ("432 4.3.2 Concurrent connections limit exceeded", "smtp_busy"),
    ("432 4.3.0 Temporary server error", "smtp_busy"),
    ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.example", "smtp_switched_off"),
    ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.", "smtp_switched_off"),
    ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "smtp_switched_off"),
    ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.", "smtp_switched_off"),
    ("550 5.7.30 Basic authentication is not supported for Client Submission.", "smtp_switched_off"),
    ("535 5.7.8 Error: authentication failed: This user does not have access rights to this service", "smtp_switched_off"),
    ("550 User has no permission", "smtp_switched_off"),
    ("534 5.7.14 Please log in via your web browser and then try again.", "account_blocked"),
    ("535 5.7.0 Your account has been suspended", "account_blocked"),
    ("538 5.7.11 Encryption required for requested authentication mechanism", "encryption_needed"),
    ("530 5.7.0 Must issue a STARTTLS command first", "encryption_needed"),
    ("454 4.7.0 Temporary authentication failure", "smtp_busy"),
    ("421 4.7.0 Temporary System Problem. Try again later", "smtp_busy"),
    ("454 4.7.0 Too many login attempts, please try again later", "sending_limit"),
    ("550 mystery", "authentication_unclear"),
    ("503 5.5.1 Error: authentication not enabled", "authentication_unclear"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code"), SIGN_IN)
def test_sent_refused_at_sign_in(line, code):
    assert refusals.sign_in(reply(line)).code == code


@pytest.mark.parametrize(
    ("line", "unsupported"),
    [
        ("504 5.5.4 Unrecognized authentication type", True),
        ("504 5.7.4 Unrecognized Authentication Type", True),
        ("500 what?", True),
        ("502 5.5.1 not implemented", True),
        ("501 5.5.4 unknown mechanism", True),
        ("501 5.5.2 cannot decode", False),
        ("535 5.7.8 authentication mechanism not supported", False),
        ("534 5.7.9 mechanism is too weak", False),
    ],
)
def test_sent_only_an_unknown_mechanism_is_no_verdict(line, unsupported):
    assert refusals.is_unsupported(reply(line)) is unsupported


SENDERS = [
    (
        "553 5.7.1 <bob@x.example>: Sender address rejected: not owned by user ada@example.org",
        "sender_refused",
    ),
    ("554 5.2.252 SendAsDenied; ada@example.org not allowed to send as bob@x.example", "sender_refused"),
    ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", "sender_refused"),
    ("550 5.7.1 You are not authorized to send mail from this address", "sender_refused"),
    ("501 5.1.7 Invalid address", "sender_refused"),
    ("550 mystery", "sender_refused"),
    (
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        "sign_in_needed",
    ),
    ("530 5.7.0 Authentication Required.", "sign_in_needed"),
    ("550 5.7.1 Authentication required", "sign_in_needed"),
    ("530 5.7.0 Must issue a STARTTLS command first", "encryption_needed"),
    ("552 5.3.4 Message size exceeds fixed limit", "too_large_to_send"),
    ("552 Message size exceeds maximum permitted", "too_large_to_send"),
    ("550 5.4.5 Daily user sending limit exceeded.", "sending_limit"),
    ("550 Your account has been suspended", "account_blocked"),
    ("452 4.3.1 Insufficient system storage", "smtp_busy"),
    ("450 4.7.1 Too many messages, slow down", "sending_limit"),
    ("421 4.3.2 shutting down", "smtp_busy"),
]


@pytest.mark.parametrize(("line", "code"), SENDERS)
def test_sent_refused_at_mail_from(line, code):
    assert refusals.sender(reply(line)).code == code


RECIPIENTS = [
    ("550 5.1.1 <x@y.example>: Recipient address rejected: User unknown", "recipient_refused", None),
    ("550 5.1.1 The email account that you tried to reach does not exist.", "recipient_refused", None),
    ("550 5.2.1 The email account that you tried to reach is disabled.", "recipient_refused", None),
    ("550 5.1.2 Bad destination system: no such domain", "recipient_refused", None),
    ("550 No such user", "recipient_refused", None),
    ("551 User not local", "recipient_refused", None),
    ("550 5.1.1 x@y.example does not accept mail from sender", "recipient_refused", None),
    ("554 5.7.1 <x@y.example>: Relay access denied", "relay_refused", None),
    ("550 relay not permitted", "relay_refused", None),
    ("550 5.7.1 Relaying denied. Proper authentication required.", "relay_refused", None),
    ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", "relay_refused", None),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "relay_refused", None),
    ("553 5.7.1 <a@b.example>: Sender address rejected: not owned by user ada", "sender_refused", None),
    (
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "blocked_here",
        None,
    ),
    ("530 5.7.0 Authentication required", "sign_in_needed", None),
    ("552 5.2.2 Mailbox full", "recipient_full", None),
    ("550 5.2.2 Quota exceeded (mailbox for user is full)", "recipient_full", None),
    ("452 4.2.2 The email account that you tried to reach is over quota", "recipient_full", None),
    (
        "450 4.7.1 <x@y.example>: Recipient address rejected: Greylisted, see http://postgrey.example/",
        "greylisted",
        None,
    ),
    ("451 4.7.1 Greylisting in action, please come back in 00:04:59", "greylisted", 299),
    ("451 4.7.1 Please try again in 5 minutes, graylisted", "greylisted", 300),
    ("450 4.1.2 Domain not found", "refused_for_now", None),
    ("451 4.3.0 Temporary lookup failure, retry after 90 seconds", "refused_for_now", 90),
    ("452 4.5.3 Too many recipients", "refused_for_now", None),
    ("552 Too many recipients", "refused_for_now", None),
    ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", "refused_for_now", None),
    ("421 4.7.0 Rate limited, try again in 2 hours", "sending_limit", 2 * HOUR),
    ("550 5.4.5 Daily sending quota exceeded", "sending_limit", None),
]


@pytest.mark.parametrize(("line", "code", "pause"), RECIPIENTS)
def test_sent_refused_at_rcpt_to(line, code, pause):
    assert refusals.recipient(reply(line)) == (code, pause)


MESSAGES = [
    ("552 5.3.4 Message too big for system", "too_large_to_send"),
    ("552 5.2.3 Your message exceeded Google's message size limits.", "too_large_to_send"),
    ("552 sorry", "too_large_to_send"),
    ("554 5.7.1 Message rejected as spam by Content Filtering.", "message_refused"),
    ("550 5.7.1 Our system has detected that this message is likely unsolicited mail.", "message_refused"),
    ("554 mail from 192.0.2.1 rejected", "message_refused"),
    ("554 5.2.252 SendAsDenied; x", "sender_refused"),
    ("550 5.4.5 Daily user sending limit exceeded", "sending_limit"),
    ("554 5.5.1 no valid recipients", "message_refused"),
    ("451 4.3.0 queue file write error", "refused_for_now"),
    ("450 4.7.1 greylisted", "greylisted"),
    ("421 4.4.2 timeout", "smtp_busy"),
    ("452 4.2.2 mailbox full", "recipient_full"),
]


@pytest.mark.parametrize(("line", "code"), MESSAGES)
def test_sent_refused_message(line, code):
    assert refusals.message(reply(line)).code == code


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("try again in 30 seconds", 30),
        ("please try again in 15 minutes", 900),
        ("try again later", None),
        ("retry after 1 hour", HOUR),
        ("wait for 2m", 120),
        ("come again in 00:05:00", 300),
        ("try again in 04:30", 270),
        ("retry in 3 days", DAY),
        ("try again in 99999 hours", DAY),
        ("error 4711 s in module 12", None),
        ("try again after 10.5.2", None),
        ("see https://x.example/wait/3m", 180),
    ],
)
def test_sent_how_long_to_wait(words, seconds):
    assert refusals.sender(reply(f"450 4.7.1 {words}")).retry_after == seconds


def test_sent_every_code_is_in_the_table():
    tables = [GREETINGS, SIGN_IN, SENDERS, RECIPIENTS, MESSAGES]
    for found in {row[1] for table in tables for row in table} | {"not_smtp", "message_refused"}:
        assert found in FAILURES


@pytest.mark.parametrize(
    "text", ["from " * 400, "auth not " * 250, "mailbox " * 250, "too many " * 220, "0" * 2000]
)
def test_sent_odd_prose_takes_no_time(text):
    """Each rule is tried on at most MAX_TEXT characters; none of them may be quadratic."""
    for code in (450, 550):
        found = Reply(code, (text,))
        for judge in (refusals.sign_in, refusals.sender, refusals.recipient, refusals.message):
            assert judge(found).code in FAILURES
