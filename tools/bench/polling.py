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
WAYS = {"cheap": "by STAT and the last UIDL", "full": "by listing all of it"}
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
    done = lab.alternate(runs, {})
    rows = []
    for way, words in WAYS.items():
        ours = [spent for round_ in done[way] for spent in round_]
        parts = {
            name.replace("seconds in all", "ms in all"): value * 1000
            for name, value in measured[way].parts().items()
        }
        for name in polls:
            theirs = [spent for round_ in done.get(name, []) for spent in round_]
            if not theirs:
                continue
            row = Row(
                3,
                f"{what}, {words}: CPU",
                "ms",
                median(spent.cpu for spent in ours),
                name,
                median(spent.cpu for spent in theirs),
                at_most(2) if name == "mpop" else None,
                parts=parts,
                note=NOTE,
            )
            rows.append(row)
            pair = median(spent.wall for spent in ours), median(spent.wall for spent in theirs)
            rows.append(Row(3, f"{what}, {words}: time", "ms", pair[0], name, pair[1]))
    return rows


def _ours(mailhub: Instance, server: Dovecot, account: int, way: str, measured: Measured) -> list[Spent]:
    sessions = fetch(mailhub, server, account, 0, measured, times=POLLS, how=way)[1:]
    del measured.sessions[-POLLS]
    return [Spent(session.cpu * 1000, session.wall * 1000) for session in sessions]


def _theirs(poll: Poll) -> Spent:
    usage = poll.run()
    return Spent(usage.cpu * 1000, usage.wall * 1000)
