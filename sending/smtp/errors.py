"""Whose fault it was: LocalProtocolError is ours, RemoteProtocolError the server's.

SmtpError
├── LocalProtocolError        a command or a message that must not be sent, or not now
└── RemoteProtocolError       the server broke the protocol; the connection is of no more use
    └── UnexpectedEnd         the server hung up while a reply was due

A refusal (4yz, 5yz) is no error here but a Reply.
"""

from __future__ import annotations


class SmtpError(Exception):
    """Base of the two below. Its text never holds anything the server sent, nor any secret."""


class LocalProtocolError(SmtpError):
    """We were about to break the protocol; nothing was sent and the connection is as it was."""


class RemoteProtocolError(SmtpError):
    """The server broke the protocol, or is out of step with us."""


class UnexpectedEnd(RemoteProtocolError):
    """The server closed the connection while a reply was due or half sent."""
