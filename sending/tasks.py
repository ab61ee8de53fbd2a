"""Tasks: a few lines each, that take ids and may run twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts import mail, tenancy
from accounts.models import MailAccount
from sending import new_mail_checks
from sending.identities import address_verification
from sending.identities import probe as send_probe
from sending.models import AddressProof, OutgoingMessage
from sending.outbox import claims, delivery, owner_notices, retention, sent_copies
from sending.outbox.claims import Claim
from sending.vacation import replies

logger = logging.getLogger(__name__)

DISPATCH_LIMIT = 200
# What is due within so many seconds is ordered at once; what is due later is found by the tick.
SOON_SECONDS = 15
# A worker goes on with the next message for so long, then it is the turn of others (ADR 5).
TURN_SECONDS = 10


@shared_task
def send_code(organization_id: int, proof_id: int, language: str) -> None:
    """Make the code that was ordered and mail it; the second time there is nothing to do."""
    with tenancy.scope(organization_id):
        code = address_verification.make_code(proof_id)
        proof = AddressProof.objects.select_related("user", "organization").get(pk=proof_id)
        if code:
            mail.address_code(
                proof.user,
                proof.organization.name,
                proof.organization.slug,
                proof.address,
                code,
                minutes=address_verification.MINUTES,
                language=language,
            )


@shared_task(expires=120)
def probe(probe_id: str) -> None:
    """Test the settings a person has typed in; the page polls the result."""
    send_probe.run(probe_id)


# ── The outbox ──────────────────────────────────────────────────────────────
def schedule_sending(outgoing: OutgoingMessage) -> None:
    """Once this is committed, have the message sent when it is due. Should the order get lost, the tick finds it."""
    seconds = max(0.0, (outgoing.due_at - timezone.now()).total_seconds())
    if seconds <= SOON_SECONDS:
        # A little later, because the clock of the database decides.
        countdown = seconds + 0.5 if seconds else None
        send = partial(
            send_due.apply_async, (outgoing.organization_id, outgoing.account_id), countdown=countdown
        )
        transaction.on_commit(send, robust=True)


def schedule_account(account: MailAccount) -> None:
    """Once this is committed, have what waits in the account's outbox sent."""
    transaction.on_commit(partial(send_due.delay, account.organization_id, account.pk), robust=True)


@shared_task
def send_due(organization_id: int, account_id: int) -> None:
    """Send what is due from an account; nothing, when somebody is at it or it has to wait."""
    _send(claims.claim_due(1, account_id))


@shared_task(expires=claims.QUEUE_SECONDS)
def send_claimed(organization_id: int, outgoing_id: int, account_id: int, token: str) -> None:
    """The same, beginning with a message that was claimed; a stale claim ends at once."""
    _send([Claim(organization_id, outgoing_id, account_id, token)])


def _send(found: list[Claim]) -> None:
    until = time.monotonic() + TURN_SECONDS
    while found:
        (claim,) = found
        delivery.send(claim)
        sent_copies.file_copy(claim.organization_id, claim.outgoing_id)
        # The same account first: then whoever waits for the thread.
        found = claims.claim_due(1, claim.account_id) or claims.claim_due(1)
        if time.monotonic() >= until:
            _queue(found)
            return


def _queue(found: list[Claim]) -> None:
    for claim in found:
        send_claimed.delay(claim.organization_id, claim.outgoing_id, claim.account_id, claim.token)


@shared_task
def dispatch() -> None:
    """Beat's tick: end claims that ran out, claim what is due, see to copies left behind, and tell owners."""
    claims.expire()
    _queue(claims.claim_due(DISPATCH_LIMIT))
    for organization_id, outgoing_id in sent_copies.due_copies(DISPATCH_LIMIT):
        file_copy.delay(organization_id, outgoing_id)
    for organization_id, account_id in owner_notices.accounts_to_notify(DISPATCH_LIMIT):
        tell_owner.delay(organization_id, account_id)


@shared_task(expires=60)
def tell_owner(organization_id: int, account_id: int) -> None:
    """Write to an owner whom sending needs, once."""
    owner_notices.notify_owner(organization_id, account_id)


@shared_task(expires=60)
def file_copy(organization_id: int, outgoing_id: int) -> None:
    """File a copy in Sent, unless it is there."""
    sent_copies.file_copy(organization_id, outgoing_id)


# ── New mail ────────────────────────────────────────────────────────────────
@shared_task
def look_at_new_mail(organization_id: int, check_ids: Sequence[int]) -> None:
    """Read reports, adopt copies, decide about away replies; one that cannot be done now is left to the clock."""
    for key in check_ids:
        try:
            reply = new_mail_checks.look(organization_id, key)
        except Exception:  # one letter's trouble must stay that letter's (R8)
            logger.exception("check %d of new mail", key)
            continue
        if reply is not None:
            schedule_sending(reply)


@shared_task
def sweep() -> None:
    """The clock: new mail that nobody has looked at, because the order was lost or came to nothing."""
    for organization_id, check_ids in new_mail_checks.take_due(DISPATCH_LIMIT).items():
        look_at_new_mail.delay(organization_id, check_ids)


@shared_task
def delete_expired() -> None:
    """Forget drafts that nobody wrote into, what was taken back, and who had an away reply long ago."""
    retention.delete_expired()
    replies.delete_expired()
