r"""A server that follows a script, for every fault a real one would not show on demand.

    script = [send(b"+OK ready\r\n"), expect(b"CAPA"), drop()]
    with ScriptedServer(script) as server: ...

A step is a function of a Peer, so a test can add its own. At the end of a script the server hangs up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from tests.servers.loopback import LoopbackServer, Peer
from tests.servers.tls import Certificate

Step = Callable[[Peer], None]


def send(data: bytes) -> Step:
    """Send these bytes."""
    return lambda peer: peer.send(data)


def expect(pattern: bytes) -> Step:
    """Read one line, which must match this regular expression as a whole."""

    def step(peer: Peer) -> None:
        line = peer.read_line()
        peer.said.append(line.decode("utf-8", "replace"))
        assert re.fullmatch(pattern, line), f"expected {pattern!r}, the client said {line!r}"

    return step


def exchange(*pairs: tuple[bytes, bytes]) -> Step:
    """Several times: expect a line, send a reply."""

    def step(peer: Peer) -> None:
        for pattern, reply in pairs:
            expect(pattern)(peer)
            peer.send(reply)

    return step


def drip(data: bytes, pause: float = 0.05) -> Step:
    """Send these bytes one by one, with a pause in seconds after each."""
    return lambda peer: peer.drip(data, pause)


def drip_forever(data: bytes, pause: float = 0.05) -> Step:
    """The same again and again, until the client hangs up."""

    def step(peer: Peer) -> None:
        while True:
            peer.drip(data, pause)

    return step


def flood(data: bytes) -> Step:
    """The same at full speed, until the client hangs up."""

    def step(peer: Peer) -> None:
        while True:
            peer.send(data)

    return step


def stall() -> Step:
    """Say nothing more, read on, until the client hangs up."""
    return Peer.stall


def start_tls(certificate: Certificate) -> Step:
    """The server's side of a handshake."""
    return lambda peer: peer.start_tls(certificate)


def drop() -> Step:
    """Hang up."""
    return Peer.close


def reset() -> Step:
    """Hang up by RST."""
    return Peer.reset


class ScriptedServer(LoopbackServer):
    """Follows one script a connection, in turn; the last script serves all further connections."""

    def __init__(
        self, *scripts: Sequence[Step], certificate: Certificate | None = None, segment: int = 0
    ) -> None:
        super().__init__(certificate=certificate, segment=segment)
        self._scripts = scripts

    def serve(self, peer: Peer) -> None:
        """Follow the script."""
        number = self.peers.index(peer)
        for step in self._scripts[min(number, len(self._scripts) - 1)]:
            step(peer)


def signed_in(*, capabilities: Iterable[bytes] = (b"UIDL", b"USER")) -> list[Step]:
    """The usual beginning: greeting, CAPA, USER, PASS, CAPA."""
    capa = b"+OK\r\n" + b"".join(line + b"\r\n" for line in capabilities) + b".\r\n"
    return [
        send(b"+OK ready\r\n"),
        exchange((b"CAPA", capa), (b"USER .*", b"+OK\r\n"), (b"PASS .*", b"+OK\r\n"), (b"CAPA", capa)),
    ]
