"""Numbers of a fetch: what is done, how fast, how much longer."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fetching.models import FetchRun, FetchState
from fetching.status import progress

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
MB = 1_000_000


def leased(**fields) -> FetchState:
    return FetchState(lease_token=uuid.uuid4(), lease_until=timezone.now() + timedelta(minutes=1), **fields)


def run(seconds: float = 16, **fields) -> FetchRun:
    return FetchRun(started_at=NOW - timedelta(seconds=seconds), **fields)


def test_a_first_fetch_counts_all_that_is_listed():
    numbers = progress.measure(
        run(
            listed=2314,
            listed_bytes=412 * MB,
            wanted=2314,
            wanted_bytes=412 * MB,
            stored=1482,
            stored_bytes=264 * MB,
        ),
        leased(),
        NOW,
    )
    assert (numbers.done, numbers.total) == (1482, 2314)
    assert (numbers.done_bytes, numbers.total_bytes) == (264 * MB, 412 * MB)
    assert numbers.is_first
    assert numbers.is_running
    assert round(numbers.rate) == 93
    assert round(numbers.left) == 9


def test_a_restarted_first_fetch_goes_on_where_the_bar_was():
    """What earlier sessions stored is listed, but no longer wanted."""
    numbers = progress.measure(
        run(
            listed=2314, listed_bytes=412 * MB, wanted=832, wanted_bytes=148 * MB, stored=10, stored_bytes=MB
        ),
        leased(),
        NOW,
    )
    assert (numbers.done, numbers.total) == (1492, 2314)
    assert (numbers.done_bytes, numbers.total_bytes) == (265 * MB, 412 * MB)


def test_a_later_fetch_counts_only_what_is_new():
    numbers = progress.measure(
        run(listed=10_000, listed_bytes=900 * MB, wanted=4, wanted_bytes=MB, stored=1, stored_bytes=MB // 4),
        leased(first_fetch_done=True),
        NOW,
    )
    assert (numbers.done, numbers.total, numbers.total_bytes) == (1, 4, MB)
    assert not numbers.is_first


def test_the_slower_of_number_and_size_decides_the_time_left():
    """Half of the messages are done in 10 s, but only a tenth of the bytes."""
    numbers = progress.measure(
        run(
            10,
            listed=100,
            listed_bytes=100 * MB,
            wanted=100,
            wanted_bytes=100 * MB,
            stored=50,
            stored_bytes=10 * MB,
        ),
        leased(),
        NOW,
    )
    assert numbers.left == pytest.approx(90)


def test_sizes_that_the_server_got_wrong_never_exceed_the_total():
    numbers = progress.measure(
        run(listed=2, listed_bytes=100, wanted=2, wanted_bytes=100, stored=2, stored_bytes=180), leased(), NOW
    )
    assert (numbers.done, numbers.done_bytes, numbers.left) == (2, 100, 0)


def test_no_rate_before_there_is_something_to_go_by():
    assert progress.measure(run(5, listed=10, wanted=10), leased(), NOW).rate is None
    early = progress.measure(run(0.4, listed=10, wanted=10, stored=9), leased(), NOW)
    assert (early.rate, early.left) == (None, None)


def test_nothing_is_known_before_the_listing():
    assert progress.measure(None, leased(), NOW).total == 0
    assert progress.measure(run(1), leased(), NOW).total == 0


def test_a_run_without_a_live_lease_is_not_running():
    """Its worker died: what it had done is still shown, but nobody promises a rate."""
    dead = FetchState(lease_token=uuid.uuid4(), lease_until=timezone.now() - timedelta(seconds=1))
    numbers = progress.measure(run(listed=10, wanted=10, stored=5), dead, NOW)
    assert (numbers.is_running, numbers.done, numbers.rate) == (False, 5, None)


def test_a_finished_run_took_until_its_end():
    finished = run(60, finished_at=NOW - timedelta(seconds=50), state=FetchRun.State.DONE)
    numbers = progress.measure(finished, leased(), NOW)
    assert (numbers.seconds, numbers.is_running) == (10, False)


@pytest.mark.parametrize(("messages", "size", "seconds"), [(0, 0, 2), (600, MB, 12), (1, 800 * MB, 102)])
def test_the_estimate_is_bound_by_number_or_size(messages, size, seconds):
    assert progress.estimate(messages, size) == pytest.approx(seconds)
