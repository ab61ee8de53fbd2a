"""An SMTP client without a socket: give it bytes and get replies, give it commands and get bytes.

    conn = Connection()
    conn.receive(bytes_from_the_server)
    while (reply := conn.next_reply()) is None: ...
    socket.sendall(conn.send(commands.ehlo("[127.0.0.1]")))

It knows RFC 5321 with the extensions of submission (RFC 6409), waits for nothing and imports neither Django
nor sockets, so every fault of a server can be replayed in a test one byte at a time.
"""

from sending.smtp.connection import Connection, State
from sending.smtp.errors import LocalProtocolError, RemoteProtocolError, SmtpError, UnexpectedEnd
from sending.smtp.extensions import Extensions
from sending.smtp.replies import Reply

__all__ = [
    "Connection",
    "Extensions",
    "LocalProtocolError",
    "RemoteProtocolError",
    "Reply",
    "SmtpError",
    "State",
    "UnexpectedEnd",
]
