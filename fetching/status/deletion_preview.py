"""What a rule about deleting would do at the provider, for a person to know before they choose it (R20, A17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import MailAccount
from fetching.models import FetchRules, FetchSettings, FetchState, RemoteMessage
from mailbox.models import Message

Delete = FetchRules.Delete
State = RemoteMessage.State
# Stored here and, as far as the last listing knows, still there.
_STORED = (State.STORED, State.DELETE_WANTED, State.DELE_SENT)


@dataclass(frozen=True, slots=True)
class DeletionPreview:
    """How many stored messages a rule deletes at the provider: `now`, at the next fetch, and in the end `all`."""

    policy: str
    days: int
    now: int
    all: int

    @property
    def later(self) -> int:
        """Those whose time has not come."""
        return self.all - self.now


def preview_deletions(account: MailAccount, values: Mapping[str, Any]) -> DeletionPreview | None:
    """What another rule would delete that the present one keeps; None when there is nothing to ask.

    `values` are columns of FetchRules as they are to be.
    """
    policy, days = values["delete_policy"], values["delete_after_days"]
    if not _is_stricter(account.fetch_settings, policy, days):
        return None
    there = RemoteMessage.objects.filter(account=account, state__in=_STORED, missing_since=None)
    now = Q()
    if policy == Delete.WHEN_DELETED_HERE:
        there = there.filter(~Exists(Message.objects.filter(pk=OuterRef("message_id"))))
    elif policy == Delete.AFTER_DAYS:
        now = Q(stored_at__lte=timezone.now() - timedelta(days=days))
    counted = there.aggregate(all=Count("pk"), now=Count("pk", filter=now))
    return DeletionPreview(policy, days, **counted) if counted["all"] else None


def _is_stricter(old: FetchSettings, policy: str, days: int) -> bool:
    if policy == Delete.KEEP or old.delete_policy == Delete.AFTER_STORING:
        return False
    if policy == old.delete_policy:
        return policy == Delete.AFTER_DAYS and days < old.delete_after_days
    return True


def twins(account: MailAccount) -> QuerySet[FetchState]:
    """Other accounts of the organization, whoever's they are, that fetch the same remote mailbox (A17)."""
    same = FetchState.objects.filter(
        organization=account.organization_id, mailbox=account.fetch_state.mailbox
    )
    return same.exclude(account=account.pk)
