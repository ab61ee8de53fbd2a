"""What -ERR means: replies as servers word them, and what they must be taken for."""

from __future__ import annotations

import pytest

from fetching.pop3 import commands, refusals
from fetching.pop3.events import Err
from fetching.pop3.refusals import DAY, LIMIT_PAUSE, Refusal
from tests.fetching.pop3.feeding import signed_in, talk


def err(text: str) -> Err:
    """As the connection reads it."""
    event = talk(signed_in(), commands.noop(), f"-ERR {text}\r\n".encode())
    assert isinstance(event, Err)
    return event


SIGN_IN = [
    # A1 to A5: response codes
    ("[AUTH] Authentication failed.", "authentication_failed"),
    ("[AUTH]", "authentication_failed"),
    ("[SYS/TEMP] Temporary authentication failure.", "server_busy"),
    ("[SYS/PERM] Mailbox is broken", "account_blocked"),
    ("[IN-USE] Unable to lock maildrop", "mailbox_busy"),
    ("[LOGIN-DELAY] minimum time between mail checks violation", "login_delay"),
    # A4, A6: prose alone
    ("Unable to lock maildrop: Mailbox is locked by POP server", "mailbox_busy"),
    ("maildrop already locked", "mailbox_busy"),
    ("mailbox in use", "mailbox_busy"),
    ("invalid user name or password", "authentication_failed"),
    ("Username and password not accepted.", "authentication_failed"),
    ("Authentication failed", "authentication_failed"),
    ("authorization failed", "authentication_failed"),
    ("Logon failure: unknown user name or bad password.", "authentication_failed"),
    ("wrong password", "authentication_failed"),
    ("bad login", "authentication_failed"),
    ("Login failed.", "authentication_failed"),
    ("no such user here", "authentication_failed"),
    ("Application-specific password required", "authentication_failed"),
    ("too many failed login attempts, try again later", "server_busy"),
    ("Too many connections from your IP", "server_busy"),
    ("Server is busy", "server_busy"),
    ("Service temporarily unavailable", "server_busy"),
    ("login quota exceeded", "server_busy"),
    ("internal server error", "server_busy"),
    ("login too often, wait 5 minutes", "login_delay"),
    ("account has been suspended", "account_blocked"),
    ("this user is blocked", "account_blocked"),
    ("sorry", "authentication_unclear"),
    ("", "authentication_unclear"),
    ("[X-NEW] something new", "authentication_unclear"),
    # A7 and servers that want TLS first, whatever code they put in front
    ("[AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.", "login_disabled"),
    ("[SYS/PERM] Your account is not enabled for POP access.", "login_disabled"),
    ("POP3 access is disabled for this mailbox", "login_disabled"),
    ("Command is not valid in this state. You must use TLS first", "login_disabled"),
]


@pytest.mark.parametrize(("text", "code"), SIGN_IN)
def test_a6_sign_in(text, code):
    assert refusals.sign_in(err(text)).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("too many connections", "server_busy"),
        ("[SYS/TEMP] down", "server_busy"),
        ("[SYS/PERM] no service", "server_busy"),
        ("[AUTH] go away", "server_busy"),
        ("[IN-USE] locked", "mailbox_busy"),
        ("login delay", "login_delay"),
        ("", "server_busy"),
    ],
)
def test_c3_greeting_is_never_about_the_account(text, code):
    assert refusals.greeting(err(text)).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "server_busy"),
        ("unknown command", "server_busy"),
        ("[AUTH] x", "server_busy"),
        ("[IN-USE]", "mailbox_busy"),
    ],
)
def test_after_signing_in_the_password_was_right(text, code):
    assert refusals.command(err(text)).code == code


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("[LOGIN-DELAY] wait 90", 90),
        ("[LOGIN-DELAY] wait 15 minutes", 900),
        ("[LOGIN-DELAY] wait", None),
        ("login too often, wait 30 seconds", 30),
        ("[SYS/TEMP] try again in 2 hours", 7200),
        ("[SYS/TEMP] try again in 999999 hours", DAY),
        ("too many connections (error 4711)", None),
        ("download limit exceeded", LIMIT_PAUSE),
    ],
)
def test_a5_how_long_to_wait(text, pause):
    assert refusals.sign_in(err(text)).retry_after == pause


def test_r17_a_download_limit_is_a_long_pause():
    refused = err("Daily download limit exceeded")
    assert refusals.is_about_session(refused)
    assert refusals.command(refused) == Refusal("server_busy", LIMIT_PAUSE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[SYS/TEMP] disk trouble", True),
        ("bandwidth limit exceeded", True),
        ("too many requests", True),
        ("no such message", False),
        ("message 3 is corrupt", False),
        ("", False),
    ],
)
def test_u14_what_is_about_one_message_only(text, expected):
    assert refusals.is_about_session(err(text)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unknown command", True),
        ("Unrecognized command APOP", True),
        ("invalid command", True),
        ("Unsupported mechanism", True),
        ("mechanism not supported", True),
        ("command APOP not implemented", True),
        ("syntax error", True),
        ("malformed AUTH command", True),
        ("Missing argument", True),
        ("authentication mechanism disabled", True),
        ("[AUTH] unknown command", False),
        ("authentication failed", False),
        ("invalid user name or password", False),
        ("", False),
    ],
)
def test_a18_only_an_unknown_command_lets_another_way_be_tried(text, expected):
    assert refusals.is_unsupported(err(text)) is expected


def test_prose_is_read_in_linear_time():
    """64 KiB of what nearly matches."""
    for word in ("password ", "mailbox ", "plaintext auth ", "pop3 access ", "login", "1" * 9):
        text = word * (60_000 // len(word))
        assert refusals.sign_in(err(text)).code
        assert refusals.is_about_session(err(text)) in (True, False)


@pytest.mark.parametrize(
    ("method", "text", "expected"),
    [
        ("APOP", "APOP not permitted for this account", True),
        ("APOP", "[AUTH] APOP authentication failed", True),
        ("APOP", "[IN-USE] APOP: mailbox locked", False),
        ("APOP", "[SYS/TEMP] apop database unavailable", False),
        ("APOP", "authentication failed", False),
        ("CRAM-MD5", "[AUTH] CRAM-MD5 failed", True),
        ("CRAM-MD5", "no challenge-response secret stored", True),
        ("PLAIN", "PLAIN is switched off here", True),
        ("PLAIN", "plain wrong", False),
        ("PLAIN", "[AUTH] PLAIN authentication failed", False),
        ("LOGIN", "AUTH LOGIN is off", True),
        ("LOGIN", "Login failed", False),
        ("LOGIN", "LOGIN FAILED", False),
        ("LOGIN", "SASL error", True),
        ("USER", "USER/PASS is off, use AUTH", True),
        ("USER", "user unknown or wrong password", False),
    ],
)
def test_a18_what_speaks_of_the_way_to_sign_in(method, text, expected):
    assert refusals.names_method(err(text), method) is expected
