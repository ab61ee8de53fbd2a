"""What every benchmark needs: a mail server, an instance, the peers, and rounds that alternate."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.servers.dovecot import Dovecot
from tools.bench.instance import Instance, Session
from tools.bench.peers import Box, Peer
from tools.bench.processes import Failed, tree_cpu
from tools.bench.results import Results, median

T = TypeVar("T")
PASSWORD = "bench-password"


@dataclass(frozen=True)
class Lab:
    """The bench: `folder` is one that other users may enter."""

    folder: Path
    results: Results
    peers: Mapping[str, Peer]
    quick: bool
    rounds: int

    @contextmanager
    def server(self, *users: str, aliases: Sequence[str] = ()) -> Iterator[Dovecot]:
        """A running mail server with empty mailboxes."""
        with (
            tempfile.TemporaryDirectory(dir=self.folder, prefix="server-") as name,
            Dovecot(Path(name), dict.fromkeys(users, PASSWORD), aliases=tuple(aliases)) as running,
        ):
            yield running

    @contextmanager
    def instance(self, server: Dovecot, *ports: int) -> Iterator[Instance]:
        """A running Mailhub that may reach the server, also by the other ports."""
        addresses = (server.host, *server.aliases)
        reachable = [f"{host}:{port}" for host in addresses for port in (server.pop3, server.pop3s, *ports)]
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="home-") as name:
            home = Path(name)
            home.chmod(0o755)  # the database runs as another user when we are root
            instance = Instance(home, reachable=reachable, ca_file=server.ca_file)
            try:
                instance.start()
                yield instance
            finally:
                instance.stop()

    def box(self, server: Dovecot, user: str, *, tls: bool = False, port: int = 0) -> Box:
        """The way to a mailbox."""
        port = port or (server.pop3s if tls else server.pop3)
        return Box(server.host, port, user, PASSWORD, server.ca_file, tls)

    def alternate(self, runs: Mapping[str, Callable[[], T]], few: Mapping[str, int]) -> dict[str, list[T]]:
        """Each once a round, beginning with another one each time; `few` limits the rounds of slow ones.

        A peer that fails is told about, gets one more chance, and is then left out; Mailhub must not fail.
        """
        done: dict[str, list[T]] = {name: [] for name in runs}
        names = list(runs)
        for number in range(self.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if number < few.get(name, self.rounds):
                    done[name] += self._run(name, runs[name])
        return {name: kept for name, kept in done.items() if kept}

    def _run(self, name: str, run: Callable[[], T]) -> list[T]:
        for _ in range(2):
            try:
                return [run()]
            except Failed as failure:
                if name not in self.peers:
                    raise
                tell(f"A run of {name} failed and does not count. {failure}")
        return []


@dataclass
class Measured:
    """Runs of Mailhub, with what its servers and the mail server used meanwhile."""

    sessions: list[Session] = field(default_factory=list)
    others: list[dict[str, float]] = field(default_factory=list)

    def parts(self, sessions: Sequence[Session] = ()) -> dict[str, float]:
        """Where the time goes: seconds of a median run."""
        rows = sessions or self.sessions
        own = {
            "seconds in all": median(row.wall for row in rows),
            "CPU of Mailhub": median(row.cpu for row in rows),
        }
        names = self.others[0] if self.others else ()
        return own | {f"CPU of {name}": median(other[name] for other in self.others) for name in names}


def fetch(
    mailhub: Instance, server: Dovecot, account: int, expected: int, measured: Measured, **how: object
) -> list[Session]:
    """Sessions on one account, each of which must store `expected` messages."""
    before = used(mailhub, server)
    sessions = mailhub.fetch(account, **how)  # type: ignore[arg-type]
    after = used(mailhub, server)
    measured.sessions += sessions
    measured.others.append({name: (after[name] - before[name]) / len(sessions) for name in before})
    for session in sessions:
        if session.stored != expected:
            raise Failed(f"Mailhub stored {session.stored} of {expected} messages")
    return sessions


def used(mailhub: Instance, server: Dovecot) -> dict[str, float]:
    """CPU seconds so far of everything but Mailhub's own processes."""
    assert server.process is not None
    return mailhub.server_cpu() | {"Dovecot": tree_cpu(server.process.pid)}


def tell(text: str) -> None:
    """A line for people, apart from the results."""
    print(text, file=sys.stderr, flush=True)
