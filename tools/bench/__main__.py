"""`python -m tools.bench [--only 1,3] [--quick]` (`make bench`): runs the benchmarks and writes down what they say."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.servers import dovecot
from tools.bench import fleet, full, machine, peers, polling, report, tick
from tools.bench.lab import Lab, tell
from tools.bench.results import Results

ROOT = Path(__file__).resolve().parents[2]
BENCHES = {
    1: full.full_fetch,
    2: full.far_away,
    3: polling.repeat_poll,
    4: fleet.many_accounts,
    5: tick.ticks,
    6: full.memory,
}


def numbers(text: str) -> list[int]:
    """The benchmarks that "1,3" means."""
    chosen = [int(part) for part in text.split(",")]
    if unknown := set(chosen) - BENCHES.keys():
        raise ValueError(unknown)
    return chosen


def main() -> None:
    """See the module's first line."""
    parser = argparse.ArgumentParser(description="Measure Mailhub beside its peers.")
    parser.add_argument("--only", type=numbers, default=list(BENCHES), help="such as 1,3")
    parser.add_argument(
        "--quick", action="store_true", help="small counts: a few minutes, no figures to quote"
    )
    parser.add_argument("--rounds", type=int, default=0, help="default: 3, or 1 with --quick")
    parser.add_argument("--results", type=Path, default=ROOT / "var" / "bench" / "results.jsonl")
    parser.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    if dovecot.binary() is None:
        sys.exit("Dovecot is needed as the server: apt-get install dovecot-pop3d (root: `make setup`)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    present = peers.installed()
    for peer in peers.ALL:
        if peer.name not in present:
            tell(f"{peer.name} IS NOT COMPARED WITH: it is absent (Debian: apt-get install {peer.package})")
    facts = machine.describe()
    results = Results(options.results, facts | {"quick": options.quick})
    with tempfile.TemporaryDirectory(prefix="mailhub-bench-") as name:
        Path(name).chmod(0o755)
        lab = Lab(Path(name), results, present, options.quick, options.rounds or (1 if options.quick else 3))
        for number in options.only:
            started = time.monotonic()
            BENCHES[number](lab)
            tell(f"Benchmark {number} took {time.monotonic() - started:.0f} s")
    # Quick figures are no figures.
    if not options.quick and not options.no_page:
        report.write(results.rows, facts)


if __name__ == "__main__":
    main()
