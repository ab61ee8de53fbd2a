"""The state of one SMTP session: what may be said now, and what a reply makes of it.

Theory of operation. One command is under way at a time; `_due` is the one whose reply comes next, and the
greeting is the reply to a command that is due from the beginning. While the message is being sent nothing is
due, but a server may refuse it early: such a reply ends the session, since nobody knows how much of what
follows it will take for commands.

    GREETING ──220──▶ OPEN ──354 to DATA──▶ CONTENT ──end_of_data()──▶ OPEN ──221 to QUIT, or 421──▶ CLOSED
                      │  ▲                     └──────a reply before that──────────────────────────▶ CLOSED
       220 to STARTTLS│  │tls_started()
                      ▼  │
                    HANDSHAKE                    any state ──the server breaks a rule──▶ BOTCHED
"""

from __future__ import annotations

from base64 import b64encode
from enum import Enum, auto

from sending.smtp import commands
from sending.smtp.commands import Command, Expected
from sending.smtp.errors import LocalProtocolError, RemoteProtocolError, UnexpectedEnd
from sending.smtp.replies import Reply, ReplyReader

CLOSING = 421  # may answer anything, or come unasked: the server hangs up (RFC 5321, 3.8)


class State(Enum):
    """Where the session is; see the module's picture."""

    GREETING = auto()
    OPEN = auto()
    HANDSHAKE = auto()
    CONTENT = auto()
    CLOSED = auto()
    BOTCHED = auto()


class Connection:
    """One session, from the greeting on."""

    def __init__(self) -> None:
        self._reader = ReplyReader()
        self._state = State.GREETING
        self._due: Command | None = commands.GREETING
        self._challenged = False
        self._ended = False

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def due(self) -> Command | None:
        """The command whose reply comes next."""
        return self._due

    # ── What we say ─────────────────────────────────────────────────────────

    def send(self, command: Command) -> bytes:
        """The bytes to send for a command.

        Raises LocalProtocolError, with nothing changed, when it may not be sent now.
        """
        if self._state is not State.OPEN:
            raise LocalProtocolError(f"{command.name} is not allowed in state {self._state.name}")
        if self._due is not None:
            raise LocalProtocolError(f"{command.name} has to wait for the reply to {self._due.name}")
        self._due = command
        return command.line

    def respond(self, answer: bytes) -> bytes:
        """The bytes to send as answer to a challenge, 334 (RFC 4954, 4)."""
        return self._respond(b64encode(answer).decode("ascii"))

    def cancel(self) -> bytes:
        """The bytes that end a SASL exchange without an answer; the server then says 501 (RFC 4954, 4)."""
        return self._respond("*")

    def _respond(self, text: str) -> bytes:
        if not self._challenged or self._state is not State.OPEN:
            raise LocalProtocolError("the server asked for no answer")
        line = commands.answer_line(text)
        self._challenged = False
        return line

    def end_of_data(self) -> bytes:
        """The final dot, to be sent behind the dot-stuffed message (RFC 5321, 4.1.1.4).

        Once it is sent the server may have the message, whatever else happens.
        """
        if self._state is not State.CONTENT:
            raise LocalProtocolError(f"there is no message to end in state {self._state.name}")
        self._state, self._due = State.OPEN, commands.END_OF_DATA
        return commands.END_OF_DATA.line

    def tls_started(self) -> None:
        """The handshake is done; what was said before it counts no more (RFC 3207, 4.2)."""
        if self._state is not State.HANDSHAKE:
            raise LocalProtocolError("no handshake was agreed on")
        self._refuse_glued()
        self._state = State.OPEN

    # ── What the server says ────────────────────────────────────────────────

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take in what the server sent; then call `next_reply` until it gives None."""
        self._reader.append(data)

    def receive_eof(self) -> None:
        """The server will send nothing more."""
        self._ended = True

    def next_reply(self) -> Reply | None:
        """What the server said next, None while that is not whole.

        Raises RemoteProtocolError when it broke a rule; the connection is of no use from then on.
        """
        if self._state is State.BOTCHED:
            raise RemoteProtocolError("the connection is out of step")
        try:
            return self._next()
        except RemoteProtocolError:
            self._state = State.BOTCHED
            raise

    def _next(self) -> Reply | None:
        if self._state is State.HANDSHAKE:
            self._refuse_glued()
        reply = None if self._state is State.CLOSED else self._reader.next()
        if reply is None:
            if self._ended and self._state is not State.CLOSED:
                raise UnexpectedEnd("the server closed the connection")
            return None
        if self._state is State.CONTENT or (self._due is None and reply.code == CLOSING):
            if reply.code < 400:
                raise RemoteProtocolError("a message accepted before it was sent")
            self._state = State.CLOSED
            return reply
        command = self._due
        if command is None or (self._challenged and reply.code != CLOSING):
            raise RemoteProtocolError("a reply to no command")
        self._challenged = False
        self._answer(command, reply)
        return reply

    def _answer(self, command: Command, reply: Reply) -> None:
        if reply.is_intermediate:
            self._intermediate(command, reply)
            return
        self._due = None
        match command.expected:
            case Expected.CONTENT if reply.is_positive:
                raise RemoteProtocolError("DATA answered as if it were done")
            case Expected.GREETING:
                # RFC 5321, 3.1: who refuses here still waits for QUIT, and has nothing else to say.
                self._state = State.OPEN
            case Expected.HANDSHAKE if reply.is_positive:
                self._state = State.HANDSHAKE
                self._refuse_glued()
            case Expected.END:
                self._state = State.CLOSED
        if reply.code == CLOSING:
            self._state = State.CLOSED

    def _intermediate(self, command: Command, reply: Reply) -> None:
        if command.expected is Expected.CONTENT and reply.code == 354:
            self._due, self._state = None, State.CONTENT
        elif command.expected is Expected.AUTHENTICATION and reply.code == 334:
            self._challenged = True
        else:
            raise RemoteProtocolError(f"an intermediate reply to {command.name}")

    def _refuse_glued(self) -> None:
        # Whoever sits in the line could put plain text behind the 220; inside TLS it would look like the
        # server's.
        if self._reader.is_midway:
            raise RemoteProtocolError("plain text behind the reply to STARTTLS")
