"""The failure table: complete, consistent, and safe to show."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
from django.utils import translation
from django.utils.functional import Promise

from accounts.servers.failures import FAILURES, ErrorClass, MailError, describe
from accounts.servers.server_text import clean_server_text

CODES = [
    "name_not_found",
    "host_not_allowed",
    "port_not_allowed",
    "host_invalid",
    "unreachable",
    "timeout",
    "too_slow",
    "connection_lost",
    "certificate_expired",
    "certificate_self_signed",
    "certificate_wrong_name",
    "certificate_incomplete",
    "starttls_needed",
    "ssl_needed",
    "password_too_long",
    "certificate_invalid",
    "tls_failed",
    "starttls_missing",
    "not_pop3",
    "server_busy",
    "authentication_failed",
    "authentication_unclear",
    "account_blocked",
    "mailbox_busy",
    "login_delay",
    "login_disabled",
    "uidl_missing",
    "protocol_error",
    "message_too_large",
    "message_withheld",
    "message_short",
    "password_unencodable",
    "storage_full",
    "too_many_tests",
    "internal",
    "not_smtp",
    "encryption_needed",
    "sign_in_missing",
    "sign_in_needed",
    "sending_login_failed",
    "smtp_switched_off",
    "blocked_here",
    "smtp_busy",
    "sending_interrupted",
    "sending_too_slow",
    "sending_not_set_up",
    "maybe_sent",
    "sender_not_proven",
    "sender_refused",
    "relay_refused",
    "recipient_refused",
    "recipient_full",
    "greylisted",
    "refused_for_now",
    "sending_limit",
    "message_refused",
    "too_large_to_send",
    "characters_refused",
]

# Words of the trade, not of the reader; and nobody is shouted at.
TRADE_WORDS = re.compile(r"(?i)\b(sync|credential|quota|uidl|handshake|tls|authenticat|dns|socket|retry)|!")


def test_the_table_holds_exactly_the_agreed_codes():
    assert sorted(FAILURES) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_failure_says_what_is_so_and_what_to_do(code):
    failure = FAILURES[code]
    with translation.override("en"):
        sentence, remedy = str(failure.sentence), str(failure.remedy)
    assert sentence.endswith(".")
    assert remedy.endswith(".")
    assert sentence != remedy
    assert len(sentence) <= 100
    assert len(remedy) <= 110
    assert not TRADE_WORDS.search(f"{sentence} {remedy}")


@pytest.mark.parametrize("code", CODES)
def test_a_person_must_act_on_exactly_the_permanent_ones(code):
    failure = FAILURES[code]
    if failure.error_class in (ErrorClass.CERTIFICATE, ErrorClass.CONFIG, ErrorClass.MESSAGE):
        assert failure.permanent
    elif failure.error_class is not ErrorClass.AUTHENTICATION:
        assert not failure.permanent


def test_an_unclear_refusal_is_not_taken_for_a_wrong_password():
    """A6: a text nobody can classify backs off; only a clear refusal asks for another password."""
    assert not FAILURES["authentication_unclear"].permanent
    assert FAILURES["authentication_failed"].permanent


def test_c13_a_forbidden_address_looks_like_a_server_that_is_down():
    forbidden, down = MailError("host_not_allowed"), MailError("unreachable")
    assert (forbidden.error_class, forbidden.permanent) == (down.error_class, down.permanent)
    assert (str(forbidden.sentence), str(forbidden.remedy)) == (str(down.sentence), str(down.remedy))


def test_our_own_fault_counts_as_nobodys_connection_failure():
    """Fifty connection failures in a row disable an account."""
    assert describe("internal").error_class is ErrorClass.BUSY


def test_a_code_that_is_no_longer_known_still_reads_well():
    failure = describe("gone_since_version_0_3")
    assert not failure.permanent
    assert str(failure.sentence)
    assert str(failure.remedy)


@pytest.mark.parametrize("code", [*CODES, "unknown"])
def test_sentences_are_translated_when_shown_not_when_imported(code):
    failure = describe(code)
    assert isinstance(failure.sentence, Promise)
    assert isinstance(failure.remedy, Promise)


def test_the_error_prints_its_code_and_never_the_servers_words():
    error = MailError("authentication_failed", "-ERR [AUTH] wrong password hunter2")
    assert str(error) == "authentication_failed"
    assert "hunter2" not in repr(error)
    assert error.server_text == "-ERR [AUTH] wrong password hunter2"


@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_the_error_survives_a_trip_between_processes(duplicate):
    error = duplicate(MailError("login_delay", "-ERR slowly", retry_after=720))
    assert (error.code, error.server_text, error.retry_after) == ("login_delay", "-ERR slowly", 720)
    assert (error.error_class, error.permanent) == (ErrorClass.DELAY, False)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("plain words", "plain words"),
        ("  -ERR \t no\r\nsecond\x00line ", "-ERR no second line"),
        ("bell\x07 escape\x1b[31m delete\x7f c1\x85", "bell escape [31m delete c1"),
        ("safe\u202e.exe\u2066 soft\u00adhyphen", "safe.exe softhyphen"),
        ("line\u2028paragraph\u2029end", "line paragraph end"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("Größe überschritten 満杯", "Größe überschritten 満杯"),
        ("", ""),
    ],
)
def test_server_text_becomes_one_printable_line(raw, clean):
    assert clean_server_text(raw) == clean
    assert MailError("protocol_error", raw).server_text == clean


def test_server_text_is_short():
    assert len(clean_server_text("x" * 1_000_000)) == 200
    assert clean_server_text("y " * 1_000_000) == ("y " * 100).rstrip()
