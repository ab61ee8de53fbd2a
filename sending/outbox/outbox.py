"""The outbox: messages are frozen here, and this is what their owner may do with them until they have gone.

Nothing here talks to a server or orders that it be done: whoever calls has `tasks.order` do so on commit.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.models import MailAccount
from mailbox import bulk_insert
from mailbox.models import Message
from sending.identities import identities
from sending.message import addresses
from sending.message.build import Letter, compose
from sending.message.header_encoding import address as checked
from sending.models import Identity, OutgoingMessage, OutgoingPart, OutgoingRecipient, OutgoingServer
from sending.outbox import limits
from sending.smtp import content

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# So long a person may take back what they have sent.
UNDO_SECONDS: Final = 10
# What has been taken back stays so long, for the draft that is made of it to be written.
CANCELLED_DAYS: Final = 1

Kind = OutgoingMessage.Kind
State = OutgoingMessage.State
To = OutgoingRecipient.State

# Not with any server: nothing of it is on its way.
WAITING: Final = (State.QUEUED, State.REFUSED_TEMPORARY)
UNFINISHED: Final = (State.QUEUED, State.CLAIMED, State.HANDED_OVER, State.REFUSED_TEMPORARY)
ENDED: Final = (State.ACCEPTED, State.REFUSED, State.UNKNOWN)
# Recipients that the next envelope names.
PENDING: Final = (To.WAITING, To.REFUSED_TEMPORARY)


class OutboxError(Exception):
    """What was asked for is not possible; `sentence` and `remedy` say so to the person. Nothing was written."""

    def __init__(self, sentence: _StrPromise | str, remedy: _StrPromise | str = "") -> None:
        super().__init__(str(sentence))
        self.sentence, self.remedy = sentence, remedy


class NotUsable(OutboxError):
    """The sender address may not be used now."""


class TooLate(OutboxError):
    """The message is no longer in the state that the person saw."""

    def __init__(self) -> None:
        super().__init__(
            _("This message is no longer waiting."), _("Look at it again to see what has become of it.")
        )


# ── In ──────────────────────────────────────────────────────────────────────
def queue(
    identity: Identity,
    letter: Letter,
    *,
    key: uuid.UUID,
    due_at: datetime | None = None,
    kind: str = Kind.PERSON,
    written: Mapping[str, Any] | None = None,
    answers: Message | None = None,
    null_sender: bool = False,
) -> OutgoingMessage:
    """Freeze a letter and put it into the outbox, once: the same `key` again gives the message that is there.

    Without `due_at` a person's message waits UNDO_SECONDS, any other none. `written` is what a draft needs to be
    opened again. Within the organization's scope. Raises ComposeError, limits.TooMany, OutboxError.
    """
    if addresses.key(letter.sender.address) != addresses.key(identity.address):
        raise ValueError("a letter from somebody else than its sender address")
    if sentence := identities.why_not(identity, [each.address for each in letter.reply_to]):
        raise NotUsable(sentence)
    raw = compose(letter)
    content.check(raw)
    recipients = list(_recipients(letter))
    frozen = bulk_insert.prepare(raw)
    due_at = due_at or timezone.now() + timedelta(seconds=UNDO_SECONDS if kind == Kind.PERSON else 0)
    with transaction.atomic():
        # Two clicks of one button come here one after the other.
        organization = locks.organization(identity.organization_id)
        answers = _share(identity, answers)
        if (existing := OutgoingMessage.objects.filter(key=key).first()) is not None:
            if existing.state == State.CANCELLED:
                raise TooLate
            return existing
        limits.check(organization, len(recipients))
        limits.check_room(identity.account_id, len(raw))
        outgoing = OutgoingMessage.objects.create(
            organization=organization,
            account_id=identity.account_id,
            identity=identity,
            kind=kind,
            key=key,
            message_id=letter.message_id,
            subject=frozen.parsed.subject,
            from_name=letter.sender.name[:150],
            envelope_from="" if null_sender else _envelope_from(identity),
            size=frozen.size,
            body_sha256=body_digest(raw),
            due_at=due_at,
            written=dict(written or {}),
            answers=answers,
        )
        for each in recipients:
            each.organization, each.outgoing = organization, outgoing
        OutgoingRecipient.objects.bulk_create(recipients)
        OutgoingPart.objects.bulk_create(
            OutgoingPart(organization=organization, outgoing=outgoing, part=part, data=data)
            for part, data in enumerate(frozen.parts)
        )
    return outgoing


def _share(identity: Identity, answers: Message | None) -> Message | None:
    """Share the accounts of both; returns the letter that is answered, None when it was deleted meanwhile.

    Raises TooLate when the account itself was.
    """
    if identity.account_id not in locks.share(
        identity.account_id, *([answers.account_id] if answers else [])
    ):
        raise TooLate
    return Message.objects.filter(pk=answers.pk).first() if answers else None


def body_digest(raw: bytes) -> bytes:
    """The sha256 of a message without its header."""
    return hashlib.sha256(raw.partition(b"\r\n\r\n")[2]).digest()


def raw_bytes(outgoing: OutgoingMessage) -> bytes:
    """The frozen bytes; they are gone once the copy in Sent is filed and nothing is left to do."""
    return bulk_insert.restore(list(outgoing.parts.order_by("part").values_list("data", flat=True)))


def _recipients(letter: Letter) -> Iterator[OutgoingRecipient]:
    """Everybody once, on the first line that names them; blind copies are only here, not in the bytes."""
    seen: set[str] = set()
    for kind in OutgoingRecipient.Kind.values:
        for person in getattr(letter, kind):
            address = checked(person.address, kind)
            if (key := addresses.key(address)) not in seen:
                seen.add(key)
                yield OutgoingRecipient(kind=kind, address=address, name=person.name[:150])


def _envelope_from(identity: Identity) -> str:
    """Where bounces go: an address that the server has accepted as a sender, where there is one.

    A From that was only proven by a code may still be refused as MAIL FROM, or fail SPF (faults.md, 4.3).
    """
    if identity.is_login:
        return identity.address
    own = Identity.objects.filter(account=identity.account_id, is_login=True)
    accepted = own.order_by("position", "pk").values_list("address", flat=True).first()
    return accepted or identity.address


# ── What is in it ───────────────────────────────────────────────────────────
def shown(messages: QuerySet[OutgoingMessage]) -> QuerySet[OutgoingMessage]:
    """Those that the outbox page lists: not finished, or its owner has something to decide.

    Away replies go their way without being looked at.
    """
    return messages.filter(Q(state__in=UNFINISHED) | Q(needs_owner=True)).exclude(kind=Kind.VACATION)


# ── What the owner does ─────────────────────────────────────────────────────
def take_back(outgoing: OutgoingMessage) -> dict[str, Any]:
    """Send it no more; returns what a draft needs to be opened again. The bytes stay for a day.

    Possible as long as surely nobody has it: while it waits, or when it was refused for all and has not been taken
    off. Raises TooLate.
    """
    with transaction.atomic():
        row = _locked(outgoing)
        has_gone = row.recipients.exclude(state__in=(*PENDING, To.REFUSED)).exists()
        if has_gone or row.state not in (*WAITING, State.REFUSED) or not row.parts.exists():
            raise TooLate
        _update(row, state=State.CANCELLED, needs_owner=False, finished_at=Now())
        return dict(row.written)


def try_now(outgoing: OutgoingMessage) -> None:
    """Do not wait for the next try, or for the time chosen. Raises TooLate."""
    with transaction.atomic():
        row = _locked(outgoing)
        if row.state not in WAITING:
            raise TooLate
        _update(row, due_at=Now())


def arrived(outgoing: OutgoingMessage) -> None:
    """The owner knows that a message that was maybe sent has arrived. Raises TooLate."""
    with transaction.atomic():
        row = _locked(outgoing)
        if row.state != State.UNKNOWN:
            raise TooLate
        row.recipients.filter(state=To.UNKNOWN).update(state=To.ACCEPTED, failure="")
        copied = {} if row.kind != Kind.PERSON else {"copy": OutgoingMessage.Copy.WAITING}
        if row.recipients.filter(state__in=PENDING).exists():
            # The server had refused these for now, which it said before anything was handed over.
            _update(row, state=State.REFUSED_TEMPORARY, due_at=Now(), needs_owner=False, **copied)
            return
        refused = row.recipients.filter(state=To.REFUSED).exists()
        _update(row, state=State.ACCEPTED, finished_at=Now(), needs_owner=refused, **copied)


def send_again(outgoing: OutgoingMessage, *, attempts: int) -> None:
    """Once more: to those who may not have it, and then a second copy is upon the owner; else to those who refused.

    `attempts` is what they saw: a page from before another try decides nothing. Raises TooLate.
    """
    with transaction.atomic():
        row = _locked(outgoing)
        again = row.recipients.filter(state=To.UNKNOWN if row.state == State.UNKNOWN else To.REFUSED)
        if row.state not in ENDED or row.attempts != attempts or not again.exists() or not row.parts.exists():
            raise TooLate
        again.update(state=To.WAITING, failure="", code=None, status="", text="")
        _update(row, state=State.QUEUED, due_at=Now(), needs_owner=False, tried_since=None, finished_at=None)


def take_off(outgoing: OutgoingMessage) -> None:
    """The owner has seen how it ended and wants it out of the outbox. Raises TooLate while it is on its way."""
    with transaction.atomic():
        row = _locked(outgoing)
        if row.state not in (State.REFUSED, State.ACCEPTED):
            raise TooLate
        _update(row, needs_owner=False)
        drop_bytes(row)


def resume(account: MailAccount) -> None:
    """Sending from the account goes on: its settings were mended, or its owner wants another try."""
    OutgoingServer.objects.filter(account=account).update(paused_since=None, error_code="", error_text="")


def drop_bytes(outgoing: OutgoingMessage) -> None:
    """Delete the frozen bytes and what was written if nobody can want them: nothing to send, to decide or to file.

    From then on the message is only in Sent, where it is charged.
    """
    row = OutgoingMessage.objects.get(pk=outgoing.pk)
    is_filed = row.copy in (OutgoingMessage.Copy.NONE, OutgoingMessage.Copy.FILED)
    if row.state in ENDED and is_filed and not row.needs_owner:
        row.parts.all().delete()
        OutgoingMessage.objects.filter(pk=row.pk).update(written={})


def _locked(outgoing: OutgoingMessage) -> OutgoingMessage:
    locks.share(outgoing.account_id)
    found = (
        OutgoingMessage.objects.select_for_update(of=("self",), no_key=True).filter(pk=outgoing.pk).first()
    )
    if found is None:
        raise TooLate
    return found


def _update(row: OutgoingMessage, **values: Any) -> None:
    """A person's decision ends every claim: a worker that comes late has nothing more to say."""
    OutgoingMessage.objects.filter(pk=row.pk).update(claim_token=None, claimed_until=None, **values)
