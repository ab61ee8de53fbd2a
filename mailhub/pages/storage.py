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

from accounts import access, formats
from accounts.models import MailAccount, Membership
from mailbox.models import Folder
from quotas.models import LedgerEntry, StorageMeter, Subscription

LAST_CHANGES = 30


@dataclass(frozen=True, slots=True)
class Usage:
    """What one account takes; sizes in bytes."""

    account: MailAccount
    messages: int
    size: int


def usage_of(accounts: list[MailAccount]) -> list[Usage]:
    """Messages and bytes of each account, from the folders' counters: one query."""
    folders = Folder.objects.filter(account__in=[account.pk for account in accounts]).order_by()
    totals = {
        key: (count, size)
        for key, count, size in folders.values_list("account").annotate(Sum("messages_count"), Sum("size"))
    }
    return [Usage(account, *totals.get(account.pk, (0, 0))) for account in accounts]


@dataclass(frozen=True, slots=True)
class StorageChange:
    """One line of the ledger in words; `size` is signed, in bytes."""

    at: datetime
    sentence: str
    size: int

    @property
    def freed(self) -> int:
        """Bytes given back; 0 when they were taken."""
        return max(0, -self.size)


def _sentence(reason: str, count: int, account: str) -> str:
    values = {"count": formats.number(count), "account": account}
    if reason == LedgerEntry.Reason.FETCHED:
        words = ngettext(
            "%(count)s message fetched from %(account)s", "%(count)s messages fetched from %(account)s", count
        )
    elif reason == LedgerEntry.Reason.DISCARDED:
        words = ngettext(
            "%(count)s message of %(account)s deleted for good",
            "%(count)s messages of %(account)s deleted for good",
            count,
        )
    elif reason == LedgerEntry.Reason.ACCOUNT_DELETED:
        words = ngettext(
            "An account with %(count)s message deleted", "An account with %(count)s messages deleted", count
        )
    else:
        words = _("Counted anew")
    return words % values


def changes_of(membership: Membership) -> list[StorageChange]:
    """The last changes; those of one account, reason and day are one line: fetches charge each batch."""
    own = {account.pk: account.name for account in MailAccount.objects.visible_to(membership)}
    everything = LedgerEntry.objects.filter(organization=membership.organization_id)
    # Other members' accounts are theirs; only an admin reads lines about them, and those without a name.
    seen = everything if membership.is_admin else everything.filter(account_id__in=list(own))
    rows = (
        seen.annotate(day=TruncDate("at", tzinfo=timezone.get_current_timezone()))
        .values_list("day", "account_id", "reason")
        .annotate(total=Sum("bytes"), count=Sum("messages"), last=Max("at"))
        .order_by("-last")[:LAST_CHANGES]
    )
    other = _("another account")
    return [
        StorageChange(last, _sentence(reason, abs(count), own.get(account or 0, other)), total)
        for _day, account, reason, total, count, last in rows
    ]


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
