"""Forgetting what nobody needs any more."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from accounts import tenancy
from sending import absences, outbox
from sending.models import OutgoingMessage


def tidy() -> None:
    """Delete what was taken back a day ago, with its bytes (drafts have been made of it), and old away replies."""
    with tenancy.system():
        OutgoingMessage.objects.filter(
            state=OutgoingMessage.State.CANCELLED,
            finished_at__lt=Now() - timedelta(days=outbox.CANCELLED_DAYS),
        ).delete()
        absences.forget_old()
