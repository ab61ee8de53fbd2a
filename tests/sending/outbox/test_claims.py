"""Who sends what when: seats at a server, one message of an account at a time, claims that run out."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from sending.outbox import claims, delivery, outbox
from sending.outbox.claims import ClaimLost
from tests import factories
from tests.sending.outgoing import (
    BOB,
    EVE,
    carry,
    change,
    claim,
    claims_run_out,
    fresh,
    queue,
    send,
    sender,
    server_of,
    states,
)
from tests.servers.smtp import SubmissionServer

pytestmark = pytest.mark.django_db


def due(limit: int = 100) -> list[int]:
    return [each.outgoing_id for each in claims.claim_due(limit)]


def server_row(account, **values) -> None:
    with tenancy.scope(account.organization_id):
        type(server_of(account)).objects.filter(pk=account.pk).update(**values)


def test_nothing_is_claimed_before_its_time(ada):
    outgoing = queue(ada, due_at=timezone.now() + timedelta(seconds=10))
    assert due() == []
    change(outgoing, due_at=timezone.now())
    assert due() == [outgoing.pk]
    assert due() == [], "it has been claimed"


def test_one_message_of_an_account_at_a_time_the_oldest_first(ada):
    second = queue(ada)
    first = queue(ada, due_at=timezone.now() - timedelta(minutes=1))
    assert due() == [first.pk]
    assert due() == []
    change(first, state="accepted", claim_token=None, claimed_until=None)
    assert due() == [second.pk]


def test_a_server_is_sent_to_by_so_many_at_a_time_over_all_organizations(
    acme, umbrella, alice, charlie, server, settings
):
    settings.MAILHUB_SEND_THREADS = 32  # so that the server's seats are what is scarce
    accounts = [sender(acme, alice, server, email=f"a{number}@example.org") for number in range(5)]
    accounts.append(sender(umbrella, charlie, server, email="c@example.org"))
    messages = [queue(account) for account in accounts]
    taken = due()
    assert len(taken) == claims.SEATS
    assert messages[-1].pk in taken, "organizations take turns"
    with SubmissionServer() as other:
        elsewhere = sender(acme, alice, other, email="other@example.org")
        server_row(elsewhere, host="smtp.other.example")
        free = queue(elsewhere)
        assert due() == [free.pk]
    change(next(each for each in messages if each.pk in taken), state="accepted", claim_token=None)
    assert len(due()) == 1


def test_what_is_paused_or_must_not_be_asked_yet_waits(ada):
    outgoing = queue(ada)
    server_row(ada, paused_since=timezone.now())
    assert due() == []
    server_row(ada, paused_since=None, not_before=timezone.now() + timedelta(minutes=1))
    assert due() == []
    server_row(ada, not_before=timezone.now())
    assert due() == [outgoing.pk]


def test_one_account_can_be_asked_for(acme, bob, ada, server):
    other = sender(acme, bob, server, email="bob@example.org")
    queue(ada)
    outgoing = queue(other)
    assert [each.outgoing_id for each in claims.claim_due(1, other.pk)] == [outgoing.pk]
    assert claims.claim_due(1, other.pk) == []


def test_an_account_without_settings_for_sending_is_passed_over(acme, alice, ada):
    queue(ada)
    with tenancy.scope(ada.organization_id):
        server_of(ada).delete()
    assert due() == []
    factories.connect(acme, alice, email="more@example.org")


# ── Claims that ran out ─────────────────────────────────────────────────────
def test_a_worker_that_died_before_the_hand_over_leaves_a_message_that_waits(ada, server):
    outgoing = queue(ada)
    found = claim(ada)
    claims.expire()
    assert fresh(outgoing).state == "claimed", "not before its time"
    claims_run_out(ada)
    assert fresh(outgoing).state == "queued"
    assert delivery.send(found, carry=carry) == "", "its claim is used up"
    assert server.counters["sessions"] == 0
    assert send(ada) == "accepted"


def test_one_that_died_after_it_leaves_a_message_that_was_maybe_sent(ada):
    outgoing = queue(ada, BOB, EVE)
    found = claim(ada)
    with tenancy.scope(ada.organization_id):
        claims.hold(found, "claimed", state="handed_over")
    claims_run_out(ada)
    row = fresh(outgoing)
    assert (row.state, row.error_code, row.needs_owner) == ("unknown", "maybe_sent", True)
    assert states(outgoing) == {BOB: "unknown", EVE: "unknown"}
    assert send(ada) == "nothing"


def test_a_message_whose_workers_die_again_and_again_waits_and_is_given_up(ada):
    outgoing = queue(ada)
    for _ in range(claims.DEATHS):
        found = claim(ada)
        with tenancy.scope(ada.organization_id):
            claims.hold(found, "claimed", attempts=fresh(outgoing).attempts + 1, tried_since=timezone.now())
        claims_run_out(ada)
    assert fresh(outgoing).due_at > timezone.now() + timedelta(minutes=50)
    change(outgoing, due_at=timezone.now(), tried_since=timezone.now() - timedelta(hours=24))
    assert claim(ada)
    claims_run_out(ada)
    row = fresh(outgoing)
    assert (row.state, row.error_code, row.needs_owner) == ("refused", "internal", True)
    assert states(outgoing) == {BOB: "refused"}


def test_a_claim_that_runs_out_in_the_queue_is_no_workers_death(ada):
    """However often the message was tried before: it waited for a worker, and goes on with the next tick."""
    outgoing = queue(ada)
    change(outgoing, attempts=claims.DEATHS, tried_since=timezone.now())
    due_at = fresh(outgoing).due_at
    assert claim(ada)
    claims_run_out(ada)
    row = fresh(outgoing)
    assert (row.state, row.due_at) == ("queued", due_at)
    assert claim(ada)


def test_a_worker_that_only_slept_does_not_hand_over(ada, server):
    """Its claim ran out while it sent the text; somebody else sends the message meanwhile."""
    outgoing = queue(ada)

    def slow(way, envelope, message, on_hand_over, on_end):
        claims_run_out(ada)
        assert send(ada) == "accepted"
        return carry(way, envelope, message, on_hand_over, on_end)

    assert send(ada, slow) == ""
    server.wait_until_idle()
    assert len(server.accepted) == 1
    assert fresh(outgoing).state == "accepted"


def test_a_late_answer_still_settles_what_was_maybe_sent(ada, server):
    outgoing = queue(ada)

    def slow(way, envelope, message, on_hand_over, on_end):
        found = carry(way, envelope, message, on_hand_over, lambda _found: None)
        claims_run_out(ada)
        assert fresh(outgoing).state == "unknown"
        return found

    assert send(ada, slow) == "accepted"
    row = fresh(outgoing)
    assert (row.state, row.needs_owner, row.error_code) == ("accepted", False, "")
    assert states(outgoing) == {BOB: "accepted"}


def test_but_not_once_the_owner_has_decided(ada, server):
    outgoing = queue(ada)

    def slow(way, envelope, message, on_hand_over, on_end):
        found = carry(way, envelope, message, on_hand_over, lambda _found: None)
        claims_run_out(ada)
        with tenancy.scope(ada.organization_id):
            outbox.send_again(outgoing, attempts=1)
        return found

    assert send(ada, slow) == ""
    assert fresh(outgoing).state == "queued"
    assert send(ada) == "accepted"
    assert len(server.accepted) == 2, "the owner's word"


def test_a_message_that_is_deleted_while_it_is_sent_ends_quietly(ada, server):
    outgoing = queue(ada)

    def slow(way, envelope, message, on_hand_over, on_end):
        with tenancy.scope(ada.organization_id):
            outgoing.delete()
        return carry(way, envelope, message, on_hand_over, on_end)

    assert send(ada, slow) == ""
    assert server.accepted == []


# ── Holding ─────────────────────────────────────────────────────────────────
def test_a_claim_is_renewed_only_while_it_is_good(ada):
    outgoing = queue(ada)
    found = claim(ada)
    with tenancy.scope(ada.organization_id):
        change(outgoing, claimed_until=timezone.now() + timedelta(seconds=1))
        claims.hold(found, "claimed")
        assert fresh(outgoing).claimed_until > timezone.now() + timedelta(seconds=50)
        with pytest.raises(ClaimLost):
            claims.hold(found, "handed_over")
        change(outgoing, claimed_until=timezone.now())
        with pytest.raises(ClaimLost):
            claims.hold(found, "claimed")


@pytest.mark.django_db(transaction=True)
def test_the_heart_beats_while_a_server_is_awaited(ada, monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.01)
    outgoing = queue(ada)
    found = claim(ada)
    beats, hold = threading.Semaphore(0), claims.hold

    def counted(*args, **values):
        hold(*args, **values)
        beats.release()

    monkeypatch.setattr(claims, "hold", counted)
    with claims.heartbeat(found):
        assert beats.acquire(timeout=20)
        assert beats.acquire(timeout=20)
    change(outgoing, claimed_until=timezone.now() + timedelta(seconds=1), state="handed_over")
    with claims.heartbeat(found):
        assert beats.acquire(timeout=20)
    assert fresh(outgoing).claimed_until > timezone.now() + timedelta(seconds=50)


@pytest.mark.django_db(transaction=True)
def test_a_heart_whose_claim_is_lost_stops(ada, monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.01)
    outgoing = queue(ada)
    found = claim(ada)
    change(outgoing, claim_token=None)
    with claims.heartbeat(found):
        name = f"claim {outgoing.pk}"
        (thread,) = [each for each in threading.enumerate() if each.name == name]
        thread.join(20)
        assert not thread.is_alive()
