"""Rows of the ledger, without a server that listed them."""

from __future__ import annotations

from itertools import count

from accounts import tenancy
from accounts.models import MailAccount
from fetching.models import RemoteMessage

_names = count(1)


def add_remote(account: MailAccount, state: str, **fields) -> RemoteMessage:
    """One message that the server has listed and what became of it."""
    with tenancy.scope(account.organization_id):
        return RemoteMessage.objects.create(
            organization_id=account.organization_id,
            account=account,
            uidl=b"remote-%d" % next(_names),
            state=state,
            **{"size": 1000, **fields},
        )
