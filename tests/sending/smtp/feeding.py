"""Ways to feed a connection the same bytes, which must make no difference."""

from __future__ import annotations

from sending.smtp import commands
from sending.smtp.commands import Command
from sending.smtp.connection import Connection
from sending.smtp.errors import RemoteProtocolError
from sending.smtp.replies import Reply


def opened() -> Connection:
    """A connection that has its greeting."""
    conn = Connection()
    assert talk(conn, None, b"220 ready\r\n").code == 220
    return conn


def in_content() -> Connection:
    """A connection that waits for the message."""
    conn = opened()
    assert talk(conn, commands.data(), b"354 go\r\n").code == 354
    return conn


def talk(conn: Connection, command: Command | None, reply: bytes) -> Reply:
    """Send a command, give its whole reply, return what was read."""
    if command is not None:
        conn.send(command)
    conn.receive(reply)
    found = conn.next_reply()
    assert found is not None
    return found


def outcome(conn: Connection, data: bytes, size: int) -> tuple[list[Reply], str]:
    """Replies up to the first error, and that error's class name ("" for none), in blocks of `size`."""
    found: list[Reply] = []
    try:
        for start in range(0, len(data), size):
            conn.receive(data[start : start + size])
            while (reply := conn.next_reply()) is not None:
                found.append(reply)
    except RemoteProtocolError as error:
        return found, type(error).__name__
    return found, ""
