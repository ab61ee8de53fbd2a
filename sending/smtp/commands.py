"""The commands a client sends, as bytes that can hold no second command.

Every builder raises LocalProtocolError for CR, LF, NUL and other controls in an argument (they would smuggle in
another command) and for a line that is too long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from sending.smtp.errors import LocalProtocolError

MAX_LINE: Final = 1000  # 512 with CRLF by RFC 5321, 4.5.3.1.4, and more for each extension's parameters
MAX_ANSWER: Final = 12_288  # AUTH and its answers (RFC 4954, 4)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# RFC 5321, 2.3.5 and 4.1.3: a name, or an address in brackets.
_CLIENT_NAME: Final = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[A-Za-z0-9:.]{2,60}\]", re.ASCII
)
# Either no quote, or all of the local part between two (RFC 5321, 4.1.2).
_LOCAL_PART: Final = re.compile(r'[^\s"<>()\[\]\\,;:@]+|"(?:[^"\\]|\\.)*"')
_DOMAIN: Final = re.compile(r"[^\s\"<>()\\,;@]+")


class Expected(Enum):
    """What a good reply to a command makes of the session."""

    GREETING = auto()
    HELLO = auto()
    PLAIN = auto()  # nothing
    HANDSHAKE = auto()
    AUTHENTICATION = auto()  # challenges (334) come first
    CONTENT = auto()  # 354 asks for the message
    VERDICT = auto()  # on the message
    END = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `line` (with CRLF) is not in the repr since it may hold a password."""

    name: str
    line: bytes = field(repr=False)
    expected: Expected = Expected.PLAIN


# Not sent: they stand for what the server says unasked, and for the end of the message.
GREETING: Final = Command("greeting", b"", Expected.GREETING)
END_OF_DATA: Final = Command("end of data", b".\r\n", Expected.VERDICT)


def ehlo(client_name: str) -> Command:
    """EHLO: who we are, and what can you do (RFC 5321, 4.1.1.1)."""
    return Command("EHLO", _line("EHLO", _client_name(client_name)), Expected.HELLO)


def helo(client_name: str) -> Command:
    """HELO: the same for servers without extensions (RFC 5321, 4.1.1.1)."""
    return Command("HELO", _line("HELO", _client_name(client_name)), Expected.HELLO)


def starttls() -> Command:
    """STARTTLS: go on inside TLS (RFC 3207, 4)."""
    return Command("STARTTLS", b"STARTTLS\r\n", Expected.HANDSHAKE)


def auth(mechanism: str, initial: str | None = None) -> Command:
    """AUTH: begin a SASL exchange; `initial` is base64 (RFC 4954, 4)."""
    argument = mechanism if initial is None else f"{mechanism} {initial or '='}"
    return Command("AUTH", _line("AUTH", argument, MAX_ANSWER), Expected.AUTHENTICATION)


def mail_from(
    sender: str, *, size: int | None = None, eight_bit: bool = False, utf8: bool = False
) -> Command:
    """MAIL FROM: begin a message; an empty sender is the null path (RFC 5321, 4.1.1.2).

    `size` only where SIZE is offered (RFC 1870, 5), `eight_bit` where 8BITMIME is (RFC 6152, 3), `utf8` where
    SMTPUTF8 is (RFC 6531, 3.4); an address with other than ASCII needs the last one.
    """
    parts = [f"FROM:<{_path(sender, utf8) if sender else ''}>"]
    if size is not None:
        parts.append(f"SIZE={size}")
    if eight_bit:
        parts.append("BODY=8BITMIME")
    if utf8:
        parts.append("SMTPUTF8")
    return Command("MAIL", _line("MAIL", " ".join(parts)))


def rcpt_to(recipient: str, *, utf8: bool = False) -> Command:
    """RCPT TO: one more recipient (RFC 5321, 4.1.1.3)."""
    return Command("RCPT", _line("RCPT", f"TO:<{_path(recipient, utf8)}>"))


def data() -> Command:
    """DATA: the message follows (RFC 5321, 4.1.1.4)."""
    return Command("DATA", b"DATA\r\n", Expected.CONTENT)


def rset() -> Command:
    """RSET: forget the message that was begun (RFC 5321, 4.1.1.5)."""
    return Command("RSET", b"RSET\r\n")


def quit_() -> Command:
    """QUIT: end the session (RFC 5321, 4.1.1.10)."""
    return Command("QUIT", b"QUIT\r\n", Expected.END)


def answer_line(answer: str) -> bytes:
    """A SASL answer (base64, or "*" to give up) as a line (RFC 4954, 4)."""
    line = answer.encode("ascii") + b"\r\n"
    if len(line) > MAX_ANSWER:
        raise LocalProtocolError("SASL answer is too long")
    return line


def _client_name(name: str) -> str:
    if not _CLIENT_NAME.fullmatch(name):
        raise LocalProtocolError("EHLO needs a host name or an address in brackets")
    return name


def _path(address: str, utf8: bool) -> str:
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise LocalProtocolError("not an address")
    if not utf8 and not address.isascii():
        raise LocalProtocolError("an address with other than ASCII needs SMTPUTF8")
    return address


def _line(verb: str, argument: str, limit: int = MAX_LINE) -> bytes:
    # The message names the verb only: the argument may be a password.
    if _CONTROL.search(argument):
        raise LocalProtocolError(f"{verb} with a line break or another control in its argument")
    try:
        line = f"{verb} {argument}\r\n".encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"{verb} with an argument that is not Unicode") from None
    if len(line) > limit:
        raise LocalProtocolError(f"{verb} is longer than {limit} octets")
    return line
