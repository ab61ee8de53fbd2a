"""How a session's end is written down: when the account is due again, what its owner sees, whether its server is up.

Errors back off and never disable an account, but for those that only a person can mend. A server that several accounts
in a row could not reach counts as down: it is then asked by one account at a time, so that an outage disables nobody
and is over as soon as that one gets through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from accounts import locks, tenancy
from accounts.leases import LeaseLost, connection_returned
from accounts.servers.failures import ErrorClass, MailError, describe
from fetching.models import FetchRun, FetchState
from fetching.scheduler import run_log
from fetching.scheduler.claims import BREAKER_AFTER, JITTER, Claim, claim_next
from fetching.scheduler.job import MailboxSnapshot
from fetching.scheduler.seats import SLOW_SECONDS

MAX_INTERVAL_SECONDS = 3600
MAX_BACK_OFF_SECONDS = 6 * 3600
CERTIFICATE_RETRY_SECONDS = 3600
BUSY_STEPS_SECONDS = (120, 300, 600)
# After a line that broke, but not before it brought something.
PROGRESS_RETRY_SECONDS = 60
AUTHENTICATION_FAILURES = 10
CONNECTION_FAILURES = 50
# A server that is down is tried after a minute, then after two, up to half an hour.
CLOSED_SECONDS, MAX_CLOSED_SECONDS = 60, 1800
LOCKSTEP_SECONDS = 24 * 3600

_NOW = "statement_timestamp()"


@contextmanager
def _transaction() -> Iterator[None]:
    # Any organization's account may be next on the server.
    with connection_returned(), tenancy.system():
        yield


def succeed(
    claim: Claim,
    *,
    more: bool = False,
    held_back: bool = False,
    waiting_messages: int = 0,
    waiting_bytes: int = 0,
    stored: int = 0,
    seconds: float = 0,
    pause: int = 0,
    seen: MailboxSnapshot | None = None,
    unchanged: int | None = None,
    run_id: int = 0,
    hand_over: bool = False,
) -> Claim | None:
    """A session ended well. With `hand_over` returns the next claim for the same server, None when nobody waits there.

    `more`: go on at once; `held_back`: there is more, for the next cycle; `waiting_*`: what storage has no room for;
    `pause`: seconds that the provider wants between two sessions; `seen`: the mailbox, if nothing is left to do in
    it; `unchanged`: the number of messages, when they were not listed because nothing was new; `run_id`: its row in
    the history, else.
    """
    seen = seen or MailboxSnapshot()
    listed = ""
    if unchanged is None:
        listed = " seen_messages = %(seen)s, seen_bytes = %(seen_bytes)s, seen_uidl = %(seen_uidl)s,"
        listed += " seen_digest = %(seen_digest)s,"
        listed += f" listed_at = {_NOW},"
    return _finish(
        claim,
        "status = CASE WHEN %(waiting)s > 0 THEN 'paused_quota' ELSE 'active' END,"
        f" paused_since = CASE WHEN %(waiting)s > 0 THEN coalesce(paused_since, {_NOW}) END,"
        f" last_success_at = {_NOW}, first_fetch_done = first_fetch_done OR NOT %(unfinished)s,"
        " error_code = '', error_text = '', failures = 0, authentication_failures = 0, connection_failures = 0,"
        f" waiting_messages = %(waiting)s, waiting_bytes = %(waiting_bytes)s,{listed} is_slow = %(is_slow)s,"
        f" not_before = CASE WHEN %(pause)s > 0 THEN {_NOW} + make_interval(secs => %(pause)s) END,"
        f" interval_seconds = {_INTERVAL},"
        f" next_run_at = {_NOW} + make_interval(secs => greatest(%(pause)s,"
        f" CASE WHEN %(more)s THEN 0 ELSE {_INTERVAL} * {JITTER} END))",
        {
            "waiting": waiting_messages,
            "waiting_bytes": waiting_bytes,
            "unfinished": more or held_back or waiting_messages > 0,
            "more": more,
            "is_slow": more or seconds > SLOW_SECONDS,
            "pause": pause,
            "came": stored > 0,
            "seen": seen.messages,
            "seen_bytes": seen.size,
            "seen_uidl": seen.last_uidl,
            "seen_digest": seen.digest,
        },
        unchanged=unchanged,
        run_id=run_id,
        hand_over=hand_over,
    )[1]


# The owner's wish; with `is_adaptive` half as long again after each fetch that brings nothing, up to an hour. The
# plan's limit holds also for what was chosen before the plan changed.
_INTERVAL = f"""(
    SELECT greatest(organization.fetch_minutes_limit * 60, CASE WHEN %(came)s OR NOT rules.is_adaptive
        THEN rules.interval_minutes * 60
        ELSE least(greatest({MAX_INTERVAL_SECONDS}, rules.interval_minutes * 60), interval_seconds * 3 / 2) END)
    FROM fetching_fetchsettings AS rules
        JOIN accounts_organization AS organization ON organization.id = rules.organization_id
    WHERE rules.account_id = state.account_id)"""


def stay_full(claim: Claim, *, hand_over: bool = False) -> Claim | None:
    """Storage is still full, so nobody was called: look again at the next turn."""
    later = f"next_run_at = {_NOW} + make_interval(secs => interval_seconds * {JITTER})"
    return _finish(claim, later, {}, hand_over=hand_over)[1]


def fail(
    claim: Claim, error: MailError, *, has_progress: bool = False, pause: int = 0, hand_over: bool = False
) -> tuple[bool, Claim | None]:
    """A session ended in an error: back off, or stop when only a person can help.

    One that brought something (`has_progress`) before the line broke is followed soon by the next, however often that
    happens. `pause`: seconds that the provider wants between two sessions, as far as is known.
    Returns whether it stopped now, and the next claim for the same server.
    """
    failure = describe(error.code)
    authentication = failure.error_class == ErrorClass.AUTHENTICATION
    has_progress = has_progress and failure.error_class == ErrorClass.CONNECTION
    unreachable = failure.error_class == ErrorClass.CONNECTION and not has_progress
    delay = str(PROGRESS_RETRY_SECONDS) if has_progress else _delay(failure.error_class)
    status, following = _finish(
        claim,
        "failures = CASE WHEN %(has_progress)s THEN 0 ELSE failures + 1 END,"
        " error_code = %(code)s, error_text = %(text)s, listed_at = NULL,"
        f" is_slow = is_slow OR coalesce(last_started_at <= {_NOW} - interval '{SLOW_SECONDS} seconds', false),"
        " authentication_failures = authentication_failures + %(authentication)s::int,"
        " connection_failures = CASE WHEN %(unreachable)s THEN connection_failures + 1 ELSE 0 END,"
        f" status = CASE WHEN {_STOPS} THEN 'failed' ELSE 'backing_off' END, notice_due = {_STOPS},"
        # A delay that the server states is kept whole, by people too; only our own guess is jittered.
        f" not_before = CASE WHEN %(stated)s > 0 THEN {_NOW} + make_interval(secs => %(stated)s) END,"
        f" next_run_at = CASE WHEN {_STOPS} THEN NULL ELSE {_NOW} + make_interval(secs => greatest(%(retry_after)s,"
        f" {JITTER} * least({MAX_BACK_OFF_SECONDS}, {delay}))) END",
        {
            "code": error.code,
            "text": error.server_text,
            "authentication": authentication,
            "unreachable": unreachable,
            "stops_now": failure.permanent and failure.error_class == ErrorClass.CONFIG,
            "stated": _stated(error),
            "retry_after": max(error.retry_after or 0, pause),
            "has_progress": has_progress,
        },
        unreachable=unreachable,
        out_of_step=error.code == "protocol_error",
        hand_over=hand_over,
    )
    return status == FetchState.Status.FAILED, following


_STOPS = (
    f"(%(stops_now)s OR (%(authentication)s AND authentication_failures + 1 >= {AUTHENTICATION_FAILURES})"
    f" OR (%(unreachable)s AND connection_failures + 1 >= {CONNECTION_FAILURES}))"
)


def _stated(error: MailError) -> int:
    """A pause that the provider insists on; a busy server's hint is no more than that."""
    return (error.retry_after or 0) if error.error_class == ErrorClass.DELAY else 0


def _delay(error_class: ErrorClass) -> str:
    """Seconds until the next try, as SQL over the row's own counters."""
    if error_class == ErrorClass.BUSY:
        steps = ", ".join(map(str, BUSY_STEPS_SECONDS))
        return f"(ARRAY[{steps}])[least(failures + 1, {len(BUSY_STEPS_SECONDS)})]"
    if error_class == ErrorClass.CERTIFICATE:
        return str(CERTIFICATE_RETRY_SECONDS)
    return "interval_seconds * power(2, least(failures, 20))"


def _finish(
    claim: Claim,
    assignments: str,
    parameters: dict[str, Any],
    *,
    unreachable: bool = False,
    out_of_step: bool = False,
    unchanged: int | None = None,
    run_id: int = 0,
    hand_over: bool,
) -> tuple[str, Claim | None]:
    """End the claim with these assignments; returns the new status and the next claim. Raises LeaseLost.

    Both in one transaction: a seat at the server is handed on, so nobody sees it free in between.
    """
    with _transaction():
        locks.share(claim.account_id)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE fetching_fetchstate AS state SET lease_token = NULL, lease_until = NULL, {assignments}"
                " FROM (SELECT mine.server AS host, coalesce(other.failures, 0) AS troubles"
                "   FROM fetching_fetchstate AS mine LEFT JOIN fetching_mailserver AS other ON other.host = mine.server"
                "   WHERE mine.account_id = %(account)s) AS place"
                " WHERE account_id = %(account)s AND lease_token = %(token)s::uuid"
                " RETURNING status, place.host, troubles",
                parameters | {"account": claim.account_id, "token": claim.token},
            )
            row = cursor.fetchone()
        if row is None:
            raise LeaseLost
        status, host, troubles = row
        if unreachable or troubles:
            _note_server(host, claim.account_id, unreachable=unreachable)
        if out_of_step:
            _slow_down(host)
        if run_id:
            run_log.close_run(run_id, FetchRun.State.DONE)
        elif unchanged is not None:
            run_log.note_nothing_new(claim.organization_id, claim.account_id, unchanged)
        return str(status), claim_next(host, claim.organization_id) if hand_over else None


def _note_server(host: str, account_id: int, *, unreachable: bool) -> None:
    with connection.cursor() as cursor:
        if not unreachable:
            cursor.execute(
                "UPDATE fetching_mailserver SET failures = 0, closed_until = NULL, last_failed_account = NULL"
                " WHERE host = %s",
                [host],
            )
            return
        # The same account again says nothing of the others; once the server is closed, every try counts.
        cursor.execute(
            "UPDATE fetching_mailserver SET failures = failures + 1, last_failed_account = %s,"
            f" closed_until = CASE WHEN failures + 1 >= {BREAKER_AFTER} THEN {_NOW} + make_interval(secs =>"
            f" least({MAX_CLOSED_SECONDS}, {CLOSED_SECONDS} * power(2, least(failures + 1 - {BREAKER_AFTER}, 10))))"
            f" END WHERE host = %s AND (failures >= {BREAKER_AFTER} OR last_failed_account IS DISTINCT FROM %s)",
            [account_id, host, account_id],
        )


def _slow_down(host: str) -> None:
    """Replies came out of step: one command at a time for a day (R21)."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE fetching_mailserver SET lockstep_until = {_NOW} + make_interval(secs => {LOCKSTEP_SECONDS})"
            " WHERE host = %s",
            [host],
        )
