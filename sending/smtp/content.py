"""A message as DATA carries it: checked, and its dots doubled (RFC 5321, 4.5.2)."""

from __future__ import annotations

from typing import Final

from sending.smtp.errors import LocalProtocolError

MAX_LINE: Final = 998  # without CRLF (RFC 5322, 2.1.1)


def check(message: bytes) -> None:
    """Raise LocalProtocolError for a message that may not be sent as it is."""
    if not message.endswith(b"\r\n"):
        raise LocalProtocolError("a message whose last line has no end")
    # A line end that only some servers take for one lets two of them see two different messages (smuggling).
    if not message.count(b"\r\n") == message.count(b"\r") == message.count(b"\n"):
        raise LocalProtocolError("a message with a line end that is not CRLF")
    if b"\0" in message:
        raise LocalProtocolError("a message with NUL")
    if max(map(len, message.split(b"\r\n"))) > MAX_LINE:
        raise LocalProtocolError(f"a message with a line of more than {MAX_LINE} octets")


def stuffed(message: bytes) -> bytes:
    """The message with every dot at the beginning of a line doubled; the final dot is not part of it."""
    doubled = message.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled


def is_eight_bit(message: bytes) -> bool:
    """Whether it needs 8BITMIME (RFC 6152, 3)."""
    return not message.isascii()


def has_utf8_header(message: bytes) -> bool:
    """Whether its header is written in UTF-8, so that it needs SMTPUTF8 (RFC 6532, 3)."""
    header = message.partition(b"\r\n\r\n")[0]
    if header.isascii():
        return False
    try:
        header.decode("utf-8")
    except UnicodeDecodeError:
        return False  # 8-bit bytes of some other age; no extension is for them
    return True
