"""Benchmark 5: the dispatcher's tick with ever more accounts, of which always the same number is due."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.bench import generate
from tools.bench.instance import ROOT, Instance
from tools.bench.lab import Lab, tell
from tools.bench.processes import Failed
from tools.bench.results import Row, at_most, median

DUE, BUSY = 500, 400
NOTE = (
    f"One statement claims the accounts and sets when they are due next, while {BUSY} others are being fetched."
    " Autovacuum runs as usual; nothing is cleaned up between ticks."
)


def ticks(lab: Lab) -> None:
    """5: 1,000, 100,000 and 1,000,000 accounts."""
    sizes = (1_000, 20_000) if lab.quick else (1_000, 100_000, 1_000_000)
    times = 7 if lab.quick else 21
    chance = random.Random("ticks")
    with lab.server("nobody") as server, lab.instance(server) as mailhub:
        medians: dict[int, float] = {}
        runs: dict[int, list[float]] = {}
        made = 0
        for size in sizes:
            tell(f"Making {size:,} accounts ...")
            generate.accounts(mailhub.execute, made, size)
            made = size
            mailhub.maintain("VACUUM (ANALYZE)")
            with _dispatcher(mailhub) as tick:
                tick()  # connects; and nothing is due yet
                runs[size] = []
                for _ in range(times):
                    _make_due(mailhub, size, chance)
                    seconds, claimed = tick()
                    if claimed != DUE:
                        raise Failed(f"a tick claimed {claimed} of {DUE} accounts that were due")
                    runs[size].append(seconds * 1000)
            medians[size] = median(runs[size])
    base = sizes[0]
    for size in sizes:
        row = Row(
            5,
            f"{size:,} accounts, {DUE} of them due",
            "ms",
            medians[size],
            f"with {base:,}" if size != base else "",
            medians[base] if size != base else None,
            at_most(2) if size == sizes[-1] else None,
            runs={"mailhub": runs[size]},
            note=NOTE,
        )
        lab.results.add(row)


def _make_due(mailhub: Instance, size: int, chance: random.Random) -> None:
    """Give the last ones back; let some be at it and others due, spread so that no limit is in the way."""
    servers = chance.sample(range(generate.SERVERS), DUE + BUSY)
    chosen = [
        generate.account_of_server(server, chance.randrange(size // generate.SERVERS)) for server in servers
    ]
    mailhub.execute(
        "UPDATE fetching_fetchstate SET lease_token = NULL, lease_until = NULL,"
        " next_run_at = now() + interval '1 day' + random() * interval '5 minutes' WHERE lease_token IS NOT NULL"
    )
    mailhub.execute(
        "UPDATE fetching_fetchstate SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
        " WHERE account_id = ANY(%s)",
        [chosen[:BUSY]],
    )
    mailhub.execute(
        "UPDATE fetching_fetchstate SET next_run_at = now() - random() * interval '1 minute'"
        " WHERE account_id = ANY(%s)",
        [chosen[BUSY:]],
    )


@contextmanager
def _dispatcher(mailhub: Instance) -> Iterator[Tick]:
    command = [sys.executable, "-m", "tools.bench.inside", "tick", "--limit", str(DUE)]
    # As many threads as it takes for no organization's share to be less than what is due.
    threads = {f"MAILHUB_FETCH_{kind}": str(1_000 * DUE) for kind in ("THREADS", "SLOW_THREADS")}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=mailhub.environ | threads,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Tick(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


class Tick:
    """One process that ticks when told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self) -> tuple[float, int]:
        """Seconds, and how many accounts were claimed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("tick\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "{}")
        if "seconds" not in answer:
            raise Failed("the dispatcher ended, see above")
        return answer["seconds"], answer["claimed"]
