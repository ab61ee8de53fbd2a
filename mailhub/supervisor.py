"""Runs the programs of one instance as one: started together, shown together, ended together."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from mailhub.embedded.process import command_line, started_at, wait_until, write_private

PR_SET_PDEATHSIG = 1  # prctl(2)
COLOURS = (36, 33, 35, 32, 34, 31)  # ANSI foregrounds
LAST_LINES = 12
# A program that ends more often than that within so many seconds will not do better by being started again.
STARTS, STARTS_SECONDS = 4, 120
# Loaded here: between fork and exec a child may not import or allocate much.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class RunningProgram(TypedDict):
    """What tells a process from every other one, even after its number was given away again."""

    pid: int
    started_at: str
    command: str


@dataclass
class Child:
    """One running program and the last lines it wrote."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    process: subprocess.Popen[str]
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=STARTS))
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    said: threading.Condition = field(default_factory=threading.Condition)
    reader: threading.Thread | None = None


class Supervisor:
    """Starts programs and watches them; `home/up.json` tells a later start what a killed one left behind.

    `write` takes one line without its end; it is called from several threads, one at a time.
    """

    def __init__(self, home: Path, write: Callable[[str], None], colour: bool = False) -> None:
        self.children: list[Child] = []
        self._record = home / "up.json"
        self._write = write
        self._colour = colour
        self._writing = threading.Lock()
        self._is_stopping = False

    def register(self) -> None:
        """Let other processes find this supervisor, from now on until `stop()`."""
        known = [_known(pid) for pid in (os.getpid(), *(child.process.pid for child in self.children))]
        write_private(self._record, json.dumps(known, indent=1))

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> Child:
        """Start one program; its output appears line by line behind its name. Main thread only."""
        child = Child(name, command, environ, _process(command, environ))
        child.starts.append(time.monotonic())
        self.children.append(child)
        self._show(child)
        return child

    def restart(self, child: Child) -> bool:
        """Start a program that has ended by itself once more; False when it has done so too often. Main thread only."""
        recent = [at for at in child.starts if time.monotonic() - at < STARTS_SECONDS]
        if len(recent) == STARTS:
            return False
        _kill_group(child.process.pid)  # the workers it had forked
        self._read_to_the_end(child)
        child.process = _process(child.command, child.environ)
        child.starts.append(time.monotonic())
        self._show(child)
        return True

    def _show(self, child: Child) -> None:
        child.reader = threading.Thread(
            target=self._read, args=[child, self.children.index(child) + 1], daemon=True
        )
        child.reader.start()
        self.register()

    def _read_to_the_end(self, child: Child) -> None:
        if child.reader:
            child.reader.join(timeout=2)
        if child.process.stdout:
            child.process.stdout.close()

    def wait_for_line(self, child: Child, beginning: str, seconds: float) -> bool:
        """Whether the program writes such a line in time."""

        def done() -> bool:
            return any(line.startswith(beginning) for line in child.lines) or child.process.poll() is not None

        with child.said:
            child.said.wait_for(done, seconds)
        return any(line.startswith(beginning) for line in child.lines)

    def ended(self) -> Child | None:
        """A program that has ended by itself, if there is one."""
        return next((child for child in self.children if child.process.poll() is not None), None)

    def stop(self, grace: float = 8) -> None:
        """End all programs: politely, then, after `grace` seconds or at a second Ctrl-C, for certain."""
        self._is_stopping = True  # what they say now is only their good-bye
        with contextlib.suppress(KeyboardInterrupt):
            for child in reversed(self.children):
                if child.process.poll() is None:
                    child.process.terminate()
            wait_until(lambda: all(child.process.poll() is not None for child in self.children), grace)
        for child in self.children:
            _kill_group(child.process.pid)
            child.process.wait(timeout=10)
            self._read_to_the_end(child)
        self.children.clear()
        self._record.unlink(missing_ok=True)

    def _read(self, child: Child, number: int) -> None:
        prefix = f"{child.name:<8} | "
        if self._colour:
            prefix = f"\033[{COLOURS[number % len(COLOURS)]}m{prefix}\033[0m"
        assert child.process.stdout is not None
        for line in map(str.rstrip, child.process.stdout):
            with child.said:
                child.lines.append(line)
                child.said.notify_all()
            if line and not self._is_stopping:
                with self._writing:
                    self._write(prefix + line)
        with child.said:
            child.said.notify_all()


def _process(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    parent = os.getpid()

    def die_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return subprocess.Popen(
        command,
        env=dict(environ) | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        # A session of its own: Ctrl-C reaches us alone, and we end the programs in order.
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def running_supervisor(home: Path) -> int | None:
    """The process of the supervisor that runs for this home, if one does."""
    known = _recorded(home)
    return known[0]["pid"] if known and _is_alive(known[0]) else None


def stop_running(home: Path, seconds: float = 20) -> bool:
    """End this home's supervisor with its programs, or what a killed one left; True if any was there."""
    known = _recorded(home)
    alive = [process for process in known if _is_alive(process)]
    if alive and alive[0] is known[0]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(known[0]["pid"], signal.SIGTERM)
        wait_until(lambda: not _is_alive(known[0]), seconds)
    end_leftovers(home)
    return bool(alive)


def end_leftovers(home: Path, grace: float = 3) -> bool:
    """End the programs that a killed supervisor of this home left running; True if one was killed.

    Its programs may have ended by themselves meanwhile; the record, which a clean end removes, still tells of it.
    """
    recorded = _recorded(home)
    left = [process for process in recorded if _is_alive(process)]
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process["pid"], signal.SIGTERM)
    wait_until(lambda: not any(map(_is_alive, left)), grace)
    for process in left:
        if _is_alive(process):
            _kill_group(process["pid"])
    (home / "up.json").unlink(missing_ok=True)
    return bool(recorded)


def _known(pid: int) -> RunningProgram:
    return {"pid": pid, "started_at": started_at(pid), "command": command_line(pid)}


def _recorded(home: Path) -> list[RunningProgram]:
    try:
        known: list[RunningProgram] = json.loads((home / "up.json").read_text())
    except (FileNotFoundError, ValueError):
        return []
    return known


def _is_alive(process: RunningProgram) -> bool:
    return bool(process["command"]) and _known(process["pid"]) == process


def _kill_group(pid: int) -> None:
    """Every program leads a group of its own, which also holds the workers it has forked."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
