"""The history page: two weeks at a glance, then run by run."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.formats import date_and_time
from fetching.models import FetchRun
from fetching.views import history
from tests.fetching.remotes import add_remote

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
    assert text.count('class="strong') == 2


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


def test_what_is_not_here_is_linked(page, as_alice, account):
    add_remote(account, "too_big")
    add_remote(account, "quarantined")
    text = " ".join(as_alice.get(page).text.split())
    assert "2 messages that the provider has or had are not here." in text
    assert f'href="/o/acme/settings/accounts/{account.pk}/not-here/">Why?' in text


def test_fetches_in_a_row_that_found_nothing_are_one_line(page, as_alice, ran):
    run = ran(3 * HOUR, seconds=70 * 60, times=12, listed=40)
    text = " ".join(as_alice.get(page).text.split())
    assert "Nothing new, 12 times" in text
    assert f"from {date_and_time(run.started_at)} to {date_and_time(run.finished_at)}" in text
    assert text.count("run-state") == 1
    assert "<strong>12</strong> fetches" in text
    assert "1 hour" not in text.partition("Nothing new, 12 times")[2], (
        "it took seconds each, not all that time"
    )


def test_sums_count_every_fetch(page, as_alice, ran):
    ran(5 * HOUR, times=30)
    ran(4 * HOUR, stored=2)
    ran(3 * HOUR, state="failed", error_code="timeout")
    text = as_alice.get(page).text
    assert "<strong>32</strong> fetches" in text
    assert "<strong>1</strong> with trouble" in text


def test_what_the_server_said_is_folded_and_text(page, as_alice, ran):
    ran(HOUR, state="failed", error_code="server_busy", error_text="<i>come back</i> later")
    text = as_alice.get(page).text
    assert "What the server said" in text
    assert "<q>&lt;i&gt;come back&lt;/i&gt; later</q>" in text
    ran(HOUR, state="failed", error_code="timeout")
    assert as_alice.get(page).text.count("What the server said") == 1


def test_each_number_has_its_column(page, as_alice, ran):
    ran(HOUR, listed=2310, stored=31, stored_bytes=1_500_000, deleted=7)
    text = " ".join(as_alice.get(page).text.split())
    cells = re.findall(r'<td class="end num[^"]*">([^<]*)</td>', text)
    assert [cell.strip() for cell in cells] == ["2,310", "31", "1.5 MB", "7", "0.6 s"]


def test_the_charts_numbers_can_be_read_without_pointing(page, as_alice, ran):
    ran(timedelta(0), stored=1234)  # a minute ago may have been yesterday
    ran(timedelta(days=1), stored=9)
    text = as_alice.get(page).text
    marks = re.findall(r'<text class="strong([^"]*)"[^>]*>([\d,]+)</text>', text)
    assert marks == [(" wide-label", "9"), ("", "1,234")], "on a phone the highest alone"
