"""The storage page: how much of the plan is used, by which accounts, and what changed it last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import access
from accounts.models import MailAccount, Membership
from mailbox.models import Folder
from mailhub import formats
from quotas.models import LedgerEntry, StorageMeter, Subscription

LAST_CHANGES = 30


@dataclass(frozen=True, slots=True)
class Usage:
    """What one account takes; sizes in bytes."""

    account: MailAccount
    messages: int
    size: int


def usage_of(accounts: list[MailAccount]) -> list[Usage]:
    """Messages and bytes of each account, from the folders' counters: one query, however much mail there is."""
    totals = {
        row["account"]: row
        for row in Folder.objects.filter(account__in=[account.pk for account in accounts])
        .order_by()
        .values("account")
        .annotate(messages=Sum("messages_count"), bytes=Sum("size"))
    }
    empty = {"messages": 0, "bytes": 0}
    return [
        Usage(account, (row := totals.get(account.pk, empty))["messages"], row["bytes"]) for account in accounts
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the ledger in words; `size` is signed, in bytes."""

    at: datetime
    sentence: str
    size: int

    @property
    def freed(self) -> int:
        """Bytes given back; 0 when they were taken."""
        return max(0, -self.size)


def _sentence(entry: dict[str, object], account: str) -> str:
    count = abs(int(str(entry["messages"])))
    values = {"count": formats.count(count), "account": account}
    if entry["reason"] == LedgerEntry.Reason.FETCHED:
        return ngettext(
            "%(count)s message fetched from %(account)s", "%(count)s messages fetched from %(account)s", count
        ) % values
    if entry["reason"] == LedgerEntry.Reason.DISCARDED:
        return ngettext(
            "%(count)s message of %(account)s deleted for good",
            "%(count)s messages of %(account)s deleted for good",
            count,
        ) % values
    if entry["reason"] == LedgerEntry.Reason.ACCOUNT_DELETED:
        return ngettext(
            "An account with %(count)s message deleted", "An account with %(count)s messages deleted", count
        ) % values
    return _("Counted anew")


def changes_of(membership: Membership) -> list[Change]:
    """The last changes, those of one account, reason and day as one line: a first fetch charges thousands of times."""
    own = {account.pk: account.name for account in MailAccount.objects.visible_to(membership)}
    everything = LedgerEntry.objects.filter(organization=membership.organization_id)
    # Other members' accounts are theirs; only an admin reads lines about them, and those without a name.
    seen = everything if membership.is_admin else everything.filter(account_id__in=list(own))
    rows = (
        seen.annotate(day=TruncDate("at", tzinfo=timezone.get_current_timezone()))
        .values("day", "account_id", "reason")
        .annotate(bytes=Sum("bytes"), messages=Sum("messages"), last=Max("at"))
        .order_by("-last")[:LAST_CHANGES]
    )
    other = _("another account")
    return [Change(row["last"], _sentence(row, own.get(row["account_id"], other)), row["bytes"]) for row in rows]


@access.member
def storage(request: access.MemberRequest) -> HttpResponse:
    """Bar, accounts, last changes."""
    membership = request.membership
    meter = StorageMeter.objects.get(organization=membership.organization)
    usages = usage_of(list(MailAccount.objects.visible_to(membership)))
    mine = sum(usage.size for usage in usages)
    context = {
        "meter": meter,
        "plan": Subscription.objects.select_related("plan").get(organization=membership.organization).plan,
        "usages": sorted(usages, key=lambda usage: -usage.size),
        "mine": mine,
        "others": max(0, meter.used - mine),
        "changes": changes_of(membership),
    }
    return render(request, "settings/storage.html", context)
