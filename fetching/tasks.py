"""Tasks: doors of a few lines that take ids and may run twice."""

from __future__ import annotations

from celery import shared_task

from accounts import mail
from accounts.failures import describe
from accounts.models import MailAccount
from fetching import engine, probing, schedule, tidying
from fetching.models import FetchState
from fetching.schedule import Claim

DISPATCH_LIMIT = 500


@shared_task(expires=600)
def fetch_account(organization_id: int, account_id: int, token: str) -> None:
    """One session for one claimed account; a stale claim ends at once."""
    if engine.fetch(Claim(organization_id, account_id, token)).stopped:
        tell_owner.delay(organization_id, account_id)


@shared_task
def tell_owner(organization_id: int, account_id: int) -> None:
    """One mail when fetching has stopped until the owner does something."""
    with schedule.database(organization_id):
        accounts = MailAccount.objects.select_related("owner", "organization", "fetch_state")
        account = accounts.filter(pk=account_id, fetch_state__status=FetchState.Status.FAILED).first()
    if account is not None:
        mail.account_needs_you(account, describe(account.fetch_state.error_code))


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
