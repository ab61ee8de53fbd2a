"""Finding a mail account by its number, for operators: across all organizations."""

from __future__ import annotations

from accounts import tenancy
from accounts.models import MailAccount
from mailhub.management.operator import Refused


def find_account(account_id: int) -> MailAccount:
    """The account with its organization, owner and fetch state. Raises Refused."""
    with tenancy.system():
        account = (
            MailAccount.objects.select_related("organization", "owner", "fetch_state")
            .filter(pk=account_id)
            .first()
        )
    if account is None:
        raise Refused("not_found", f"There is no mail account {account_id}.")
    return account
