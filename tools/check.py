"""Runs every check of the code that is not a test, two at a time; shows in full only those that fail."""

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


def run(name: str) -> bool:
    """Run one check; print a line, and its output if it fails."""
    start = time.monotonic()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(CHECKS[name], cwd=REPOSITORY, text=True, timeout=600, **pipes)
    passed = done.returncode == 0
    report = f"{name:<12} {'ok' if passed else 'FAILED'} ({time.monotonic() - start:.1f} s)\n"
    print(report if passed else report + done.stdout, end="", flush=True)
    return passed


def main() -> int:
    os.environ.setdefault("MAILHUB_HOME", str(REPOSITORY / "var" / "test" / "checks"))
    started = servers.ensure()
    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            return 0 if all(list(pool.map(run, CHECKS))) else 1
    finally:
        if any(started):
            servers.stop()


if __name__ == "__main__":
    sys.exit(main())
