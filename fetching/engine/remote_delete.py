"""Deleting at the provider: only what is safely stored, only what the owner's rule allows, a hundred a session.

A dropped line undoes every delete since log-in, so QUIT comes often; and nothing counts as gone before the server
has confirmed it (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from accounts.servers.failures import MailError
from fetching.engine import fingerprints, ledger
from fetching.engine.session import Session
from fetching.models import FetchState, RemoteMessage
from fetching.scheduler import run_log
from fetching.scheduler.job import Delete

DELETES_A_SESSION = 100

State = RemoteMessage.State

# Of the rows given, those that may go: stored, their bytes known, as the rule says, and that is still the rule (S6).
_CANDIDATES = """
    SELECT remote.id, remote.header_sha256 FROM fetching_remotemessage AS remote
    WHERE remote.id = ANY(%s) AND remote.sha256 IS NOT NULL
        AND remote.state IN ('stored', 'delete_wanted', 'dele_sent') AND {rule}
        AND EXISTS (SELECT FROM accounts_mailaccount WHERE id = remote.account_id AND generation = %s)
    ORDER BY remote.id LIMIT %s"""
_RULES = {
    # Rows stored before deletion was switched on count too: they are stored, which is all that matters.
    Delete.AFTER_STORING: "true",
    Delete.AFTER_DAYS: "remote.stored_at <= statement_timestamp() - make_interval(days => %s)",
    Delete.WHEN_DELETED_HERE: "NOT EXISTS (SELECT FROM mailbox_message WHERE id = remote.message_id)",
}


def delete_remote_messages(session: Session) -> None:
    """Delete what the rule allows. `session.source` is the last of the connections that this took."""
    # After a suspected reset (U8) identifiers are not to be trusted: the next session deletes.
    if not session.job.deletes or session.difference.is_reset:
        return
    listed = session.difference.wanted + session.difference.kept
    numbers = {remote.row: remote.number for remote in listed}
    # What has just been retrieved is what its number names; the rest is known by an old listing only.
    certain = {remote.row for remote in session.difference.wanted}
    tried: set[int] = set()
    while rows := _deletable(session, numbers.keys() - tried):
        tried |= rows.keys()
        good = _verified(session, rows, numbers, certain)
        if good:
            _delete(session, good, numbers)
        if len(rows) < DELETES_A_SESSION:
            return
        if good:
            if session.source.login_delay:  # it would not let us in again now
                session.outcome.more = True
                return
            numbers, certain = _list_again(session), set()


def _deletable(session: Session, candidates: set[int]) -> dict[int, bytes | None]:
    """Rows that may be deleted, each with the digest of its header."""
    job = session.job
    days = [job.delete_after_days] if job.delete_policy == Delete.AFTER_DAYS else []
    with session.transaction(), connection.cursor() as cursor:
        cursor.execute(
            _CANDIDATES.format(rule=_RULES[Delete(job.delete_policy)]),
            [list(candidates), *days, job.generation, DELETES_A_SESSION],
        )
        return {row: None if header is None else bytes(header) for row, header in cursor.fetchall()}


def _verified(
    session: Session, rows: dict[int, bytes | None], numbers: dict[int, int], certain: set[int]
) -> list[int]:
    """The rows whose message still has the header it had when it was stored.

    A server may have given the identifier of a message that is gone to another one (U7): that one is fetched first.
    """
    doubtful = {numbers[row]: row for row in rows if row not in certain and rows[row] is not None}
    if not doubtful or not session.source.can_top:
        return list(rows)
    others: set[int] = set()
    with session.heartbeat():
        for item in session.source.tops(list(doubtful)):
            with item:
                row = doubtful[item.number]
                if item.error is None and fingerprints.header_digest(item.data) != rows[row]:
                    others.add(row)
    if session.source.out_of_time:
        session.has_failures = True
        return [row for row in rows if row in certain]
    if others:
        with session.transaction():
            ledger.doubt(others)
        session.outcome.more = True
    return [row for row in rows if row not in others]


def _delete(session: Session, rows: Sequence[int], numbers: dict[int, int]) -> None:
    with session.transaction():
        ledger.mark(rows, State.DELE_SENT)
        # Should this process end before it notes what came of it, the mailbox may look as it did before the mail came.
        FetchState.objects.filter(account=session.job.account_id).update(listed_at=None)
    source = session.source
    sent = source.delete([numbers[row] for row in rows])
    confirmed = source.quit()
    source.close()
    if not confirmed:
        raise MailError("connection_lost")
    _confirm(session, rows, set(sent), numbers)


def _confirm(session: Session, rows: Sequence[int], acknowledged: set[int], numbers: dict[int, int]) -> None:
    gone = [row for row in rows if numbers[row] in acknowledged]
    with session.transaction():
        ledger.mark(gone, State.GONE)
        refused = [row for row in rows if numbers[row] not in acknowledged]
        ledger.mark(refused, State.DELETE_WANTED)
        run_log.add_counts(session.run_id, deleted=len(gone))
    session.has_failures = session.has_failures or bool(refused)
    session.outcome.deleted += len(gone)


def _list_again(session: Session) -> dict[int, int]:
    """A new session for the next hundred; numbers hold for one session only."""
    session.open()
    job = session.job
    fresh = session.source.listing(need_uidl=job.delete_policy != Delete.AFTER_STORING)
    with session.transaction():
        again = ledger.compare(
            job.organization_id, job.account_id, fresh, max_size=session.limits.max_message
        )
    return {remote.row: remote.number for remote in again.kept}
