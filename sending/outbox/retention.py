"""What sending forgets by itself: what was taken back, and drafts that nobody wrote into."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import tenancy
from sending.models import Draft, OutgoingMessage
from sending.outbox import outbox

# A draft that was only opened is shown nowhere.
UNTOUCHED: Final = timedelta(days=1)
BATCH: Final = 200


def delete_expired() -> None:
    """Delete what was taken back a day ago, with its bytes (drafts have been made of it), and untouched drafts."""
    taken_back = OutgoingMessage.objects.filter(
        state=OutgoingMessage.State.CANCELLED,
        finished_at__lt=Now() - timedelta(days=outbox.CANCELLED_DAYS),
    )
    _delete(taken_back)
    _delete(Draft.objects.filter(is_touched=False, created_at__lt=Now() - UNTOUCHED))


def _delete(rows: QuerySet[Any]) -> None:
    """Some at a time: each holds up to 25 MB, and a page may want one of them."""
    while True:
        with tenancy.system():
            ids = list(
                rows.order_by("pk")
                .select_for_update(skip_locked=True, of=("self",))
                .values_list("pk")[:BATCH]
            )
            if ids:
                rows.model._default_manager.filter(pk__in=[key for (key,) in ids]).delete()
        if len(ids) < BATCH:
            return
