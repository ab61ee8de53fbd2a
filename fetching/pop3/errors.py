"""Whose fault it was: LocalProtocolError is ours, RemoteProtocolError the server's.

Pop3Error
├── LocalProtocolError        a command that must not be sent, or not now
└── RemoteProtocolError       the server broke the protocol; the connection is of no more use
    ├── MessageTooLarge       a message went beyond max_message
    └── UnexpectedEnd         the server hung up while a reply was due

A refusal (-ERR) is no error here but an event.
"""

from __future__ import annotations


class Pop3Error(Exception):
    """Base of the two below. Its text never holds anything the server sent, nor any secret."""


class LocalProtocolError(Pop3Error):
    """We were about to break the protocol; nothing was sent and the connection is as it was."""


class RemoteProtocolError(Pop3Error):
    """The server broke the protocol, or is out of step with us."""


class MessageTooLarge(RemoteProtocolError):
    """A message larger than the connection's max_message was on its way, whatever LIST had said."""


class UnexpectedEnd(RemoteProtocolError):
    """The server closed the connection while a reply was due or half sent."""
