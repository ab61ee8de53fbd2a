"""Every state an account can be in, as a person reads it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from accounts.failures import FAILURES, ErrorClass
from accounts.models import MailAccount
from fetching import states
from fetching.models import FetchState
from fetching.states import Kind

Status = FetchState.Status
LEASE = {"lease_token": uuid.uuid4(), "lease_until": timezone.now() + timedelta(days=1)}
BEFORE = timezone.now() - timedelta(hours=3)


def standing(provider: str = "", **fields) -> states.Standing:
    account = MailAccount(pk=7, name="Support desk", host="pop.harbour.example", provider=provider)
    FetchState(account=account, **{"next_run_at": None, **fields})
    return states.of(account)


def test_up_to_date():
    now = standing(last_success_at=BEFORE, first_fetch_done=True)
    assert (now.kind, now.tone, now.badge, now.sentence) == (Kind.FINE, "ok", "Up to date", "")
    assert (now.action.label, now.action.is_post) == ("Fetch now", True)
    assert not now.is_trouble


def test_a_new_account_is_starting():
    assert standing().kind == Kind.NEW


def test_fetching():
    now = standing(last_success_at=BEFORE, first_fetch_done=True, **LEASE)
    assert (now.kind, now.is_busy, now.entry_class) == (Kind.FETCHING, True, "is-busy")
    assert now.action.label == "Pause"


def test_a_first_fetch_of_many_sessions_is_one_fetch():
    assert standing(last_success_at=BEFORE, first_fetch_done=False).kind == Kind.FETCHING


def test_a_password_that_worked_before():
    now = standing(
        status=Status.FAILED,
        error_code="authentication_failed",
        last_success_at=BEFORE,
        first_fetch_done=True,
    )
    assert (now.kind, now.badge, now.entry_class) == (Kind.PASSWORD, "Needs a password", "is-bad")
    assert now.sentence == "The provider no longer accepts the password."
    assert "safe" in now.remedy
    assert (now.action.label, now.action.is_primary, now.action.is_post) == ("Enter password", True, False)
    assert now.needs_person


@pytest.mark.parametrize("provider", ["gmx", "gmail", "web-de"])
def test_a7_where_pop3_may_be_off_both_causes_are_named(provider):
    """GMX and others switch POP3 off after disuse and then say that the password is wrong."""
    worked = {"provider": provider, "last_success_at": BEFORE, "first_fetch_done": True}
    now = standing(status=Status.FAILED, error_code="authentication_failed", **worked)
    assert (now.kind, now.badge) == (Kind.PASSWORD, "Needs a password")
    assert "password" in now.sentence
    assert "POP3 was switched off" in now.sentence
    assert "switch POP3 on" in now.remedy


def test_a_wrong_password_asks_for_a_person_before_the_account_is_stopped():
    now = standing(status=Status.BACKING_OFF, error_code="authentication_failed", last_success_at=BEFORE)
    assert now.kind == Kind.PASSWORD
    # … and stays so while the next try is under way.
    again = standing(
        status=Status.BACKING_OFF, error_code="authentication_failed", last_success_at=BEFORE, **LEASE
    )
    assert again.kind == Kind.PASSWORD


def test_an_unclear_refusal_is_tried_again():
    assert standing(status=Status.BACKING_OFF, error_code="authentication_unclear").kind == Kind.RETRYING
    assert standing(status=Status.FAILED, error_code="authentication_unclear").kind == Kind.PASSWORD


@pytest.mark.parametrize("code", ["certificate_expired", "certificate_self_signed", "tls_failed"])
def test_certificates(code):
    now = standing(status=Status.BACKING_OFF, error_code=code)
    assert (now.kind, now.tone, now.sentence) == (Kind.CERTIFICATE, "bad", str(FAILURES[code].sentence))


def test_settings():
    assert standing(status=Status.FAILED, error_code="not_pop3").kind == Kind.SETTINGS


def test_a_server_that_was_never_reached_again():
    now = standing(status=Status.FAILED, error_code="timeout")
    assert (now.kind, now.tone) == (Kind.UNREACHABLE, "bad")


def test_trying_again_says_when():
    soon = timezone.now() + timedelta(minutes=8)
    now = standing(
        status=Status.BACKING_OFF, error_code="server_busy", next_run_at=soon, last_success_at=BEFORE
    )
    assert (now.kind, now.tone, now.action.label) == (Kind.RETRYING, "warn", "Try now")
    assert f"{timezone.localtime(soon):%H:%M}" in now.remedy
    assert "Nothing is lost" in now.remedy
    assert not now.needs_person


def test_waiting_for_space_names_the_provider_and_the_number():
    now = standing(
        provider="gmx",
        status=Status.PAUSED_QUOTA,
        waiting_messages=1038,
        paused_since=BEFORE,
        last_success_at=BEFORE,
    )
    assert (now.kind, now.tone) == (Kind.SPACE, "warn")
    assert "1,038 messages have been waiting at GMX since" in now.sentence
    assert "goes on by itself" in now.remedy
    assert now.action.url("acme", 7) == "/o/acme/settings/storage/"


def test_an_unknown_provider_is_called_by_its_server():
    now = standing(status=Status.PAUSED_QUOTA, waiting_messages=1, paused_since=BEFORE)
    assert "1 message has been waiting at pop.harbour.example" in now.sentence


def test_paused_wins_over_everything():
    now = standing(status=Status.PAUSED, error_code="authentication_failed", **LEASE)
    assert (now.kind, now.tone, now.entry_class) == (Kind.PAUSED, "off", "")
    assert now.action.url("acme", 7) == "/o/acme/settings/accounts/7/resume/"


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("status", [Status.FAILED, Status.BACKING_OFF])
def test_every_failure_has_words_and_something_to_do(code, status):
    now = standing(status=status, error_code=code, last_success_at=BEFORE, first_fetch_done=True)
    assert now.is_trouble
    assert now.sentence
    assert now.remedy
    assert now.action.url("acme", 7).startswith("/o/acme/")
    failure = FAILURES[code]
    if status == Status.FAILED or (failure.permanent and failure.error_class != ErrorClass.MESSAGE):
        assert now.needs_person


def test_words_follow_the_language():
    """The sentence is made when it is asked for, not when the module was read."""
    with translation.override("id"):
        indonesian = standing(last_success_at=BEFORE, first_fetch_done=True).badge
    assert isinstance(indonesian, str)
    assert standing(last_success_at=BEFORE, first_fetch_done=True).badge == "Up to date"
