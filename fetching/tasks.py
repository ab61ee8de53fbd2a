"""Tasks: a few lines each, that take ids and may run twice."""

from __future__ import annotations

import time

from celery import shared_task

from fetching.connect import probe as fetch_probe
from fetching.engine import run
from fetching.protocols import open_source
from fetching.scheduler import claims, retention
from fetching.scheduler.claims import Claim
from fetching.status import owner_notices

DISPATCH_LIMIT = 500
# A worker goes on with the next account of the same server for so long, then it is the turn of others (ADR 0005).
TURN_SECONDS = 10


def queue(claim: Claim) -> None:
    """Order the fetch of a claimed account: what may take minutes waits where it delays nobody (S1)."""
    task = fetch_slow_account if claim.is_slow else fetch_account
    with claims.released_on_error(claim):
        task.delay(claim.organization_id, claim.account_id, claim.token)


@shared_task(expires=claims.QUEUE_LEASE_SECONDS)
def fetch_account(organization_id: int, account_id: int, token: str) -> None:
    """One session for one claimed account, then for the next ones of its server; a stale claim ends at once."""
    until = time.monotonic() + TURN_SECONDS
    following = _fetch(Claim(organization_id, account_id, token))
    while following is not None and not following.is_slow and time.monotonic() < until:
        following = _fetch(following)
    if following is not None:
        queue(following)


@shared_task(expires=claims.QUEUE_LEASE_SECONDS)
def fetch_slow_account(organization_id: int, account_id: int, token: str) -> None:
    """The same for an account whose session may take minutes: one, in a queue of its own."""
    following = _fetch(Claim(organization_id, account_id, token, is_slow=True))
    if following is not None:
        queue(following)


def _fetch(claim: Claim) -> Claim | None:
    with claims.released_on_error(claim):
        outcome = run.fetch(claim, open_source, hand_over=True)
    if outcome.stopped:
        tell_owner.delay(claim.organization_id, claim.account_id)
    return outcome.following


@shared_task
def tell_owner(organization_id: int, account_id: int) -> None:
    """One mail when fetching has stopped until the owner does something; should the order get lost, see `sweep`."""
    owner_notices.notify_owner(organization_id, account_id)


@shared_task
def sweep() -> None:
    """The clock: what was to be done after a session, and whose order was lost."""
    for organization_id, account_id in owner_notices.accounts_to_notify(DISPATCH_LIMIT):
        owner_notices.notify_owner(organization_id, account_id)


@shared_task
def dispatch() -> None:
    """Beat's tick: claim what is due, queue one task an account."""
    found = claims.claim_due(DISPATCH_LIMIT)
    with claims.released_on_error(*found):
        for claim in found:
            queue(claim)


@shared_task(expires=120)
def probe(probe_id: str) -> None:
    """Test the settings a person has typed in; the page polls the result."""
    fetch_probe.run(probe_id)


@shared_task
def delete_expired() -> None:
    """Drop history and tombstones that are old enough."""
    retention.delete_expired()
