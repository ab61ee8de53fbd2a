"""Who sends which message, and when: claims with a time to live, seats at a server, one message of an account at once.

Whoever may send a message holds a claim: a token in its row that is good until a time. A worker that dies leaves it to
run out: before the hand-over the message waits again, after it nobody can know and its owner decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import leases, tenancy
from accounts.leases import LeaseLost, connection_returned, short_scope
from sending.models import OutgoingMessage

# A claimed message waits in the queue so long before it is claimed again.
QUEUE_SECONDS: Final = 120
# While it is being sent the claim is renewed at least every HEARTBEAT.
RUN_SECONDS: Final = 60
HEARTBEAT_SECONDS: Final = 15
# Messages at a time that go to one server, over all organizations; Mailhub's relay counts as one server.
SEATS: Final = 4
# Of the threads an organization gets a quarter while others are there, half of them while nobody else is. A session
# that has lasted for SLOW_SECONDS takes one of those kept for slow ones, as long as there are any (ADR 12).
SHARED: Final = 4
ALONE: Final = 2
SLOW_SECONDS: Final = 60
# A message whose workers died so often waits before it takes another one along.
DEATHS: Final = 3
DEATH_PAUSE: Final = "interval '1 hour'"
# What has failed for a day is given up. RFC 5321, 4.5.4.1 asks for longer, but a person is there who wants to know.
GIVE_UP_HOURS: Final = 24
_LOCK = 4_242_002

State = OutgoingMessage.State
_NOW = "statement_timestamp()"


class ClaimLost(LeaseLost):
    """Somebody else is responsible for the message now, or its owner has decided: send nothing, write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message: good while `token` is in its row."""

    organization_id: int
    outgoing_id: int
    account_id: int
    token: str


@contextmanager
def _everybody() -> Iterator[None]:
    # Seats are counted over all organizations.
    with connection_returned(), tenancy.system():
        yield


# ── Claiming ────────────────────────────────────────────────────────────────
def claim_due(limit: int, account_id: int | None = None) -> list[Claim]:
    """Claim up to `limit` messages that are due, or the next one of an account.

    One of each account, in turns of organizations, as many at a server as it has seats and of an organization as its
    share of the threads allows. What is paused or must not be asked yet stays.
    """
    values = {
        "limit": limit,
        "account": account_id,
        "threads": settings.MAILHUB_SEND_THREADS,
        "slow": settings.MAILHUB_SEND_SLOW_THREADS,
    }
    with _everybody(), connection.cursor() as cursor:
        # One after the other, since each counts the seats that are taken.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_CLAIM, values)
        return [Claim(*row) for row in cursor.fetchall()]


_CLAIM = f"""
WITH active AS MATERIALIZED (
    SELECT account_id, organization_id,
        coalesce(claimed_at <= {_NOW} - interval '{SLOW_SECONDS} seconds', false) AS is_slow
    FROM sending_outgoingmessage WHERE state IN ('claimed', 'handed_over') AND claimed_until > {_NOW}),
busy AS MATERIALIZED (
    SELECT host, count(*) AS seats FROM active JOIN sending_outgoingserver USING (account_id) GROUP BY host),
held AS MATERIALIZED (
    SELECT organization_id, count(*) FILTER (WHERE NOT is_slow)
        + greatest(0, count(*) FILTER (WHERE is_slow) - greatest(1, %(slow)s / {SHARED})) AS seats
    FROM active GROUP BY organization_id),
waiting AS MATERIALIZED (
    SELECT message.id, message.account_id, message.organization_id, message.due_at, server.host
    FROM sending_outgoingmessage AS message JOIN sending_outgoingserver AS server USING (account_id)
    WHERE message.state IN ('queued', 'refused_temporary') AND message.due_at <= {_NOW}
        AND server.paused_since IS NULL AND (server.not_before IS NULL OR server.not_before <= {_NOW})
        AND message.account_id NOT IN (SELECT account_id FROM active)),
pool AS MATERIALIZED (
    SELECT greatest(1, %(threads)s / CASE WHEN (
            SELECT count(*) FROM (
                SELECT organization_id FROM active UNION SELECT organization_id FROM waiting) AS crowd) > 1
        THEN {SHARED} ELSE {ALONE} END) AS share,
        %(threads)s - count(*) FILTER (WHERE NOT is_slow)
            - greatest(0, count(*) FILTER (WHERE is_slow) - %(slow)s) AS free
    FROM active),
due AS MATERIALIZED (
    SELECT DISTINCT ON (account_id) * FROM waiting
    WHERE %(account)s::bigint IS NULL OR account_id = %(account)s::bigint
    ORDER BY account_id, due_at, id),
turns AS (
    SELECT due.*, coalesce(held.seats, 0)
        + row_number() OVER (PARTITION BY organization_id ORDER BY due_at, id) AS turn
    FROM due LEFT JOIN held USING (organization_id)),
seated AS (
    SELECT turns.*, coalesce(busy.seats, 0)
        + row_number() OVER (PARTITION BY turns.host ORDER BY turn, due_at, turns.id) AS seat
    FROM turns LEFT JOIN busy ON busy.host = turns.host),
placed AS (
    SELECT seated.*, coalesce(held.seats, 0)
        + row_number() OVER (PARTITION BY organization_id ORDER BY turn) AS place
    FROM seated LEFT JOIN held USING (organization_id) WHERE seat <= {SEATS}),
taken AS (
    SELECT message.id FROM sending_outgoingmessage AS message JOIN placed USING (id)
    WHERE place <= (SELECT share FROM pool) AND message.state IN ('queued', 'refused_temporary')
    ORDER BY turn, placed.due_at LIMIT least(%(limit)s, greatest(0, (SELECT free FROM pool)))
    FOR UPDATE OF message SKIP LOCKED)
UPDATE sending_outgoingmessage AS message
SET state = 'claimed', claim_token = gen_random_uuid(), has_begun = false, claimed_at = {_NOW},
    claimed_until = {_NOW} + make_interval(secs => {QUEUE_SECONDS})
FROM taken WHERE message.id = taken.id
RETURNING message.organization_id, message.id, message.account_id, message.claim_token::text"""


# ── Claims that ran out ─────────────────────────────────────────────────────
def expire() -> None:
    """What a dead worker has left: not handed over, it waits again; handed over, it was maybe sent.

    The token of the latter stays: a worker that was only slow may still say how it ended (`sending.outbox.delivery`).
    """
    with _everybody(), connection.cursor() as cursor:
        # One after the other: each ends claims in the order it finds them.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_GIVE_UP)
        cursor.execute(_AGAIN)
        cursor.execute(_MAYBE)


_AGAIN = f"""
UPDATE sending_outgoingmessage SET state = 'queued', claim_token = NULL, claimed_until = NULL,
    due_at = CASE WHEN has_begun AND attempts >= {DEATHS} THEN {_NOW} + {DEATH_PAUSE} ELSE due_at END
WHERE state = 'claimed' AND claimed_until <= {_NOW}"""
# Its workers have been dying for a day.
_GIVE_UP = f"""
WITH ended AS (
    UPDATE sending_outgoingmessage AS message SET state = CASE WHEN EXISTS (
            SELECT FROM sending_outgoingrecipient AS recipient
            WHERE recipient.outgoing_id = message.id AND recipient.state IN ('accepted', 'bounced'))
            THEN 'accepted' ELSE 'refused' END,
        claim_token = NULL, claimed_until = NULL, error_code = 'internal', error_text = '',
        finished_at = {_NOW}, needs_owner = kind <> 'vacation'
    WHERE state = 'claimed' AND claimed_until <= {_NOW} AND tried_since <= {_NOW} - interval '{GIVE_UP_HOURS} hours'
    RETURNING id)
UPDATE sending_outgoingrecipient AS recipient SET state = 'refused', failure = 'internal'
FROM ended WHERE recipient.outgoing_id = ended.id AND recipient.state IN ('waiting', 'refused_temporary')"""
_MAYBE = f"""
WITH ended AS (
    UPDATE sending_outgoingmessage SET state = 'unknown', claimed_until = NULL, needs_owner = kind <> 'vacation',
        error_code = 'maybe_sent', error_text = '', finished_at = {_NOW}
    WHERE state = 'handed_over' AND claimed_until <= {_NOW}
    RETURNING id)
UPDATE sending_outgoingrecipient AS recipient SET state = 'unknown', failure = 'maybe_sent'
FROM ended WHERE recipient.outgoing_id = ended.id AND recipient.state IN ('waiting', 'refused_temporary')"""


# ── Holding a claim ─────────────────────────────────────────────────────────
def own(claim: Claim, *states: str) -> QuerySet[OutgoingMessage]:
    """The claim's message while it is in one of these states; must run in the claim's scope."""
    return OutgoingMessage.objects.filter(
        pk=claim.outgoing_id, claim_token=uuid.UUID(claim.token), state__in=states
    )


def hold(claim: Claim, *states: str, **values: Any) -> None:
    """Renew the claim, and write `values` with it; must run in the claim's scope. Raises ClaimLost."""
    held = own(claim, *states).filter(claimed_until__gt=Now())
    if not held.update(claimed_until=Now() + timedelta(seconds=RUN_SECONDS), has_begun=True, **values):
        raise ClaimLost


@contextmanager
def heartbeat(claim: Claim) -> Iterator[None]:
    """Keep the claim while this thread waits for a server. A lost one is found out at the hand-over, or is late."""

    def renew() -> None:
        with short_scope(claim.organization_id):
            hold(claim, State.CLAIMED, State.HANDED_OVER)

    with leases.heartbeat(renew, seconds=HEARTBEAT_SECONDS, name=f"claim {claim.outgoing_id}"):
        yield
