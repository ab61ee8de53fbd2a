"""How a message on its way stands, in words for its owner, and what they can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from accounts.servers.failures import describe
from sending.identities import servers
from sending.models import OutgoingMessage, OutgoingPart, OutgoingRecipient, OutgoingServer
from sending.outbox import outbox

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

State = OutgoingMessage.State
To = OutgoingRecipient.State
# What is due within this time is as good as on its way.
SOON: Final = timedelta(seconds=30)

_NOTHING_LOST: Final = _("Mailhub tries again by itself for a day. Nothing is lost.")


@dataclass(frozen=True, slots=True)
class OutgoingStatus:
    """Icon, tone ("", ok, info, warn, bad) and words; `said` are the server's own, `next_try` is when it goes on."""

    icon: str
    tone: str
    badge: _StrPromise | str
    sentence: _StrPromise | str = ""
    remedy: _StrPromise | str = ""
    said: str = ""
    next_try: datetime | None = None
    is_moving: bool = False  # it will be another one in seconds


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """One recipient and how it went with them."""

    recipient: OutgoingRecipient
    status: OutgoingStatus


@dataclass(frozen=True, slots=True)
class OutgoingDetails:
    """A message as the pages of the outbox show it."""

    outgoing: OutgoingMessage
    status: OutgoingStatus
    people: Sequence[RecipientStatus]
    can_take_back: bool
    can_try_now: bool
    can_send_again: bool

    @property
    def is_maybe(self) -> bool:
        """Whether only its owner can say what has become of it."""
        return self.outgoing.state == State.UNKNOWN

    @property
    def can_take_off(self) -> bool:
        """Whether it stays in the outbox only until it is taken off."""
        return self.outgoing.needs_owner and not self.is_maybe

    @property
    def is_scheduled(self) -> bool:
        """Whether it waits for a time its owner has chosen, and not for another try."""
        return self.status.next_try is not None and not self.outgoing.error_code

    @property
    def again(self) -> Sequence[RecipientStatus]:
        """Whom another copy would go to."""
        wanted = To.UNKNOWN if self.is_maybe else To.REFUSED
        return [person for person in self.people if person.recipient.state == wanted]


@dataclass(frozen=True, slots=True)
class OutboxSummary:
    """The outbox of one account: messages in it, those that need their owner, and why nothing goes out, if so."""

    account_id: int
    count: int
    needs: int
    paused: OutgoingStatus | None


def summaries(membership: Membership, account: int | None = None) -> dict[int, OutboxSummary]:
    """Of the member's accounts (or one of them) that have anything in the outbox, by account; one query."""
    rows = outbox.shown(OutgoingMessage.objects.visible_to(membership))
    rows = rows if account is None else rows.filter(account=account)
    server = "account__outgoing_server__"
    counted = rows.order_by().values_list(
        "account", f"{server}paused_since", f"{server}error_code", f"{server}error_text"
    )
    return {
        account: OutboxSummary(
            account,
            count,
            needs,
            _failed("pause", "bad", _("Paused"), code, said) if since is not None else None,
        )
        for account, since, code, said, count, needs in counted.annotate(
            count=Count("pk"), needs=Count("pk", filter=Q(needs_owner=True))
        )
    }


def with_people(messages: QuerySet[OutgoingMessage]) -> QuerySet[OutgoingMessage]:
    """With all that `show` reads."""
    parts = OutgoingPart.objects.filter(outgoing=OuterRef("pk"))
    rows = messages.select_related("account__outgoing_server").prefetch_related("recipients")
    return rows.annotate(has_bytes=Exists(parts))


def details_of(outgoing: OutgoingMessage) -> OutgoingDetails:
    """A message that was read by `with_people`."""
    people = [RecipientStatus(each, recipient_status(each)) for each in outgoing.recipients.all()]
    states = {person.recipient.state for person in people}
    status = status_of(outgoing, states)
    is_waiting = outgoing.state in outbox.WAITING
    has_gone = bool(states - {*outbox.PENDING, To.REFUSED})
    has_bytes = bool(getattr(outgoing, "has_bytes", False))
    return OutgoingDetails(
        outgoing,
        status,
        people,
        can_take_back=not has_gone and has_bytes and (is_waiting or outgoing.state == State.REFUSED),
        can_try_now=is_waiting and status.next_try is not None,
        can_send_again=has_bytes
        and (outgoing.state == State.UNKNOWN or (outgoing.state in outbox.ENDED and To.REFUSED in states)),
    )


# ── Messages ────────────────────────────────────────────────────────────────
def status_of(outgoing: OutgoingMessage, states: set[str]) -> OutgoingStatus:
    """How the message stands; `states` are those of its recipients."""
    match outgoing.state:
        case State.QUEUED | State.REFUSED_TEMPORARY:
            return _waiting(outgoing, servers.server_of(outgoing.account))
        case State.CLAIMED | State.HANDED_OVER:
            return OutgoingStatus("spinner", "info", _("Being sent"), is_moving=True)
        case State.UNKNOWN:
            return _failed("alert", "warn", _("Maybe sent"), "maybe_sent")
        case State.REFUSED:
            return _failed("x", "bad", _("Not sent"), outgoing.error_code, outgoing.error_text)
        case State.CANCELLED:
            return OutgoingStatus("undo", "", _("Taken back"), _("Nobody has got it."))
    return _sent(states)


def _waiting(outgoing: OutgoingMessage, server: OutgoingServer | None) -> OutgoingStatus:
    if server is None or server.paused_since is not None:
        return paused(server)
    now = timezone.now()
    due = max(outgoing.due_at, server.not_before or outgoing.due_at)
    later = due if due > now + SOON else None
    if outgoing.error_code:
        failure = describe(outgoing.error_code)
        badge = _("Trying again") if outgoing.state == State.QUEUED else _("Not to everybody yet")
        return OutgoingStatus(
            "clock", "warn", badge, failure.sentence, _NOTHING_LOST, outgoing.error_text, later, later is None
        )
    if later is None:
        return OutgoingStatus("clock", "info", _("Waiting"), _("It goes out in a moment."), is_moving=True)
    return OutgoingStatus(
        "clock", "", _("Scheduled"), _("It goes out at the time you have chosen."), next_try=later
    )


def paused(server: OutgoingServer | None) -> OutgoingStatus:
    """That nothing goes out from an account until its owner does something."""
    if server is None:
        return _failed("pause", "bad", _("Paused"), "sending_not_set_up")
    return _failed("pause", "bad", _("Paused"), server.error_code, server.error_text)


def _sent(states: set[str]) -> OutgoingStatus:
    if To.BOUNCED in states:
        return OutgoingStatus(
            "bounce",
            "bad",
            _("Came back"),
            _("The server took it, but it did not reach everybody."),
            _("Look at who did not get it, and why."),
        )
    if To.REFUSED in states:
        return OutgoingStatus(
            "alert",
            "warn",
            _("Not to everybody"),
            _("The server took it for some recipients and refused others."),
            _("Look at who did not get it, and why."),
        )
    return OutgoingStatus("check", "ok", _("Sent"), _("The server took it for everybody."))


def _failed(icon: str, tone: str, badge: _StrPromise, code: str, said: str = "") -> OutgoingStatus:
    failure = describe(code)
    return OutgoingStatus(icon, tone, badge, failure.sentence, failure.remedy, said)


# ── Recipients ──────────────────────────────────────────────────────────────
def recipient_status(recipient: OutgoingRecipient) -> OutgoingStatus:
    """How it went with one of them."""
    match recipient.state:
        case To.ACCEPTED:
            return OutgoingStatus("check", "ok", _("Accepted by the server"))
        case To.REFUSED_TEMPORARY:
            return _told("clock", "warn", _("Refused for now"), recipient)
        case To.REFUSED:
            return _told("x", "bad", _("Refused"), recipient)
        case To.UNKNOWN:
            return OutgoingStatus("alert", "warn", _("Maybe sent"))
        case To.BOUNCED:
            return _told("bounce", "bad", _("Came back"), recipient)
    return OutgoingStatus("clock", "", _("Waiting"))


def _told(icon: str, tone: str, badge: _StrPromise, recipient: OutgoingRecipient) -> OutgoingStatus:
    failure = describe(recipient.failure) if recipient.failure else None
    return OutgoingStatus(
        icon,
        tone,
        badge,
        failure.sentence if failure else "",
        failure.remedy if failure else "",
        recipient.text,
    )
