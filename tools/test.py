"""Runs all checks and tests with a database and a broker of their own, and ends these whatever happens."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TextIO

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from mailhub.embedded import servers  # noqa: E402

PYTEST = [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadfile"]
# `make quick`: no whole processes, no browser, no real mail server, no clocks that run out.
QUICK = ["--quiet", "--ignore", "tests/e2e", "-m", "not slow and not browser and not dovecot and not fault"]
# What a person's shell may hold for the instance they run must not reach the tests.
FOREIGN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "DEBUG",
    "PORT",
    "DEMO",
)


def main(arguments: list[str]) -> int:
    # Also Ctrl-C's, which whoever is started in the background of a script ignores, and all its children with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    for name in list(os.environ):
        if name in FOREIGN or name.startswith("MAILHUB_"):
            del os.environ[name]
    home, _lock = _own_home()
    os.environ["MAILHUB_HOME"] = str(home)
    try:
        servers.ensure()
        # A selection of tests is somebody's short loop; the checks belong to the whole.
        is_quick = arguments == ["--quick"]
        checks = _run([sys.executable, "tools/check.py"]) if is_quick or not arguments else 0
        tests = _run(PYTEST + (QUICK if is_quick else arguments))
    except KeyboardInterrupt:
        return 130
    finally:
        servers.stop()
    _tell_what_was_left_out()
    if checks:
        print("\nChecks failed: see above the tests.", flush=True)
    return tests or checks


def _own_home() -> tuple[Path, TextIO]:
    """A home that no other run of this checkout uses now, with the lock that keeps it so."""
    for number in count(1):
        home = REPOSITORY / "var" / "test" / str(number)
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "test.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return home, lock
    raise AssertionError("numbers do not end")


def _run(command: list[str]) -> int:
    """Run to the end. In a session of its own, so that an interruption reaches it once, through us."""
    with subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            child.wait(timeout=60)
            raise


def _tell_what_was_left_out() -> None:
    command = ["sh", "tools/system.sh", "missing"]
    listing = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    missing = [line.split("|") for line in listing.stdout.splitlines()]
    if not missing:
        return
    print("\n" + "=" * 80 + "\nNOT EVERYTHING WAS TESTED: these system packages are absent.\n")
    for package, purpose in missing:
        print(f"  {package:<16} {purpose}")
    # No command of one's own: some of these packages exclude each other, and one would remove Dovecot.
    print("\n`make setup` as root installs them.\n" + "=" * 80, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
