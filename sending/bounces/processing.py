"""Mail that came back: reports among what was fetched, tied to what was sent from the same account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.utils import timezone

from accounts import locks, tenancy
from accounts.models import MailAccount
from accounts.servers.server_text import clean_server_text
from mailbox import services
from mailbox.models import Attachment, Message
from sending.bounces import notices
from sending.bounces.delivery_status import STATUS_TYPES
from sending.bounces.reports import ORIGINAL_TYPES, RecipientReport, Report, read_report
from sending.message import addresses
from sending.models import OutgoingMessage, OutgoingRecipient
from sending.outbox import outbox

_TYPES: Final = (*STATUS_TYPES, *ORIGINAL_TYPES)

State = OutgoingMessage.State
To = OutgoingRecipient.State


def reports_among(account: MailAccount, message_ids: Sequence[int]) -> list[int]:
    """Those of the stored messages that look like reports, if the account has sent anything.

    What lists show of a letter has to do here, inside the storing transaction; whether it is one says its text.
    """
    if not OutgoingMessage.objects.filter(account=account).exists():
        return []
    found = Attachment.objects.filter(message__in=message_ids, content_type__in=_TYPES)
    ids = {row.message_id for row in found.only("message")}
    rows = Message.objects.filter(pk__in=message_ids).values_list(
        "pk", "from_name", "from_address", "subject", "preview"
    )
    return sorted(ids | {key for key, *shown in rows if notices.may_be_notice(*shown)})


def process_report(organization_id: int, message_id: int) -> int:
    """Note whom a message did not reach, as a stored report says; returns for how many. Safe to run twice.

    Without a Message-ID of the same account nothing is guessed: those ids are known only to who got the message.
    """
    with tenancy.scope(organization_id):
        message = Message.objects.filter(pk=message_id).first()
        report = read_report(services.raw_bytes(message)) if message is not None else None
        if message is None or report is None:
            return 0
        outgoing = _outgoing(message.account_id, report)
        if outgoing is None:
            return 0
        if outgoing.state == State.UNKNOWN:
            # Whatever the report says, somebody had taken the message.
            outbox.arrived(outgoing)
        return _note(outgoing, report.bounced)


def _outgoing(account_id: int, report: Report) -> OutgoingMessage | None:
    sent = OutgoingMessage.objects.filter(account=account_id, message_id__in=report.message_ids)
    locks.share(account_id)
    rows = sent.exclude(state=State.CANCELLED).order_by("pk").select_for_update(of=("self",), no_key=True)
    found = {each.message_id: each for each in rows}
    return next((found[each] for each in report.message_ids if each in found), None)


def _note(outgoing: OutgoingMessage, bounced: Sequence[RecipientReport]) -> int:
    """A delay is no bounce and is not among these."""
    recipients = list(outgoing.recipients.all())
    returned = []
    for each in bounced:
        recipient = _recipient(recipients, each)
        # Those that its server has not taken yet can have caused no report.
        if recipient is not None and recipient.state == To.ACCEPTED:
            recipient.state, recipient.bounced_at = To.BOUNCED, timezone.now()
            recipient.failure, recipient.code = "", None
            recipient.status, recipient.text = each.status[:12], clean_server_text(each.diagnostic)
            returned.append(recipient)
    OutgoingRecipient.objects.bulk_update(
        returned, ["state", "bounced_at", "failure", "code", "status", "text"]
    )
    if returned and outgoing.kind != OutgoingMessage.Kind.VACATION:
        OutgoingMessage.objects.filter(pk=outgoing.pk).update(needs_owner=True, told_at=timezone.now())
    return len(returned)


def _recipient(recipients: Sequence[OutgoingRecipient], report: RecipientReport) -> OutgoingRecipient | None:
    """Whom a report is about; a message to one person can only mean that one, wherever it was forwarded to."""
    named = {addresses.key(report.address), addresses.key(report.final_address)}
    found = [each for each in recipients if addresses.key(each.address) in named]
    if found:
        return found[0]
    return recipients[0] if len(recipients) == 1 else None
