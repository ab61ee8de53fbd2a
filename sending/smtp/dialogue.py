"""Commands out and replies in: an SMTP connection on a Transport, with every failure as a MailError."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from accounts.servers import sasl
from accounts.servers.failures import MailError
from accounts.servers.server_text import clean_server_text
from accounts.servers.transport import Clocks, Credentials, Transport
from sending.smtp import refusals
from sending.smtp.commands import Command
from sending.smtp.connection import Connection
from sending.smtp.errors import LocalProtocolError, RemoteProtocolError, UnexpectedEnd
from sending.smtp.extensions import Extensions
from sending.smtp.refusals import Refusal
from sending.smtp.replies import Reply

CHUNK: Final = 256 * 1024

# The shared codes speak of fetching.
_OWN_CODES: Final = {"connection_lost": "sending_interrupted", "too_slow": "sending_too_slow"}


class Phase(IntEnum):
    """How far one attempt to send has come; each is reached only through those before it.

    Without encryption SECURED is passed over, without credentials SIGNED_IN.
    """

    STARTED = 0
    CONNECTED = 1
    SECURED = 2
    SIGNED_IN = 3
    ENVELOPE = 4  # sender and at least one recipient were taken
    DATA_STARTED = 5
    HANDED_OVER = 6  # the final dot was sent, or may have been
    ACCEPTED = 7


@dataclass(frozen=True, slots=True)
class Limits(Clocks):
    """How long one attempt may take, in seconds (RFC 5321, 4.5.3.2).

    `greeting` and `command` bound the first reply and that to a command, which may take five minutes: servers
    look up names and ask others meanwhile. `final_dot` bounds the reply to the whole message: a server may deliver
    it before it answers, and hanging up early makes copies.
    `farewell` bounds QUIT, on which nothing depends. `session` is everything together; a message is handed
    over only when `final_dot` is still left of it.
    """

    session: float = 1500
    greeting: float = 300
    command: float = 300
    final_dot: float = 600
    farewell: float = 5


class Dialogue:
    """One connection: commands out, replies in."""

    def __init__(self, transport: Transport, limits: Limits, credentials: Credentials | None) -> None:
        self.transport = transport
        self.limits = limits
        self.conn = Connection()
        self.offered = Extensions()
        self.phase = Phase.CONNECTED
        self.broken = False  # nothing more can be said
        self.proven = False  # inside TLS, after a valid greeting: its words may be shown to the owner
        self._secrets = _secrets(credentials)

    # ── Out ─────────────────────────────────────────────────────────────────

    def ask(self, command: Command, within: float | None = None) -> Reply:
        """Send one command, wait for its reply."""
        if self.broken:
            raise MailError("sending_interrupted")
        self._look_for_farewell()
        try:
            line = self.conn.send(command)
        except LocalProtocolError as error:
            raise MailError("protocol_error") from error
        self.write(line)
        return self.reply(within)

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes."""
        try:
            self.transport.send(data)
        except MailError as error:
            self.broken = True
            raise own(error) from error

    def content(self, stuffed: bytes) -> Reply | None:
        """Send the message without its final dot; returns the refusal of a server that spoke before its turn.

        Looking for that between blocks tells why such a server hangs up, which reading after the break may not.
        """
        view = memoryview(stuffed)
        for start in range(0, len(view), CHUNK):
            if (early := self.early()) is not None:
                return early
            try:
                self.write(view[start : start + CHUNK])
            except MailError:
                if (early := self._last_words()) is not None:
                    return early
                raise
        return self.early()

    # ── In ──────────────────────────────────────────────────────────────────

    def reply(self, within: float | None = None) -> Reply:
        """The reply that is due, whole within so many seconds (default: `limits.command`)."""
        self.transport.begin_reply(self.limits.command if within is None else within)
        try:
            while (reply := self.conn.next_reply()) is None:
                data = self.transport.receive()
                if data:
                    self.conn.receive(data)
                else:
                    self.conn.receive_eof()
        except RemoteProtocolError as error:
            self.broken = True
            raise MailError(_code(error)) from error
        except MailError as error:
            self.broken = True
            raise own(error) from error
        return reply

    def early(self) -> Reply | None:
        """A reply that came though none is due; raises MailError for a line that is closed."""
        try:
            # First what came in one block with the reply before: read later, it would pass for the next one.
            if (reply := self.conn.next_reply()) is not None:
                return reply
            data = self.transport.pending()
            if data is None:
                return None
            if data:
                self.conn.receive(data)
            else:
                self.conn.receive_eof()
            return self.conn.next_reply()
        except RemoteProtocolError as error:
            self.broken = True
            raise MailError(_code(error)) from error
        except MailError as error:
            self.broken = True
            raise own(error) from error

    def _last_words(self) -> Reply | None:
        try:
            return self.early()
        except MailError:
            return None  # the failure to send is the one to tell of

    def _look_for_farewell(self) -> None:
        # A server that gave up on an idle client says "421 timeout" and hangs up; sending into that line would
        # look like a broken connection.
        reply = self.early()
        if reply is not None:
            self.broken = True
            raise self.refused(refusals.session(reply), reply)

    # ── Refusals ────────────────────────────────────────────────────────────

    def refused(self, refusal: Refusal, reply: Reply) -> MailError:
        """The failure that a refusal amounts to."""
        return MailError(refusal.code, self.words(reply), refusal.retry_after)

    def words(self, reply: Reply) -> str:
        """The server's own words, if they may be shown; never when it repeats the password."""
        if not self.proven or any(secret in reply.text for secret in self._secrets):
            return ""
        return clean_server_text(reply.text)

    def close(self) -> None:
        """Drop the line. Never raises."""
        self.broken = True
        self.transport.close()


def own(error: MailError) -> MailError:
    """The same failure in the words of sending."""
    return MailError(_OWN_CODES.get(error.code, error.code), error.server_text, error.retry_after)


def _code(error: RemoteProtocolError) -> str:
    return "sending_interrupted" if isinstance(error, UnexpectedEnd) else "protocol_error"


def _secrets(credentials: Credentials | None) -> list[str]:
    """The password as it is and as it goes over the line."""
    if credentials is None or not credentials.password:
        return []
    found = [credentials.password]
    try:
        sent = (sasl.plain(credentials.username, credentials.password), credentials.password.encode())
    except (sasl.Unsendable, UnicodeEncodeError):
        return found  # it will not be sent
    return found + [b64encode(each).decode("ascii") for each in sent]
