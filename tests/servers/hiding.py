"""A mailbox as Gmail shows it: some of its oldest messages at a time, and none that was retrieved once QUIT is said."""

from __future__ import annotations

from tests.servers.loopback import Peer
from tests.servers.pop3 import Letter, MailboxServer, Session


class HidingServer(MailboxServer):
    """Lists at most `limit` messages a session; those retrieved move to `hidden` at QUIT, deleted or not."""

    def __init__(self, *args: object, limit: int = 250, **options: object) -> None:
        super().__init__(*args, **options)
        self.limit = limit
        self.hidden: list[Letter] = []

    def serve(self, peer: Peer) -> None:
        """One session."""
        self.counters["sessions"] += 1
        session = HidingSession(self, peer)
        try:
            session.run()
        finally:
            session.unlock()

    def show_all(self) -> None:
        """The owner chooses once more to have POP for all mail: everything is listed again."""
        self.messages, self.hidden = self.hidden + self.messages, []


class HidingSession(Session):
    """A session with such a mailbox."""

    def __init__(self, server: HidingServer, peer: Peer) -> None:
        super().__init__(server, peer)
        self.hiding = server
        self.retrieved: list[Letter] = []

    def sign_in(self, user: str, right: bool) -> bytes:
        """Only the oldest are there."""
        answer = super().sign_in(user, right)
        self.letters = self.letters[: self.hiding.limit]
        return answer

    def do_retr(self, argument: bytes) -> bytes:
        """What is asked for counts as read, whether it arrives or not."""
        letter = self.letter(argument)
        if letter is not None:
            self.retrieved.append(letter)
        return super().do_retr(argument)

    def update(self) -> None:
        """At QUIT what was retrieved goes out of sight."""
        server, seen = self.hiding, set(map(id, self.retrieved))
        with server.mutex:
            server.hidden += [letter for letter in server.messages if id(letter) in seen]
            server.messages = [letter for letter in server.messages if id(letter) not in seen]
        super().update()
