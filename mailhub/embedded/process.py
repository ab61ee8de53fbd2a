"""What the embedded servers need of the operating system: users, ports, processes, locks, private files."""

from __future__ import annotations

import fcntl
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
SYSTEM_USER = "mailhub-db"
# Below the range from which Linux takes the local ports of outgoing connections (32768-60999), so that
# such a connection does not sit on a server's port while the server is stopped.
PORTS = range(20000, 32000)


class EmbeddedError(Exception):
    """An embedded server cannot be used; the text says why and what to do, and holds no secret."""


@dataclass(frozen=True)
class ServerUser:
    """The system user that servers run as: ourselves, or another one when we are root.

    PostgreSQL refuses to run as root, and Valkey has no need to.
    """

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, with an environment that holds nothing of ours."""
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            cwd="/",
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def can(self, access: str, path: Path) -> bool:
        """Whether this user has `access` ("r", "w" or "x") to a path, asked by trying as that user."""
        return self.run(["test", f"-{access}", path]).returncode == 0

    def give(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid)


def server_user() -> ServerUser:
    """Ourselves; for root, the system user for the servers, created when it is missing."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid())
    for _attempt in range(3):  # two homes may be at it at once: useradd locks its files
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
            return ServerUser(entry.pw_uid, entry.pw_gid)
        except KeyError:
            if not (useradd := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")):
                break
            command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
            subprocess.run([*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True)
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER} cannot be created. "
        "Start Mailhub as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def command_line(pid: int) -> str:
    """The arguments of a live process, separated by spaces; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return ""
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return listing.stdout.strip()


def started_at(pid: int) -> str:
    """When a process started, in a form that tells it from a later one with the same number; else empty."""
    try:
        # The program's name, in parentheses, may itself hold spaces and parentheses (proc(5)).
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def end(pid: int, signals: list[tuple[signal.Signals, float]], alive: Callable[[], bool]) -> None:
    """Send each signal in turn and wait up to its seconds, until `alive()` is false."""
    for number, seconds in signals:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(lambda: not alive(), seconds):
            return
    raise EmbeddedError(f"Process {pid} does not end.")


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Ask every `pause` seconds; the condition's last answer when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def port_answers(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A loopback port that nobody listens on."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise EmbeddedError("No free port was found on this machine.")


@contextmanager
def locked(path: Path, seconds: float = 180) -> Iterator[None]:
    """Hold a file lock; the system gives it back when the holder dies, however it dies."""
    with path.open("a") as handle:

        def acquired() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not wait_until(acquired, seconds, pause=0.05):
            raise EmbeddedError(f"Another process has held {path} for {seconds:.0f} seconds.")
        yield


def write_private(path: Path, text: str, user: ServerUser | None = None) -> None:
    """Replace a file at once, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(descriptor)
    if user:
        user.give(draft)
    draft.replace(path)


def tail(path: Path, lines: int = 8) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
