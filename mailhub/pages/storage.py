"""The storage page: how much of the plan is used, by which accounts, and what changed it last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from django.db import connection
from django.db.models import Sum
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import access, formats
from accounts.access import render
from accounts.models import MailAccount, Membership
from mailbox.models import Folder
from quotas.models import LedgerEntry, StorageMeter, Subscription

LAST_CHANGES = 30
ENTRIES_READ = 1_000  # of the ledger, to make these of


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
    """The last changes; those of one account, reason and day are one line: fetches charge each batch.

    Made of the newest entries alone, since a ledger only grows: the oldest line may tell of a part of its day.
    """
    own = {account.pk: account.name for account in MailAccount.objects.visible_to(membership)}
    zone = timezone.get_current_timezone()
    # Other members' accounts are theirs; only an admin reads lines about them, and those without a name.
    entries = _newest(membership) if membership.is_admin else _newest_of(list(own))
    groups: dict[tuple[date, int | None, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry[0].astimezone(zone).date(), entry[1], entry[2]), []).append(entry)
    other = _("another account")
    return [
        StorageChange(
            group[0][0],
            _sentence(reason, abs(sum(entry[4] for entry in group)), own.get(account or 0, other)),
            sum(entry[3] for entry in group),
        )
        for (_day, account, reason), group in islice(groups.items(), LAST_CHANGES)
    ]


Entry = tuple[datetime, int | None, str, int, int]
_COLUMNS = ("at", "account_id", "reason", "bytes", "messages")


def _newest(membership: Membership) -> list[Entry]:
    rows = LedgerEntry.objects.filter(organization=membership.organization_id).order_by("-at")
    return list(rows.values_list(*_COLUMNS)[:ENTRIES_READ])


def _newest_of(accounts: list[int]) -> list[Entry]:
    """Each account's from its index; one query for all would sort everything they ever had."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entry.* FROM unnest(%s::bigint[]) AS own (id) CROSS JOIN LATERAL"
            f" (SELECT {', '.join(_COLUMNS)} FROM quotas_ledgerentry WHERE account_id = own.id"
            " ORDER BY at DESC LIMIT %s) AS entry ORDER BY at DESC LIMIT %s",
            [accounts, ENTRIES_READ, ENTRIES_READ],
        )
        rows: list[Entry] = cursor.fetchall()
    return rows


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
