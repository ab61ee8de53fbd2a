"""One organization takes no more than its share of the threads that send (ADR 12)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from sending import tasks
from sending.models import OutgoingMessage, OutgoingServer
from sending.outbox import claims
from tests.sending.outgoing import change, fresh, queue, sender

pytestmark = pytest.mark.django_db

QUARTER, HALF = 2, 4  # of 8 threads


def outbox(organization, owner, server, count: int):
    """Messages that are due, each from an account with a server of its own."""
    messages = []
    for number in range(count):
        account = sender(organization, owner, server, email=f"a{number}@{organization.slug}.example")
        with tenancy.scope(organization.pk):
            OutgoingServer.objects.filter(pk=account.pk).update(host=f"{number}.{organization.slug}.example")
        messages.append(queue(account))
    return messages


def held(organization) -> int:
    with tenancy.system():
        return OutgoingMessage.objects.filter(organization=organization, state="claimed").count()


def test_an_organization_gets_a_quarter_of_the_threads_while_others_wait(
    acme, umbrella, alice, charlie, server
):
    outbox(acme, alice, server, 6)
    (other,) = outbox(umbrella, charlie, server, 1)
    claimed = claims.claim_due(100)
    assert other.pk in {claim.outgoing_id for claim in claimed}
    assert held(acme) == QUARTER
    assert claims.claim_due(100) == []


def test_alone_it_gets_half_of_them_and_a_letter_of_somebody_else_goes_at_once(
    acme, umbrella, alice, charlie, server
):
    outbox(acme, alice, server, 6)
    assert len(claims.claim_due(100)) == HALF
    (other,) = outbox(umbrella, charlie, server, 1)
    assert [claim.outgoing_id for claim in claims.claim_due(1, other.account_id)] == [other.pk]


def test_pressing_send_counts_seats_like_the_clock(acme, umbrella, alice, charlie, server):
    messages = outbox(acme, alice, server, 6)
    outbox(umbrella, charlie, server, 1)
    claimed = [claims.claim_due(1, message.account_id) for message in messages]
    assert sum(map(len, claimed)) == QUARTER


def test_a_session_that_lasts_is_slow_while_it_lasts(acme, umbrella, alice, charlie, server):
    """Its thread is one of those kept for slow ones; an organization has a quarter of these, too."""
    messages = outbox(acme, alice, server, 6)
    outbox(umbrella, charlie, server, 1)
    claims.claim_due(100)
    for message in messages:
        if fresh(message).state == "claimed":
            change(message, claimed_at=timezone.now() - timedelta(minutes=2))
    claims.claim_due(100)
    assert held(acme) == QUARTER + 2
    for message in messages:
        change(message, claimed_at=timezone.now() - timedelta(minutes=2))
    assert claims.claim_due(100) == [], "what lasts beyond those counts as before"


def test_a_thread_goes_on_with_whoever_waits(acme, alice, server, monkeypatch):
    messages = {message.pk: message for message in outbox(acme, alice, server, 6)}
    sent = []

    def send(claim):
        sent.append(claim.outgoing_id)
        change(messages[claim.outgoing_id], state="accepted", claim_token=None, claimed_until=None)

    monkeypatch.setattr(tasks.delivery, "send", send)
    monkeypatch.setattr(tasks.sent_copies, "file_copy", lambda *ids: None)
    first = next(iter(messages.values()))
    tasks.send_due(acme.pk, first.account_id)
    assert sorted(sent) == sorted(messages), "one order, all letters"
