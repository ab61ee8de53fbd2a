"""Owners hear by mail that fetching has stopped until they do something: once, in the transaction that notes it."""

from __future__ import annotations

from accounts import mail, tenancy
from accounts.models import MailAccount
from fetching.models import FetchState
from fetching.status import account_status


def accounts_to_notify(limit: int) -> list[tuple[int, int]]:
    """Organizations and accounts whose owners have something to hear, be the order lost or not given yet."""
    with tenancy.system():
        found = FetchState.objects.filter(notice_due=True, status=FetchState.Status.FAILED)
        return list(found.order_by("pk").values_list("organization", "account")[:limit])


def notify_owner(organization_id: int, account_id: int) -> bool:
    """Write to the owner, unless that is done or fetching goes on; whether a mail was written."""
    with tenancy.scope(organization_id):
        due = FetchState.objects.filter(account=account_id, notice_due=True, status=FetchState.Status.FAILED)
        if not due.update(notice_due=False):
            return False
        accounts = MailAccount.objects.select_related("owner", "organization", "fetch_state")
        account = accounts.get(pk=account_id)
        mail.account_needs_you(account, account_status.failure_of(account))
    return True
