"""Benchmark 4: many small accounts with nothing new, through clock, broker, dispatcher and workers as in operation."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import seeding
from tests.servers.dovecot import Dovecot
from tools.bench import peers
from tools.bench.instance import ROOT, Instance
from tools.bench.lab import Lab, tell, used
from tools.bench.peers import Box, Mpop
from tools.bench.processes import Failed, give, measured, peer_user, tree_cpu
from tools.bench.results import Row, at_most, median

ADDRESSES = 50  # loopback addresses, each of which Mailhub takes for a mail server of its own
ORGANIZATIONS = 10
MESSAGES = 20
PATIENCE = 600
AT_ONCE = 8  # mpop processes
IDLE_SECONDS = 10
WAYS = {"cheap": "by STAT and the last UIDL", "full": "by listing all of it"}
NOTE = (
    "Everything that `make run` starts but the pages: the CPU of clock, dispatcher and workers counts. mpop: a process"
    f" an account, {AT_ONCE} at once (xargs). Database and broker are not in it: see the parts."
)


@dataclass(frozen=True)
class Round:
    """All accounts once: seconds, and CPU milliseconds an account, in all and by program."""

    seconds: float
    cpu: float
    parts: Mapping[str, float]


def many_accounts(lab: Lab) -> None:
    """4: 1,000 accounts of ten organizations at fifty servers."""
    count = 100 if lab.quick else 1_000
    users = [f"box{number}" for number in range(count)]
    aliases = [f"127.0.1.{number}" for number in range(1, ADDRESSES + 1)]
    with lab.server(*users, aliases=aliases) as server:
        for user in users:
            server.fill(user, seeding.mailbox(MESSAGES, seed=user, tiny=True))
        boxes = [
            Box(
                aliases[number % ADDRESSES], server.pop3, user, lab.box(server, user).password, server.ca_file
            )
            for number, user in enumerate(users)
        ]
        with lab.instance(server) as mailhub:
            for number in range(ORGANIZATIONS):
                slug = mailhub.found(f"Organization {number}")
                mailhub.connect(boxes[number::ORGANIZATIONS], slug=slug)
            with _programs(mailhub) as programs:
                fleet = Fleet(mailhub, server, programs, count)
                fleet.round("first")
                stored = fleet.stored()
                if stored != count * MESSAGES:
                    raise Failed(f"{stored} of {count * MESSAGES} messages arrived")
                lab.results.add(*_contest(lab, fleet, boxes))
                if fleet.stored() != stored:
                    raise Failed("polls of what is known stored something")


def _contest(lab: Lab, fleet: Fleet, boxes: Sequence[Box]) -> list[Row]:
    runs: dict[str, Callable[[], Round]] = {way: lambda way=way: fleet.round(way) for way in WAYS}  # type: ignore[misc]
    with _mpops(boxes) as run_mpops:
        if "mpop" in lab.peers:
            runs["mpop"] = run_mpops
        done = lab.alternate(runs, {})
    idle = fleet.idle()
    tell(f"Idle programs use {idle:.1f} ms of CPU a second")
    rows = []
    for way, words in WAYS.items():
        what = f"{fleet.count:,} accounts, {words}"
        parts = {name: median(round_.parts[name] for round_ in done[way]) for name in done[way][0].parts} | {
            "idle programs a second": idle
        }
        pairs = [("CPU an account", "ms", "cpu"), ("time", "s", "seconds")]
        for figure, unit, name in pairs:
            ours, theirs = (
                median(getattr(round_, name) for round_ in done[who]) if who in done else None
                for who in (way, "mpop")
            )
            assert ours is not None
            target = at_most(1) if figure == "CPU an account" and theirs is not None else None
            peer = "mpop" if theirs is not None else ""
            rows.append(Row(4, f"{what}: {figure}", unit, ours, peer, theirs, target, parts=parts, note=NOTE))
    return rows


@dataclass
class Fleet:
    """The running instance and its accounts."""

    mailhub: Instance
    server: Dovecot
    programs: Mapping[str, subprocess.Popen[bytes]]
    count: int

    def round(self, way: str) -> Round:
        """Make every account due at once, and wait until each was fetched and none is held."""
        if way == "full":
            self.mailhub.execute("UPDATE fetching_fetchstate SET listed_at = NULL")
        before = self._used()
        ((mark,),) = self.mailhub.execute("SELECT clock_timestamp()")
        self.mailhub.execute("UPDATE fetching_fetchstate SET next_run_at = now()")
        deadline = time.monotonic() + PATIENCE
        while (left := self._left(mark)) and time.monotonic() < deadline:
            time.sleep(0.25)
        after = self._used()
        if left:
            raise Failed(
                f"{left} of {self.count} accounts were not fetched in {PATIENCE} s. {self._trouble()}"
            )
        ((seconds,),) = self.mailhub.execute(
            "SELECT extract(epoch FROM max(last_success_at) - %s)::float FROM fetching_fetchstate", [mark]
        )
        self.mailhub.execute("UPDATE fetching_fetchstate SET next_run_at = now() + interval '1 day'")
        parts = {name: (after[name] - before[name]) * 1000 / self.count for name in before}
        return Round(seconds, sum(parts[name] for name in self.programs), parts)

    def idle(self) -> float:
        """CPU milliseconds a second of programs that have nothing to do."""
        before = sum(self._of_programs().values())
        time.sleep(IDLE_SECONDS)
        return (sum(self._of_programs().values()) - before) * 1000 / IDLE_SECONDS

    def stored(self) -> int:
        """Messages."""
        return int(self.mailhub.execute("SELECT count(*) FROM mailbox_message")[0][0])

    def _left(self, mark: object) -> int:
        rows = self.mailhub.execute(
            "SELECT count(*) FROM fetching_fetchstate"
            " WHERE last_success_at IS NULL OR last_success_at < %s OR lease_token IS NOT NULL",
            [mark],
        )
        return int(rows[0][0])

    def _trouble(self) -> str:
        states = self.mailhub.execute(
            "SELECT status, error_code, count(*) FROM fetching_fetchstate GROUP BY 1, 2"
        )
        return f"{states} {(self.mailhub.home / 'programs.log').read_text()[-1000:]}"

    def _of_programs(self) -> dict[str, float]:
        return {name: tree_cpu(process.pid) for name, process in self.programs.items()}

    def _used(self) -> dict[str, float]:
        return self._of_programs() | used(self.mailhub, self.server)


@contextmanager
def _programs(mailhub: Instance) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    (commands,) = mailhub.inside("programs")
    running: dict[str, subprocess.Popen[bytes]] = {}
    with (mailhub.home / "programs.log").open("wb") as log:
        try:
            for name, command in commands.items():
                running[name] = subprocess.Popen(
                    command, cwd=ROOT, env=mailhub.environ, stdout=log, stderr=subprocess.STDOUT
                )
            yield running
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def _mpops(boxes: Sequence[Box]) -> Iterator[Callable[[], Round]]:
    """One mpop for each mailbox, whose mail it knows already."""
    with tempfile.TemporaryDirectory(prefix="bench-mpops-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        mpop = Mpop()
        for number, box in enumerate(boxes):
            home = folder / str(number)
            for part in ("", "cur", "new", "tmp"):
                (home / "Maildir" / part).mkdir(parents=True, exist_ok=True)
            mpop.configure(home, box)
            mpop.remember(home, box, peers.uidls(box))
        listing = folder / "listing"
        listing.write_text("".join(f"{folder / str(number) / 'mpoprc'}\n" for number in range(len(boxes))))
        give(folder)
        command = [
            "xargs",
            "-a",
            str(listing),
            "-P",
            str(AT_ONCE),
            "-I",
            "{}",
            "mpop",
            "-C",
            "{}",
            "-q",
            "bench",
        ]

        def run() -> Round:
            environ = {"PATH": "/usr/bin:/bin", "HOME": name, "LC_ALL": "C"}
            usage = measured(command, environ=environ, folder=folder, limit=PATIENCE, user=peer_user())
            if any(any((folder / str(number) / "Maildir" / "new").iterdir()) for number in range(len(boxes))):
                raise Failed("mpop fetched what it knew")
            return Round(usage.wall, usage.cpu * 1000 / len(boxes), {})

        yield run
