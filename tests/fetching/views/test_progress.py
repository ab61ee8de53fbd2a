"""The moving part: what it shows, how often it asks again, and what it tells the page."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from fetching.models import FetchRun, FetchState

MB = 1_000_000


@pytest.fixture
def ask(account, as_alice):
    """Ask as the page does, with what the last answer has told it."""

    class Asking:
        seen = ""

        def __call__(self, **query):
            answer = as_alice.get(
                f"/o/acme/settings/accounts/{account.pk}/progress/",
                {"seen": self.seen, **query},
                headers={"HX-Request": "true"},
            )
            self.seen = re.search(r"seen=([\w.]+)", answer.text)[1]
            self.events = json.loads(answer.headers.get("HX-Trigger", "{}"))
            return " ".join(answer.text.split())

    return Asking()


@pytest.fixture
def running(account) -> FetchRun:
    """A first fetch, 16 seconds old, with 1,482 of 2,314 messages stored."""
    with tenancy.scope(account.organization_id):
        lease(account)
        return FetchRun.objects.create(
            organization_id=account.organization_id,
            account=account,
            started_at=timezone.now() - timedelta(seconds=16),
            listed=2314,
            listed_bytes=412 * MB,
            wanted=2314,
            wanted_bytes=412 * MB,
            stored=1482,
            stored_bytes=264 * MB,
        )


def lease(account) -> None:
    until = timezone.now() + timedelta(minutes=1)
    FetchState.objects.filter(account=account).update(lease_token=uuid.uuid4(), lease_until=until)


def update(run: FetchRun, **fields) -> None:
    with tenancy.scope(run.organization_id):
        FetchRun.objects.filter(pk=run.pk).update(**fields)


def end(run: FetchRun, **state) -> None:
    """The session is over, and the account up to date."""
    update(run, state="done", finished_at=timezone.now())
    with tenancy.scope(run.organization_id):
        FetchState.objects.filter(account=run.account_id).update(
            **{
                "lease_token": None,
                "lease_until": None,
                "first_fetch_done": True,
                "last_success_at": timezone.now(),
                **state,
            }
        )


def test_done_total_rate_and_time_left(running, ask, time_machine):
    time_machine.move_to(running.started_at + timedelta(seconds=16), tick=False)
    text = ask()
    assert "First fetch" in text
    assert 'value="1482" max="2314"' in text
    assert "1,482 of 2,314 messages" in text
    assert "264 MB of 412 MB" in text
    assert "93 a second, about 9 s left" in text
    assert "load delay:1s" in text


def test_the_card_has_the_same_numbers(running, ask):
    text = ask(card="1")
    assert "1,482 of 2,314 messages" in text
    assert "card=1" in text
    assert "first-fetch" not in text


def test_before_the_listing_the_bar_has_no_value(running, ask):
    update(running, listed=0, listed_bytes=0, wanted=0, wanted_bytes=0, stored=0, stored_bytes=0)
    text = ask()
    assert re.search(r"<progress\s+aria-label", text)
    assert "Asking the provider" in text


def test_a_restarted_worker_does_not_move_the_bar_back(running, account, ask):
    """A new session wants less, because the first has stored a part."""
    with tenancy.scope(account.organization_id):
        update(running, state="interrupted", finished_at=timezone.now())
        FetchRun.objects.create(
            organization_id=account.organization_id,
            account=account,
            started_at=timezone.now(),
            listed=2314,
            listed_bytes=412 * MB,
            wanted=832,
            wanted_bytes=148 * MB,
        )
    text = ask()
    assert "1,482 of 2,314 messages" in text
    assert "left" not in re.sub(r"<[^>]*>", "", text)  # nothing to go by yet


def test_a_later_fetch_of_little_shows_nothing(running, account, ask):
    end(running)
    with tenancy.scope(account.organization_id):
        lease(account)
        FetchRun.objects.create(
            organization_id=account.organization_id, account=account, listed=2316, wanted=2
        )
    text = ask()
    assert "hidden" in text
    assert "<progress" not in text
    assert "load delay:1s" in text


def test_a_later_fetch_of_much_is_not_called_the_first(running, account, ask):
    end(running)
    with tenancy.scope(account.organization_id):
        lease(account)
        FetchRun.objects.create(
            organization_id=account.organization_id, account=account, listed=9000, wanted=300, stored=30
        )
    text = ask()
    assert "30 of 300 messages" in text
    assert "First" not in text


def test_idle_accounts_ask_seldom(running, ask):
    end(running)
    text = ask()
    assert "load delay:10s" in text
    assert "hidden" in text


def test_arrivals_are_told(running, ask):
    ask()
    assert ask.events == {"mail-arrived": {"account": running.account_id}}  # since the list was made
    ask()
    assert ask.events == {}
    end(running)
    ask()
    assert set(ask.events) == {"fetch-changed"}


def test_arrivals_are_told_at_most_every_few_seconds(running, ask, time_machine):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    ask()
    for second, stored, told in ((1, 1500, False), (2, 1600, False), (3, 1700, True), (4, 1800, False)):
        time_machine.move_to(start + timedelta(seconds=second), tick=False)
        update(running, stored=stored)
        ask()
        assert ("mail-arrived" in ask.events) is told, second
    # Nothing new since, but what came in the fourth second is still to be told.
    time_machine.move_to(start + timedelta(seconds=6), tick=False)
    ask()
    assert "mail-arrived" in ask.events


def test_the_end_of_a_fetch_is_told_at_once(running, ask, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    ask()
    update(running, stored=2314)
    end(running)
    ask()
    assert set(ask.events) == {"mail-arrived", "fetch-changed"}
    ask()
    assert ask.events == {}


def test_mail_of_a_whole_fetch_between_two_questions(running, account, ask):
    end(running)
    ask()
    with tenancy.scope(account.organization_id):
        FetchRun.objects.create(
            organization_id=account.organization_id,
            account=account,
            state="done",
            listed=3,
            wanted=2,
            stored=2,
        )
    ask()
    assert set(ask.events) == {"mail-arrived"}


@pytest.mark.parametrize(("age", "told"), [(1, {"mail-arrived"}), (60, set())])
def test_a_fetch_that_ended_before_the_first_question_is_told_while_it_is_fresh(
    running, account, ask, age, told
):
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(lease_token=None, lease_until=None)
        FetchRun.objects.filter(pk=running.pk).update(
            state=FetchRun.State.DONE, finished_at=timezone.now() - timedelta(seconds=age)
        )
    ask()
    assert set(ask.events) == told


def test_a_fetch_without_new_mail_tells_nothing(running, account, ask):
    end(running)
    ask()
    with tenancy.scope(account.organization_id):
        FetchRun.objects.create(
            organization_id=account.organization_id, account=account, state="done", listed=3
        )
    ask()
    assert ask.events == {}


@pytest.mark.parametrize("odd", ["1.2", "a.b.c.d", "9" * 30 + ".1.1.fine", "1.1.1.", "-1.0.0.fine"])
def test_odd_marks_are_like_none(running, ask, odd):
    ask.seen = odd
    assert "1,482" in ask()


def test_the_strip_can_pause(running, account, ask):
    assert f'action="/o/acme/settings/accounts/{account.pk}/pause/"' in ask()


def test_a_paused_account_shows_no_bar(running, account, ask):
    ask()
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(status="paused", lease_token=None, lease_until=None)
    text = ask()
    assert "<progress" not in text
    assert "fetch-changed" in ask.events
