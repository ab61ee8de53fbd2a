"""The commands a client sends, as bytes that can hold no second command.

Every builder raises LocalProtocolError for CR, LF or NUL in an argument (they would smuggle in another
command) and for a line above 255 octets (RFC 2449, 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from fetching.pop3.errors import LocalProtocolError

MAX_LINE: Final = 255  # with CRLF (RFC 2449, 4)
MAX_ANSWER: Final = 12_288  # SASL answers may exceed MAX_LINE (RFC 5034, 4); tokens of 4 KB are common


class Reply(Enum):
    """What follows a +OK."""

    GREETING = auto()
    STATUS = auto()
    AUTHENTICATION = auto()  # also STATUS, but "+ challenge" may come first
    CAPABILITIES = auto()
    STAT = auto()
    UNIQUE_ID = auto()  # UIDL n: one line
    UNIQUE_IDS = auto()
    SIZE = auto()  # LIST n: one line
    SIZES = auto()
    MESSAGE = auto()


class When(Enum):
    """In which state of a session a command is allowed (RFC 1939, 3)."""

    GREETING = auto()
    AUTHORIZATION = auto()
    TRANSACTION = auto()
    ALWAYS = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `line` (with CRLF) is not in the repr since it may hold a password.

    `last` forbids pipelining anything behind it, `alone` also anything before it. `answers` is how many SASL
    answers we expect to give. `signs_in` says that +OK opens the mailbox.
    """

    name: str
    line: bytes = field(repr=False)
    reply: Reply = Reply.STATUS
    when: When = When.TRANSACTION
    number: int = 0
    last: bool = False
    alone: bool = False
    signs_in: bool = False
    answers: int = 0


# Not sent: it stands for the greeting, which answers nothing (RFC 1939, 4).
GREETING: Final = Command("greeting", b"", Reply.GREETING, When.GREETING, last=True)


def user(name: bytes) -> Command:
    """USER: the mailbox's name (RFC 1939, 7)."""
    return Command("USER", _line(b"USER", name), when=When.AUTHORIZATION)


def password(secret: bytes) -> Command:
    """PASS: its argument may contain spaces (RFC 1939, 7)."""
    return Command("PASS", _line(b"PASS", secret), when=When.AUTHORIZATION, last=True, signs_in=True)


def apop(name: bytes, digest: str) -> Command:
    """APOP: name and digest in one (RFC 1939, 7)."""
    # The last space divides name from digest: one in the name would do no harm but could never be right.
    if not name or b" " in name:
        raise LocalProtocolError("APOP needs a user name without a space")
    line = _line(b"APOP", name + b" " + digest.encode("ascii"))
    return Command("APOP", line, when=When.AUTHORIZATION, last=True, signs_in=True)


def auth(mechanism: str, *, answers: int, initial: str | None = None) -> Command:
    """AUTH: begin a SASL exchange (RFC 5034, 4).

    `initial` is base64; leave it out for servers that know only RFC 1734, they will ask for it. `answers` is
    how many times `Connection.respond` will be called.
    """
    arguments = mechanism if initial is None else f"{mechanism} {initial or '='}"
    return Command(
        "AUTH",
        _line(b"AUTH", arguments.encode("ascii")),
        Reply.AUTHENTICATION,
        When.AUTHORIZATION,
        last=True,
        alone=True,
        signs_in=True,
        answers=answers,
    )


def stls() -> Command:
    """STLS: go on inside TLS (RFC 2595, 4)."""
    return Command("STLS", b"STLS\r\n", when=When.AUTHORIZATION, last=True, alone=True)


def utf8() -> Command:
    """UTF8: allow UTF-8 in names, replies and headers; after STLS, never before it (RFC 6856, 2.1)."""
    return Command("UTF8", b"UTF8\r\n", when=When.AUTHORIZATION)


def capa() -> Command:
    """CAPA: what the server can do, which may differ before and after signing in (RFC 2449, 5)."""
    # RFC 2449 lets it be pipelined, but whoever asks does not know yet whether the server can pipeline.
    return Command("CAPA", b"CAPA\r\n", Reply.CAPABILITIES, When.ALWAYS, last=True)


def stat() -> Command:
    """STAT: number and size of all messages (RFC 1939, 5)."""
    return Command("STAT", b"STAT\r\n", Reply.STAT)


def list_sizes(number: int | None = None) -> Command:
    """LIST: sizes of all messages, or of one (RFC 1939, 5)."""
    if number is None:
        return Command("LIST", b"LIST\r\n", Reply.SIZES)
    return Command("LIST", b"LIST %d\r\n" % _positive(number), Reply.SIZE, number=number)


def uidl(number: int | None = None) -> Command:
    """UIDL: unique-ids of all messages, or of one (RFC 1939, 7)."""
    if number is None:
        return Command("UIDL", b"UIDL\r\n", Reply.UNIQUE_IDS)
    return Command("UIDL", b"UIDL %d\r\n" % _positive(number), Reply.UNIQUE_ID, number=number)


def retr(number: int) -> Command:
    """RETR: a whole message (RFC 1939, 5)."""
    return Command("RETR", b"RETR %d\r\n" % _positive(number), Reply.MESSAGE, number=number)


def top(number: int, lines: int) -> Command:
    """TOP: header, blank line and so many lines of the body (RFC 1939, 7)."""
    if lines < 0:
        raise LocalProtocolError("TOP needs zero or more lines")
    return Command("TOP", b"TOP %d %d\r\n" % (_positive(number), lines), Reply.MESSAGE, number=number)


def dele(number: int) -> Command:
    """DELE: mark a message; nothing is removed before QUIT (RFC 1939, 5 and 6)."""
    return Command("DELE", b"DELE %d\r\n" % _positive(number), number=number)


def rset() -> Command:
    """RSET: take all marks back (RFC 1939, 5)."""
    return Command("RSET", b"RSET\r\n")


def noop() -> Command:
    """NOOP: nothing (RFC 1939, 5)."""
    return Command("NOOP", b"NOOP\r\n")


def quit_() -> Command:
    """QUIT: remove what is marked and end the session (RFC 1939, 6)."""
    return Command("QUIT", b"QUIT\r\n", when=When.ALWAYS, last=True)


def answer_line(answer: str) -> bytes:
    """A SASL answer (base64, or "*" to give up) as a line (RFC 5034, 4)."""
    line = answer.encode("ascii") + b"\r\n"
    if len(line) > MAX_ANSWER:
        raise LocalProtocolError("SASL answer is too long")
    return line


def _line(verb: bytes, argument: bytes) -> bytes:
    if not argument:
        raise LocalProtocolError(f"{verb.decode()} needs an argument")
    # The message names the verb only: the argument may be a password.
    if b"\r" in argument or b"\n" in argument or b"\0" in argument:
        raise LocalProtocolError(f"{verb.decode()} with a line break or NUL in its argument")
    line = verb + b" " + argument + b"\r\n"
    if len(line) > MAX_LINE:
        raise LocalProtocolError(f"{verb.decode()} is longer than {MAX_LINE} octets")
    return line


def _positive(number: int) -> int:
    if number < 1:
        raise LocalProtocolError("messages are numbered from 1")
    return number
