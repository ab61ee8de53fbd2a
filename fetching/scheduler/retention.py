"""Forgetting in time: old runs, and tombstones of messages long absent from the server."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from accounts import tenancy
from fetching.models import FetchRun, RemoteMessage

KEEP = timedelta(days=90)


def delete_expired() -> None:
    """Delete runs that ended, and ledger rows missing at the server, longer than 90 days ago."""
    with tenancy.system():
        FetchRun.objects.filter(started_at__lt=Now() - KEEP).delete()
        RemoteMessage.objects.filter(missing_since__lt=Now() - KEEP).delete()
