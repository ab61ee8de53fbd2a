"""One session with one account's server: list → compare → retrieve → store → delete (house.md §4).

A thread reads and prepares messages while this one stores them; `Belt` bounds what is between them. Every write is
a short transaction that checks the lease, and no database connection is held while the server is awaited.
The only dangerous moment of a collector is between "stored" and "the server confirmed QUIT": messages are committed
first, deletion is a separate step that a later session repeats, and storing again is impossible by the ledger.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Now

from accounts.failures import MailError
from accounts.models import MailAccount
from fetching import ledger, schedule
from fetching.belt import Belt, Stopped
from fetching.ledger import Difference, Remote
from fetching.models import FetchRun, RemoteMessage
from fetching.pop3_source import Pop3Source
from fetching.schedule import Claim, LeaseLost, database
from fetching.sources import Credentials, Limits, Listing, Retrieved, ServerAddress, Source
from mailbox import storing
from mailbox.models import Folder
from mailbox.storing import Incoming
from quotas import services as quotas
from quotas.models import StorageMeter
from quotas.services import OverQuota

logger = logging.getLogger(__name__)

BATCH_MESSAGES = 200
BATCH_BYTES = 16 * 1024 * 1024
BATCH_SECONDS = 1.0  # so that a slow server's messages appear as they come
BELT_BYTES = 32 * 1024 * 1024
DELETES_A_SESSION = 100  # a dropped line undoes all deletes since log-in, so QUIT comes often
QUARANTINE_AFTER = 3

Connect = Callable[[ServerAddress, Credentials, Limits], Source]


@dataclass(slots=True)
class Outcome:
    """What one session did; sizes in bytes, `more` when the next session should follow at once."""

    state: str = "done"
    listed: int = 0
    stored: int = 0
    bytes: int = 0
    deleted: int = 0
    seconds: float = 0.0
    error: str = ""
    more: bool = False
    stopped: bool = False  # fetching has ended until the owner does something


@dataclass(frozen=True, slots=True)
class _Ready:
    """A message on the belt: prepared, or refused by the server with `error`."""

    remote: Remote
    incoming: Incoming | None
    error: MailError | None = None


def fetch(claim: Claim, *, connect: Connect = Pop3Source.open, limits: Limits | None = None) -> Outcome:
    """Run one session for a claimed account. Never raises for what a server or a person did."""
    started = time.monotonic()
    try:
        session = _Session.begin(claim, connect, limits or Limits())
    except LeaseLost:
        return Outcome(state="skipped")
    if session is None:
        return Outcome(state="paused_quota", error="storage_full")
    try:
        session.run()
    except LeaseLost:
        session.end(FetchRun.State.INTERRUPTED)
    except MailError as error:
        session.failed(error)
    except Exception:  # one account's trouble, also our own, must stay that account's (S5)
        logger.exception("fetch of account %d", claim.account_id)
        session.failed(MailError("internal"))
    session.outcome.seconds = round(time.monotonic() - started, 3)
    return session.outcome


class _Session:
    """The state of one session: the account as it was at the start, its run row, what was done."""

    def __init__(
        self, claim: Claim, account: MailAccount, run_id: int, connect: Connect, limits: Limits
    ) -> None:
        self.claim, self.account, self.run_id = claim, account, run_id
        self.connect, self.limits = connect, limits
        self.outcome = Outcome()
        self.waiting: list[Remote] = []  # no space for these
        self.difference = Difference()
        self.last_heartbeat = time.monotonic()

    @classmethod
    def begin(cls, claim: Claim, connect: Connect, limits: Limits) -> _Session | None:
        """Take over the claim; None when storage is full, so that the server need not be called.

        Raises LeaseLost when the claim is no longer good.
        """
        with database(claim.organization_id):
            schedule.renew(claim)
            account = MailAccount.objects.select_related("fetch_state").get(pk=claim.account_id)
            smallest = _smallest_waiting(account)
            full = smallest is not None and smallest > _free(claim.organization_id)
            if not full:
                FetchRun.objects.filter(account=account, state=FetchRun.State.RUNNING).update(
                    state=FetchRun.State.INTERRUPTED, finished_at=Now()
                )
                run = FetchRun.objects.create(organization_id=claim.organization_id, account=account)
        if full:
            schedule.stay_full(claim)
            return None
        return cls(claim, account, run.pk, connect, limits)

    def run(self) -> None:
        """List, retrieve, delete, and say how it ended."""
        self.source = self._open()
        try:
            self._plan(self.source.listing())
            self._retrieve(self.source)
            self._delete()
            self.source.quit()
        finally:
            self.source.close()  # the one that is open now, which may be a later one than the first
        self.end(FetchRun.State.DONE)
        schedule.succeed(
            self.claim,
            more=self.outcome.more,
            waiting_messages=len(self.waiting),
            waiting_bytes=sum(remote.size for remote in self.waiting),
        )

    def _open(self) -> Source:
        address = ServerAddress(self.account.host, self.account.port, self.account.encryption)
        credentials = Credentials(self.account.username, self.account.password)
        return self.connect(address, credentials, self.limits)

    # ── listing ────────────────────────────────────────────────────────────
    def _plan(self, listing: Listing) -> None:
        with database(self.claim.organization_id):
            self._beat()
            difference = ledger.compare(
                self.claim.organization_id, self.account.pk, listing, max_size=self.limits.max_message
            )
            left = _free(self.claim.organization_id)
            fits: list[Remote] = []
            for remote in difference.wanted:
                if remote.size <= left:
                    fits.append(remote)
                    left -= remote.size
                else:
                    self.waiting.append(remote)
            ledger.mark([remote.row for remote in self.waiting], RemoteMessage.State.OVER_QUOTA)
            self.outcome.listed = len(listing.rows)
            FetchRun.objects.filter(pk=self.run_id).update(
                listed=len(listing.rows),
                listed_bytes=sum(row.size or 0 for row in listing.rows),
                wanted=len(difference.wanted),
                wanted_bytes=sum(remote.size for remote in difference.wanted),
            )
        difference.wanted = fits
        self.difference = difference

    # ── retrieving and storing ─────────────────────────────────────────────
    def _retrieve(self, source: Source) -> None:
        if not self.difference.wanted:
            return
        belt: Belt[_Ready] = Belt(BELT_BYTES)
        reader = threading.Thread(target=_read, args=(source, self.difference.wanted, belt), daemon=True)
        reader.start()
        arrived = 0
        try:
            for batch in belt.batches(
                items=BATCH_MESSAGES, size=BATCH_BYTES, seconds=BATCH_SECONDS, idle=schedule.HEARTBEAT_SECONDS
            ):
                self._take(batch)
                arrived += len(batch)
        except MailError:
            self._suspect(source.current)
            raise
        except BaseException:
            belt.stop()
            source.close()  # wakes a reader that waits for the server
            raise
        finally:
            reader.join(timeout=self.limits.connect)
        # A source stops asking shortly before the session's time is over; the rest is the next session's.
        self.outcome.more = arrived < len(self.difference.wanted)

    def _take(self, batch: Sequence[_Ready]) -> None:
        refused = [ready for ready in batch if ready.error]
        while True:
            try:
                with database(self.claim.organization_id):
                    self._beat()
                    self._note_refused(refused)
                    self._store([ready for ready in batch if ready.incoming])
                break
            except OverQuota:  # the transaction is rolled back; keep what fits and try again
                batch = self._cut(batch)
                refused = []

    def _store(self, batch: Sequence[_Ready]) -> None:
        if not batch:
            return
        # Read again in each transaction: an edited or deleted account must not receive the old one's mail (S6).
        inbox = (
            Folder.objects.select_related("account")
            .filter(account=self.account, role=Folder.Role.INBOX)
            .first()
        )
        if inbox is None or inbox.account.generation != self.account.generation:
            raise LeaseLost
        digests = [ready.incoming.sha256 for ready in batch if ready.incoming]
        known = ledger.known_bytes(self.account.pk, digests)
        fresh = {
            ready.incoming.sha256: ready.incoming
            for ready in batch
            if ready.incoming and ready.incoming.sha256 not in known
        }
        if fresh:
            known |= zip(fresh, storing.store(inbox, list(fresh.values())), strict=True)
        rows = [ready.remote.row for ready in batch]
        messages = [known[digest] for digest in digests]
        delete = self.account.delete_from_server
        if ledger.mark_stored(rows, messages, digests, delete=delete) != len(rows):
            raise LeaseLost
        self._count(fresh.values(), repeated=len(batch) - len(fresh))

    def _count(self, fresh: Collection[Incoming], *, repeated: int) -> None:
        """Progress, and the charge last: it locks the organization's meter."""
        size = sum(item.size for item in fresh)
        FetchRun.objects.filter(pk=self.run_id).update(
            stored=F("stored") + len(fresh),
            stored_bytes=F("stored_bytes") + size,
            wanted=F("wanted") - repeated,
        )
        if fresh:
            quotas.charge(self.claim.organization_id, size, messages=len(fresh), account_id=self.account.pk)
        self.outcome.stored += len(fresh)
        self.outcome.bytes += size

    def _cut(self, batch: Sequence[_Ready]) -> list[_Ready]:
        with database(self.claim.organization_id):
            left = _free(self.claim.organization_id)
            fits: list[_Ready] = []
            for ready in batch:
                size = ready.incoming.size if ready.incoming else 0
                if size <= left:
                    fits.append(ready)
                    left -= size
                else:
                    self.waiting.append(ready.remote)
            ledger.mark([remote.row for remote in self.waiting], RemoteMessage.State.OVER_QUOTA)
        return fits

    def _suspect(self, number: int | None) -> None:
        """The line broke while this message came: after three sessions that end so it is set aside (R7)."""
        culprits = [remote for remote in self.difference.wanted if remote.number == number]
        with database(self.claim.organization_id):
            self._beat()
            self._note_refused([_Ready(remote, None, MailError("connection_lost")) for remote in culprits])

    def _note_refused(self, refused: Sequence[_Ready]) -> None:
        for ready in refused:
            assert ready.error is not None
            rows = RemoteMessage.objects.filter(pk=ready.remote.row)
            rows.update(
                failures=F("failures") + 1, error_code=ready.error.code, error_text=ready.error.server_text
            )
            rows.filter(failures__gte=QUARANTINE_AFTER).update(state=RemoteMessage.State.QUARANTINED)

    # ── deleting ───────────────────────────────────────────────────────────
    def _delete(self) -> None:
        """Delete what is safely stored, a hundred a session; `source` is the last of these at the end."""
        # After a suspected reset (U8) identifiers are not to be trusted: the next session deletes.
        if not self.account.delete_from_server or self.difference.is_reset:
            return
        numbers = {remote.row: remote.number for remote in self.difference.wanted + self.difference.kept}
        tried: set[int] = set()
        while rows := self._deletable(numbers.keys() - tried):
            tried.update(rows)
            with database(self.claim.organization_id):
                self._beat()
                ledger.mark(rows, RemoteMessage.State.DELE_SENT)
            sent = self.source.delete([numbers[row] for row in rows])
            if not self.source.quit():
                self.source.close()
                raise MailError("connection_lost")
            self.source.close()
            self._confirm(rows, set(sent), numbers)
            if len(rows) < DELETES_A_SESSION:
                return
            self.source = self._open()
            fresh = self.source.listing()
            with database(self.claim.organization_id):
                again = ledger.compare(
                    self.claim.organization_id, self.account.pk, fresh, max_size=self.limits.max_message
                )
            numbers = {remote.row: remote.number for remote in again.kept}

    def _deletable(self, candidates: Set[int]) -> list[int]:
        with database(self.claim.organization_id):
            # Rows stored before deletion was switched on count too: they are stored, which is all that matters.
            rows = RemoteMessage.objects.filter(
                pk__in=list(candidates),
                state__in=[
                    RemoteMessage.State.STORED,
                    RemoteMessage.State.DELETE_WANTED,
                    RemoteMessage.State.DELE_SENT,
                ],
            )
            return list(rows.order_by("pk").values_list("pk", flat=True)[:DELETES_A_SESSION])

    def _confirm(self, rows: Sequence[int], acknowledged: set[int], numbers: dict[int, int]) -> None:
        gone = [row for row in rows if numbers[row] in acknowledged]
        with database(self.claim.organization_id):
            self._beat()
            ledger.mark(gone, RemoteMessage.State.GONE)
            refused = [row for row in rows if numbers[row] not in acknowledged]
            ledger.mark(refused, RemoteMessage.State.DELETE_WANTED)
            FetchRun.objects.filter(pk=self.run_id).update(deleted=F("deleted") + len(gone))
        self.outcome.deleted += len(gone)

    # ── ending ─────────────────────────────────────────────────────────────
    def _beat(self) -> None:
        schedule.renew(self.claim)

    def end(self, state: str, error_code: str = "") -> None:
        """Close the run row."""
        self.outcome.state, self.outcome.error = str(state), error_code
        with database(self.claim.organization_id):
            FetchRun.objects.filter(pk=self.run_id).update(
                state=state, finished_at=Now(), error_code=error_code
            )

    def failed(self, error: MailError) -> None:
        """Close the run row with an error and set when to try again."""
        self.end(FetchRun.State.FAILED, error.code)
        try:
            self.outcome.stopped = schedule.fail(self.claim, error)
        except LeaseLost:
            logger.info("account %d changed hands while failing", self.claim.account_id)


def _read(source: Source, wanted: Sequence[Remote], belt: Belt[_Ready]) -> None:
    """The reader's thread: retrieve and prepare until all is on the belt. Touches no database."""
    try:
        by_number = {remote.number: remote for remote in wanted}
        for ready in _ready(source.retrieve([remote.number for remote in wanted]), by_number):
            belt.put(ready, ready.incoming.size if ready.incoming else 0)
        belt.end()
    except Stopped:
        pass
    except BaseException as error:  # whatever it was, the storing side must hear of it
        belt.end(error)


def _ready(retrieved: Iterator[Retrieved], by_number: dict[int, Remote]) -> Iterator[_Ready]:
    for item in retrieved:
        remote = by_number[item.number]
        if item.error is not None:
            yield _Ready(remote, None, item.error)
        else:
            yield _Ready(remote, storing.prepare(item.read()))


def _free(organization_id: int) -> int:
    meter = StorageMeter.objects.filter(organization=organization_id).first()
    return meter.free if meter else 0


def _smallest_waiting(account: MailAccount) -> int | None:
    rows = RemoteMessage.objects.filter(account=account, state=RemoteMessage.State.OVER_QUOTA)
    return rows.order_by("size").values_list("size", flat=True).first()
