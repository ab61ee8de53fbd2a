"""Owners hear by mail what only they can help: nothing goes out any more, or a message was not sent, or only maybe.

Once for each, some minutes after it happened: who still looks at the page has seen it there. The mail is queued in the
transaction that notes it, so it is neither lost nor written twice. What came back needs no mail of ours, because the
report is one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from accounts import mail, tenancy
from accounts.models import MailAccount
from sending.models import OutgoingMessage, OutgoingServer
from sending.outbox import status

PATIENCE: Final = timedelta(minutes=2)
# Of one account, however many messages fail.
PAUSE: Final = timedelta(hours=1)
# Messages that one mail names; of the rest it says how many there are.
NAMED: Final = 10


def accounts_to_notify(limit: int) -> list[tuple[int, int]]:
    """Organizations and accounts whose owners have something to hear."""
    with tenancy.system():
        found = {*_servers().values_list("organization", "account")[:limit]}
        found |= {*_messages().values_list("organization", "account").distinct()[:limit]}
        return sorted(found)[:limit]


def notify_owner(organization_id: int, account_id: int) -> int:
    """Write to the owner, unless that is done; returns how many mails that took."""
    with tenancy.scope(organization_id):
        account = (
            MailAccount.objects.select_related("owner", "organization", "outgoing_server")
            .filter(pk=account_id)
            .first()
        )
        if account is None:
            return 0
        is_paused = bool(_servers().filter(account=account).update(told_at=Now()))
        rows = status.with_people(_messages().filter(account=account)).order_by("pk")
        messages = [
            status.details_of(row)
            for row in rows.select_for_update(of=("self",), skip_locked=True, no_key=True)
        ]
        told = OutgoingMessage.objects.filter(pk__in=[shown.outgoing.pk for shown in messages])
        told.update(told_at=Now())
        if is_paused:
            paused = status.paused(account.outgoing_server)
            mail.sending_needs_you(account, paused.sentence, paused.remedy)
        if messages:
            lines = [(each.outgoing.subject, each.status.badge, each.status.sentence) for each in messages]
            mail.not_sent(account, lines[:NAMED], more=max(0, len(lines) - NAMED))
    return is_paused + bool(messages)


def _servers() -> QuerySet[OutgoingServer]:
    untold = Q(told_at=None) | Q(told_at__lt=F("paused_since"))
    return OutgoingServer.objects.filter(untold, paused_since__lte=Now() - PATIENCE)


def _messages() -> QuerySet[OutgoingMessage]:
    lately = OutgoingMessage.objects.filter(account=OuterRef("account"), told_at__gt=Now() - PAUSE)
    untold = Q(told_at=None) | Q(told_at__lt=F("finished_at"))
    waiting = OutgoingMessage.objects.filter(untold, needs_owner=True, finished_at__lte=Now() - PATIENCE)
    return waiting.filter(~Exists(lately))
