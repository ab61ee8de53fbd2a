"""Deleting at the provider: only what is safely stored, only what the owner's rule allows, a hundred a session.

A dropped line undoes every delete since log-in, so QUIT comes often; and nothing counts as gone before the server
has confirmed it (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import F

from accounts.servers.failures import MailError
from fetching.engine import ledger, reused_names
from fetching.engine.ledger import Remote
from fetching.engine.session import Session
from fetching.models import FetchState, RemoteMessage
from fetching.scheduler import run_log
from fetching.scheduler.job import Delete

DELETES_A_SESSION = 100
# When the line breaks before QUIT is answered, the next session deletes so many times fewer; after so many breaks no
# more is tried before the next fetch.
FEWER = 4
BREAKS = 5

State = RemoteMessage.State

# Of the rows given, those that may go: stored, their bytes known, as the rule says, and that is still the rule (S6).
# Those that broke the line before come last.
_CANDIDATES = """
    SELECT remote.id, remote.header_sha256, remote.failures > 0 FROM fetching_remotemessage AS remote
    WHERE remote.id = ANY(%s) AND remote.sha256 IS NOT NULL
        AND remote.state IN ('stored', 'delete_wanted', 'dele_sent') AND {rule}
        AND EXISTS (SELECT FROM accounts_mailaccount WHERE id = remote.account_id AND generation = %s)
    ORDER BY remote.failures, remote.id LIMIT %s"""
_RULES = {
    # Rows stored before deletion was switched on count too: they are stored, which is all that matters.
    Delete.AFTER_STORING: "true",
    Delete.AFTER_DAYS: "remote.stored_at <= statement_timestamp() - make_interval(days => %s)",
    Delete.WHEN_DELETED_HERE: "NOT EXISTS (SELECT FROM mailbox_message WHERE id = remote.message_id)",
}


@dataclass(slots=True)
class Deleting:
    """How far deleting is: what is listed, what has just been retrieved, what has been tried, how it goes."""

    listed: dict[int, Remote]
    certain: set[int]
    tried: set[int] = field(default_factory=set)
    group: int = field(default_factory=lambda: DELETES_A_SESSION)
    breaks: int = 0


def delete_remote_messages(session: Session) -> None:
    """Delete what the rule allows. `session.source` is the last of the connections that this took."""
    # After a suspected reset (U8) identifiers are not to be trusted: the next session deletes.
    if not session.job.deletes or session.difference.is_reset:
        return
    wanted = session.difference.wanted
    listed = {remote.row: remote for remote in wanted + session.difference.kept}
    # What has just been retrieved is what its number names; the rest is known by an old listing only.
    work = Deleting(listed, {remote.row for remote in wanted})
    while rows := _deletable(session, work):
        work.tried |= rows.keys()
        good = _verified(session, work, rows)
        is_confirmed = not good or _delete(session, work, good)
        if is_confirmed and len(rows) < work.group:
            return
        if not good:
            continue
        if session.source.login_delay or work.breaks > BREAKS:  # it would not let us in again now
            session.outcome.more = session.outcome.more or is_confirmed
            return
        if not _list_again(session, work, [] if is_confirmed else good):
            return


def _deletable(session: Session, work: Deleting) -> dict[int, bytes | None]:
    """Rows that may be deleted, each with the digest of its header."""
    job = session.job
    days = [job.delete_after_days] if job.delete_policy == Delete.AFTER_DAYS else []
    with session.transaction(), connection.cursor() as cursor:
        cursor.execute(
            _CANDIDATES.format(rule=_RULES[Delete(job.delete_policy)]),
            [list(work.listed.keys() - work.tried), *days, job.generation, work.group],
        )
        found = cursor.fetchall()
    # One that breaks the line takes back the deletes of all others, so it is alone.
    some = [row for row in found if not row[2]] or found[:1]
    if len(some) < len(found) or (some and some[0][2]):
        work.group = len(some)  # there are more
    return {row: None if header is None else bytes(header) for row, header, _ in some}


def _verified(session: Session, work: Deleting, rows: dict[int, bytes | None]) -> list[int]:
    """The rows whose message still has the header it had when it was stored.

    A server may have given the identifier of a message that is gone to another one (U7): that one, and any that
    cannot be compared, is fetched before anything is deleted under its name.
    """
    doubtful = [work.listed[row] for row in rows if row not in work.certain]
    if not doubtful:
        return list(rows)
    found = reused_names.compared(session, doubtful)
    if session.source.out_of_time:
        session.has_failures = True
        return [row for row in rows if row in work.certain]
    if not session.source.can_top and not session.has_numbers_as_names:
        # Same name, same size, and nothing to look closer with.
        found |= {remote.row: True for remote in doubtful if remote.size and rows[remote.row] is not None}
    again = {remote.row for remote in doubtful if not found.get(remote.row)}
    if again:
        with session.transaction():
            ledger.doubt(again)
        session.outcome.more = True
    return [row for row in rows if row not in again]


def _delete(session: Session, work: Deleting, rows: Sequence[int]) -> bool:
    """Delete these, and end the session; False when the line broke before the server confirmed it."""
    with session.transaction():
        ledger.mark(rows, State.DELE_SENT)
        # Should this process end before it notes what came of it, the mailbox may look as it did before the mail came.
        FetchState.objects.filter(account=session.job.account_id).update(listed_at=None)
    source = session.source
    numbers = {work.listed[row].number: row for row in rows}
    try:
        sent = source.delete(list(numbers))
    except MailError:
        source.close()
        if source.current is None:  # it was broken before
            raise
        _note_break(session, work, numbers[source.current], len(rows))
        return False
    is_confirmed = source.quit()
    source.close()
    if not is_confirmed:
        _note_break(session, work, None, len(rows))
        return False
    _confirm(session, rows, {numbers[number] for number in sent})
    return True


def _note_break(session: Session, work: Deleting, culprit: int | None, count: int) -> None:
    """The line broke: what is gone the next listing tells; then fewer are tried at a time, one after the other."""
    work.breaks += 1
    session.has_failures = True
    was_alone = session.source.window[0] == 1 or count == 1
    session.note_broken_line(asked=count)
    if culprit is not None and was_alone:
        with session.transaction():
            RemoteMessage.objects.filter(pk=culprit).update(failures=F("failures") + 1)
    elif culprit is None:
        work.group = max(1, count // FEWER)


def _confirm(session: Session, rows: Sequence[int], acknowledged: set[int]) -> None:
    with session.transaction():
        ledger.mark(list(acknowledged), State.GONE)
        refused = [row for row in rows if row not in acknowledged]
        ledger.mark(refused, State.DELETE_WANTED)
        run_log.add_counts(session.run_id, deleted=len(acknowledged))
    session.has_failures = session.has_failures or bool(refused)
    session.has_progress = session.has_progress or bool(acknowledged)
    session.outcome.deleted += len(acknowledged)


def _list_again(session: Session, work: Deleting, unconfirmed: Sequence[int]) -> bool:
    """A new session for the next ones, since numbers hold for one only; False when there is none to be had.

    Of what was not confirmed, what is no longer listed is gone.
    """
    job = session.job
    try:
        session.open()
        fresh = session.source.listing(need_uidl=job.delete_policy != Delete.AFTER_STORING)
    except MailError:
        if not unconfirmed:
            raise
        session.has_failures = True
        return False  # the mail is here, and deleting it can wait
    with session.transaction():
        again = ledger.compare(
            job.organization_id, job.account_id, fresh, max_size=session.limits.max_message
        )
    session.outcome.more = session.outcome.more or bool(again.resized)
    work.listed, work.certain = {remote.row: remote for remote in again.kept}, set()
    if unconfirmed and fresh.rows:
        gone = [row for row in unconfirmed if row not in work.listed]
        session.has_progress = session.has_progress or bool(gone)
        session.outcome.deleted += len(gone)
        with session.transaction():
            run_log.add_counts(session.run_id, deleted=len(gone))
    broken = RemoteMessage.objects.filter(pk__in=unconfirmed, failures__gt=0)
    with session.transaction():
        # The others may have been undone by the one that broke the line, or by too many at a time.
        if len(unconfirmed) > 1:
            work.tried -= set(unconfirmed) - set(broken.values_list("pk", flat=True))
    return True
