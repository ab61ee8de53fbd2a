"""The history page: two weeks at a glance, run by run, and what was left at the provider."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from fetching.models import FetchRun, RemoteMessage
from fetching.views import history

MB = 1_000_000


@pytest.fixture
def page(account) -> str:
    return f"/o/acme/settings/accounts/{account.pk}/history/"


@pytest.fixture
def ran(account):
    """Write down a fetch of so long ago."""

    def write(ago: timedelta, seconds: float = 0.6, **fields) -> FetchRun:
        start = timezone.now() - ago
        with tenancy.scope(account.organization_id):
            return FetchRun.objects.create(
                organization_id=account.organization_id,
                account=account,
                started_at=start,
                finished_at=start + timedelta(seconds=seconds),
                **{"state": "done", **fields},
            )

    return write


HOUR = timedelta(hours=1)


def test_an_empty_history_says_what_will_be_here(page, as_alice):
    assert "Nothing has been fetched yet." in as_alice.get(page).text


def test_each_fetch_in_words(page, as_alice, ran):
    ran(5 * HOUR, listed=120, stored=4, stored_bytes=312_000, deleted=3)
    ran(4 * HOUR, seconds=30, listed=1200)
    ran(3 * HOUR, seconds=15, state="failed", error_code="timeout")
    ran(2 * HOUR, state="failed", error_code="authentication_failed")
    ran(1 * HOUR, seconds=150, state="interrupted", stored=7, stored_bytes=MB)
    text = as_alice.get(page).text
    assert "4 new, 3 deleted at the provider" in " ".join(text.split())
    assert "312 KB" in text
    assert "1,200" in text
    assert "Nothing new" in text
    assert "did not answer in time" in text
    assert "did not accept the user name and password" in text
    assert "Interrupted; the next fetch went on from there." in text
    assert "0.6 s" in text
    assert "30.0 s" in text
    assert "2 minutes" in text


def test_two_weeks_at_a_glance(page, as_alice, ran):
    ran(HOUR / 60, stored=31, stored_bytes=2 * MB)
    ran(timedelta(days=2), stored=9, stored_bytes=MB)
    ran(timedelta(days=3), state="failed", error_code="timeout")
    ran(timedelta(days=20), stored=500, stored_bytes=50 * MB)
    text = as_alice.get(page).text
    assert "<strong>40</strong> messages" in text
    assert "<strong>3 MB</strong>" in text
    assert "<strong>3</strong> fetches" in text
    assert "<strong>1</strong> with trouble" in text
    assert text.count("<rect") == history.DAYS
    assert 'height="100"' in text  # the day with most
    assert 'height="29"' in text  # 9 of 31


def test_only_new_mail_or_only_trouble(page, as_alice, ran):
    ran(HOUR, stored=4)
    ran(HOUR, state="failed", error_code="timeout")
    ran(HOUR)
    assert as_alice.get(page, {"show": "new"}).text.count("run-state") == 1
    assert "did not answer in time" in as_alice.get(page, {"show": "trouble"}).text
    assert as_alice.get(page, {"show": "trouble"}).text.count("run-state") == 1
    assert as_alice.get(page, {"show": "nonsense"}).text.count("run-state") == 3


def test_older_ones_are_a_page_away(page, as_alice, ran, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    runs = [ran(hours * HOUR) for hours in (5, 4, 3)]
    newest = as_alice.get(page).text
    assert newest.count("run-state") == 2
    assert f"before={runs[1].pk}" in newest
    older = as_alice.get(page, {"before": runs[1].pk}).text
    assert older.count("run-state") == 1
    assert "Older" not in older
    for odd in ("x", "9" * 40, "-1"):
        assert as_alice.get(page, {"before": odd}).text.count("run-state") == 2


def test_what_was_left_at_the_provider(page, as_alice, account):
    with tenancy.scope(account.organization_id):
        for number, (state, code, size) in enumerate(
            [
                ("too_big", "message_too_large", 214 * MB),
                ("too_big", "message_too_large", 120 * MB),
                ("quarantined", "protocol_error", 5000),
                ("stored", "", 1),
            ]
        ):
            RemoteMessage.objects.create(
                organization_id=account.organization_id,
                account=account,
                uidl=b"%d" % number,
                state=state,
                error_code=code,
                size=size,
            )
    text = " ".join(as_alice.get(page).text.split())
    assert "2 messages, 334 MB. </strong> Larger than your plan allows." in text
    assert "1 message, 5 KB. </strong> Set aside" in text
