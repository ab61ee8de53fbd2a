"""`make soak`: mail arrives in twenty mailboxes while workers and servers are killed; then every message is counted.

An instance of its own, a real Dovecot behind a slow line, the clock and two worker processes. Every few seconds a
worker, the database or the broker is killed (SIGKILL) and started again. Half of the accounts delete at the server
after storing. When the killing is over and all has come to rest: everything the server ever had is stored once, byte
for byte; nothing was deleted that is not stored; ledger = meter = sum of sizes; no lease is held. Prints a JSON
verdict; exit code 1 on any violation.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mailhub.embedded import servers  # noqa: E402
from mailhub.embedded.home import ServerFolder  # noqa: E402
from mailhub.embedded.postgres import PostgresServer  # noqa: E402
from mailhub.embedded.process import wait_until  # noqa: E402
from mailhub.embedded.valkey import ValkeyServer  # noqa: E402
from tests.servers import seeding  # noqa: E402
from tests.servers.dovecot import Dovecot, binary  # noqa: E402
from tools import soak_checks  # noqa: E402
from tools.bench.delay import slow_line  # noqa: E402
from tools.bench.instance import Instance  # noqa: E402
from tools.bench.peers import Box  # noqa: E402

PASSWORD = "soak-password"
ROUND_TRIP = 20  # milliseconds: sessions last long enough to be hit
LARGEST = 200_000
LEASE_SECONDS = 8  # a killed worker's accounts are free after these, instead of after minutes
CONNECTIONS = 12  # that the server takes at a time
RECLAIM_SECONDS = 30  # an expired lease must be taken over by then, also while workers are being killed
REST_SECONDS = 180
QUEUES = "fetch,fetch_slow,send,probe,mail,ticks,work"


@dataclass(frozen=True)
class Plan:
    """How long and how much; the same seed kills at the same moments and delivers the same mail."""

    seconds: float = 120
    seed: int = 1
    mailboxes: int = 20
    first: int = 60  # messages that are there before the first fetch
    mail_a_second: float = 10
    workers: int = 2
    pause: tuple[float, float] = (2.0, 5.0)  # between two kills
    servers: float = 0.25  # of the kills so many hit the database or the broker

    @property
    def users(self) -> list[str]:
        return [f"box{number}" for number in range(self.mailboxes)]

    def deletes(self, user: str) -> bool:
        """Half of the accounts delete after storing."""
        return self.users.index(user) % 2 == 0


@dataclass
class Post:
    """Delivers mail and remembers all of it: sha256 of what POP3 hands out."""

    plan: Plan
    server: Dovecot
    ever: dict[str, set[str]] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self._sizes = [min(LARGEST, size) for size in seeding.sizes(1_000, str(self.plan.seed))]

    def first(self) -> None:
        """What lies there at the beginning."""
        for user in self.plan.users:
            self.ever[user] = set()
            for _ in range(self.plan.first):
                self._deliver(user)

    def keep_on(self, stop: threading.Event) -> None:
        """New mail for anybody, until told to stop."""
        chance = random.Random(f"{self.plan.seed}/post")
        while not stop.wait(chance.expovariate(self.plan.mail_a_second)):
            self._deliver(chance.choice(self.plan.users))

    def _deliver(self, user: str) -> None:
        self._number += 1
        raw = seeding.message(self._number, self._sizes[self._number % 1_000], str(self.plan.seed))
        # Noted first: the server may hand it out before we return.
        self.ever[user].add(soak_checks.digest(raw))
        self.server.deliver(user, raw, self._number)

    @property
    def count(self) -> int:
        return sum(map(len, self.ever.values()))


class Staff:
    """The clock and the workers, and the one who kills them."""

    def __init__(self, plan: Plan, instance: Instance) -> None:
        self.kills = 0
        self.restarts: Counter[str] = Counter()
        self._plan, self._instance = plan, instance
        self._chance = random.Random(f"{plan.seed}/kills")
        self._log = (instance.home / "programs.log").open("ab")
        self._clock: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """All programs."""
        beat = "beat --loglevel warning --pidfile="
        self._clock = self._celery(*beat.split())
        self._workers = [self._worker(number) for number in range(self._plan.workers)]

    def kill_until(self, end: float) -> None:
        """Kill one, start it again, wait; until the clock says `end`. A program that ends by itself is an error."""
        while (pause := self._chance.uniform(*self._plan.pause)) < end - time.monotonic():
            time.sleep(pause)
            kills_server = self._chance.random() < self._plan.servers
            number = self._chance.randrange(len(self._workers))
            for program in (self._clock, *self._workers):
                if program is not None and program.poll() is not None:
                    raise RuntimeError(f"a program ended by itself with {program.returncode}: {self.words()}")
            self.kills += 1
            if kills_server:
                self._kill_server(self._chance.choice(("database", "broker")))
                continue
            self._workers[number].kill()
            self._workers[number].wait()
            self._workers[number] = self._worker(number)

    def _kill_server(self, name: str) -> None:
        """Without a word, as when memory runs out; then up again on the same port."""
        folder = ServerFolder(self._instance.home).path
        server = PostgresServer(folder) if name == "database" else ValkeyServer(folder)
        pid = server.pid()
        if pid is None:
            raise RuntimeError(f"the {name} ended by itself")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: server.pid() is None, 10)
        servers.ensure(self._instance.home, {})
        self.restarts[name] += 1

    def stop(self) -> None:
        """Let them go home."""
        programs = [program for program in (self._clock, *self._workers) if program is not None]
        for program in programs:
            program.terminate()
        for program in programs:
            try:
                program.wait(timeout=30)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self._log.close()

    def words(self) -> str:
        """The end of what they wrote."""
        return (self._instance.home / "programs.log").read_text(errors="replace")[-3000:]

    def _worker(self, number: int) -> subprocess.Popen[bytes]:
        words = f"worker --pool threads -c 6 -Q {QUEUES} -n soak{number}@%h --loglevel warning"
        return self._celery(*words.split(), "--without-gossip", "--without-mingle")

    def _celery(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = self._instance.program("celery", "--app", "tools.soak_app", "--quiet", "--skip-checks")
        return subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=self._instance.environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@dataclass
class Watch:
    """Looks at the leases all the time, and makes every account due every second."""

    instance: Instance
    impatient: bool = True
    longest_overdue: float = 0.0
    violations: set[str] = field(default_factory=set)

    def keep_on(self, stop: threading.Event) -> None:
        """Until told to stop."""
        while not stop.wait(1):
            try:
                self._look()
            except psycopg.OperationalError:  # it is just being killed
                continue

    def _look(self) -> None:
        if self.impatient:
            self.instance.execute("UPDATE fetching_fetchstate SET next_run_at = now()")
        self._leases()
        self._runs()

    def _leases(self) -> None:
        rows = self.instance.execute(
            "SELECT account_id, extract(epoch FROM lease_until - clock_timestamp())::float"
            " FROM fetching_fetchstate WHERE lease_token IS NOT NULL"
        )
        for account, left in rows:
            if left > LEASE_SECONDS + 1:
                self.violations.add(f"account {account} has a lease of more than {LEASE_SECONDS} s")
            if self.impatient:
                self.longest_overdue = max(self.longest_overdue, -left)
            if self.impatient and -left > RECLAIM_SECONDS:
                self.violations.add(
                    f"account {account} was not taken over {RECLAIM_SECONDS} s after its lease"
                )

    def _runs(self) -> None:
        rows = self.instance.execute(
            "SELECT account_id FROM fetching_fetchrun WHERE state = 'running' GROUP BY 1 HAVING count(*) > 1"
        )
        self.violations |= {f"two sessions of account {account} at once" for (account,) in rows}


@dataclass(frozen=True)
class Verdict:
    """What came of it; good when there is no violation."""

    violations: list[str]
    figures: dict[str, Any]

    def as_json(self) -> str:
        """One object."""
        word = "violated" if self.violations else "ok"
        return json.dumps({"verdict": word, "violations": self.violations, **self.figures}, indent=1)


def run(plan: Plan, folder: Path) -> Verdict:
    """The whole soak in an empty folder that other users may enter."""
    with ExitStack() as stack:
        server = stack.enter_context(Dovecot(folder / "server", dict.fromkeys(plan.users, PASSWORD)))
        port = stack.enter_context(slow_line(ROUND_TRIP, server.pop3))
        instance = Instance(folder / "home", reachable=[f"{server.host}:{port}"], ca_file=server.ca_file)
        (folder / "home").mkdir(mode=0o755)
        stack.callback(instance.stop)
        instance.start()
        post, watch, staff = Post(plan, server), Watch(instance), Staff(plan, instance)
        post.first()
        boxes = [Box(server.host, port, user, PASSWORD, server.ca_file) for user in plan.users]
        accounts = instance.connect(boxes, due=True, delete=[plan.deletes(user) for user in plan.users])
        _shorten(instance)
        stack.callback(staff.stop)
        staff.start()
        _strain(plan, post, watch, staff)
        seconds = _rest(instance, plan, post, watch)
        staff.stop()
        soak = soak_checks.Soak(instance, server, dict(zip(accounts, plan.users, strict=True)))
        found = sorted(watch.violations) + soak.violations(post.ever, set(filter(plan.deletes, plan.users)))
        figures = soak.figures() | {
            "seconds": plan.seconds,
            "seconds_to_rest": round(seconds, 1),
            "kills": staff.kills,
            "servers_killed": dict(staff.restarts),
            "mail": post.count,
            "longest_expired_lease_seconds": round(watch.longest_overdue, 1),
        }
        if found:
            figures["last_words"] = staff.words()
        return Verdict(found, figures)


def _shorten(instance: Instance) -> None:
    """Let no lease be longer than LEASE_SECONDS, whoever writes it, and let the server take more at a time."""
    instance.maintain(
        "CREATE FUNCTION soak_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.lease_until := least(NEW.lease_until,"
        f" statement_timestamp() + make_interval(secs => {LEASE_SECONDS})); RETURN NEW; END $$"
    )
    instance.maintain(
        "CREATE TRIGGER soak_lease BEFORE UPDATE ON fetching_fetchstate"
        " FOR EACH ROW WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION soak_lease()"
    )
    instance.execute(f"UPDATE fetching_mailserver SET connections = {CONNECTIONS}")


def _strain(plan: Plan, post: Post, watch: Watch, staff: Staff) -> None:
    """Mail, impatience and kills at once, for the time planned."""
    stop = threading.Event()
    threads = [threading.Thread(target=each.keep_on, args=[stop], daemon=True) for each in (post, watch)]
    for thread in threads:
        thread.start()
    try:
        staff.kill_until(time.monotonic() + plan.seconds)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _rest(instance: Instance, plan: Plan, post: Post, watch: Watch) -> float:
    """Nobody is killed any more: wait until all is stored and deleted, then until no lease is left."""
    started = time.monotonic()
    stop = threading.Event()
    thread = threading.Thread(target=watch.keep_on, args=[stop], daemon=True)
    thread.start()
    wanted = {user: len(post.ever[user]) for user in plan.users}
    deleted = sum(count for user, count in wanted.items() if plan.deletes(user))
    try:
        while time.monotonic() - started < REST_SECONDS:
            done = soak_checks.progress(instance)
            elapsed = time.monotonic() - started
            complete = done.stored == sum(wanted.values()) and done.gone == deleted
            # The last ones that were killed hold leases until these run out; then others must take over.
            if watch.impatient and complete and elapsed > LEASE_SECONDS and not done.expired:
                watch.impatient = False
                # What is due already is still fetched; nothing else.
                instance.execute("UPDATE fetching_fetchstate SET next_run_at = now() + interval '1 hour'")
            elif not watch.impatient and not done.leases:
                break
            time.sleep(0.5)
    finally:
        stop.set()
        thread.join()
    return time.monotonic() - started


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description="Kill workers and servers while mail arrives, then count.")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if binary() is None:
        sys.exit("Dovecot is needed as the server: apt-get install dovecot-pop3d (root: `make setup`)")
    with tempfile.TemporaryDirectory(prefix="mailhub-soak-") as name:
        Path(name).chmod(0o755)
        verdict = run(Plan(options.seconds, options.seed), Path(name))
    print(verdict.as_json())
    sys.exit(bool(verdict.violations))


if __name__ == "__main__":
    main()
