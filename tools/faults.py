"""The fault matrix: runs its tests, once or several times, and writes docs/faults.md from rows and tests."""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.faults import FAULTS, SECTIONS, Fault, ids_of  # noqa: E402

PAGE = REPOSITORY / "docs" / "faults.md"
COMMAND = [sys.executable, "tools/test.py", "-m", "fault", "-q"]

HEAD = """\
# Faults

What mail servers, networks, databases and people have done to programs that collect mail, row by row: the fault, what
Mailhub does about it, and the tests that prove it. A test carries the ids of its rows in its name, so `pytest -m fault`
selects them all, and `pytest -k _c17_` those of one row.

`make faults` runs the matrix, in about {minutes} on two shared cores; `make faults ARGS="--times 10"` runs it ten
times and says how often it was green. This page is made by `python tools/faults.py --write` from `tests/faults.py` and
the tests; a test fails when it lags.
"""
MINUTES = "two minutes"


def tests_by_id() -> dict[str, list[tuple[str, Path]]]:
    """The tests of each fault with their files, in the order of files and lines."""
    found = defaultdict(list)
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        for name in _tests_in(path):
            for each in ids_of(name):
                found[each].append((name, path.relative_to(REPOSITORY)))
    return dict(found)


def _tests_in(path: Path) -> Iterator[str]:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    yield from (node.name for node in sorted(functions, key=lambda node: node.lineno))


def page() -> str:
    """All of docs/faults.md."""
    tests = tests_by_id()
    parts = [HEAD.format(minutes=MINUTES)]
    for letter, title, rows in SECTIONS:
        lines = [f"## {letter}: {title}\n", "| id | fault | what Mailhub does | tests |", "|---|---|---|---|"]
        lines += [_line(FAULTS[row[0]], tests.get(row[0], [])) for row in rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(fault: Fault, tests: list[tuple[str, Path]]) -> str:
    links = "<br>".join(f"[`{name}`](../{path.as_posix()})" for name, path in tests)
    answer = f"*Later.* {fault.later}" if fault.later else fault.answer
    return f"| {fault.id} | {fault.fault} | {answer} | {links or '–'} |"


def run(times: int, options: list[str]) -> int:
    """The matrix so many times; returns how many runs were not green."""
    failed = 0
    for number in range(1, times + 1):
        started = time.monotonic()
        code = subprocess.run(COMMAND + options, cwd=REPOSITORY).returncode
        failed += code != 0
        seconds = time.monotonic() - started
        print(f"Run {number} of {times}: {'green' if code == 0 else 'RED'} in {seconds:.0f} s", flush=True)
    print(f"{times - failed} of {times} green.", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="how often to run the matrix")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md instead")
    arguments, options = parser.parse_known_args()
    if arguments.write:
        PAGE.write_text(page())
        return 0
    return min(run(arguments.times, options), 1)


if __name__ == "__main__":
    sys.exit(main())
