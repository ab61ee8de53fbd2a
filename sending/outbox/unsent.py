"""What of accounts has not gone out, for whoever is about to delete them; and how it goes out before that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import QuerySet

from accounts.models import MailAccount
from accounts.unsent import Unsent, UnsentMail
from sending.models import Draft, OutgoingMessage
from sending.outbox import outbox
from sending.outbox.outbox import TooLate

State = OutgoingMessage.State
NAMED: Final = 10


def unsent_of(accounts: Sequence[MailAccount]) -> UnsentMail:
    """What a person has written and nobody has got, of one organization's accounts; within its scope."""
    written = OutgoingMessage.objects.filter(account__in=accounts, kind=OutgoingMessage.Kind.PERSON)
    return UnsentMail(
        waiting=_named(written.filter(state__in=outbox.WAITING).order_by("due_at", "pk"), has_time=True),
        # What was taken off the outbox is decided.
        refused=_named(written.filter(state=State.REFUSED, needs_owner=True)),
        maybe=_named(written.filter(state=State.UNKNOWN)),
        drafts=_named(Draft.objects.filter(account__in=accounts, is_touched=True)),
        moving=written.filter(state__in=(State.CLAIMED, State.HANDED_OVER)).count(),
    )


def _named(rows: QuerySet[Any], *, has_time: bool = False) -> Unsent:
    named = rows.values_list("subject", "due_at" if has_time else "subject")[:NAMED]
    return Unsent(rows.count(), [(subject, due if has_time else None) for subject, due in named])


def send_now(accounts: Sequence[MailAccount]) -> list[OutgoingMessage]:
    """Make all that waits due at once; returns the messages. What is paused stays so."""
    rows = OutgoingMessage.objects.filter(account__in=accounts, kind=OutgoingMessage.Kind.PERSON)
    sent = []
    for outgoing in rows.filter(state__in=outbox.WAITING).order_by("pk"):
        try:
            outbox.try_now(outgoing)
        except TooLate:  # it has just gone by itself
            continue
        outgoing.refresh_from_db(fields=["due_at"])
        sent.append(outgoing)
    return sent
