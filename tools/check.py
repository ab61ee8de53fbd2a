"""Runs every check of the code that is not a test, two at a time; shows in full only those that fail.

With `--staged` (the hook of `make hooks`) only those that what is about to be committed can break.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from mailhub.embedded import servers  # noqa: E402

PYTHON = sys.executable
# The slowest first.
CHECKS = {
    "types": [PYTHON, "-m", "mypy"],
    "migrations": [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
    "templates": [PYTHON, "-m", "djlint", "--check", "--lint", "--quiet", "templates"],
    "imports": [PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "messages": [PYTHON, "tools/check_messages.py"],
    "settings": [PYTHON, "manage.py", "check", "--fail-level", "WARNING"],
    "lint": [PYTHON, "-m", "ruff", "check", "--quiet", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."],
}
# What a check looks at, by the ends of file names.
ABOUT = {
    "types": (".py", "pyproject.toml"),
    "migrations": (".py",),
    "templates": (".html", "pyproject.toml"),
    "imports": (".py", "pyproject.toml"),
    "messages": (".py", ".html", ".txt", ".po", ".mo"),
    "settings": (".py",),
    "lint": (".py", "pyproject.toml"),
    "format": (".py", "pyproject.toml"),
}


def staged() -> list[str]:
    """The checks that concern the files in git's index."""
    listing = ["git", "diff", "--cached", "--name-only"]
    done = subprocess.run(listing, cwd=REPOSITORY, text=True, capture_output=True, check=True)
    return [name for name in CHECKS if any(path.endswith(ABOUT[name]) for path in done.stdout.splitlines())]


def run(name: str) -> bool:
    """Run one check; print a line, and its output if it fails."""
    start = time.monotonic()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(CHECKS[name], cwd=REPOSITORY, text=True, timeout=600, **pipes)
    passed = done.returncode == 0
    report = f"{name:<12} {'ok' if passed else 'FAILED'} ({time.monotonic() - start:.1f} s)\n"
    print(report if passed else report + done.stdout, end="", flush=True)
    return passed


def main(arguments: list[str]) -> int:
    """0 when all that was to be checked is well."""
    chosen = staged() if "--staged" in arguments else list(CHECKS)
    if not chosen:
        return 0
    os.environ.setdefault("MAILHUB_HOME", str(REPOSITORY / "var" / "test" / "checks"))
    started = servers.ensure()
    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            return 0 if all(list(pool.map(run, chosen))) else 1
    finally:
        if any(started):
            servers.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
