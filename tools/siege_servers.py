"""Mail servers of the siege: each lets a client in, and then goes on for ever, a little at a time or not at all."""

from __future__ import annotations

from tests.servers.loopback import Gone, LoopbackServer, Peer

PAUSE = 0.25  # seconds between two pieces
PIECE = b"x" * 510 + b"\r\n"  # of a letter: twice as fast as what counts as too slow
LETTER_BYTES = 10_000_000


class Dripping(LoopbackServer):
    """What both kinds share: how many clients are inside now."""

    open = 0

    def serve(self, peer: Peer) -> None:
        """One session."""
        self.open += 1
        try:
            self.converse(peer)
        finally:
            self.open -= 1

    def converse(self, peer: Peer) -> None:
        """From the greeting to what never ends."""
        raise NotImplementedError

    def feed(self, peer: Peer, piece: bytes) -> None:
        """The same piece again and again, until the client hangs up."""
        while True:
            peer.send(piece)
            if self._stopping.wait(PAUSE):
                raise Gone


class DrippingMailbox(Dripping):
    """POP3: one large letter, which comes at two kilobytes a second."""

    ANSWERS = {
        b"CAPA": b"+OK\r\nUIDL\r\nUSER\r\n.\r\n",
        b"UIDL": b"+OK\r\n1 never\r\n.\r\n",
        b"LIST": b"+OK\r\n1 %d\r\n.\r\n" % LETTER_BYTES,
        b"STAT": b"+OK 1 %d\r\n" % LETTER_BYTES,
    }

    def converse(self, peer: Peer) -> None:
        """Until RETR."""
        peer.send(b"+OK ready\r\n")
        while (verb := peer.read_line().split(b" ")[0].upper()) not in (b"RETR", b"TOP"):
            peer.send(self.ANSWERS.get(verb, b"+OK\r\n"))
        peer.send(b"+OK\r\nSubject: never\r\n\r\n")
        self.feed(peer, PIECE)


class DrippingSubmission(Dripping):
    """SMTP: takes a letter and says `250-` for ever; or, one that `is_silent`, nothing at all."""

    def __init__(self, host: str, *, is_silent: bool) -> None:
        self.host = host  # an address of its own: seats are counted by it
        self._is_silent = is_silent
        super().__init__()

    def converse(self, peer: Peer) -> None:
        """Until the final dot."""
        peer.send(b"220 ready\r\n")
        while (verb := peer.read_line()[:4].upper()) != b"DATA":
            peer.send(
                b"250-here\r\n250 AUTH PLAIN\r\n"
                if verb == b"EHLO"
                else b"235 ok\r\n"
                if verb == b"AUTH"
                else b"250 ok\r\n"
            )
        peer.send(b"354 go\r\n")
        while peer.read_line() != b".":
            pass
        if self._is_silent:
            peer.stall()
        self.feed(peer, b"250-one moment\r\n")
