"""The first steps of the one order in which rows are locked: organization, then mail accounts (docs/architecture.md).

Whoever writes something that belongs to an account *shares* it before anything else. Whoever takes something away for
good that others may point to (messages, a folder, a label, the account itself) *holds* it, and so is alone in it. All
that comes after is then free of deadlocks within the account. A share is never followed by a hold in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from accounts.models import Organization


def organization(organization_id: int) -> Organization:
    """One change of members, accounts or messages sent at a time; rows may point to the organization meanwhile."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def share(*account_ids: int) -> set[int]:
    """Keep these mail accounts from being removed or reordered inside; returns those that are there."""
    return _lock(account_ids, "FOR KEY SHARE")


def hold(*account_ids: int) -> set[int]:
    """Wait until nobody shares these mail accounts, and keep everybody out; returns those that are there."""
    return _lock(account_ids, "FOR UPDATE")


def _lock(account_ids: Iterable[int], strength: str) -> set[int]:
    wanted = sorted(set(account_ids))
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM accounts_mailaccount WHERE id = ANY(%s) ORDER BY id {strength}", [wanted]
        )
        return {row[0] for row in cursor.fetchall()}
