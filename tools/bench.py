"""`make bench`: Mailhub beside its peers on one mailbox in the same run; one JSON object a line.

Rounds are interleaved and medians are quoted, because machines drift. Ratios above 1 mean that Mailhub is better.
Mailhub is measured on its real path: `manage.py fetch` with PostgreSQL, the ledger and storage charging. Its figure is
the session's own time, without the second Python takes to start, since a worker is started once and not for each fetch.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers import dovecot, seeding  # noqa: E402

USER, PASSWORD = "bench", "bench-password"
PYTHON = sys.executable


@dataclass(frozen=True)
class Run:
    """One run: seconds, peak resident MB, messages that arrived."""

    seconds: float
    memory: float
    messages: int


def measured(argv: Sequence[str], **options: object) -> tuple[float, float, str]:
    """Run a command; returns wall seconds, peak resident MB of the process itself, and its output."""
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            if "VmHWM" in status:
                peak[0] = int(status.split("VmHWM:")[1].split()[0]) / 1024

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    stop.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {output[-500:]}")
    return seconds, peak[0], output


class Mailhub:
    """An instance of its own in a temporary home; each round is a new account on the same mailbox."""

    def __init__(self, home: Path, server: dovecot.Dovecot) -> None:
        self.server = server
        self.environ = os.environ | {
            "MAILHUB_HOME": str(home),
            "MAILHUB_ALLOWED_MAIL_HOSTS": f"{server.host}:{server.pop3},{server.host}:{server.pop3s}",
            "MAILHUB_MAIL_CA_FILE": str(server.ca_file),
            # `make test` or an operator may have set another instance's.
            "DJANGO_SETTINGS_MODULE": "mailhub.settings",
        }
        for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MAILHUB_ENCRYPTION_KEYS"):
            self.environ.pop(name, None)
        self.manage("migrate", "--verbosity", "0")
        created = self.manage(
            "create_organization", "Bench", "--owner", "bench@mail.example", "--plan", "pro"
        )
        self.slug = json.loads(created)["slug"]

    def manage(self, *arguments: str, feed: str = "") -> str:
        """One command of ours; its output."""
        return subprocess.run(
            [PYTHON, str(ROOT / "manage.py"), *arguments],
            env=self.environ,
            input=feed,
            text=True,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout

    def fetch(self, tls: bool) -> Run:
        """Connect the mailbox once more and fetch all of it."""
        port, encryption = (self.server.pop3s, "ssl") if tls else (self.server.pop3, "plain")
        words = f"--organization {self.slug} --owner bench@mail.example --email box@mail.example"
        words += f" --host {self.server.host} --port {port} --encryption {encryption}"
        words += f" --username {USER} --password-stdin"
        account = json.loads(self.manage("add_mail_account", *words.split(), feed=PASSWORD + "\n"))["id"]
        _, memory, output = measured(
            [PYTHON, str(ROOT / "manage.py"), "fetch", str(account), "--until-drained"], env=self.environ
        )
        outcome = json.loads(output.splitlines()[-1])
        return Run(outcome["seconds"], memory, outcome["stored"])

    def stop(self) -> None:
        """End this home's servers."""
        subprocess.run(
            [PYTHON, "-c", "from mailhub import embedded; embedded.stop()"],
            env=self.environ,
            cwd=ROOT,
            check=False,
        )


def mpop(server: dovecot.Dovecot, tls: bool) -> Run:
    """mpop, pipelined, into an empty Maildir."""
    with tempfile.TemporaryDirectory(prefix="mpop-") as name:
        home = Path(name)
        maildir = home / "Maildir"
        for folder in (maildir, *(maildir / part for part in ("cur", "new", "tmp"))):
            folder.mkdir()
        port = server.pop3s if tls else server.pop3
        trust = f"tls on\ntls_starttls off\ntls_trust_file {server.ca_file}" if tls else "tls off"
        config = home / "rc"
        config.write_text(
            f"account bench\nhost {server.host}\nport {port}\n{trust}\nauth user\nuser {USER}\npassword {PASSWORD}\n"
            f"keep on\nuidls_file {home}/uidls\npipelining on\ndelivery maildir {maildir}\n"
        )
        config.chmod(0o600)
        seconds, memory, _ = measured(
            ["mpop", "-C", str(config), "-q", "bench"], env=os.environ | {"HOME": name}
        )
        return Run(seconds, memory, len(os.listdir(maildir / "new")))


def say(
    bench: str, peer: str, mailhub: float, other: float, unit: str, *, more_is_better: bool = True
) -> None:
    """One line of the result."""
    ratio = mailhub / other if more_is_better else other / mailhub
    row = {"bench": bench, "peer": peer, "mailhub": round(mailhub, 1), "other": round(other, 1), "unit": unit}
    print(json.dumps(row | {"ratio": round(ratio, 2)}), flush=True)


def full_fetch(
    mailhub: Mailhub, server: dovecot.Dovecot, count: int, size: int, rounds: int, tls: bool
) -> None:
    """Fetch the whole mailbox into an empty store, against mpop when it is there."""
    has_mpop = shutil.which("mpop") is not None
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(rounds):
        ours.append(mailhub.fetch(tls))
        if has_mpop:
            theirs.append(mpop(server, tls))
    for run in ours + theirs:
        if run.messages != count:
            raise RuntimeError(f"{run.messages} of {count} messages arrived")
    label = f"full fetch, {count} messages, {size / 1e6:.0f} MB, {'TLS' if tls else 'plain'}"
    rate = count / statistics.median(run.seconds for run in ours)
    memory = max(run.memory for run in ours)
    if not theirs:
        row = {
            "bench": label,
            "peer": None,
            "mailhub": round(rate, 1),
            "other": None,
            "unit": "messages/s",
            "ratio": None,
        }
        print(json.dumps(row), flush=True)
        print(
            "mpop is not installed, so there is nothing to compare with (Debian: apt-get install mpop)",
            file=sys.stderr,
        )
        return
    say(label, "mpop", rate, count / statistics.median(run.seconds for run in theirs), "messages/s")
    say(
        f"{label}: peak memory", "mpop", memory, max(run.memory for run in theirs), "MB", more_is_better=False
    )


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if dovecot.binary() is None:
        sys.exit(
            "Dovecot is needed as the server: apt-get install dovecot-pop3d (`make setup` does it for root)"
        )
    with tempfile.TemporaryDirectory(prefix="mailhub-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with dovecot.Dovecot(folder / "server", {USER: PASSWORD}) as server:
            messages = list(seeding.mailbox(options.messages))
            server.fill(USER, messages)
            size = sum(len(raw) + raw.count(b"\n") for raw in messages)
            del messages
            mailhub = Mailhub(folder / "home", server)
            try:
                for tls in (True, False):
                    full_fetch(mailhub, server, options.messages, size, options.rounds, tls)
            finally:
                mailhub.stop()


if __name__ == "__main__":
    main()
