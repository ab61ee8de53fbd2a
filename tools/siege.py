"""`make siege`: one organization's servers drip, and another one's people notice nothing.

An instance of its own, as `make run` starts it. A hundred POP3 accounts of one organization are at servers that send a
letter by the byte, and fetched again and again by the clock and by its people; forty SMTP servers take its letters and
never end their answer. Meanwhile, from the beginning to the end, somebody of another organization presses "Fetch now",
sends a letter and tests a connection. Prints a JSON verdict; exit code 1 when one of these took too long.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mailhub.embedded.process import free_port, wait_until  # noqa: E402
from tests.servers.pop3 import MailboxServer  # noqa: E402
from tests.servers.smtp import SubmissionServer  # noqa: E402
from tests.servers.tls import make_ca  # noqa: E402
from tools.bench.instance import Instance  # noqa: E402
from tools.bench.peers import Box  # noqa: E402
from tools.siege_servers import DrippingMailbox, DrippingSubmission  # noqa: E402

PASSWORD = "secret"
# Seconds: what a person may have to wait for.
WANTED = {"fetch_now": 5.0, "letter": 15.0, "connection_test": 10.0}
PATIENCE = 60.0  # until something counts as lost
BEGIN_SECONDS = 60.0  # in which the siege must hold
# A person may test so many connections an hour (accounts/servers/probes.py).
SAMPLES = 25


@dataclass(frozen=True)
class Plan:
    """How long, and by how many servers."""

    seconds: float = 90
    mailboxes: int = 100
    submissions: int = 40
    tests: int = 10  # connection tests of the besieging organization
    environ: dict[str, str] = field(default_factory=dict)


class Driver:
    """One process inside the instance that does what it is told; one thing at a time."""

    def __init__(self, instance: Instance) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.siege_inside"],
            cwd=ROOT,
            env=instance.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *command: Any) -> Any:
        """The answer to a command of tools/siege_inside.py."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@dataclass
class Besieged:
    """The organization that must notice nothing, and how long it has waited."""

    slug: str
    account: int
    driver: Driver
    mailbox: MailboxServer
    submission: SubmissionServer
    waits: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in WANTED})

    def sample(self) -> None:
        """Once each, all at the same time."""
        calls = (self._fetch_now, self._letter, self._connection_test)
        threads = [
            threading.Thread(target=self._timed, args=(name, call), daemon=True)
            for name, call in zip(WANTED, calls, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _timed(self, name: str, call: Callable[[], Callable[[], bool]]) -> None:
        started = time.monotonic()
        is_done = call()
        wait_until(is_done, PATIENCE, 0.05)
        self.waits[name].append(time.monotonic() - started)

    def _fetch_now(self) -> Callable[[], bool]:
        before = self.mailbox.counters["sign_ins"]
        self.driver("fetch_now", self.slug, self.account)
        # A test signs in as well, to another mailbox.
        return lambda: self.mailbox.counters["sign_ins"] > before

    def _letter(self) -> Callable[[], bool]:
        before = len(self.submission.accepted)
        self.driver("send", self.slug, self.account)
        return lambda: len(self.submission.accepted) > before

    def _connection_test(self) -> Callable[[], bool]:
        # Refused is an answer, too, and takes the same time; another name each time, for the limit an hour.
        name = f"tested-{len(self.waits['connection_test'])}"
        probe = self.driver("test", self.slug, self.mailbox.host, self.mailbox.port, name)
        return lambda: self.driver("tested", self.slug, probe) in ("passed", "failed")


@dataclass
class Siege:
    """The besieging organization: its servers, and its people, who press every button."""

    plan: Plan
    instance: Instance
    slug: str
    driver: Driver
    mailboxes: list[DrippingMailbox]
    submissions: list[DrippingSubmission]
    accounts: list[int] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=lambda: {"fetching": 0, "sending": 0})

    def connect(self) -> None:
        """All accounts; the first of them send, two letters each."""
        boxes = [
            Box(server.host, server.port, f"drip{n}", PASSWORD, self.instance.home)
            for n, server in enumerate(self.mailboxes)
        ]
        self.accounts = self.instance.connect(boxes, slug=self.slug)
        for account, server in zip(self.accounts, self.submissions, strict=False):
            self.driver("sends_through", self.slug, account, server.host, server.port)

    def begin(self) -> None:
        """Everything at once, until it holds what it can get."""
        self._make_due()
        for account in self.accounts[: len(self.submissions)]:
            self.driver("send", self.slug, account)
            self.driver("send", self.slug, account)
        for number in range(self.plan.tests):
            server = self.mailboxes[number % len(self.mailboxes)]
            self.driver("test", self.slug, server.host, server.port, f"test{number}")
        held = wait_until(lambda: self._count() and all(self.most.values()), BEGIN_SECONDS, 0.2)
        if not held:
            raise RuntimeError(f"the siege does not hold: {self.most}")

    def keep_on(self, stop: threading.Event) -> None:
        """Until told to stop: what ended begins again, by the clock and by hand."""
        number = 0
        while not stop.wait(0.5):
            self._make_due()
            for _ in range(5):
                number += 1
                self.driver("fetch_now", self.slug, self.accounts[number % len(self.accounts)])
            self._count()

    def _make_due(self) -> None:
        # As if none had ever been slow, which is the worst.
        self.instance.execute(
            "UPDATE fetching_fetchstate SET next_run_at = now(), is_slow = false, not_before = NULL"
            " WHERE account_id = ANY(%s) AND (lease_until IS NULL OR lease_until < now())",
            [self.accounts],
        )
        self.instance.execute(
            "UPDATE sending_outgoingmessage SET due_at = now(), state = 'queued', claim_token = NULL"
            " WHERE account_id = ANY(%s) AND state IN ('unknown', 'refused_temporary')",
            [self.accounts],
        )

    def _count(self) -> bool:
        for name, servers in (("fetching", self.mailboxes), ("sending", self.submissions)):
            self.most[name] = max(self.most[name], sum(server.open for server in servers))
        return True


class Programs:
    """The instance as `make run` starts it."""

    def __init__(self, instance: Instance) -> None:
        self._log = (instance.home / "programs.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=instance.environ | {"PORT": str(free_port()), "DEMO": "0", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        ready = wait_until(
            lambda: "Mailhub is ready" in self.words() or self._process.poll() is not None, 240
        )
        if not ready or self._process.poll() is not None:
            raise RuntimeError(f"the instance does not start:\n{self.words()}")

    def words(self) -> str:
        """What they wrote."""
        return Path(self._log.name).read_text(errors="replace")

    def memory(self) -> dict[str, float]:
        """Megabytes of each program: its own, and its share of what several have (PSS)."""
        known = json.loads((Path(self._log.name).parent / "up.json").read_text())
        found = {}
        for process in known[1:]:
            words = process["command"].split()
            name = next((word for word in words if "@" in word), "web" if "gunicorn" in words else "clock")
            found[name] = round(sum(map(_proportional, _family(process["pid"]))) / 1024, 1)
        return found | {"all": round(sum(found.values()), 1)}

    def stop(self) -> None:
        """End all."""
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _proportional(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def run(plan: Plan, folder: Path) -> dict[str, Any]:
    """The whole siege in an empty folder that other users may enter; the verdict."""
    with ExitStack() as stack:
        mailboxes = [stack.enter_context(DrippingMailbox()) for _ in range(plan.mailboxes)]
        submissions = [
            stack.enter_context(DrippingSubmission(f"127.0.2.{1 + number}", is_silent=number % 2 == 1))
            for number in range(plan.submissions)
        ]
        mailbox = stack.enter_context(
            MailboxServer([b"Subject: one\r\n\r\n"], username="ada", password=PASSWORD)
        )
        submission = stack.enter_context(SubmissionServer(username="box", password=PASSWORD))
        servers = [*mailboxes, *submissions, mailbox, submission]
        (folder / "home").mkdir(mode=0o755)
        instance = Instance(
            folder / "home", reachable=[server.entry for server in servers], ca_file=make_ca(folder).ca_file
        )
        instance.environ |= plan.environ
        stack.callback(instance.stop)
        instance.start()
        slugs = [instance.found(name) for name in ("Siege", "Besieged")]
        instance.execute(
            "UPDATE accounts_organization SET mail_account_limit = 1000, recipients_limit = 100000"
        )
        programs = Programs(instance)
        stack.callback(programs.stop)
        driver, hostile_driver = Driver(instance), Driver(instance)
        stack.callback(driver.stop)
        stack.callback(hostile_driver.stop)
        (account,) = instance.connect(
            [Box(mailbox.host, mailbox.port, "ada", PASSWORD, folder)], slug=slugs[1]
        )
        driver("sends_through", slugs[1], account, submission.host, submission.port)
        siege = Siege(plan, instance, slugs[0], hostile_driver, mailboxes, submissions)
        besieged = Besieged(slugs[1], account, driver, mailbox, submission)
        _hold(plan, siege, besieged)
        return _verdict(siege, besieged, programs.memory())


def _hold(plan: Plan, siege: Siege, besieged: Besieged) -> None:
    siege.connect()
    siege.begin()
    stop = threading.Event()
    thread = threading.Thread(target=siege.keep_on, args=[stop], daemon=True)
    thread.start()
    end = time.monotonic() + plan.seconds
    try:
        while True:
            besieged.sample()
            if time.monotonic() >= end:
                return
            time.sleep(max(1.0, plan.seconds / SAMPLES))
    finally:
        stop.set()
        thread.join()


def _verdict(siege: Siege, besieged: Besieged, memory: dict[str, float]) -> dict[str, Any]:
    waits = {
        name: {
            "wanted": WANTED[name],
            "worst": round(max(each), 2),
            "median": round(statistics.median(each), 2),
        }
        for name, each in besieged.waits.items()
    }
    missed = [name for name, each in waits.items() if each["worst"] >= each["wanted"]]
    return {
        "verdict": "missed" if missed else "ok",
        "missed": missed,
        "seconds": siege.plan.seconds,
        "samples": len(besieged.waits["letter"]),
        "waits": waits,
        "dripping_sessions_at_a_time": siege.most,
        "memory_mb": memory,
    }


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(
        description="Let one organization's servers drip, and time another one's work."
    )
    parser.add_argument("--seconds", type=float, default=90)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailhub-siege-") as name:
        Path(name).chmod(0o755)
        verdict = run(Plan(options.seconds), Path(name))
    print(json.dumps(verdict, indent=1))
    sys.exit(verdict["verdict"] != "ok")


if __name__ == "__main__":
    main()
