"""Programs under measurement: wall time, CPU and peak memory of one that is run, CPU of a tree that runs already."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
GLANCE_SECONDS = 0.02
PEER_USER = "mail"  # getmail refuses to run as root, and the others need not


class Failed(RuntimeError):
    """A run that proves nothing: wrong exit code, too slow, or the wrong number of messages."""


@dataclass(frozen=True)
class Usage:
    """What one run took: seconds of the clock, CPU seconds (children included), peak resident MB."""

    wall: float
    cpu: float
    memory: float
    output: str


def measured(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    limit: float,
    fine: Collection[int] = (0,),
    user: str | None = None,
) -> Usage:
    """Run a program to its end. Raises Failed for an exit code that is not `fine`, and after `limit` seconds."""
    # Absent unless needed: with it Python cannot use the fast vfork.
    identity = {"user": user, "group": user, "extra_groups": []} if user else {}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **identity,
        )
        watch = _Watch(process.pid)
        watch.start()
        alarm = threading.Timer(limit, os.killpg, [process.pid, signal.SIGKILL])
        alarm.start()
        _, status, spent = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        alarm.cancel()
        watch.end()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode not in fine:
        why = f"took longer than {limit:.0f} s" if wall >= limit else f"ended with {process.returncode}"
        raise Failed(f"{argv[0]} {why}: {text[-600:].strip()}")
    return Usage(wall, spent.ru_utime + spent.ru_stime, watch.peak, text)


class _Watch(threading.Thread):
    """Looks at a process's peak memory again and again, because afterwards it is gone.

    Not rusage's maximum: that one still holds what the forked copy of this Python had before it became the program.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(GLANCE_SECONDS):
            self.peak = peak_memory(self._pid) or self.peak

    def end(self) -> None:
        self._over.set()
        self.join()


def peak_memory(pid: int) -> float:
    """Peak resident MB of a process so far; 0 when it is no more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split()[0]) / 1024 if found else 0.0


def tree_cpu(*roots: int) -> float:
    """CPU seconds of these processes, of what they started, and of children that ended and were waited for."""
    children: dict[int, list[int]] = defaultdict(list)
    spent: dict[int, int] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            # The program's name comes second, in brackets, and may hold anything.
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(name))
        spent[int(name)] = sum(map(int, fields[11:15]))
    total, waiting = 0, list(roots)
    while waiting:
        pid = waiting.pop()
        total += spent.get(pid, 0)
        waiting += children[pid]
    return total / TICKS


def peer_user() -> str | None:
    """Whom peers run as: another user when we are root."""
    return PEER_USER if os.geteuid() == 0 else None


def give(path: Path) -> None:
    """Let the peers' user own a folder and all that is in it."""
    if (name := peer_user()) is not None:
        user = pwd.getpwnam(name)
        for each in (path, *path.rglob("*")):
            os.chown(each, user.pw_uid, user.pw_gid)


def version_of(program: str, *arguments: str) -> str:
    """The first line of what a program says about itself; "" when it is absent."""
    if shutil.which(program) is None:
        return ""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0]
