"""Charging and releasing storage. Lock when you take, as late as possible; giving back never fails."""

from __future__ import annotations

from copy import copy

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Greatest

from accounts import locks
from accounts.models import Organization
from quotas.models import LedgerEntry, Plan, StorageMeter, Subscription

DEFAULT_PLAN = "free"
MB, GB = 10**6, 10**9
# What a new instance starts with; support staff edit the rows afterwards.
PLANS = (
    Plan(
        slug="free",
        name="Free",
        position=0,
        storage_bytes=2 * GB,
        mail_accounts=10,
        members=5,
        fetch_minutes=5,
        message_bytes=50 * MB,
        recipients=200,
    ),
    Plan(
        slug="standard",
        name="Standard",
        position=1,
        storage_bytes=50 * GB,
        mail_accounts=100,
        members=50,
        fetch_minutes=3,
        message_bytes=100 * MB,
        recipients=2_000,
    ),
    Plan(
        slug="pro",
        name="Pro",
        position=2,
        storage_bytes=500 * GB,
        mail_accounts=1_000,
        members=500,
        fetch_minutes=3,
        message_bytes=150 * MB,
        recipients=10_000,
    ),
)


class OverQuota(Exception):
    """The plan's storage does not hold `wanted` more bytes. The transaction is still usable."""

    def __init__(self, wanted: int) -> None:
        super().__init__(f"storage full: {wanted} bytes wanted")
        self.wanted = wanted


def make_plans() -> None:
    """Fill an empty table of plans; touches nothing once there is one."""
    if not Plan.objects.exists():
        Plan.objects.bulk_create(copy(plan) for plan in PLANS)


def charge(
    organization_id: int,
    size: int,
    *,
    messages: int,
    account_id: int | None,
    reason: str = LedgerEntry.Reason.FETCHED,
) -> None:
    """Take `size` bytes, in the caller's transaction and as its last statement: this locks the meter's row.

    Raises OverQuota when they do not fit; nothing has been written then.
    """
    if size < 0:
        raise ValueError("a charge takes bytes; use release() to give them back")
    changed = StorageMeter.objects.filter(organization=organization_id, used__lte=F("limit") - size).update(
        used=F("used") + size
    )
    if not changed:
        raise OverQuota(size)
    _write(organization_id, size, messages, account_id, reason)


def release(
    organization_id: int,
    size: int,
    *,
    messages: int,
    account_id: int | None,
    reason: str = LedgerEntry.Reason.DISCARDED,
) -> None:
    """Give `size` bytes back, in the transaction that deletes the mail. Never fails."""
    StorageMeter.objects.filter(organization=organization_id).update(used=Greatest(F("used") - size, 0))
    _write(organization_id, -size, -messages, account_id, reason)


def _write(organization_id: int, size: int, messages: int, account_id: int | None, reason: str) -> None:
    LedgerEntry.objects.create(
        organization_id=organization_id, account_id=account_id, bytes=size, messages=messages, reason=reason
    )


def subscribe(organization: Organization, plan: Plan) -> None:
    """Put the organization on a plan and write the plan's limits to where they are checked."""
    with transaction.atomic():
        locks.organization(organization.pk)
        Subscription.objects.update_or_create(organization=organization, defaults={"plan": plan})
        organization.mail_account_limit = plan.mail_accounts
        organization.member_limit = plan.members
        organization.fetch_minutes_limit = plan.fetch_minutes
        organization.message_bytes_limit = plan.message_bytes
        organization.recipients_limit = plan.recipients
        organization.save(
            update_fields=[
                "mail_account_limit",
                "member_limit",
                "fetch_minutes_limit",
                "message_bytes_limit",
                "recipients_limit",
            ]
        )
        StorageMeter.objects.update_or_create(
            organization=organization, defaults={"limit": plan.storage_bytes}
        )


def ledger_total(organization_id: int) -> int:
    """Bytes according to the ledger; equals the meter, always (tests/conftest.py compares)."""
    total = LedgerEntry.objects.filter(organization=organization_id).aggregate(total=Sum("bytes"))["total"]
    return int(total or 0)
