"""Emptying a folder: a batch each transaction, also when a worker dies or a task is lost."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from accounts import leases, locks, tenancy
from mailbox import services
from mailbox.models import Folder, Message

# Nobody takes up an emptying whose last batch is not that old (seconds).
LEASE_SECONDS = 60


def start(folder: Folder) -> int:
    """Order that all goes which is in the folder now, and delete the first batch; returns how many are left."""
    with transaction.atomic():
        locks.hold(folder.account_id)
        last = Message.objects.filter(folder=folder.pk).aggregate(last=Max("pk"))["last"]
        Folder.objects.filter(pk=folder.pk).update(emptying_upto=last or 0, emptying_spares=[])
        _discard(folder.pk)
    folder.refresh_from_db()
    return folder.messages_count if folder.emptying_until else 0


def finish(organization_id: int, folder_id: int) -> None:
    """Delete the rest. What was moved there meanwhile stays, what was put back is kept. Safe to run twice."""
    while True:
        with leases.short_scope(organization_id):
            locks.hold(*Folder.objects.filter(pk=folder_id).values_list("account", flat=True))
            if not _discard(folder_id):
                return


def due(limit: int) -> list[tuple[int, int]]:
    """Emptyings that nobody is at, as (organization, folder)."""
    with tenancy.system():
        rows = Folder.objects.filter(emptying_until__lt=Now()).order_by("emptying_until")
        return list(rows.values_list("organization", "pk")[:limit])


def _discard(folder_id: int) -> bool:
    """One batch, alone in the account; whether more may be left."""
    folder = Folder.objects.filter(pk=folder_id, emptying_upto__isnull=False).first()
    if folder is None:
        return False
    inside = Message.objects.filter(folder=folder_id, pk__lte=folder.emptying_upto)
    doomed = inside.exclude(pk__in=folder.emptying_spares).order_by("pk")
    ids = list(doomed.values_list("pk", flat=True)[: services.DISCARD_BATCH])
    services.discard(Message.objects.filter(pk__in=ids))
    is_left = len(ids) == services.DISCARD_BATCH
    Folder.objects.filter(pk=folder_id).update(
        emptying_until=Now() + timedelta(seconds=LEASE_SECONDS) if is_left else None,
        emptying_upto=F("emptying_upto") if is_left else None,
        emptying_spares=F("emptying_spares") if is_left else [],
    )
    return is_left
