"""From the server into the store: one thread reads and prepares, this one stores in batches (docs/architecture.md)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q

from accounts.leases import LeaseLost
from accounts.servers.failures import MailError
from fetching.engine import adoption, failed_messages, fingerprints, ledger
from fetching.engine.bounded_queue import BoundedQueue, QueueStopped
from fetching.engine.failed_messages import REFUSED_IN_A_ROW, FailedMessage
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
# Below this share of its listed size a message is not believed to be whole.
WHOLE_SHARE = 0.5
# An error line that a server sends as a message is no longer than this.
ERROR_LINE_BYTES = 600
# In so many sessions a message that comes much shorter than listed is asked for again; then it is stored as it comes.
SHORT_TRIES = 2


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """A message in the queue: prepared, or refused by the server with `error`. `header` is its header's digest.

    `is_short`: far less came than was listed, time and again.
    """

    remote: Remote
    incoming: Incoming | None
    header: bytes | None = None
    error: MailError | None = None
    is_short: bool = False


def download_messages(session: Session) -> None:
    """Fetch and store what the plan wants. Raises MailError, LeaseLost."""
    wanted = session.difference.wanted
    if not wanted:
        return
    reader = Reader(session.source, wanted)
    thread = threading.Thread(target=reader.run, daemon=True)
    thread.start()
    failed: list[FailedMessage] = []
    arrived = 0
    try:
        for batch in reader.queue.batches(
            items=BATCH_MESSAGES, size=BATCH_BYTES, seconds=BATCH_SECONDS, idle=claims.HEARTBEAT_SECONDS
        ):
            _take(session, batch)
            failed += [FailedMessage(ready.remote, ready.error) for ready in batch if ready.error]
            arrived += len(batch)
    except MailError as error:
        failed_messages.note(session, failed + _culprits(session, error))
        session.note_broken_line(asked=len(wanted))
        raise
    except BaseException:
        reader.queue.stop()
        session.source.close()  # wakes a reader that waits for the server
        raise
    finally:
        thread.join(timeout=session.limits.connect)
    # A source stops asking shortly before the session's time is over; the rest is the next session's.
    session.outcome.more = arrived < len(wanted) and (not reader.gave_up or len(failed) < arrived)
    _judge(session, failed, arrived - len(failed), gave_up=reader.gave_up)


def _judge(session: Session, failed: list[FailedMessage], arrived: int, *, gave_up: bool) -> None:
    """Note what did not come; raises MailError when it is the server that hands out nothing."""
    refuses = gave_up and failed_messages.server_refuses(failed, arrived)
    failed_messages.note(session, failed, is_own_fault=not refuses)
    if refuses:
        raise MailError("server_busy", failed[-1].error.server_text)


# ── Storing ─────────────────────────────────────────────────────────────────
def _take(session: Session, batch: Sequence[PreparedMessage]) -> None:
    while True:
        try:
            with session.transaction():
                _store(session, [ready for ready in batch if ready.incoming])
            return
        except OverQuota:  # the transaction is rolled back; keep what fits and try again
            batch = _cut(session, batch)


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
    short = {ready.remote.row for ready in batch if ready.is_short}
    if ledger.mark_stored(rows, messages, digests, headers, delete=at_once, short=short) != len(rows):
        raise LeaseLost
    if len(fresh) < len(batch):
        adoption.keep_stored_at(job.account_id, rows)
    session.has_progress = True
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
def _culprits(session: Session, error: MailError) -> list[FailedMessage]:
    """The message that was on its way when the line broke: after three sessions that end so it is set aside (R7)."""
    number = session.source.current
    lost = MailError(error.code if error.code == "message_too_large" else "connection_lost")
    return [FailedMessage(remote, lost) for remote in session.difference.wanted if remote.number == number]


def _is_whole(listed: int, item: RetrievedMessage) -> bool:
    """Whether about as much came as was listed, in bytes; sizes in lists may be a little wrong (U19)."""
    if not listed or item.size == listed:
        return True
    if item.size < ERROR_LINE_BYTES and item.head(4).upper() == b"-ERR":
        return False
    return item.size >= WHOLE_SHARE * listed


# ── Reading ─────────────────────────────────────────────────────────────────
class Reader:
    """Retrieves and prepares in a thread of its own until all is in the queue. Touches no database.

    `gave_up`: the server refused so many in a row that no more were asked for.
    """

    def __init__(self, source: Source, wanted: Sequence[Remote]) -> None:
        self.queue: BoundedQueue[PreparedMessage] = BoundedQueue(QUEUE_BYTES)
        self.gave_up = False
        self._source = source
        self._wanted = wanted
        # What would not count should the replies prove out of step; empty without pipelining.
        self._held: deque[tuple[PreparedMessage, int]] = deque()
        self._held_bytes = 0

    def run(self) -> None:
        """The thread."""
        try:
            try:
                self._retrieve()
            except MailError as error:
                # A reply that never came shifts all before it, as one too many does.
                if error.code not in ("protocol_error", "timeout"):
                    self._release(0, 0)
                raise
            self._release(0, 0)
            self.queue.end()
        except QueueStopped:
            pass
        except BaseException as error:  # whatever it was, the storing side must hear of it
            self.queue.end(error)

    def _retrieve(self) -> None:
        by_number = {remote.number: remote for remote in self._wanted}
        refused = 0
        for item in self._source.retrieve([remote.number for remote in self._wanted]):
            ready = _prepared(by_number[item.number], item)
            came = max(item.size, ready.remote.size)
            self._held.append((ready, came))
            self._held_bytes += came
            messages, size = self._source.window  # it grows as replies come fast
            self._release(messages - 1, size)
            refused = refused + 1 if ready.error and ready.error.code == "message_withheld" else 0
            if refused == REFUSED_IN_A_ROW:
                self.gave_up = True
                return

    def _release(self, messages: int, size: int) -> None:
        """Hand on all but the last `messages`, or the last ones of `size` bytes together."""
        held = self._held
        while held and (len(held) > messages or self._held_bytes - held[0][1] > size):
            ready, came = held.popleft()
            self._held_bytes -= came
            self.queue.put(ready, ready.incoming.weight if ready.incoming else 0)


def _prepared(remote: Remote, item: RetrievedMessage) -> PreparedMessage:
    if item.error is not None:
        return PreparedMessage(remote, None, error=item.error)
    is_whole = _is_whole(remote.size, item)
    header = fingerprints.header_digest(item.head(HEADER_LIMIT))
    if not is_whole and (header is None or remote.failures < SHORT_TRIES):
        item.close()
        # Without even a header it is no message at all.
        return PreparedMessage(
            remote, None, error=MailError("message_short" if header else "message_withheld")
        )
    incoming = bulk_insert.prepare(item.data) if item.file is None else bulk_insert.prepare_file(item.file)
    return PreparedMessage(remote, incoming, header, is_short=not is_whole)
