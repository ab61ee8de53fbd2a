"""Forgetting in time: old runs, and tombstones of messages long absent from the server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import batches, tenancy
from fetching.models import FetchRun, RemoteMessage

KEEP = timedelta(days=90)
BATCH = 2_000  # rows of a transaction


def delete_expired() -> None:
    """Delete runs that ended, and ledger rows missing at the server, longer than 90 days ago."""
    _delete(FetchRun.objects.filter(started_at__lt=Now() - KEEP))
    _delete(RemoteMessage.objects.filter(missing_since__lt=Now() - KEEP))


def _delete(old: QuerySet[Any]) -> None:
    while True:
        with tenancy.system():
            if batches.delete_some(old, BATCH) < BATCH:
                return
