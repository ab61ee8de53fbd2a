"""Benchmark 3: asking a large mailbox again in which nothing is new."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.servers import seeding
from tests.servers.dovecot import Dovecot
from tools.bench import peers
from tools.bench.instance import Instance
from tools.bench.lab import Lab, Measured, fetch
from tools.bench.peers import Poll
from tools.bench.results import Row, at_most, median

POLLS = 6  # of Mailhub in one process; the first is not counted, because a worker is warm
POLLS_AN_HOUR = 12  # every five minutes, one of which lists everything
WAYS = {
    "cheap": "by STAT and the last UIDL",
    "full": "by listing all of it, once an hour",
    "anew": "by comparing each message, after a change or an error",
}
NOTE = (
    "CPU of Mailhub: of the session in a worker that is warm; a peer's is of its process, which must be started for"
    " each poll. Database and broker are not in it: see the parts."
)


@dataclass(frozen=True)
class Spent:
    """One poll: milliseconds of CPU, and of the clock."""

    cpu: float
    wall: float


def repeat_poll(lab: Lab) -> None:
    """3: 50,000 messages, all of them known."""
    count = 2_000 if lab.quick else 50_000
    with lab.server("box") as server:
        server.fill("box", seeding.mailbox(count, tiny=True))
        with lab.instance(server) as mailhub, ExitStack() as homes:
            box = lab.box(server, "box")
            (account,) = mailhub.connect([box])
            fetch(mailhub, server, account, count, Measured())
            known = peers.uidls(box)
            polls = {name: homes.enter_context(peer.knowing(box, known)) for name, peer in lab.peers.items()}
            lab.results.add(*_contest(lab, mailhub, server, account, polls, f"{count:,} messages"))


def _contest(
    lab: Lab, mailhub: Instance, server: Dovecot, account: int, polls: dict[str, Poll], what: str
) -> list[Row]:
    measured = {way: Measured() for way in WAYS}
    runs: dict[str, Callable[[], list[Spent]]] = {
        # A peer's rounds are cheap, so it gets as many as Mailhub.
        name: lambda poll=poll: [_theirs(poll) for _ in range(POLLS - 1)]  # type: ignore[misc]
        for name, poll in polls.items()
    }
    for way in WAYS:
        runs[way] = lambda way=way: _ours(mailhub, server, account, way, measured[way])  # type: ignore[misc]
    done = {
        name: [spent for round_ in rounds for spent in round_]
        for name, rounds in lab.alternate(runs, {}).items()
    }
    cpu = {name: median(spent.cpu for spent in polls) for name, polls in done.items()}
    wall = {name: median(spent.wall for spent in polls) for name, polls in done.items()}
    rows = []
    for way, words in WAYS.items():
        parts = {
            name.replace("seconds in all", "ms in all"): value * 1000
            for name, value in measured[way].parts().items()
        }
        for name in [name for name in polls if name in done] or [""]:
            target = at_most(2) if name == "mpop" and way != "anew" else None
            what_cpu, theirs = f"{what}, {words}: CPU", cpu.get(name)
            rows.append(Row(3, what_cpu, "ms", cpu[way], name, theirs, target, parts=parts, note=NOTE))
        if "mpop" in done:
            rows.append(Row(3, f"{what}, {words}: time", "ms", wall[way], "mpop", wall["mpop"]))
    if "mpop" in done:
        mean = (cpu["full"] + (POLLS_AN_HOUR - 1) * cpu["cheap"]) / POLLS_AN_HOUR
        words = f"{what}, mean of an hour's {POLLS_AN_HOUR} polls: CPU"
        rows.append(Row(3, words, "ms", mean, "mpop", cpu["mpop"], at_most(2)))
    return rows


def _ours(mailhub: Instance, server: Dovecot, account: int, way: str, measured: Measured) -> list[Spent]:
    sessions = fetch(mailhub, server, account, 0, measured, times=POLLS, how=way)[1:]
    del measured.sessions[-POLLS]
    return [Spent(session.cpu * 1000, session.wall * 1000) for session in sessions]


def _theirs(poll: Poll) -> Spent:
    usage = poll.run()
    return Spent(usage.cpu * 1000, usage.wall * 1000)
