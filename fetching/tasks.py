"""Tasks: doors of a few lines that take ids and may run twice."""

from __future__ import annotations

from celery import shared_task

from fetching import engine, probing, schedule, tidying
from fetching.schedule import Claim

DISPATCH_LIMIT = 500


@shared_task(expires=600)
def fetch_account(organization_id: int, account_id: int, token: str) -> None:
    """One session for one claimed account; a stale claim ends at once."""
    engine.fetch(Claim(organization_id, account_id, token))


@shared_task
def dispatch() -> None:
    """Beat's tick: claim what is due, queue one task an account."""
    for claim in schedule.claim_due(DISPATCH_LIMIT):
        fetch_account.delay(claim.organization_id, claim.account_id, claim.token)


@shared_task(expires=120)
def probe(probe_id: str) -> None:
    """Test the settings a person has typed in; the page polls the result."""
    probing.run(probe_id)


@shared_task
def tidy() -> None:
    """Drop history and tombstones that are old enough."""
    tidying.tidy()
