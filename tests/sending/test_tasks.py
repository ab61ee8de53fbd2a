"""What orders the sending: a click, the tick, and one message after the other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from sending import tasks
from sending.outbox import claims, delivery
from tests.sending.outgoing import BOB, EVE, carry, change, claim, fresh, in_sent, queue, sender

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """No wait of a test is as long as those of the product."""
    monkeypatch.setattr(delivery, "by_smtp", carry)
    monkeypatch.setattr(delivery.send, "__kwdefaults__", {"carry": carry})


@pytest.fixture
def ordered(monkeypatch):
    calls = []
    monkeypatch.setattr(
        tasks.send_due, "apply_async", lambda args, countdown=None: calls.append((*args, countdown))
    )
    monkeypatch.setattr(tasks.send_claimed, "delay", lambda *args: calls.append(args))
    monkeypatch.setattr(tasks.file_copy, "delay", lambda *args: calls.append(args))
    return calls


@pytest.mark.parametrize(("seconds", "waits"), [(-5, None), (10, 10.5), (60, "not ordered")])
def test_what_is_due_soon_is_ordered_once_it_is_committed(
    ada, ordered, django_capture_on_commit_callbacks, seconds, waits
):
    with django_capture_on_commit_callbacks(execute=True):
        outgoing = queue(ada, due_at=timezone.now() + timedelta(seconds=seconds))
        tasks.schedule_sending(outgoing)
        assert ordered == []
    if waits == "not ordered":
        assert ordered == []
        return
    ((organization, account, countdown),) = ordered
    assert (organization, account) == (ada.organization_id, ada.pk)
    assert countdown == pytest.approx(waits, abs=1) if waits else countdown is None


def test_one_order_sends_all_that_is_due_and_files_the_copies(ada, server):
    messages = [queue(ada, address) for address in (BOB, EVE, BOB)]
    later = queue(ada, due_at=timezone.now() + timedelta(hours=1))
    tasks.send_due(ada.organization_id, ada.pk)
    assert [letter.recipients for letter in server.accepted] == [(BOB,), (EVE,), (BOB,)]
    assert {fresh(each).copy for each in messages} == {"filed"}
    assert len(in_sent(ada)) == 3
    assert fresh(later).state == "queued"
    tasks.send_due(ada.organization_id, ada.pk)
    assert len(server.accepted) == 3


def test_after_its_turn_others_have_theirs(ada, server, ordered, monkeypatch):
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0)
    queue(ada)
    second = queue(ada)
    tasks.send_due(ada.organization_id, ada.pk)
    assert len(server.accepted) == 1
    assert [call[1] for call in ordered] == [second.pk], "claimed, and behind what has been ordered meanwhile"


def test_the_tick_claims_what_is_due_and_orders_it(acme, bob, ada, server, ordered):
    other = sender(acme, bob, server, email="bob@example.org")
    first, second = queue(ada), queue(other)
    tasks.dispatch()
    assert sorted(call[1] for call in ordered) == [first.pk, second.pk]
    for call in ordered:
        tasks.send_claimed(*call)
    assert len(server.accepted) == 2
    ordered.clear()
    tasks.dispatch()
    assert ordered == []


def test_the_tick_ends_claims_and_files_copies_that_were_left(ada, ordered):
    left, dead = queue(ada), queue(ada)
    change(left, state="accepted", copy="waiting")
    found = claim(ada)
    assert found.outgoing_id == dead.pk
    change(dead, claimed_until=timezone.now())
    tasks.dispatch()
    assert {call[1] for call in ordered} == {left.pk, dead.pk}


def test_a_stale_order_does_nothing(ada, server):
    outgoing = queue(ada)
    found = claim(ada)
    change(outgoing, claim_token=None)
    tasks.send_claimed(ada.organization_id, outgoing.pk, ada.pk, found.token)
    assert server.counters["sessions"] == 0


def test_sending_waits_behind_nothing_that_is_fetched():
    routes = settings.CELERY_TASK_ROUTES
    assert {routes[task.name]["queue"] for task in (tasks.send_due, tasks.send_claimed)} == {"send"}
    tick = settings.CELERY_BEAT_SCHEDULE["send what is due"]
    assert tick["task"] == tasks.dispatch.name
    assert tick["options"]["expires"] < tick["schedule"]
    assert tasks.send_claimed.expires == claims.QUEUE_SECONDS
