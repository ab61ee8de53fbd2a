"""How long ended messages of the outbox are kept, and drafts that nobody has written into."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import batches, tenancy
from sending.models import Draft, OutgoingMessage
from sending.outbox import outbox

# A draft that was only opened is shown nowhere.
UNTOUCHED: Final = timedelta(days=1)
BATCH: Final = 200  # rows of a transaction, each with up to 25 MB


def delete_expired() -> None:
    """Delete what was taken back a day ago, with its bytes (drafts have been made of it), and untouched drafts."""
    taken_back = OutgoingMessage.objects.filter(
        state=OutgoingMessage.State.CANCELLED,
        finished_at__lt=Now() - timedelta(days=outbox.CANCELLED_DAYS),
    )
    _delete(taken_back)
    _delete(Draft.objects.filter(is_touched=False, created_at__lt=Now() - UNTOUCHED))


def _delete(rows: QuerySet[Any]) -> None:
    while True:
        with tenancy.system():
            if batches.delete_some(rows, BATCH) < BATCH:
                return
