"""What the steps of one session share: its job, its connection, its claim's heartbeat, what it has done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.db.models.functions import Now

from accounts import leases, locks
from accounts.servers.transport import Credentials, ServerAddress
from fetching.engine.ledger import Difference, Remote
from fetching.models import FetchState
from fetching.scheduler import claims, run_log
from fetching.scheduler.claims import Claim
from fetching.scheduler.job import FetchJob
from fetching.scheduler.outcomes import LOCKSTEP_SECONDS
from fetching.source import Limits, Source
from quotas.models import StorageMeter

Connect = Callable[[ServerAddress, Credentials, Limits, bool], Source]
"""Opens a Source; the last argument says whether commands may be pipelined."""


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
    unchanged: bool = False  # the server had nothing new, so nothing was listed
    stopped: bool = False  # fetching has ended until the owner does something
    following: Claim | None = None  # the next account of the same server, claimed for whoever ran this one


@dataclass(slots=True)
class Session:
    """One session. `run_id` is its row in the history, 0 while it has none."""

    job: FetchJob
    connect: Connect
    limits: Limits
    hand_over: bool = False  # claim the next account of the server at the end
    source: Source = field(init=False)
    run_id: int = field(init=False)
    outcome: Outcome = field(default_factory=Outcome)
    difference: Difference = field(default_factory=Difference)
    waiting: list[Remote] = field(default_factory=list)  # no space for these
    held_back: int = 0  # wanted, but more than one cycle may bring
    has_failures: bool = False  # the server refused something, so a later session must ask again
    has_progress: bool = False  # something was stored or deleted
    has_numbers_as_names: bool = False  # the server's identifiers are its messages' numbers

    def open(self) -> None:
        """Connect and sign in. Raises MailError."""
        job = self.job
        self.source = self.connect(job.address, job.credentials, self.limits, job.pipelining)

    def __post_init__(self) -> None:
        self.run_id = self.job.run_id

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A short transaction in the tenant's scope that renews the lease first. Raises LeaseLost."""
        with leases.short_scope(self.job.organization_id):
            locks.share(self.job.account_id)
            claims.renew(self.job.claim)
            yield

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Keep the lease while this thread waits for the server and writes nothing."""

        def renew() -> None:
            with self.transaction():
                pass

        # Closing the source wakes the one that waits; one that is still connecting ends by its own clocks.
        with leases.heartbeat(
            renew,
            seconds=claims.HEARTBEAT_SECONDS,
            name=f"lease {self.job.account_id}",
            on_lost=self._hang_up,
        ):
            yield

    def _hang_up(self) -> None:
        if self.is_open:
            self.source.close()

    @property
    def is_open(self) -> bool:
        """Whether there has been a connection."""
        return hasattr(self, "source")

    def note_broken_line(self, *, asked: int) -> None:
        """The line broke after so many commands: if replies were under way in a row, never again for a while (R21)."""
        if self.source.window[0] == 1 or asked < 2:
            return
        self.job = replace(self.job, pipelining=False)
        with self.transaction():
            FetchState.objects.filter(account=self.job.account_id).update(
                lockstep_until=Now() + timedelta(seconds=LOCKSTEP_SECONDS)
            )

    def want(self, remotes: Sequence[Remote]) -> None:
        """Fetch these too. Within a transaction."""
        self.difference.wanted += remotes
        size = sum(remote.size for remote in remotes)
        run_log.add_counts(self.run_id, wanted=len(remotes), wanted_bytes=size)

    def free_space(self) -> int:
        """Bytes the organization's plan has left. Within a transaction."""
        meter = StorageMeter.objects.filter(organization=self.job.organization_id).first()
        return meter.free if meter else 0

    def begin_run(self) -> None:
        """Write the run into the history, unless it is there. Within a transaction."""
        if not self.run_id:
            self.run_id = run_log.start_run(self.job.organization_id, self.job.account_id)
