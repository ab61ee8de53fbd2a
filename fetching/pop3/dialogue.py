"""Commands out and replies in: a POP3 connection on a Transport, with every failure as a MailError."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, Transport
from fetching.pop3.commands import Command
from fetching.pop3.connection import NEED_DATA, Connection, State
from fetching.pop3.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError, UnexpectedEnd
from fetching.pop3.events import Err, Event, MessageChunk
from fetching.pop3.refusals import Refusal
from fetching.source import Limits

# Replies to these may need a look at every message of the mailbox, or wait for somebody else's lock.
_SLOW = frozenset({"PASS", "APOP", "AUTH", "STAT", "UIDL", "LIST", "QUIT"})


class Dialogue:
    """One connection: commands out, replies in."""

    def __init__(self, transport: Transport, credentials: Credentials, limits: Limits) -> None:
        self.transport = transport
        self.limits = limits
        self.conn = Connection(max_message=limits.max_message)
        self.broken = False  # nothing more can be said
        self.drained = 0  # how often something was left early and thrown away
        self.proven = False  # inside TLS, after a valid greeting: its words may be shown to the owner
        self._credentials = credentials

    def ask(self, command: Command) -> Event:
        """Send one command, wait for its reply."""
        self.send([command])
        return self.reply()

    def send(self, batch: Iterable[Command]) -> None:
        """Send commands without waiting; `reply` is then due for each."""
        self._refuse_broken()
        if not self.conn.outstanding:
            self._look_for_farewell()
        try:
            data = b"".join([self.conn.send(command) for command in batch])
        except LocalProtocolError as error:
            raise MailError("protocol_error") from error
        self.write(data)

    def write(self, data: bytes) -> None:
        """Send bytes that the connection made."""
        try:
            self.transport.send(data)
        except MailError:
            self.broken = True
            raise

    def reply(self, within: float | None = None) -> Event:
        """The reply that is due, or its first piece; `within` bounds the wait in seconds."""
        command = self.conn.current
        is_slow = command is not None and (
            command.name in _SLOW or (command.name == "CAPA" and self.conn.state is State.TRANSACTION)
        )
        self.transport.begin_reply(within, silence=self.limits.patience if is_slow else None)
        return self.event()

    def event(self) -> Event:
        """The next event, however long the limits let it take."""
        try:
            while (event := self.conn.next_event()) is NEED_DATA:
                self._receive()
        except RemoteProtocolError as error:
            self.broken = True
            raise MailError(_code(error)) from error
        except MailError:
            self.broken = True
            raise
        return event

    def drain(self) -> None:
        """Throw away what is still due from something left early."""
        self._refuse_broken()
        self.drained += bool(self.conn.outstanding)
        while self.conn.outstanding:
            event = self.reply()
            while isinstance(event, MessageChunk):
                event = self.event()

    def refused(self, refusal: Refusal, err: Err) -> MailError:
        """The failure that a refusal amounts to."""
        return MailError(refusal.code, self.words(err), refusal.retry_after)

    def words(self, err: Err) -> str:
        """The server's own words, if they may be shown; never when it repeats the password."""
        return err.text if self.proven and self._credentials.password not in err.text else ""

    def _refuse_broken(self) -> None:
        if self.broken:
            raise MailError("connection_lost")

    def _receive(self) -> None:
        data = self.transport.receive()
        if data:
            self.conn.receive(data)
        else:
            self.conn.receive_eof()

    def _look_for_farewell(self) -> None:
        # A server that gave up on an idle client says "-ERR timeout" and hangs up. Read after the next
        # command, that would look like the refusal of a message.
        try:
            data = self.transport.pending()
        except MailError:
            self.broken = True
            raise
        if data is not None:
            self.broken = True
            raise MailError("connection_lost")


def _code(error: RemoteProtocolError) -> str:
    match error:
        case UnexpectedEnd():
            return "connection_lost"
        case MessageTooLarge():
            return "message_too_large"
    return "protocol_error"
