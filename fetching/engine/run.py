"""One session with one account's server: list → compare → retrieve → store → delete (docs/architecture.md).

A thread reads and prepares messages while this one stores them (`download`). Every write is a short transaction that
checks the lease, and no database connection is held while the server is awaited. The only dangerous moment of a
collector is between "stored" and "the server confirmed QUIT": messages are committed first, deletion is a separate
step that a later session repeats (`remote_delete`), and storing again is impossible by the ledger.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace

from django.db import DatabaseError

from accounts import leases, locks
from accounts.crypto import CryptoError
from accounts.leases import LeaseLost
from accounts.providers import lookup
from accounts.servers.failures import MailError
from fetching.engine import diff, download, remote_delete
from fetching.engine.session import Connect, Outcome, Session
from fetching.models import FetchRun, RemoteMessage
from fetching.scheduler import claims, outcomes, run_log
from fetching.scheduler import job as fetch_job
from fetching.scheduler.claims import Claim
from fetching.scheduler.job import Delete, FetchJob, MailboxSnapshot
from fetching.source import Limits, Source

logger = logging.getLogger(__name__)


def fetch(
    claim: Claim, connect: Connect, *, limits: Limits | None = None, hand_over: bool = False
) -> Outcome:
    """Run one session for a claimed account over what `connect` opens.

    Never raises for what a server or a person did.

    With `hand_over` the outcome may bring a claim for the next account, which the caller must fetch or queue.
    """
    started = time.monotonic()
    try:
        job = fetch_job.take_job(claim)
        limits = limits or Limits()
        limits = replace(limits, max_message=min(limits.max_message, job.max_message))
        session = Session(job, connect, limits, hand_over)
        if job.is_full and not _has_room(session):
            with session.transaction():
                run_log.drop_run(session.run_id)
            following = outcomes.stay_full(claim, hand_over=hand_over)
            return Outcome(state="paused_quota", error="storage_full", following=following)
    except LeaseLost:
        return Outcome(state="skipped")
    except CryptoError:
        logger.exception("the password of account %d", claim.account_id)
        return _without_session(claim, MailError("internal"), hand_over)
    _run(session, started)
    session.outcome.seconds = round(time.monotonic() - started, 3)
    return session.outcome


def _run(session: Session, started: float) -> None:
    try:
        # A server may take minutes for one answer, wherever that is.
        with session.heartbeat():
            seen = _talk(session)
        _succeed(session, seen, time.monotonic() - started)
    except LeaseLost:
        _close(session, FetchRun.State.INTERRUPTED)
        # If it is still ours (the account was edited meanwhile), nobody need wait until it runs out.
        claims.release(session.job.claim)
    except MailError as error:
        _fail(session, error)
    except Exception as error:  # one account's trouble, also our own, must stay that account's (S5)
        logger.exception("fetch of account %d", session.job.account_id)
        if not leases.is_database_away(error):
            _fail(session, MailError("internal"))
            return
        # That says nothing of the account.
        session.outcome.state = str(FetchRun.State.INTERRUPTED)
        with suppress(DatabaseError):  # else the claim runs out
            claims.release(session.job.claim)
            _close(session, FetchRun.State.INTERRUPTED)


def _talk(session: Session) -> MailboxSnapshot | None:
    """The conversation; returns the mailbox as it was listed, None if it need not be listed."""
    try:
        session.open()
        if diff.nothing_new(session):
            session.outcome.unchanged = True
            session.outcome.listed = (session.job.seen and session.job.seen.messages) or 0
            session.source.quit()
            return None
        listing = session.source.listing(need_uidl=session.job.delete_policy != Delete.AFTER_STORING)
        seen = diff.snapshot_of(session, listing)
        diff.plan(session, listing, seen)
        if session.difference.too_big:
            diff.note_headlines(session)
        download.download_messages(session)
        remote_delete.delete_remote_messages(session)
        # Not before all is stored: some servers delete at QUIT what was retrieved (RFC 2449, 6.7).
        session.source.quit()
        return seen
    finally:
        if session.is_open:
            session.source.close()  # the one that is open now, which may be a later one than the first


def _has_room(session: Session) -> bool:
    """Whether the smallest message that waits for space would fit now; else the server need not be called."""
    with session.transaction():
        rows = RemoteMessage.objects.filter(
            account=session.job.account_id, state=RemoteMessage.State.OVER_QUOTA
        )
        smallest = rows.order_by("size").values_list("size", flat=True).first()
        return smallest is None or smallest <= session.free_space()


# ── Ending ──────────────────────────────────────────────────────────────────
def _succeed(session: Session, seen: MailboxSnapshot | None, seconds: float) -> None:
    outcome, job = session.outcome, session.job
    outcome.more = outcome.more or diff.looks_again(session)
    # Only a mailbox where nothing at all is left to do may be passed over next time.
    is_settled = not (outcome.more or outcome.deleted or session.waiting or session.held_back)
    is_settled = is_settled and not session.has_failures and not session.difference.is_reset
    outcome.following = outcomes.succeed(
        job.claim,
        more=outcome.more,
        held_back=session.held_back > 0,
        waiting_messages=len(session.waiting),
        waiting_bytes=sum(remote.size for remote in session.waiting),
        stored=outcome.stored,
        seconds=seconds,
        pause=_pause(job, session.source),
        seen=seen if is_settled else None,
        unchanged=outcome.listed if outcome.unchanged else None,
        run_id=session.run_id,
        hand_over=session.hand_over,
    )


def _pause(job: FetchJob, source: Source) -> int:
    """Seconds that the provider wants between two sessions: as it says itself, or is known to want (A5)."""
    provider = lookup.by_slug(job.provider) if job.provider else None
    return max(source.login_delay or 0, (provider and provider.min_interval_seconds) or 0)


def _close(session: Session, state: str, error: MailError | None = None) -> None:
    session.outcome.state = str(state)
    if error is not None:
        session.outcome.error = error.code
    with leases.short_scope(session.job.organization_id):
        if not locks.share(session.job.account_id):
            return  # the account went meanwhile, with its history
        session.begin_run()
        run_log.close_run(
            session.run_id,
            state,
            error_code=error.code if error else "",
            error_text=error.server_text if error else "",
        )


def _fail(session: Session, error: MailError) -> None:
    _close(session, FetchRun.State.FAILED, error)
    try:
        session.outcome.stopped, session.outcome.following = outcomes.fail(
            session.job.claim,
            error,
            has_progress=session.has_progress,
            pause=_pause(session.job, session.source) if session.is_open else 0,
            hand_over=session.hand_over,
        )
    except LeaseLost:
        logger.info("account %d changed hands while failing", session.job.account_id)


def _without_session(claim: Claim, error: MailError, hand_over: bool) -> Outcome:
    outcome = Outcome(state="failed", error=error.code)
    try:
        outcome.stopped, outcome.following = outcomes.fail(claim, error, hand_over=hand_over)
    except LeaseLost:
        outcome.state = "skipped"
    return outcome
