"""A POP3 client without a socket: give it bytes and get events, give it commands and get bytes.

    conn = Connection()
    conn.receive(bytes_from_the_server)
    while (event := conn.next_event()) is not NEED_DATA: ...
    socket.sendall(conn.send(commands.retr(1)) + conn.send(commands.retr(2)))

It knows RFC 1939 with the extensions in docs/pop3.md, waits for nothing and imports neither Django nor
sockets, so every fault of a server can be replayed in a test one byte at a time.
"""

from fetching.pop3.capabilities import Capabilities
from fetching.pop3.connection import NEED_DATA, Connection, State
from fetching.pop3.errors import (
    LocalProtocolError,
    MessageTooLarge,
    Pop3Error,
    RemoteProtocolError,
    UnexpectedEnd,
)
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

__all__ = [
    "NEED_DATA",
    "Capabilities",
    "Connection",
    "ConnectionClosed",
    "Continuation",
    "Err",
    "Event",
    "Greeting",
    "LocalProtocolError",
    "Message",
    "MessageChunk",
    "MessageEnd",
    "MessageTooLarge",
    "Ok",
    "Pop3Error",
    "RemoteProtocolError",
    "Sizes",
    "Stat",
    "State",
    "UnexpectedEnd",
    "UniqueIds",
]
