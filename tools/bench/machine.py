"""On what was measured: processor, kernel, and the version of everything that takes part."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from tests.servers import dovecot
from tools.bench import peers
from tools.bench.processes import version_of

ROOT = Path(__file__).resolve().parents[2]


def describe() -> dict[str, str]:
    """By name; what is absent is left out."""
    facts = {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Dovecot": version_of(dovecot.binary() or "dovecot", "--version").partition(" ")[0],
        "Mailhub": _commit(),
    }
    facts |= {peer.name: peer.version() for peer in peers.ALL}
    return {name: value for name, value in facts.items() if value}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    """The commit that is measured, with a + when files differ from it; "" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
