"""What the tests of away replies share: an account whose owner is away, letters that come just now, what went out."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from mailbox.models import Message
from sending.models import OutgoingMessage, VacationReply
from sending.vacation import replies as vacation_replies
from sending.vacation.rules import Reason
from tests import factories
from tests.sending.vacation.samples import letter_to_ada

TEXT = "I am away until Friday."
USUAL = {
    "is_on": True,
    "time_zone": "Asia/Jakarta",
    "weekdays": [],
    "audience": "everybody",
    "interval_days": 1,
    "subject": "",
    "text": TEXT,
    "members_text": "",
    "also_addresses": "",
}


def go_away(*accounts: MailAccount, since: timedelta = timedelta(hours=1), **values: Any) -> None:
    """Switch the away reply on, an hour ago."""
    with tenancy.scope(accounts[0].organization_id):
        vacation_replies.change_settings(accounts, accounts[0].owner, {**USUAL, **values})
        VacationReply.objects.filter(account__in=accounts, is_on=True).update(on_since=timezone.now() - since)


def now_text(moment: datetime | None = None) -> str:
    return format_datetime(moment or timezone.now())


def letter(*lines: str, **values: Any) -> bytes:
    """A person's letter to Ada, of this minute."""
    return letter_to_ada(*lines, **{"date": now_text(), **values})


def arrive(account: MailAccount, raw: bytes, **values: Any) -> Message:
    """A letter is in the account; nobody has looked at it yet."""
    (key,) = factories.deliver(account, raw, **values)
    return factories.message(key)


def answer(message: Message) -> OutgoingMessage | Reason:
    with tenancy.scope(message.organization_id):
        return vacation_replies.answer_message(message)


def answered(account: MailAccount, raw: bytes, **values: Any) -> OutgoingMessage | Reason:
    return answer(arrive(account, raw, **values))


def replies(account: MailAccount) -> list[OutgoingMessage]:
    with tenancy.scope(account.organization_id):
        return list(OutgoingMessage.objects.filter(account=account, kind="vacation").order_by("pk"))


def age(account: MailAccount, by: timedelta) -> None:
    """So much time has passed since all replies."""
    with tenancy.scope(account.organization_id):
        for row in account.outgoing_messages.all():
            account.outgoing_messages.filter(pk=row.pk).update(created_at=row.created_at - by)
        for sent in vacation_replies.VacationSent.objects.filter(account=account):
            vacation_replies.VacationSent.objects.filter(pk=sent.pk).update(sent_at=sent.sent_at - by)
