"""One try to send one message: take it, hand it over, write down what is known of it now.

What must never happen is that a message goes twice without its owner's word, or that it is lost without a trace. So
`handed_over` is committed right before the final dot. A line that breaks before that is tried again; one that breaks
after it leaves a message that was maybe sent, and only its owner decides about that one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from accounts import leases
from accounts.crypto import CryptoError
from accounts.servers.failures import ErrorClass, MailError
from mailbox.mime.structure import read_headers
from sending.identities import identities, servers
from sending.identities.servers import Route
from sending.models import OutgoingMessage, OutgoingRecipient
from sending.outbox import claims, outbox
from sending.outbox import results as delivery_results
from sending.outbox.claims import Claim, ClaimLost
from sending.smtp.client import Delivery, Envelope, Limits, Phase, RecipientResult, Verdict, deliver
from sending.smtp.connection import CLOSING

logger = logging.getLogger(__name__)

State = OutgoingMessage.State
To = OutgoingRecipient.State

# The answer of a server is dear: a database that is away for a moment is asked again, after so many seconds.
ASK_AGAIN: Final = (1, 2, 4, 8)


class Transmit(Protocol):
    """Hands bytes over; `sending.smtp.client.deliver`, or what a test puts in its place."""

    def __call__(
        self,
        way: Route,
        envelope: Envelope,
        message: bytes,
        on_hand_over: Callable[[], None],
        on_end: Callable[[Delivery], None],
    ) -> Delivery: ...


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """A claimed message as it goes to the server; `raw` is in no repr."""

    claim: Claim
    way: Route
    envelope: Envelope
    raw: bytes = field(repr=False)


def by_smtp(
    way: Route,
    envelope: Envelope,
    message: bytes,
    on_hand_over: Callable[[], None],
    on_end: Callable[[Delivery], None],
) -> Delivery:
    """Through the account's own server or Mailhub's relay."""
    return deliver(
        way.address,
        way.credentials,
        envelope,
        message,
        on_hand_over=on_hand_over,
        on_end=on_end,
        limits=Limits(),
        client_name=way.client_name,
    )


def send(claim: Claim, *, carry: Transmit = by_smtp) -> str:
    """Try to send a claimed message; returns its state then, "" when the claim was no longer good.

    Never raises for what a server or a person did.
    """
    try:
        job = _take(claim)
        return _settle(claim, job) if isinstance(job, Delivery) else _hand_over(job, carry)
    except ClaimLost:
        return ""


def _take(claim: Claim) -> DeliveryJob | Delivery:
    """Begin a try; a Delivery when it is over before a server was asked. Raises ClaimLost."""
    with leases.short_scope(claim.organization_id):
        claims.hold(
            claim,
            State.CLAIMED,
            attempts=F("attempts") + 1,
            tried_since=Coalesce("tried_since", Now()),
        )
        own = OutgoingMessage.objects.select_related("account__outgoing_server", "identity")
        outgoing = own.get(pk=claim.outgoing_id)
        recipients = _whom(outgoing)
        raw = outbox.raw_bytes(outgoing)
        try:
            way = _way(outgoing, raw)
        except MailError as error:
            return without_server(error, recipients)
        except CryptoError:
            logger.exception("the password for sending of account %d", claim.account_id)
            return without_server(MailError("internal"), recipients)
        return DeliveryJob(claim, way, Envelope(outgoing.envelope_from, recipients), raw)


def _whom(outgoing: OutgoingMessage) -> tuple[str, ...]:
    """Whom this try is for: all that are left, unless the server hangs up at one of them and the others starve.

    Such a one is left out at first, and then asked for alone, in turns with those that are refused for now.
    """
    pending = list(outgoing.recipients.filter(state__in=outbox.PENDING))
    enders = [each for each in pending if each.code == CLOSING or (each.state == To.WAITING and each.failure)]
    others = [each for each in pending if each not in enders]
    if enders and not others:
        others = [enders[outgoing.attempts % len(enders)]]
    elif enders and outgoing.attempts % 2 and not any(each.state == To.WAITING for each in others):
        others = [enders[outgoing.attempts // 2 % len(enders)]]
    return tuple(each.address for each in others)


def without_server(error: MailError, recipients: Sequence[str]) -> Delivery:
    """A try that surely sent nothing, because of us or the settings; what is wrong with the message refuses it."""
    about_it = error.permanent and error.error_class == ErrorClass.MESSAGE
    verdict = Verdict.PERMANENT if about_it else Verdict.NOT_SENT
    return _ended(Phase.STARTED, verdict, recipients, error)


def _ended(phase: Phase, verdict: Verdict, recipients: Sequence[str], error: MailError) -> Delivery:
    results = tuple(RecipientResult(each, verdict, error.code) for each in recipients)
    return Delivery(phase, verdict, results, error=error)


def _way(outgoing: OutgoingMessage, raw: bytes) -> Route:
    """How it goes, if its sender may still be used: that may have changed since it was queued. Raises MailError.

    So may where replies go; what the frozen bytes say of that counts, not what the address has by now.
    """
    way = servers.route_of(outgoing.account)
    if outgoing.identity is None:
        raise MailError("sender_not_proven")
    outgoing.identity.account = outgoing.account
    asked = read_headers(raw, 0, len(raw))[0].addresses(b"reply-to")
    if identities.why_not(outgoing.identity, [each.address for each in asked]):
        raise MailError("sender_not_proven")
    return way


def _hand_over(job: DeliveryJob, carry: Transmit) -> str:
    """The conversation, in no transaction, and what came of it. Raises ClaimLost."""
    is_handed_over = False
    known: Delivery | None = None
    state = ""

    def on_hand_over() -> None:
        nonlocal is_handed_over
        with leases.short_scope(job.claim.organization_id):
            claims.hold(job.claim, State.CLAIMED, state=State.HANDED_OVER)
        is_handed_over = True

    def on_end(found: Delivery) -> None:
        # Before the farewell: whoever is killed while a server takes its time to say goodbye knew it all.
        nonlocal known, state
        known = found
        state = _settle(job.claim, found)

    recipients = job.envelope.recipients
    try:
        with claims.heartbeat(job.claim):
            found = carry(job.way, job.envelope, job.raw, on_hand_over, on_end)
    except ClaimLost:
        raise
    except Exception:  # one message's trouble, also our own, must stay that message's (S5)
        logger.exception("sending message %d", job.claim.outgoing_id)
        if known is not None:
            found = known
        elif is_handed_over:
            found = _ended(Phase.HANDED_OVER, Verdict.UNKNOWN, recipients, MailError("maybe_sent"))
        else:
            found = without_server(MailError("internal"), recipients)
    return state or _settle(job.claim, found)


def _settle(claim: Claim, found: Delivery) -> str:
    """Write down how the try ended, though the database be away for a while. Raises ClaimLost."""
    for pause in (*ASK_AGAIN, None):
        try:
            with leases.short_scope(claim.organization_id):
                return delivery_results.record_result(claim, found)
        except DatabaseError:
            if pause is None:
                raise
            logger.exception("the end of message %d is not written yet", claim.outgoing_id)
            time.sleep(pause)
    raise AssertionError("the last round returns or raises")
