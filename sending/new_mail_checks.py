"""New mail that is to be looked at: delivery reports, copies the provider has handed back, letters to one who is away.

What is to be looked at is a row of the transaction that stored the message; a task is ordered at once, and the clock
finds rows whose task was lost, or came to nothing. Looking twice does nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from mailbox.models import Message
from sending.bounces import processing
from sending.models import NewMailCheck, OutgoingMessage
from sending.outbox import sent_copies
from sending.vacation import replies

logger = logging.getLogger(__name__)

Kind = NewMailCheck.Kind
# So long the task that was ordered has for itself.
PATIENCE: Final = timedelta(minutes=1)
# The clock tries again after two minutes, then after twice as long each time, for almost three days.
PAUSE: Final = timedelta(minutes=1)
TRIES: Final = 11


def note(account: MailAccount, found: Iterable[tuple[int, str]]) -> list[int]:
    """Write down what is to be looked at, as (message, kind), in the storing transaction; returns the ids."""
    due_at = timezone.now() + PATIENCE
    rows = [
        NewMailCheck(
            organization_id=account.organization_id,
            account=account,
            message_id=message,
            kind=kind,
            due_at=due_at,
        )
        for message, kind in dict.fromkeys(found)
    ]
    return [row.pk for row in NewMailCheck.objects.bulk_create(rows)]


def take_due(limit: int) -> dict[int, list[int]]:
    """What the clock has to see to, by organization; the next try of each is written down first."""
    with tenancy.system():
        due = NewMailCheck.objects.filter(due_at__lte=Now()).select_for_update(skip_locked=True)
        found: dict[int, list[int]] = {}
        rows = list(due.order_by("due_at", "pk")[:limit])
        for row in rows:
            if row.tries >= TRIES:
                logger.error("message %d was given up on (%s), it fails each time", row.message_id, row.kind)
                row.delete()
                continue
            row.tries += 1
            row.due_at = timezone.now() + PAUSE * 2**row.tries
            row.save(update_fields=["tries", "due_at"])
            found.setdefault(row.organization_id, []).append(row.pk)
    return found


def look(organization_id: int, check_id: int) -> OutgoingMessage | None:
    """Do what a check asks for and forget it; returns an away reply that is to be sent.

    Safe to run twice: the row goes last. Whatever is raised leaves it for another try.
    """
    with tenancy.scope(organization_id):
        check = NewMailCheck.objects.select_related("account").filter(pk=check_id).first()
    if check is None:
        return None
    reply = None
    match check.kind:
        case Kind.COPY:
            with tenancy.scope(organization_id):
                pairs = sent_copies.handed_back(check.account, [check.message_id])
            for outgoing, message in pairs:
                sent_copies.adopt_copy(organization_id, outgoing, message)
        case Kind.REPORT:
            processing.process_report(organization_id, check.message_id)
        case Kind.AWAY:
            reply = _answer(organization_id, check.message_id)
    with tenancy.scope(organization_id):
        NewMailCheck.objects.filter(pk=check_id).delete()
    return reply


def _answer(organization_id: int, message_id: int) -> OutgoingMessage | None:
    with tenancy.scope(organization_id):
        message = Message.objects.select_related("folder").filter(pk=message_id).first()
        outcome = replies.answer_message(message) if message is not None else None
    return outcome if isinstance(outcome, OutgoingMessage) else None
