"""The state of one POP3 session: which command may be sent, and which reply belongs to which command.

Theory of operation. Replies come in the order of the commands (RFC 1939, 3; RFC 2449, 6.6), so the commands
not yet answered wait in a queue and its head decides how the next bytes are read. The greeting is the reply
to a command that stands in the queue from the beginning. A reply is a status line, then perhaps a body; while
a body is being read, `_body` is the method that reads on.

    GREETING ──+OK──▶ AUTHORIZATION ──+OK to PASS, APOP, AUTH──▶ TRANSACTION ──+OK to QUIT──▶ CLOSED
                        │      ▲                                (QUIT works in AUTHORIZATION too)
                   +OK to STLS │ tls_started()
                        ▼      │
                        HANDSHAKE                    any state ──the server breaks a rule──▶ BOTCHED

Once BOTCHED nobody knows which reply is which: nothing can be sent, and `next_event` raises for ever.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from fetching.pop3 import commands, listing
from fetching.pop3.buffer import ReceiveBuffer
from fetching.pop3.capabilities import MAX_CAPABILITIES, Capabilities
from fetching.pop3.commands import Command, Reply, When
from fetching.pop3.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError, UnexpectedEnd
from fetching.pop3.events import (
    ConnectionClosed,
    Continuation,
    Err,
    Event,
    Greeting,
    Message,
    MessageChunk,
    MessageEnd,
    Ok,
    Sizes,
    Stat,
    UniqueIds,
)

MAX_MESSAGE: Final = 100 * 1024 * 1024
STREAM_ABOVE: Final = 4 * 1024 * 1024  # what is stored in one part need not go through a file
MAX_ROWS: Final = 500_000  # some 100 MB of memory; mailboxes of 100,000 messages exist

_CODE: Final = re.compile(r"\[([^\[\]]{1,64})\]\s*(.*)", re.DOTALL)
# RFC 1939, 7 wants a msg-id. A name in angle brackets without "@" is no offer of APOP.
_TIMESTAMP: Final = re.compile(rb"<[!-;=?A-~]+@[!-;=?A-~]+>")


class NeedData(Enum):
    """Its one member says that nothing more can be told before `receive`."""

    NEED_DATA = auto()


NEED_DATA: Final = NeedData.NEED_DATA


class State(Enum):
    """Where the session is; see the module's picture."""

    GREETING = auto()
    AUTHORIZATION = auto()
    HANDSHAKE = auto()
    TRANSACTION = auto()
    CLOSED = auto()
    BOTCHED = auto()


_ALLOWED: Final = {
    When.AUTHORIZATION: (State.AUTHORIZATION,),
    When.TRANSACTION: (State.TRANSACTION,),
    When.ALWAYS: (State.AUTHORIZATION, State.TRANSACTION),
}


class Connection:
    """One session, from the greeting on.

    A reply to RETR or TOP of up to about `stream_above` bytes comes as one Message, a larger one in pieces;
    one of more than `max_message` bytes raises MessageTooLarge. A listing of more than `max_rows` rows is an
    error too.
    """

    def __init__(
        self, *, max_message: int = MAX_MESSAGE, stream_above: int = STREAM_ABOVE, max_rows: int = MAX_ROWS
    ) -> None:
        self._max_message = max_message
        self._stream_above = stream_above
        self._max_rows = max_rows
        self._buffer = ReceiveBuffer()
        self._ended = False
        self._state = State.GREETING
        self._queue: deque[Command] = deque([commands.GREETING])
        self._body: Callable[[], Event | NeedData] | None = None
        self._answers_left = 0
        self._challenged = False
        self._lines: list[bytes] = []
        self._size = 0
        self._streaming = False
        self.capa_is_endless = False  # a reply to CAPA had no final dot

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def outstanding(self) -> int:
        """How many commands wait for their reply, the greeting included."""
        return len(self._queue)

    @property
    def current(self) -> Command | None:
        """The command whose reply comes next or is being read."""
        return self._queue[0] if self._queue else None

    # ── What we say ─────────────────────────────────────────────────────────

    def send(self, command: Command) -> bytes:
        """The bytes to send for a command; any number may be outstanding, where the command allows it.

        Raises LocalProtocolError, with nothing changed, when it may not be sent now.
        """
        if self._state not in _ALLOWED[command.when]:
            raise LocalProtocolError(f"{command.name} is not allowed in state {self._state.name}")
        if self._queue and (command.alone or self._queue[-1].last):
            raise LocalProtocolError(f"{command.name} has to wait for the reply to {self._queue[-1].name}")
        self._queue.append(command)
        self._answers_left = command.answers
        return command.line

    def respond(self, answer: bytes) -> bytes:
        """The bytes to send as answer to a Continuation (RFC 5034, 4).

        Raises LocalProtocolError when none is asked for.
        """
        if not self._challenged or self._state is State.BOTCHED:
            raise LocalProtocolError("the server asked for no answer")
        line = commands.answer_line(b64encode(answer).decode("ascii"))
        self._challenged = False
        self._answers_left -= 1
        return line

    def cancel(self) -> bytes:
        """The bytes that end a SASL exchange without an answer; the server then says -ERR (RFC 5034, 4)."""
        if not self._challenged or self._state is State.BOTCHED:
            raise LocalProtocolError("the server asked for no answer")
        self._challenged, self._answers_left = False, 0
        return commands.answer_line("*")

    def tls_started(self) -> None:
        """The handshake after +OK to STLS is done; what was said before it counts no more (RFC 2595, 4)."""
        if self._state is not State.HANDSHAKE:
            raise LocalProtocolError("no handshake was agreed on")
        self._refuse_glued()
        self._state = State.AUTHORIZATION

    def end_capabilities(self) -> bool:
        """Take the reply to CAPA for ended, though its final dot has not come; False when it has not begun.

        What was received of it is gone, what comes from now on belongs to the next command.
        """
        if self._body is None or self._queue[0].reply is not Reply.CAPABILITIES:
            return False
        self._buffer.clear()
        self._lines = []
        self._finish()
        self.capa_is_endless = True
        return True

    # ── What the server says ────────────────────────────────────────────────

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take in what the server sent; then call `next_event` until it wants more."""
        self._buffer.append(data)

    def receive_eof(self) -> None:
        """The server will send nothing more."""
        self._ended = True

    def next_event(self) -> Event | NeedData:
        """What the server said next, or NEED_DATA.

        Raises RemoteProtocolError when it broke a rule; the connection is of no use from then on.
        """
        if self._state is State.BOTCHED:
            raise RemoteProtocolError("the connection is out of step")
        try:
            event = self._next()
            if event is NEED_DATA and self._ended:
                raise UnexpectedEnd("the server closed the connection")
        except RemoteProtocolError:
            self._state = State.BOTCHED
            raise
        return event

    def _next(self) -> Event | NeedData:
        if self._body is not None:
            return self._body()
        if self._state is State.CLOSED:
            return ConnectionClosed()
        if self._challenged or not self._queue:
            return self._idle()
        line = self._buffer.read_line()
        if line is None:
            return NEED_DATA
        command = self._queue[0]
        if line.startswith(b"+OK"):
            return self._accepted(command, line)
        status = line[:4].upper()
        if status == b"-ERR":
            return self._refused(command, line)
        if status[:3] == b"+OK":
            return self._accepted(command, line)
        if status[:1] == b"+" and command.reply is Reply.AUTHENTICATION:
            return self._challenge(command, line[1:])
        raise RemoteProtocolError("neither +OK nor -ERR")

    def _idle(self) -> Event | NeedData:
        if self._state is State.HANDSHAKE:
            self._refuse_glued()
        if self._buffer:
            raise RemoteProtocolError("a reply to no command")
        if self._ended and not self._challenged:
            return ConnectionClosed()
        return NEED_DATA

    def _refuse_glued(self) -> None:
        # Whoever sits in the line could put plain text behind the +OK; inside TLS it would look like the
        # server's.
        if self._buffer:
            raise RemoteProtocolError("plain text behind the +OK to STLS")

    def _refused(self, command: Command, line: bytes) -> Event:
        self._queue.popleft()
        text = _text(line[4:])
        code = _CODE.fullmatch(text)
        if command.reply is Reply.GREETING:
            self._state = State.CLOSED  # RFC 1939 knows no -ERR here; those who send it hang up
        return Err(command, code[1].upper(), code[2]) if code else Err(command, None, text)

    def _challenge(self, command: Command, rest: bytes) -> Event:
        self._challenged = True
        return Continuation(command, rest.strip())

    def _accepted(self, command: Command, line: bytes) -> Event | NeedData:
        if command.reply is Reply.MESSAGE:
            self._size, self._streaming = 0, False
            return self._begin(self._read_message)
        if command.reply is Reply.AUTHENTICATION and self._answers_left > 0:
            return self._challenge(command, line[3:])  # some servers say "+OK" for "+ "
        if command.reply in (Reply.UNIQUE_IDS, Reply.SIZES, Reply.CAPABILITIES):
            return self._begin(self._read_lines)
        self._queue.popleft()
        return self._status(command, line[3:])

    def _status(self, command: Command, text: bytes) -> Event:
        match command.reply:
            case Reply.GREETING:
                self._state = State.AUTHORIZATION
                timestamp = _TIMESTAMP.search(text)
                return Greeting(_text(text), timestamp[0] if timestamp else None)
            case Reply.STAT:
                count, _, rest = text.strip().partition(b" ")
                return Stat(listing.size(count), listing.size(rest))
            case Reply.UNIQUE_ID:
                return UniqueIds(*listing.unique_ids([text]))
            case Reply.SIZE:
                return Sizes(*listing.sizes([text]))
        if command.signs_in:
            self._state = State.TRANSACTION
        elif command.name == "STLS":
            self._refuse_glued()
            self._state = State.HANDSHAKE
        elif command.name == "QUIT":
            self._state = State.CLOSED
        return Ok(command, _text(text))

    # ── Bodies ──────────────────────────────────────────────────────────────

    def _begin(self, read: Callable[[], Event | NeedData]) -> Event | NeedData:
        self._buffer.begin_body()
        self._body = read
        return read()

    def _finish(self) -> Command:
        self._body = None
        return self._queue.popleft()

    def _read_message(self) -> Event | NeedData:
        if self._streaming:
            return self._read_chunk()
        data = self._buffer.read_body()
        if data is not None:
            self._count(len(data))
            return Message(self._finish().number, data)
        if len(self._buffer) <= self._stream_above:
            return NEED_DATA
        self._streaming = True
        return self._read_chunk()

    def _read_chunk(self) -> Event | NeedData:
        number = self._queue[0].number
        data, done = self._buffer.read_piece()
        self._count(len(data))
        if done:
            self._body = self._read_end
        if data:
            return MessageChunk(number, data)
        return self._read_end() if done else NEED_DATA

    def _read_end(self) -> Event:
        return MessageEnd(self._finish().number, self._size)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._max_message:
            raise MessageTooLarge(f"more than {self._max_message} bytes")

    def _read_lines(self) -> Event | NeedData:
        lines, done = self._buffer.read_lines()
        self._lines += lines
        capabilities = self._queue[0].reply is Reply.CAPABILITIES
        limit = MAX_CAPABILITIES if capabilities else self._max_rows
        if len(self._lines) > limit:
            raise RemoteProtocolError(f"more than {limit} lines")
        if not done:
            return NEED_DATA
        lines, self._lines = self._lines, []
        if self._finish().reply is Reply.UNIQUE_IDS:
            return UniqueIds(*listing.unique_ids(lines))
        return Capabilities.parse(lines) if capabilities else Sizes(*listing.sizes(lines))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()
