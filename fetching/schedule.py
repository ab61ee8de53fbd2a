"""Which account is fetched when, and by whom: due times, leases and back-off, all computed in the database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from accounts import tenancy
from accounts.failures import ErrorClass, MailError, describe
from fetching.models import FetchState

# A claimed account waits in the queue this long before another tick may claim it again.
QUEUE_LEASE_SECONDS = 600
# A running fetch renews its lease at least every HEARTBEAT; a dead worker's account is free after RUN_LEASE.
RUN_LEASE_SECONDS = 60
HEARTBEAT_SECONDS = 15
MAX_BACK_OFF_SECONDS = 6 * 3600
CERTIFICATE_RETRY_SECONDS = 3600
BUSY_STEPS_SECONDS = (120, 300, 600)
AUTHENTICATION_FAILURES = 10
CONNECTION_FAILURES = 50

# ±20 %, so that accounts which were due together drift apart (the factor is drawn once a row).
_JITTER = "(0.8 + 0.4 * random())"


class LeaseLost(Exception):
    """Somebody else is responsible for the account now, or it was paused or deleted: stop, write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to fetch one account: good while `token` is in its row."""

    organization_id: int
    account_id: int
    token: str


@contextmanager
def database(organization_id: int) -> Iterator[None]:
    """A scope that gives the connection back to the pool afterwards, because talking to a server comes next."""
    try:
        with tenancy.scope(organization_id):
            yield
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _claims(where: str, parameters: list[Any]) -> list[Claim]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH due AS (
                SELECT account_id FROM fetching_fetchstate
                WHERE (lease_until IS NULL OR lease_until <= statement_timestamp()) AND {where}
                ORDER BY next_run_at LIMIT %s FOR UPDATE SKIP LOCKED)
            UPDATE fetching_fetchstate AS state
            SET lease_token = gen_random_uuid(),
                lease_until = statement_timestamp() + make_interval(secs => {QUEUE_LEASE_SECONDS}),
                next_run_at = statement_timestamp() + make_interval(secs => interval_seconds * {_JITTER})
            FROM due WHERE state.account_id = due.account_id
            RETURNING state.organization_id, state.account_id, state.lease_token::text""",
            parameters,
        )
        return [Claim(*row) for row in cursor.fetchall()]


def claim_due(limit: int) -> list[Claim]:
    """Claim up to `limit` accounts that are due, oldest first; the next run is set in the same statement."""
    with tenancy.system():
        return _claims("next_run_at <= statement_timestamp()", [limit])


def claim_now(organization_id: int, account_id: int) -> Claim | None:
    """Claim one account although it is not due; None while somebody else is at it, or it is paused."""
    with tenancy.scope(organization_id):
        claims = _claims("account_id = %s AND status <> 'paused'", [account_id, 1])
    return claims[0] if claims else None


def renew(claim: Claim) -> None:
    """Heartbeat; must run in the claim's scope. Raises LeaseLost."""
    changed = _own(claim).filter(lease_until__gt=Now()).update(lease_until=_in(RUN_LEASE_SECONDS))
    if not changed:
        raise LeaseLost


def release(claim: Claim) -> None:
    """Give the claim back without a run having ended (an interrupted worker): the account stays due."""
    with database(claim.organization_id):
        _own(claim).update(lease_token=None, lease_until=None)


def succeed(claim: Claim, *, more: bool, waiting_messages: int, waiting_bytes: int) -> None:
    """A session ended well. `more`: go on at once; `waiting`: what storage has no room for."""
    full = waiting_messages > 0
    status = FetchState.Status.PAUSED_QUOTA if full else FetchState.Status.ACTIVE
    _finish(
        claim,
        "status = %s, paused_since = CASE WHEN %s THEN coalesce(paused_since, statement_timestamp()) END,"
        " last_success_at = statement_timestamp(), first_fetch_done = first_fetch_done OR NOT (%s OR %s),"
        " error_code = '',"
        " error_text = '', failures = 0, authentication_failures = 0, connection_failures = 0,"
        " waiting_messages = %s, waiting_bytes = %s, next_run_at = statement_timestamp() + make_interval(secs =>"
        f" CASE WHEN %s THEN 0 ELSE interval_seconds * {_JITTER} END)",
        [status, full, more, full, waiting_messages, waiting_bytes, more],
    )


def stay_full(claim: Claim) -> None:
    """Storage is still full, so nobody was called: look again at the next turn."""
    _finish(
        claim,
        f"next_run_at = statement_timestamp() + make_interval(secs => interval_seconds * {_JITTER})",
        [],
    )


def fail(claim: Claim, error: MailError) -> bool:
    """A session ended in an error: back off, or stop when only a person can help; True when it stopped now."""
    failure = describe(error.code)
    authentication = failure.error_class == ErrorClass.AUTHENTICATION
    unreachable = failure.error_class == ErrorClass.CONNECTION
    stops_now = failure.permanent and failure.error_class == ErrorClass.CONFIG
    status = _finish(
        claim,
        "failures = failures + 1, error_code = %s, error_text = %s,"
        " authentication_failures = CASE WHEN %s THEN authentication_failures + 1 ELSE authentication_failures END,"
        " connection_failures = CASE WHEN %s THEN connection_failures + 1 ELSE 0 END,"
        f" status = CASE WHEN {_STOPS} THEN 'failed' ELSE 'backing_off' END,"
        # A delay that the server states is kept whole; only our own guess is jittered.
        f" next_run_at = CASE WHEN {_STOPS} THEN NULL ELSE statement_timestamp() + make_interval(secs =>"
        f" greatest(%s, {_JITTER} * least({MAX_BACK_OFF_SECONDS}, {_delay(failure.error_class)}))) END",
        [error.code, error.server_text, authentication, unreachable]
        + [stops_now, authentication, unreachable] * 2
        + [error.retry_after or 0],
    )
    return status == FetchState.Status.FAILED


_STOPS = (
    f"(%s OR (%s AND authentication_failures + 1 >= {AUTHENTICATION_FAILURES})"
    f" OR (%s AND connection_failures + 1 >= {CONNECTION_FAILURES}))"
)


def _delay(error_class: ErrorClass) -> str:
    """Seconds until the next try, as SQL over the row's own counters."""
    if error_class == ErrorClass.BUSY:
        steps = ", ".join(map(str, BUSY_STEPS_SECONDS))
        return f"(ARRAY[{steps}])[least(failures + 1, {len(BUSY_STEPS_SECONDS)})]"
    if error_class == ErrorClass.CERTIFICATE:
        return str(CERTIFICATE_RETRY_SECONDS)
    return "interval_seconds * power(2, least(failures, 20))"


def _finish(claim: Claim, assignments: str, parameters: list[Any]) -> str:
    """End the claim with these assignments; returns the new status. Raises LeaseLost."""
    with database(claim.organization_id), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE fetching_fetchstate SET lease_token = NULL, lease_until = NULL, {assignments}"
            " WHERE account_id = %s AND lease_token = %s::uuid RETURNING status",
            [*parameters, claim.account_id, claim.token],
        )
        row = cursor.fetchone()
        if row is None:
            raise LeaseLost
        return str(row[0])


def _own(claim: Claim) -> Any:
    return FetchState.objects.filter(account=claim.account_id, lease_token=uuid.UUID(claim.token))


def _in(seconds: int) -> Any:
    return Now() + timedelta(seconds=seconds)


def pause(state: FetchState) -> None:
    """A person pauses the account; a running fetch loses its lease and stops at its next batch."""
    FetchState.objects.filter(pk=state.pk).update(
        status=FetchState.Status.PAUSED,
        paused_since=Now(),
        next_run_at=None,
        lease_token=None,
        lease_until=None,
    )


def resume(account_id: int) -> None:
    """Fetch again from now on, with a clean sheet: after a pause, an edit, or more space."""
    FetchState.objects.filter(account=account_id).update(
        status=FetchState.Status.ACTIVE,
        next_run_at=Now(),
        error_code="",
        error_text="",
        failures=0,
        authentication_failures=0,
        connection_failures=0,
        paused_since=None,
    )
