"""From the server into the store: one thread reads and prepares, this one stores in batches (docs/architecture.md)."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import F, Q

from accounts.leases import LeaseLost
from accounts.servers.failures import MailError
from fetching.engine import fingerprints, ledger
from fetching.engine.bounded_queue import BoundedQueue, QueueStopped
from fetching.engine.ledger import Remote
from fetching.engine.session import Session
from fetching.models import RemoteMessage
from fetching.scheduler import claims, run_log
from fetching.source import HEADER_LIMIT, RetrievedMessage, Source
from mailbox import bulk_insert, labels
from mailbox.bulk_insert import Incoming
from mailbox.models import Folder, Label
from quotas import services as quotas
from quotas.services import OverQuota

BATCH_MESSAGES = 200
BATCH_BYTES = 16 * 1024 * 1024
BATCH_SECONDS = 1.0  # so that a slow server's messages appear as they come
QUEUE_BYTES = 32 * 1024 * 1024
QUARANTINE_AFTER = 3


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """A message in the queue: prepared, or refused by the server with `error`. `header` is its header's digest."""

    remote: Remote
    incoming: Incoming | None
    header: bytes | None = None
    error: MailError | None = None


def download_messages(session: Session) -> None:
    """Fetch and store what the plan wants. Raises MailError, LeaseLost."""
    wanted = session.difference.wanted
    if not wanted:
        return
    queue: BoundedQueue[PreparedMessage] = BoundedQueue(QUEUE_BYTES)
    reader = threading.Thread(target=_read, args=(session.source, wanted, queue), daemon=True)
    reader.start()
    arrived = 0
    try:
        for batch in queue.batches(
            items=BATCH_MESSAGES, size=BATCH_BYTES, seconds=BATCH_SECONDS, idle=claims.HEARTBEAT_SECONDS
        ):
            _take(session, batch)
            arrived += len(batch)
    except MailError:
        _suspect(session)
        raise
    except BaseException:
        queue.stop()
        session.source.close()  # wakes a reader that waits for the server
        raise
    finally:
        reader.join(timeout=session.limits.connect)
    # A source stops asking shortly before the session's time is over; the rest is the next session's.
    session.outcome.more = arrived < len(wanted)


# ── Storing ─────────────────────────────────────────────────────────────────
def _take(session: Session, batch: Sequence[PreparedMessage]) -> None:
    refused = [ready for ready in batch if ready.error]
    while True:
        try:
            with session.transaction():
                _note_refused(session, refused)
                _store(session, [ready for ready in batch if ready.incoming])
            return
        except OverQuota:  # the transaction is rolled back; keep what fits and try again
            batch, refused = _cut(session, batch), []


def _store(session: Session, batch: Sequence[PreparedMessage]) -> None:
    if not batch:
        return
    job = session.job
    folder = _folder(session)
    digests = [ready.incoming.sha256 for ready in batch if ready.incoming]
    known = ledger.known_bytes(job.account_id, digests)
    fresh = {
        ready.incoming.sha256: ready.incoming
        for ready in batch
        if ready.incoming and ready.incoming.sha256 not in known
    }
    if fresh:
        ids = bulk_insert.store(
            folder, list(fresh.values()), is_read=job.arrive_read, is_backlog=job.is_first
        )
        if job.label_id and (label := Label.objects.filter(pk=job.label_id).first()):
            labels.attach(label, ids)
        known |= zip(fresh, ids, strict=True)
    rows = [ready.remote.row for ready in batch]
    messages = [known[digest] for digest in digests]
    headers = [ready.header for ready in batch]
    at_once = job.deletes and job.delete_policy == "after_storing"
    if ledger.mark_stored(rows, messages, digests, headers, delete=at_once) != len(rows):
        raise LeaseLost
    _count(session, fresh.values(), repeated=len(batch) - len(fresh))


def _folder(session: Session) -> Folder:
    """Where new mail goes: the chosen folder, or the Inbox.

    Read again in each transaction: an edited or deleted account must not receive the old one's mail (S6).
    """
    job = session.job
    folders = Folder.objects.select_related("account").filter(account=job.account_id)
    found = list(folders.filter(Q(role=Folder.Role.INBOX) | Q(pk=job.folder_id)))
    if not found or found[0].account.generation != job.generation:
        raise LeaseLost
    return next((folder for folder in found if folder.pk == job.folder_id), found[0])


def _count(session: Session, fresh: Collection[Incoming], *, repeated: int) -> None:
    """Progress, and the charge last: it locks the organization's meter."""
    job, size = session.job, sum(item.size for item in fresh)
    run_log.add_counts(session.run_id, stored=len(fresh), stored_bytes=size, wanted=-repeated)
    if fresh:
        quotas.charge(job.organization_id, size, messages=len(fresh), account_id=job.account_id)
    session.outcome.stored += len(fresh)
    session.outcome.bytes += size


def _cut(session: Session, batch: Sequence[PreparedMessage]) -> list[PreparedMessage]:
    fits: list[PreparedMessage] = []
    with session.transaction():
        left = session.free_space()
        for ready in batch:
            size = ready.incoming.size if ready.incoming else 0
            if size <= left:
                fits.append(ready)
                left -= size
            else:
                session.waiting.append(ready.remote)
        ledger.mark([remote.row for remote in session.waiting], RemoteMessage.State.OVER_QUOTA)
    return fits


# ── What did not come ───────────────────────────────────────────────────────
def _suspect(session: Session) -> None:
    """The line broke while this message came: after three sessions that end so it is set aside (R7)."""
    number = session.source.current
    culprits = [remote for remote in session.difference.wanted if remote.number == number]
    with session.transaction():
        lost = MailError("connection_lost")
        _note_refused(session, [PreparedMessage(remote, None, error=lost) for remote in culprits])


def _note_refused(session: Session, refused: Sequence[PreparedMessage]) -> None:
    session.has_failures = session.has_failures or bool(refused)
    for ready in refused:
        assert ready.error is not None
        rows = RemoteMessage.objects.filter(pk=ready.remote.row)
        rows.update(
            failures=F("failures") + 1, error_code=ready.error.code, error_text=ready.error.server_text
        )
        rows.filter(failures__gte=QUARANTINE_AFTER).update(state=RemoteMessage.State.QUARANTINED)


# ── Reading ─────────────────────────────────────────────────────────────────
def _read(source: Source, wanted: Sequence[Remote], queue: BoundedQueue[PreparedMessage]) -> None:
    """The reader's thread: retrieve and prepare until all is in the queue. Touches no database."""
    try:
        by_number = {remote.number: remote for remote in wanted}
        for ready in _ready(source.retrieve([remote.number for remote in wanted]), by_number):
            queue.put(ready, ready.incoming.weight if ready.incoming else 0)
        queue.end()
    except QueueStopped:
        pass
    except BaseException as error:  # whatever it was, the storing side must hear of it
        queue.end(error)


def _ready(retrieved: Iterator[RetrievedMessage], by_number: dict[int, Remote]) -> Iterator[PreparedMessage]:
    for item in retrieved:
        remote = by_number[item.number]
        if item.error is not None:
            yield PreparedMessage(remote, None, error=item.error)
        elif item.file is None:
            yield PreparedMessage(
                remote, bulk_insert.prepare(item.data), fingerprints.header_digest(item.data)
            )
        else:
            header = fingerprints.header_digest(item.file.read(HEADER_LIMIT))
            item.file.seek(0)
            yield PreparedMessage(remote, bulk_insert.prepare_file(item.file), header)
