"""Benchmarks 1, 2 and 6: everything from a full mailbox, near, far away, and with one enormous message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.servers import seeding
from tests.servers.dovecot import Dovecot
from tools.bench import peers
from tools.bench.delay import slow_line
from tools.bench.instance import Instance
from tools.bench.lab import Lab, Measured, fetch
from tools.bench.peers import Box
from tools.bench.results import Row, Target, at_least, at_most, median

MB = 1_000_000
LOCK_STEP = ("fetchmail", "getmail6")
PATIENCE = 100  # seconds for a peer, and a tenth of one for each message
SLOW_MAILBOX = 5_000  # from so many messages on, slow peers run once
LARGE, HUGE = 200 * MB, 100 * MB
OWN_TIME = (
    "Mailhub: the session's own time in a worker that runs already; “whole process” adds the start of Python, as a"
    " peer's figure has the start of the peer."
)


@dataclass(frozen=True)
class Run:
    """One full fetch, by whom ever."""

    wall: float
    cpu: float
    memory: float
    process_wall: float
    messages: int

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.wall


@dataclass
class Contest:
    """Everybody fetches one mailbox; `small` is the way to a smaller one for those who take too long."""

    lab: Lab
    mailhub: Instance
    server: Dovecot
    box: Box
    count: int
    small: tuple[Box, int] | None = None
    measured: Measured = field(default_factory=Measured)

    def hold(self, *, slow_once: bool) -> dict[str, list[Run]]:
        """Run the rounds; `slow_once`: only one of those that take minutes."""
        accounts = iter(self.mailhub.connect([self.box] * self.lab.rounds))
        runs: dict[str, Callable[[], Run]] = {"mailhub": lambda: self._ours(next(accounts))}
        for name in self.lab.peers:
            runs[name] = lambda name=name: self._theirs(name)  # type: ignore[misc]
        return self.lab.alternate(runs, dict.fromkeys(LOCK_STEP, 1) if slow_once else {})

    def _ours(self, account: int) -> Run:
        (done,) = fetch(self.mailhub, self.server, account, self.count, self.measured)
        return Run(done.wall, done.cpu, done.memory, done.process_wall, done.stored)

    def _theirs(self, name: str) -> Run:
        box, count = (self.box, self.count) if self.small is None or name not in LOCK_STEP else self.small
        # Several times what the slowest needs; one that stalls, as getmail6 can, is not waited for all day.
        done = self.lab.peers[name].fetch(box, count, limit=PATIENCE + count / 10)
        return Run(done.wall, done.cpu, done.memory, done.wall, count)

    def rows(
        self, bench: int, what: str, runs: Mapping[str, list[Run]], targets: Mapping[str, Target]
    ) -> list[Row]:
        """Rates beside each peer."""
        ours = runs["mailhub"]
        rows = []
        for name, theirs in runs.items():
            if name == "mailhub":
                continue
            note = OWN_TIME
            if theirs[0].messages != self.count:
                note = (
                    f"Peers that go one message at a time fetched {theirs[0].messages} of these messages"
                    f" instead of {self.count}; their rate is taken to stay the same."
                )
            row = Row(
                bench,
                what,
                "messages/s",
                median(run.rate for run in ours),
                name,
                median(run.rate for run in theirs),
                targets.get(name),
                parts=self.measured.parts(),
                runs={"mailhub": [run.wall for run in ours], name: [run.wall for run in theirs]},
                note=note,
            )
            rows.append(row)
            if name == "mpop":
                pair = median(run.process_wall for run in ours), median(run.process_wall for run in theirs)
                rows.append(Row(bench, f"{what}, whole process", "s", pair[0], name, pair[1]))
        return rows or [Row(bench, what, "messages/s", median(run.rate for run in ours))]


def full_fetch(lab: Lab) -> None:
    """1: 2,000 and 10,000 messages into an empty store."""
    counts = (500,) if lab.quick else (2_000, 10_000)
    targets = {"mpop": at_least(2), "getmail6": at_least(15)}
    with lab.server(*(f"box{count}" for count in counts)) as server:
        for count in counts:
            server.fill(f"box{count}", seeding.mailbox(count))
        with lab.instance(server) as mailhub:
            for count in counts:
                for tls in (False, True):
                    contest = Contest(lab, mailhub, server, lab.box(server, f"box{count}", tls=tls), count)
                    what = f"{count:,} messages, {'TLS' if tls else 'plain'}"
                    lab.results.add(
                        *contest.rows(1, what, contest.hold(slow_once=count >= SLOW_MAILBOX), targets)
                    )


def far_away(lab: Lab) -> None:
    """2: the same over a line with a round-trip time."""
    count, few = (300, 30) if lab.quick else (2_000, 200)
    with lab.server("box", "small") as server, ExitStack() as lines:
        server.fill("box", seeding.mailbox(count))
        server.fill("small", seeding.mailbox(few))
        ports = {trip: lines.enter_context(slow_line(trip, server.pop3)) for trip in (20, 50)}
        with lab.instance(server, *ports.values()) as mailhub:
            for trip, port in ports.items():
                box, small = (lab.box(server, user, port=port) for user in ("box", "small"))
                what = f"{count:,} messages at {trip} ms ({peers.round_trip(small):.1f} measured)"
                targets = {"fetchmail": at_least(20)} | ({"mpop": at_least(1)} if trip == 50 else {})
                contest = Contest(lab, mailhub, server, box, count, (small, few))
                lab.results.add(*contest.rows(2, what, contest.hold(slow_once=False), targets))


def memory(lab: Lab) -> None:
    """6: the peak of resident memory with one message that is half of the mailbox."""
    part = 10 if lab.quick else 1
    largest, rest = HUGE // part, (LARGE - HUGE) // part
    with lab.server("box") as server:
        count = 0
        for raw in seeding.heavy(rest, largest):
            server.fill("box", [raw], start=count)
            count += 1
        with lab.instance(server) as mailhub:
            contest = Contest(lab, mailhub, server, lab.box(server, "box"), count)
            runs = {
                name: max(run.memory for run in done) for name, done in contest.hold(slow_once=True).items()
            }
    what = f"{(rest + largest) // MB} MB mailbox, one message of {largest // MB} MB: peak memory"
    ours = runs.pop("mailhub")
    lab.results.add(Row(6, what, "MB", ours, target=at_most(250), parts=contest.measured.parts()))
    lab.results.add(*(Row(6, what, "MB", ours, name, theirs) for name, theirs in runs.items()))
