"""How a try ended, written down: for each recipient, for the message and its next try, and for its server."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from accounts import locks
from accounts.servers.failures import ErrorClass, MailError
from sending.models import OutgoingMessage, OutgoingRecipient, OutgoingServer
from sending.outbox import claims, outbox
from sending.outbox.claims import Claim, ClaimLost
from sending.smtp.client import Delivery, Phase, RecipientResult, Verdict

logger = logging.getLogger(__name__)

# The next try is after as long as it has been tried already, so each pause is twice the last.
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
CERTIFICATE_PAUSE: Final = timedelta(hours=1)
GIVE_UP: Final = timedelta(hours=claims.GIVE_UP_HOURS)
# What a server that is busy or limits us gets when it names no time.
SERVER_PAUSES: Final = {"smtp_busy": timedelta(minutes=2), "sending_limit": timedelta(hours=1)}
JITTER: Final = 0.2

State = OutgoingMessage.State
To = OutgoingRecipient.State
_STATES: Final = {
    Verdict.ACCEPTED: To.ACCEPTED,
    Verdict.TEMPORARY: To.REFUSED_TEMPORARY,
    Verdict.PERMANENT: To.REFUSED,
    Verdict.UNKNOWN: To.UNKNOWN,
}


def record_result(claim: Claim, found: Delivery) -> str:
    """Write down what became of a claimed message; returns its state. Within the scope. Raises ClaimLost.

    Also of one that counts as maybe sent by now: a worker that was only slow knows better, unless the owner has
    decided meanwhile.
    """
    locks.share(claim.account_id)
    mine = claims.own(claim, State.CLAIMED, State.HANDED_OVER, State.UNKNOWN)
    row = mine.select_for_update(of=("self",), no_key=True).first()
    if row is None:
        raise ClaimLost
    server = OutgoingServer.objects.filter(account=row.account_id).first()
    error = _ours(found.error, server)
    recipients = _note(row, found.recipients)
    values = _outcome(row, recipients, found, error)
    OutgoingMessage.objects.filter(pk=row.pk).update(
        claim_token=None,
        claimed_until=None,
        error_code=error.code if error else "",
        error_text=error.server_text if error else "",
        **values,
    )
    if server is not None:
        _note_server(server, found, error)
    outbox.drop_bytes(row)
    return str(values["state"])


def _ours(error: MailError | None, server: OutgoingServer | None) -> MailError | None:
    """The failure as its owner may see it: what is wrong with Mailhub's own relay is not theirs to mend."""
    if error is None or server is None or server.is_custom or error.code == "sending_not_set_up":
        return error
    if error.error_class in (ErrorClass.AUTHENTICATION, ErrorClass.CONFIG, ErrorClass.CERTIFICATE):
        logger.error("Mailhub's own mail server (EMAIL_URL) refused: %s", error.code)
        return MailError("internal", retry_after=error.retry_after)
    return error


# ── Recipients ──────────────────────────────────────────────────────────────
def _note(row: OutgoingMessage, results: Sequence[RecipientResult]) -> list[OutgoingRecipient]:
    """Each recipient's own verdict; returns all of them, also those of earlier envelopes."""
    recipients = list(row.recipients.all())
    open_ones = {each.address: each for each in recipients if each.state in (*outbox.PENDING, To.UNKNOWN)}
    for result in results:
        if (recipient := open_ones.get(result.address)) is not None:
            _apply(recipient, result)
    fields = ["state", "failure", "code", "status", "text"]
    OutgoingRecipient.objects.bulk_update(open_ones.values(), fields)
    return recipients


def _apply(recipient: OutgoingRecipient, result: RecipientResult) -> None:
    if result.verdict is Verdict.NOT_SENT:
        # What its own server has said at an earlier try is worth more than that this one came to nothing.
        if recipient.state == To.UNKNOWN:
            recipient.state, recipient.failure = To.WAITING, ""
        if result.ended_session and recipient.state == To.WAITING:
            recipient.failure = result.failure  # so that the next try asks the others first
        return
    answer = result.answer
    recipient.state, recipient.failure = _STATES[result.verdict], result.failure
    recipient.code = answer.code if answer else None
    recipient.status = answer.enhanced[:12] if answer else ""
    recipient.text = answer.text if answer else ""


# ── The message ─────────────────────────────────────────────────────────────
def _outcome(
    row: OutgoingMessage,
    recipients: Sequence[OutgoingRecipient],
    found: Delivery,
    error: MailError | None,
) -> dict[str, Any]:
    """The message's columns after the try."""
    now = timezone.now()
    states = {each.state for each in recipients}
    values: dict[str, Any] = {"finished_at": None, "needs_owner": False}
    if To.ACCEPTED in states and row.kind == OutgoingMessage.Kind.PERSON and row.copy == row.Copy.NONE:
        values["copy"] = OutgoingMessage.Copy.WAITING
    asks = row.kind != OutgoingMessage.Kind.VACATION
    if To.UNKNOWN in states:
        return values | {"state": State.UNKNOWN, "finished_at": now, "needs_owner": asks}
    pending = [each for each in recipients if each.state in outbox.PENDING]
    since = row.tried_since or now
    is_refused = any(each.state == To.REFUSED_TEMPORARY for each in pending)
    waiting = State.REFUSED_TEMPORARY if is_refused else State.QUEUED
    if pending and _waits_for_a_person(found, error):
        # The day that a message is tried for begins when it can be tried at all.
        return values | {"state": waiting, "tried_since": None}
    if pending and now - since < GIVE_UP:
        return values | {"state": waiting, "due_at": _next_try(now, since, found, error)}
    for each in pending:
        each.state, each.failure = To.REFUSED, each.failure or (error.code if error else "internal")
    OutgoingRecipient.objects.bulk_update(pending, ["state", "failure"])
    has_gone = bool(states & {To.ACCEPTED, To.BOUNCED})
    is_refused = bool(pending) or To.REFUSED in states
    state = State.ACCEPTED if has_gone else State.REFUSED
    return values | {"state": state, "finished_at": now, "needs_owner": asks and is_refused}


def _next_try(now: datetime, since: datetime, found: Delivery, error: MailError | None) -> datetime:
    """After as long again as it has been tried, and not before a server wants to be asked again."""
    pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, now - since))
    if error is not None and error.error_class == ErrorClass.CERTIFICATE:
        pause = CERTIFICATE_PAUSE
    pause *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # no secret
    wanted = _retry_after(found, error)
    # The last try is at the end of the time there is.
    return max(min(now + pause, since + GIVE_UP), now + timedelta(seconds=wanted))


def _retry_after(found: Delivery, error: MailError | None) -> int:
    stated = [each.retry_after for each in found.recipients if each.verdict is Verdict.TEMPORARY]
    named = [seconds for seconds in stated if seconds is not None]
    return min(named) if named else (error and error.retry_after) or 0


# ── The server ──────────────────────────────────────────────────────────────
def _waits_for_a_person(found: Delivery, error: MailError | None) -> bool:
    """Whether nothing can be sent from the account until somebody changes its settings."""
    if error is None or found.verdict is not Verdict.NOT_SENT:
        return False
    return error.permanent and error.error_class in (ErrorClass.AUTHENTICATION, ErrorClass.CONFIG)


def _note_server(server: OutgoingServer, found: Delivery, error: MailError | None) -> None:
    """Pause it, let it be for a while, or note that it is well again."""
    rows = OutgoingServer.objects.filter(pk=server.pk)
    if error is not None and _waits_for_a_person(found, error):
        rows.filter(paused_since=None).update(paused_since=timezone.now())
        rows.update(error_code=error.code, error_text=error.server_text)
    elif pause := _server_pause(found):
        rows.update(not_before=timezone.now() + pause)
    elif found.verdict is Verdict.ACCEPTED and server.error_code:
        rows.update(error_code="", error_text="")


def _server_pause(found: Delivery) -> timedelta | None:
    """How long nothing is to be sent there: it said that it is busy, or that we have sent enough."""
    failures = {each.failure: each.retry_after for each in found.recipients}
    if found.error is not None:
        failures.setdefault(found.error.code, found.error.retry_after)
    for code, pause in SERVER_PAUSES.items():
        if code in failures:
            stated = failures[code]
            return pause if stated is None else timedelta(seconds=stated)
    # 421 and 451 to the message itself (RFC 5321, 4.2.3); to a recipient they say something of that one only.
    if found.answer is not None and found.answer.code in (421, 451) and found.phase >= Phase.ENVELOPE:
        return None if found.error is None or found.error.code == "greylisted" else SERVER_PAUSES["smtp_busy"]
    return None
