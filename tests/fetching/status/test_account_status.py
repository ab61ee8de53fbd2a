"""Every state an account can be in, as a person reads it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from accounts import tenancy
from accounts.formats import date_and_time
from accounts.models import MailAccount
from accounts.servers.failures import FAILURES, ErrorClass
from fetching import tasks
from fetching.models import FetchState, MailServer
from fetching.status import account_status
from fetching.status.account_status import StatusKind
from tests import factories

Status = FetchState.Status
LEASE = {"lease_token": uuid.uuid4(), "lease_until": timezone.now() + timedelta(days=1)}
BEFORE = timezone.now() - timedelta(hours=3)


HERE = "pop.harbour.example:995"


def shown(
    provider: str = "", outages: account_status.Outages | None = None, **fields
) -> account_status.AccountStatus:
    account = MailAccount(pk=7, name="Support desk", host="pop.harbour.example", provider=provider)
    FetchState(account=account, server=HERE, **{"next_run_at": None, **fields})
    return account_status.status_of(account, outages)


def test_up_to_date():
    now = shown(last_success_at=BEFORE, first_fetch_done=True)
    assert (now.kind, now.tone, now.badge, now.sentence) == (StatusKind.FINE, "ok", "Up to date", "")
    assert (now.action.label, now.action.is_post) == ("Fetch now", True)
    assert not now.is_trouble


def test_a_new_account_is_starting():
    assert shown().kind == StatusKind.NEW


def test_fetching():
    now = shown(last_success_at=BEFORE, first_fetch_done=True, **LEASE)
    assert (now.kind, now.is_busy, now.entry_class) == (StatusKind.FETCHING, True, "is-busy")
    assert now.action.label == "Pause"


def test_a_first_fetch_of_many_sessions_is_one_fetch():
    assert shown(last_success_at=BEFORE, first_fetch_done=False).kind == StatusKind.FETCHING


def test_a_password_that_worked_before():
    now = shown(
        status=Status.FAILED,
        error_code="authentication_failed",
        last_success_at=BEFORE,
        first_fetch_done=True,
    )
    assert (now.kind, now.badge, now.entry_class) == (StatusKind.PASSWORD, "Needs a password", "is-bad")
    assert now.sentence == "The provider no longer accepts the password."
    assert "safe" in now.remedy
    assert (now.action.label, now.action.is_primary, now.action.is_post) == ("Enter password", True, False)
    assert now.needs_person


@pytest.mark.parametrize("provider", ["gmx", "gmail", "web-de"])
def test_a7_where_pop3_may_be_off_both_causes_are_named(provider):
    """GMX and others switch POP3 off after disuse and then say that the password is wrong."""
    worked = {"provider": provider, "last_success_at": BEFORE, "first_fetch_done": True}
    now = shown(status=Status.FAILED, error_code="authentication_failed", **worked)
    assert (now.kind, now.badge) == (StatusKind.PASSWORD, "Needs a password")
    assert "password" in now.sentence
    assert "POP3 was switched off" in now.sentence
    assert "switch POP3 on" in now.remedy


def test_a_wrong_password_asks_for_a_person_before_the_account_is_stopped():
    now = shown(status=Status.BACKING_OFF, error_code="authentication_failed", last_success_at=BEFORE)
    assert now.kind == StatusKind.PASSWORD
    # … and stays so while the next try is under way.
    again = shown(
        status=Status.BACKING_OFF, error_code="authentication_failed", last_success_at=BEFORE, **LEASE
    )
    assert again.kind == StatusKind.PASSWORD


def test_an_unclear_refusal_is_tried_again():
    assert shown(status=Status.BACKING_OFF, error_code="authentication_unclear").kind == StatusKind.RETRYING
    assert shown(status=Status.FAILED, error_code="authentication_unclear").kind == StatusKind.PASSWORD


@pytest.mark.parametrize("code", ["certificate_expired", "certificate_self_signed", "tls_failed"])
def test_certificates(code):
    now = shown(status=Status.BACKING_OFF, error_code=code)
    assert (now.kind, now.tone, now.sentence) == (StatusKind.CERTIFICATE, "bad", str(FAILURES[code].sentence))
    assert now.remedy == str(FAILURES[code].remedy)


def test_settings():
    assert shown(status=Status.FAILED, error_code="not_pop3").kind == StatusKind.SETTINGS


def test_a_server_that_was_never_reached_again():
    now = shown(status=Status.FAILED, error_code="timeout")
    assert (now.kind, now.tone) == (StatusKind.UNREACHABLE, "bad")


def test_trying_again_says_when():
    soon = timezone.now() + timedelta(minutes=8)
    now = shown(status=Status.BACKING_OFF, error_code="server_busy", next_run_at=soon, last_success_at=BEFORE)
    assert (now.kind, now.tone, now.action.label) == (StatusKind.RETRYING, "warn", "Try now")
    assert f"{timezone.localtime(soon):%H:%M}" in now.remedy
    assert "Nothing is lost" in now.remedy
    assert not now.needs_person


def test_waiting_for_space_names_the_provider_and_the_number():
    now = shown(
        provider="gmx",
        status=Status.PAUSED_QUOTA,
        waiting_messages=1038,
        paused_since=BEFORE,
        last_success_at=BEFORE,
    )
    assert (now.kind, now.tone) == (StatusKind.SPACE, "warn")
    assert "1,038 messages have been waiting at GMX since" in now.sentence
    assert "goes on by itself" in now.remedy
    assert now.action.url("acme", 7) == "/o/acme/settings/storage/"


def test_an_unknown_provider_is_called_by_its_server():
    now = shown(status=Status.PAUSED_QUOTA, waiting_messages=1, paused_since=BEFORE)
    assert "1 message has been waiting at pop.harbour.example" in now.sentence


def test_paused_wins_over_everything():
    now = shown(status=Status.PAUSED, error_code="authentication_failed", **LEASE)
    assert (now.kind, now.tone, now.entry_class) == (StatusKind.PAUSED, "off", "")
    assert now.action.url("acme", 7) == "/o/acme/settings/accounts/7/resume/"


@pytest.mark.parametrize("code", FAILURES)
@pytest.mark.parametrize("status", [Status.FAILED, Status.BACKING_OFF])
def test_every_failure_has_words_and_something_to_do(code, status):
    now = shown(status=status, error_code=code, last_success_at=BEFORE, first_fetch_done=True)
    assert now.is_trouble
    assert now.sentence
    assert now.remedy
    assert now.action.url("acme", 7).startswith("/o/acme/")
    failure = FAILURES[code]
    if status == Status.FAILED or (failure.permanent and failure.error_class != ErrorClass.MESSAGE):
        assert now.needs_person


# ── Stopped ─────────────────────────────────────────────────────────────────
def test_ten_refusals_stop_the_account_and_say_so():
    refused = {"error_code": "authentication_failed", "last_success_at": BEFORE}
    before = shown(status=Status.BACKING_OFF, authentication_failures=9, **refused)
    assert "stopped" not in before.remedy
    now = shown(status=Status.FAILED, authentication_failures=10, **refused)
    assert now.sentence == "The provider no longer accepts the password."
    assert "stopped asking after 10 refusals" in now.remedy
    assert "comes in once you enter the new one" in now.remedy


def test_ten_unclear_refusals_too():
    now = shown(status=Status.FAILED, error_code="authentication_unclear", authentication_failures=10)
    assert now.sentence == str(FAILURES["authentication_unclear"].sentence)
    assert "after 10 refusals" in now.remedy


def test_fifty_failures_to_connect_stop_the_account_and_say_so():
    now = shown(status=Status.FAILED, error_code="timeout", connection_failures=50, last_success_at=BEFORE)
    assert (now.kind, now.needs_person) == (StatusKind.UNREACHABLE, True)
    assert "50 times in a row" in now.sentence
    assert "safe there" in now.remedy


def test_u3_a_server_without_names_for_mail_leads_to_the_choice():
    now = shown(status=Status.FAILED, error_code="uidl_missing")
    assert now.kind == StatusKind.SETTINGS
    assert "Choose to delete mail at the provider" in now.remedy
    assert now.action.url("acme", 7) == "/o/acme/settings/accounts/7/#fetching"


@pytest.mark.parametrize(
    ("provider", "name", "way"), [("gmx", "GMX", "allow access"), ("web-de", "WEB.DE", "allow access")]
)
def test_pop3_switched_off_names_the_provider_and_the_switch(provider, name, way):
    now = shown(provider=provider, status=Status.FAILED, error_code="login_disabled", last_success_at=BEFORE)
    assert now.sentence == f"{name} lets no mail program in: POP3 is probably switched off there."
    assert way in now.remedy
    assert now.kind == StatusKind.SETTINGS


def test_where_the_provider_is_not_known_the_table_speaks():
    now = shown(status=Status.FAILED, error_code="login_disabled")
    assert now.sentence == str(FAILURES["login_disabled"].sentence)


@pytest.mark.parametrize("code", ["authentication_failed", "authentication_unclear"])
def test_no_password_is_asked_for_where_none_will_do(code):
    """Outlook takes only its own sign-in page; asking for the password again would be a lie."""
    now = shown(provider="outlook", status=Status.FAILED, error_code=code, authentication_failures=10)
    assert now.kind == StatusKind.SETTINGS
    assert "only through its own sign-in page" in now.remedy
    assert now.needs_person


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("certificate_expired", "has run out"),
        ("certificate_self_signed", "has changed, and nobody"),
        ("certificate_wrong_name", "has changed and belongs to another name"),
        ("certificate_invalid", "has changed and is not valid"),
        ("certificate_incomplete", "does not show who vouches for the new one"),
        ("tls_failed", "has changed how it secures"),
    ],
)
def test_a_certificate_that_was_good_before_has_changed(code, words):
    now = shown(status=Status.BACKING_OFF, error_code=code, last_success_at=BEFORE)
    assert words in now.sentence
    assert f"Fetching worked until {date_and_time(BEFORE)}." in now.sentence
    assert "password is not sent" in now.remedy
    assert now.kind == StatusKind.CERTIFICATE


# ── The server is down ──────────────────────────────────────────────────────
SOON, LATER = timezone.now() + timedelta(minutes=20), timezone.now() + timedelta(minutes=50)
WELL = {"last_success_at": BEFORE, "first_fetch_done": True}


def test_s3_an_account_that_waits_for_its_server_says_when_it_is_tried():
    now = shown(outages={HERE: SOON}, next_run_at=BEFORE, **WELL)
    assert (now.kind, now.tone, now.needs_person) == (StatusKind.RETRYING, "warn", False)
    assert now.sentence == "The provider's server does not answer at the moment."
    assert now.remedy == f"Mailhub tries again at {date_and_time(SOON)}. Nothing is lost."
    assert now.action.label == "Try now"


def test_s3_nothing_is_said_before_its_turn_comes():
    assert shown(outages={HERE: SOON}, next_run_at=LATER, **WELL).kind == StatusKind.FINE
    assert (
        shown(outages={"pop.elsewhere.example:995": SOON}, next_run_at=BEFORE, **WELL).kind == StatusKind.FINE
    )


def test_s3_one_that_failed_itself_waits_for_the_later_of_both():
    failed = {"status": Status.BACKING_OFF, "error_code": "timeout", **WELL}
    now = shown(outages={HERE: SOON}, next_run_at=LATER, **failed)
    assert (now.sentence, date_and_time(LATER) in now.remedy) == (
        "The provider's server does not answer at the moment.",
        True,
    )
    other = shown(outages={HERE: SOON}, next_run_at=LATER, **{**failed, "error_code": "server_busy"})
    assert other.sentence == str(FAILURES["server_busy"].sentence)


def test_s3_while_one_account_tries_for_all_it_is_a_matter_of_moments():
    now = shown(outages={HERE: BEFORE}, next_run_at=BEFORE, **WELL)
    assert now.remedy == "Mailhub tries again in a moment. Nothing is lost."


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": Status.PAUSED}, StatusKind.PAUSED),
        ({"status": Status.FAILED, "error_code": "authentication_failed"}, StatusKind.PASSWORD),
        ({"status": Status.PAUSED_QUOTA, "waiting_messages": 3}, StatusKind.SPACE),
        (LEASE, StatusKind.FETCHING),
    ],
)
def test_s3_an_outage_hides_nothing_that_matters_more(fields, kind):
    assert shown(outages={HERE: SOON}, next_run_at=BEFORE, **WELL, **fields).kind == kind


def test_s3_also_a_first_fetch_waits():
    now = shown(outages={HERE: SOON}, next_run_at=BEFORE, last_success_at=BEFORE)
    assert now.kind == StatusKind.RETRYING
    assert shown(outages={HERE: SOON}, next_run_at=BEFORE).kind == StatusKind.RETRYING


@pytest.mark.django_db
def test_outages_are_read_once_for_all_accounts(acme, alice, django_assert_num_queries):
    accounts = [
        factories.connect(acme, alice, host=f"pop.{name}.example", encryption="ssl", username=name)
        for name in ("a", "b", "c")
    ]
    MailServer.objects.filter(host="pop.a.example:995").update(failures=4, closed_until=SOON)
    MailServer.objects.filter(host="pop.b.example:995").update(failures=5, closed_until=SOON)
    with tenancy.scope(acme.pk):
        accounts = list(
            MailAccount.objects.select_related("fetch_state").filter(pk__in=[a.pk for a in accounts])
        )
        with django_assert_num_queries(1):
            assert account_status.outages(accounts) == {"pop.b.example:995": SOON}


# ── Words ───────────────────────────────────────────────────────────────────
def test_the_mail_says_what_the_card_says_in_its_readers_language():
    account = MailAccount(pk=7, host="pop.gmx.net", provider="gmx")
    FetchState(
        account=account, status=Status.FAILED, error_code="authentication_failed", last_success_at=BEFORE
    )
    failure = account_status.failure_of(account)
    card = account_status.status_of(account)
    assert (str(failure.sentence), str(failure.remedy)) == (card.sentence, card.remedy)
    with translation.override("id"):
        assert str(failure.sentence) == account_status.status_of(account).sentence


def test_the_owners_mail_has_them(account, mailoutbox):
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(
            status=Status.FAILED,
            error_code="timeout",
            connection_failures=50,
            last_success_at=BEFORE,
            notice_due=True,
        )
        card = account_status.status_of(MailAccount.objects.select_related("fetch_state").get(pk=account.pk))
    for _ in range(2):
        tasks.tell_owner(account.organization_id, account.pk)
    (letter,) = mailoutbox
    assert f"{card.sentence} {card.remedy}" in letter.body
    assert "50 times in a row" in letter.body


def test_words_follow_the_language():
    """The sentence is made when it is asked for, not when the module was read."""
    with translation.override("id"):
        indonesian = shown(last_success_at=BEFORE, first_fetch_done=True).badge
    assert isinstance(indonesian, str)
    assert shown(last_success_at=BEFORE, first_fetch_done=True).badge == "Up to date"
