"""The console: how the organization is doing, and which mail accounts it has. Never a message."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpResponse
from django.utils import timezone

from accounts import access
from accounts.access import render
from accounts.models import Invitation, MailAccount, Membership
from fetching.status import account_status
from fetching.status.account_status import AccountStatus
from mailbox.models import Folder
from mailhub.pages import charts
from mailhub.pages.storage import Usage, usage_of
from quotas.models import StorageMeter, Subscription

ACCOUNTS_A_PAGE = 100
LARGEST = 5
# So many accounts of one trouble are named; the rest is a number.
NAMED = 3
TONES = ("ok", "info", "warn", "bad", "off")


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One mail account as an admin sees it."""

    usage: Usage
    status: AccountStatus

    @property
    def account(self) -> MailAccount:
        """The account itself, its owner read along."""
        return self.usage.account


def rows_of(membership: Membership) -> list[AccountRow]:
    """Every mail account of the organization, by owner and the owner's order; three queries."""
    accounts = list(
        MailAccount.objects.of_organization(membership)
        .select_related("owner", "fetch_state")
        .order_by("owner__name", "owner__email", "position", "id")
    )
    outages = account_status.outages(accounts)
    return [
        AccountRow(usage, account_status.status_of(usage.account, outages)) for usage in usage_of(accounts)
    ]


def _kinds(rows: list[AccountRow]) -> list[charts.Part]:
    """How many accounts there are of each badge, well ones first, for the bar and its legend."""
    counted = Counter((row.status.tone, row.status.badge) for row in rows)
    ordered = sorted(counted.items(), key=lambda item: (TONES.index(item[0][0]), -item[1]))
    return charts.parts([(tone, badge, count) for (tone, badge), count in ordered])


@dataclass(frozen=True, slots=True)
class Trouble:
    """Accounts that stand alike; `named` are the first few, `more` how many follow."""

    status: AccountStatus
    named: list[AccountRow]
    more: int

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.named) + self.more

    @property
    def names(self) -> str:
        """The named ones with their owners."""
        return ", ".join(f"{row.account.email} ({row.account.owner})" for row in self.named)


def _troubles(rows: list[AccountRow]) -> list[Trouble]:
    """What needs a person or space, one entry a kind, the most frequent first."""
    groups: dict[account_status.StatusKind, list[AccountRow]] = {}
    for row in rows:
        if row.status.needs_person or row.status.kind == account_status.StatusKind.SPACE:
            groups.setdefault(row.status.kind, []).append(row)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [Trouble(group[0].status, group[:NAMED], len(group[NAMED:])) for group in ordered]


@access.admin
def overview(request: access.MemberRequest) -> HttpResponse:
    """Figures, mail a day, what needs attention."""
    membership = request.membership
    organization = membership.organization
    rows = rows_of(membership)
    troubles = _troubles(rows)
    today = timezone.localdate()
    context = {
        "plan": Subscription.objects.select_related("plan").get(organization=organization).plan,
        "people": Membership.objects.filter(organization=organization).count(),
        "invited": Invitation.objects.filter(
            organization=organization, accepted_at=None, expires_at__gt=timezone.now()
        ).count(),
        "meter": StorageMeter.objects.get(organization=organization),
        "stored": Folder.objects.filter(organization=organization).aggregate(n=Sum("messages_count"))["n"]
        or 0,
        "rows": rows,
        "troubles": troubles,
        "troubled": sum(trouble.count for trouble in troubles),
        "kinds": _kinds(rows),
        "largest": sorted(rows, key=lambda row: -row.usage.size)[:LARGEST],
        "chart": charts.mail_a_day(organization.pk, today),
    }
    return render(request, "console/overview.html", context)


@access.admin
def accounts(request: access.MemberRequest) -> HttpResponse:
    """All mail accounts with owner, state and size."""
    rows = rows_of(request.membership)
    only = request.GET.get("show") == "attention"
    troubled = [row for row in rows if row.status.tone in ("warn", "bad")]
    page = Paginator(troubled if only else rows, ACCOUNTS_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "only_attention": only, "total": len(rows), "troubled": len(troubled)}
    return render(request, "console/accounts.html", context)
