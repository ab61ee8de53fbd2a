"""Three ways to feed a connection the same bytes, which must make no difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fetching.pop3 import commands
from fetching.pop3.commands import Command
from fetching.pop3.connection import NEED_DATA, Connection
from fetching.pop3.errors import RemoteProtocolError
from fetching.pop3.events import ConnectionClosed, Event, Message, MessageChunk, MessageEnd

TRAILING = b"+OK trailing\r\n"


def connection(**options: Any) -> Connection:
    """A connection that has its greeting and waits for a name."""
    conn = Connection(**options)
    talk(conn, None, b"+OK ready\r\n")
    return conn


def signed_in(**options: Any) -> Connection:
    """A connection in the TRANSACTION state."""
    conn = connection(**options)
    talk(conn, commands.user(b"ada"), b"+OK\r\n")
    talk(conn, commands.password(b"secret"), b"+OK\r\n")
    return conn


def talk(conn: Connection, command: Command | None, reply: bytes) -> Event:
    """Send a command, give its whole reply, return the one event that makes."""
    if command is not None:
        conn.send(command)
    conn.receive(reply)
    (event,) = events(conn)
    return event


def events(conn: Connection) -> list[Event]:
    """All that the connection can tell now."""
    found: list[Event] = []
    while (event := conn.next_event()) is not NEED_DATA:
        found.append(event)
        if isinstance(event, ConnectionClosed):
            break
    return found


def whole(conn: Connection, data: bytes) -> list[Event]:
    """Everything in one block."""
    conn.receive(data)
    return merged(events(conn))


def blocks(conn: Connection, data: bytes, size: int) -> list[Event]:
    """In blocks of `size` bytes."""
    found: list[Event] = []
    for start in range(0, len(data), size):
        conn.receive(data[start : start + size])
        found += events(conn)
    return merged(found)


def byte_by_byte(conn: Connection, data: bytes) -> list[Event]:
    """One byte at a time."""
    return blocks(conn, data, 1)


def trailing(conn: Connection, data: bytes) -> list[Event]:
    """With the reply to a further command right behind it in the same block."""
    conn.send(commands.noop())
    *found, last = whole(conn, data + TRAILING)
    assert last.text == "trailing"
    return found


def merged(found: Iterable[Event]) -> list[Event]:
    """The events with messages in pieces put together, since where they are cut is chance."""
    result: list[Event] = []
    pieces: list[bytes] = []
    for event in found:
        match event:
            case MessageChunk():
                pieces.append(event.data)
            case MessageEnd():
                data = b"".join(pieces)
                assert event.size == len(data)
                result.append(Message(event.number, data))
                pieces.clear()
            case _:
                result.append(event)
    assert not pieces, "a message without its end"
    return result


def outcome(conn: Connection, data: bytes, size: int) -> tuple[list[Event], str]:
    """The events up to the first error, and that error's class name ("" for none).

    Pieces of an unfinished message are dropped, since their number is chance too.
    """
    found: list[Event] = []
    error = ""
    try:
        for start in range(0, len(data), size):
            conn.receive(data[start : start + size])
            while (event := conn.next_event()) is not NEED_DATA and not isinstance(event, ConnectionClosed):
                found.append(event)
    except RemoteProtocolError as problem:
        error = type(problem).__name__
    while found and isinstance(found[-1], MessageChunk):
        found.pop()
    return merged(found), error
