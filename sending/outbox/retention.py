"""How long ended messages of the outbox are kept."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from accounts import tenancy
from sending.models import OutgoingMessage
from sending.outbox import outbox


def delete_expired() -> None:
    """Delete what was taken back a day ago, with its bytes (drafts have been made of it)."""
    with tenancy.system():
        OutgoingMessage.objects.filter(
            state=OutgoingMessage.State.CANCELLED,
            finished_at__lt=Now() - timedelta(days=outbox.CANCELLED_DAYS),
        ).delete()
