"""What a server can say to us, one frozen class each."""

from __future__ import annotations

from dataclasses import dataclass, field

from fetching.pop3.capabilities import Capabilities
from fetching.pop3.commands import Command


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first line was +OK. `apop_timestamp` is the msg-id in it, if any (RFC 1939, 7)."""

    text: str = field(repr=False)
    apop_timestamp: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ok:
    """`command` was accepted."""

    command: Command
    text: str


@dataclass(frozen=True, slots=True)
class Err:
    """`command` was refused.

    `code` is the response code in upper case without brackets (RFC 2449, 8), such as "IN-USE" or "SYS/TEMP",
    or None; `text` is what follows it.
    """

    command: Command
    code: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for `Connection.respond`; `challenge` is still base64 (RFC 5034, 4)."""

    command: Command
    challenge: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stat:
    """Reply to STAT: messages, and bytes together; None for a number the server garbled."""

    count: int | None
    size: int | None


@dataclass(frozen=True, slots=True)
class UniqueIds:
    """Reply to UIDL: (message number, exact unique-id or None if blank), and how many rows made no sense."""

    rows: list[tuple[int, bytes | None]]
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Reply to LIST: (message number, bytes or None if garbled), and how many rows made no sense."""

    rows: list[tuple[int, int | None]]
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A whole reply to RETR or TOP, lines ended by CRLF, un-dot-stuffed."""

    number: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """A piece of a large reply to RETR or TOP, cut anywhere, already un-dot-stuffed."""

    number: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The end of a message that came in chunks; `size` is their sum in bytes."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The server closed the connection and owes us nothing."""


Event = (
    Greeting
    | Ok
    | Err
    | Continuation
    | Capabilities
    | Stat
    | UniqueIds
    | Sizes
    | Message
    | MessageChunk
    | MessageEnd
    | ConnectionClosed
)
