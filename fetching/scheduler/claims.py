"""Which account is fetched when, and by whom: due times, seats at a server and leases, all in the database.

Whoever may fetch an account holds a claim: a token in the account's row with a time to live. Seats keep a provider
from being called by too many at once, turns keep one organization's thousand accounts from keeping another's one
waiting, and no two claims are for the same remote mailbox. How sessions end is fetching/scheduler/outcomes.py.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models.functions import Now

from accounts import locks, tenancy
from accounts.leases import LeaseLost, short_scope
from fetching.models import FetchState
from fetching.models.servers import CONNECTIONS
from fetching.scheduler import seats

logger = logging.getLogger(__name__)

# A claimed account waits in the queue this long before another tick may claim it again: its task may be lost with the
# broker. One that only came late has expired by then, or ends at once because its token is an old one.
QUEUE_LEASE_SECONDS = 120
# A running fetch renews its lease at least every HEARTBEAT; a dead worker's account is free after RUN_LEASE.
RUN_LEASE_SECONDS = 60
HEARTBEAT_SECONDS = 15
# Of the accounts that are due, so many that have waited longest are looked at in one tick.
WINDOW = 20_000
# From so many failures in a row, of different accounts, a server counts as down: see models/servers.py.
BREAKER_AFTER = 5
_TICK_LOCK = 4_242_001

# ±20 %, so that accounts which were due together drift apart (the factor is drawn once a row).
JITTER = "(0.8 + 0.4 * random())"

_NOW, _IS_FREE = seats.NOW, seats.IS_FREE
# Sessions that a server takes now: none while it is down, then one that tries, then as many as it allows.
_CONNECTIONS = (
    f"CASE WHEN coalesce(server.failures, 0) < {BREAKER_AFTER} THEN coalesce(server.connections, {CONNECTIONS})"
    f" WHEN server.closed_until > {_NOW} THEN 0 ELSE 1 END"
)
# Of a server's seats so many may be taken by sessions that last minutes: they never keep all others waiting (S1).
_SLOW_SHARE = "greatest(1, {} / 2)"
_TAKE = f"""
    UPDATE fetching_fetchstate AS state
    SET lease_token = gen_random_uuid(), last_started_at = {_NOW},
        lease_until = {_NOW} + make_interval(secs => {QUEUE_LEASE_SECONDS}),
        next_run_at = {_NOW} + make_interval(secs => interval_seconds * {JITTER})
    WHERE state.account_id = ANY (ARRAY(SELECT account_id FROM taken))
    RETURNING state.organization_id, state.account_id, state.lease_token::text, state.is_slow"""
# Another claim for the same remote mailbox (A17).
_NO_TWIN = f"""NOT EXISTS (
    SELECT FROM fetching_fetchstate AS twin
    WHERE twin.mailbox = state.mailbox AND twin.account_id <> state.account_id AND twin.lease_until > {_NOW})"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to fetch one account: good while `token` is in its row. `is_slow`: it may take minutes."""

    organization_id: int
    account_id: int
    token: str
    is_slow: bool = False


# ── Claiming ────────────────────────────────────────────────────────────────
def claim_due(limit: int, *, window: int = WINDOW) -> list[Claim]:
    """Claim up to `limit` accounts that are due; the next run is set in the same statement.

    Those that have waited longest first, but in turns: an organization's second account after every other's first,
    and no more for each than its share of the threads. Two of these never run at a time, since each counts the seats
    that are taken; the later one claims nothing.
    """
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_TICK_LOCK])
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(_CLAIM_DUE, {"limit": limit, "window": window, **seats.threads()})
        return [Claim(*row) for row in cursor.fetchall()]


_CLAIM_DUE = f"""
WITH {seats.HELD},
busy AS MATERIALIZED (
    SELECT server AS host, count(*) AS seats, count(*) FILTER (WHERE is_slow) AS slow_seats
    FROM leased GROUP BY server),
full_servers AS MATERIALIZED (
    SELECT busy.host FROM busy LEFT JOIN fetching_mailserver AS server ON server.host = busy.host
    WHERE busy.seats >= {_CONNECTIONS}
    UNION
    SELECT host FROM fetching_mailserver AS server WHERE failures > 0 AND {_CONNECTIONS} = 0),
due AS MATERIALIZED (
    SELECT account_id, organization_id, server, mailbox, is_slow, next_run_at FROM fetching_fetchstate
    WHERE next_run_at <= {_NOW} AND {_IS_FREE}
        AND server NOT IN (SELECT host FROM full_servers) AND mailbox NOT IN (SELECT mailbox FROM leased)
        AND (organization_id, is_slow) NOT IN (
            SELECT organization_id, is_slow FROM held JOIN pools USING (is_slow)
            WHERE seats >= greatest(1, threads / {seats.ALONE}))
    ORDER BY next_run_at LIMIT %(window)s),
{seats.shares("due")},
turns AS (
    SELECT due.*, coalesce(held.seats, 0) AS held,
        coalesce(held.seats, 0) + row_number() OVER (
            PARTITION BY organization_id, is_slow ORDER BY next_run_at) AS turn,
        row_number() OVER (PARTITION BY mailbox ORDER BY next_run_at) AS twin
    FROM due LEFT JOIN held USING (organization_id, is_slow)),
asking AS (
    SELECT turns.*, coalesce(busy.seats, 0) AS taken, coalesce(busy.slow_seats, 0) AS slow_taken,
        {_CONNECTIONS} AS connections,
        row_number() OVER (PARTITION BY turns.server, is_slow ORDER BY turn, next_run_at) AS seat_of_kind
    FROM turns LEFT JOIN busy ON busy.host = turns.server
        LEFT JOIN fetching_mailserver AS server ON server.host = turns.server
    WHERE twin = 1),
seated AS (
    SELECT *, row_number() OVER (PARTITION BY server ORDER BY turn, next_run_at) AS seat FROM asking
    WHERE NOT is_slow OR seat_of_kind <= {_SLOW_SHARE.format("connections")} - slow_taken),
chosen AS (
    SELECT account_id, is_slow, turn, next_run_at,
        held + row_number() OVER (PARTITION BY organization_id, is_slow ORDER BY turn) AS place
    FROM seated WHERE seat <= connections - taken),
ranked AS (
    SELECT account_id, turn, next_run_at, free,
        row_number() OVER (PARTITION BY is_slow ORDER BY turn, next_run_at) AS rank
    FROM chosen JOIN shares USING (is_slow) WHERE place <= share),
best AS MATERIALIZED (
    SELECT account_id, turn, next_run_at FROM ranked WHERE rank <= free ORDER BY turn, next_run_at LIMIT %(limit)s),
taken AS MATERIALIZED (
    SELECT account_id FROM fetching_fetchstate
    WHERE account_id = ANY (ARRAY(SELECT account_id FROM best)) AND next_run_at <= {_NOW} AND {_IS_FREE}
    FOR UPDATE SKIP LOCKED),
claimed AS ({_TAKE})
SELECT organization_id, account_id, lease_token, is_slow FROM claimed JOIN best USING (account_id)
ORDER BY turn, next_run_at"""


def claim_now(organization_id: int, account_id: int) -> Claim | None:
    """Claim one account although it is not due.

    None while somebody else is at it, or at another account of its remote mailbox; when it is paused; before the
    time its provider has stated; and when its organization's share of the threads or its server's seats are taken:
    then it is the next of its organization. A server that counts as down is asked all the same, by one.
    """
    # Seats are everybody's, and somebody else's account of the same mailbox counts, whatever organization it is in.
    with tenancy.system(), connection.cursor() as cursor:
        locks.share(account_id)
        cursor.execute(
            _CLAIM_NOW, {"account": account_id, "organization": organization_id, **seats.threads()}
        )
        row = cursor.fetchone()
        return Claim(*row) if row else None


_CLAIM_NOW = f"""
WITH {seats.HELD},
{seats.OLDEST_DUE},
wanted AS MATERIALIZED (
    SELECT account_id, organization_id, server, is_slow FROM fetching_fetchstate AS state
    WHERE account_id = %(account)s AND organization_id = %(organization)s AND status <> 'paused' AND {_IS_FREE}
        AND (not_before IS NULL OR not_before <= {_NOW}) AND {_NO_TWIN}),
{seats.shares("oldest", "wanted")},
busy AS MATERIALIZED (
    SELECT count(*) AS seats, count(*) FILTER (WHERE is_slow) AS slow_seats
    FROM leased WHERE server = (SELECT server FROM wanted)),
seated AS MATERIALIZED (
    SELECT wanted.account_id FROM wanted CROSS JOIN busy JOIN shares USING (is_slow)
        LEFT JOIN held USING (organization_id, is_slow)
        LEFT JOIN fetching_mailserver AS server ON server.host = wanted.server
    WHERE free > 0 AND coalesce(held.seats, 0) < share AND busy.seats < greatest(1, {_CONNECTIONS})
        AND (NOT is_slow OR busy.slow_seats < {_SLOW_SHARE.format(f"coalesce(server.connections, {CONNECTIONS})")})),
taken AS MATERIALIZED (
    SELECT account_id FROM fetching_fetchstate
    WHERE account_id = (SELECT account_id FROM seated) AND {_IS_FREE} FOR UPDATE SKIP LOCKED),
next AS (
    UPDATE fetching_fetchstate SET next_run_at = least(next_run_at, {_NOW} - interval '1 hour')
    WHERE account_id = (SELECT account_id FROM wanted) AND NOT EXISTS (SELECT FROM seated)),
claimed AS ({_TAKE})
SELECT * FROM claimed"""


def is_mailbox_open(state: FetchState) -> bool:
    """Whether another account, of whatever organization, is fetching the same remote mailbox now (A17)."""
    with tenancy.system():
        twins = FetchState.objects.filter(mailbox=state.mailbox, lease_until__gt=Now())
        return twins.exclude(pk=state.pk).exists()


def claim_next(server: str, organization_id: int) -> Claim | None:
    """Claim the next due account of a server, in the transaction that has just freed a seat there.

    Another organization's comes before one of `organization_id`. When nobody waits there whose turn it is, or the
    server is down, the next one of any server, chosen as by the tick. None when nobody waits.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_NEXT, {"server": server, "organization": organization_id, **seats.threads()})
        if row := cursor.fetchone():
            return Claim(*row)
        cursor.execute(_IS_ANY_DUE)
        is_any_due = cursor.fetchone()[0]
    return next(iter(claim_due(1, window=seats.OLDEST)), None) if is_any_due else None


_IS_ANY_DUE = f"SELECT EXISTS (SELECT FROM fetching_fetchstate WHERE next_run_at <= {_NOW} AND {_IS_FREE})"
# The last thread goes round: not to the same server again while an organization waits that has none.
_HAS_ITS_TURN = """(free > 1 OR NOT EXISTS (
    SELECT FROM oldest LEFT JOIN held AS other USING (organization_id, is_slow)
    WHERE oldest.is_slow = waiting.is_slow AND oldest.organization_id <> waiting.organization_id
        AND coalesce(other.seats, 0) = 0))"""
_CLAIM_NEXT = f"""
WITH {seats.HELD},
{seats.OLDEST_DUE},
waiting AS MATERIALIZED (
    SELECT account_id, organization_id, is_slow, next_run_at FROM fetching_fetchstate AS state
    WHERE server = %(server)s AND next_run_at <= {_NOW} AND {_IS_FREE} AND {_NO_TWIN}
    ORDER BY next_run_at LIMIT {seats.OLDEST}),
{seats.shares("oldest", "waiting")},
slow AS MATERIALIZED (
    SELECT count(*) >= coalesce((
        SELECT {_SLOW_SHARE.format("connections")} FROM fetching_mailserver WHERE host = %(server)s),
        {CONNECTIONS} / 2) AS is_full
    FROM leased WHERE is_slow AND server = %(server)s),
allowed AS MATERIALIZED (
    SELECT waiting.* FROM waiting JOIN shares USING (is_slow) LEFT JOIN held USING (organization_id, is_slow)
    WHERE free > 0 AND coalesce(held.seats, 0) < share AND {_HAS_ITS_TURN}
        AND (NOT is_slow OR NOT (SELECT is_full FROM slow))),
taken AS (
    SELECT state.account_id FROM fetching_fetchstate AS state JOIN allowed USING (account_id)
    WHERE state.next_run_at <= {_NOW} AND (state.lease_until IS NULL OR state.lease_until <= {_NOW})
        AND (allowed.organization_id <> %(organization)s OR NOT EXISTS (
            SELECT FROM allowed AS other WHERE other.organization_id <> allowed.organization_id))
        AND NOT EXISTS (
            SELECT FROM fetching_mailserver WHERE host = %(server)s AND failures >= {BREAKER_AFTER})
    ORDER BY state.next_run_at LIMIT 1 FOR UPDATE OF state SKIP LOCKED)
{_TAKE}"""


# ── Leases ──────────────────────────────────────────────────────────────────
def renew(claim: Claim) -> None:
    """Heartbeat; must run in the claim's scope. Raises LeaseLost."""
    changed = _own(claim).filter(lease_until__gt=Now()).update(lease_until=_in(RUN_LEASE_SECONDS))
    if not changed:
        raise LeaseLost


def release(claim: Claim) -> None:
    """Give the claim back without a run having ended (an interrupted worker): the account stays due."""
    with short_scope(claim.organization_id):
        # Claiming has set the next run already, which may be an hour ahead.
        _own(claim).update(lease_token=None, lease_until=None, next_run_at=Now())


@contextmanager
def released_on_error(*claims: Claim) -> Iterator[None]:
    """Whoever dies with claims gives them back, so that their seats at the servers are free at once."""
    try:
        yield
    except BaseException:
        try:
            for claim in claims:
                release(claim)
        except DatabaseError:  # then they run out
            logger.exception("claims were not released")
        raise


def _own(claim: Claim) -> Any:
    return FetchState.objects.filter(account=claim.account_id, lease_token=uuid.UUID(claim.token))


def _in(seconds: int) -> Any:
    return Now() + timedelta(seconds=seconds)


# ── What a person does ──────────────────────────────────────────────────────
def pause(state: FetchState) -> None:
    """A person pauses the account; a running fetch loses its lease and stops at its next batch."""
    locks.share(state.pk)
    FetchState.objects.filter(pk=state.pk).update(
        status=FetchState.Status.PAUSED,
        paused_since=Now(),
        next_run_at=None,
        lease_token=None,
        lease_until=None,
    )


def resume(account_id: int) -> None:
    """Fetch again from now on, with a clean sheet: after a pause, an edit, or more space."""
    locks.share(account_id)
    FetchState.objects.filter(account=account_id).update(
        status=FetchState.Status.ACTIVE,
        next_run_at=Now(),
        error_code="",
        error_text="",
        failures=0,
        authentication_failures=0,
        connection_failures=0,
        paused_since=None,
        listed_at=None,
    )


def look_again(account_id: int) -> None:
    """The next fetch lists everything, and is due now unless somebody paused it."""
    locks.share(account_id)
    states = FetchState.objects.filter(account=account_id)
    states.update(listed_at=None)
    states.exclude(next_run_at=None).update(next_run_at=Now())
