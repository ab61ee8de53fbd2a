"""What tells a message from others by its header alone, so that TOP can stand for RETR; pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from datetime import datetime
from typing import Final

from fetching.source import HEADER_LIMIT
from mailbox.mime.headers import read_date

# Nothing behind it is looked at, so that a whole message and its beginning always give the same.

# A field with its folded lines (RFC 5322, 2.2 and 2.2.3). The first line that is none ends the header, blank or
# not: servers cut there when they answer TOP.
_FIELD: Final = re.compile(rb"([!-9;-~]++)[ \t]*+:((?:[^\n]*+\n[ \t])*+[^\n]*+)(?:\n|\Z)")
_MBOX_LINE: Final = re.compile(rb">?From [^\n]*\n")
_TOLD: Final = (b"message-id", b"date", b"from", b"to", b"subject")
_TOLD_WITHOUT_ID: Final = (b"received", *_TOLD[1:])


def header_digest(header: bytes) -> bytes | None:
    """
    The sha256 of the fields that a server hands on unchanged; None when nothing in them tells this message from others.

    Takes a whole message or what TOP 0 brought. How the fields are folded makes no difference. Without a Message-ID
    it is good enough to find other mail under a name, but two letters of one template may share it.
    """
    told = _TOLD
    fields = _fields(header, told)
    if not fields.get(b"message-id"):
        told = _TOLD_WITHOUT_ID
        fields = _fields(header, told)
        if not (fields.get(b"date") or fields.get(b"received")):
            return None
    return hashlib.sha256(
        b"".join([name + b":" + fields[name] + b"\n" for name in told if name in fields])
    ).digest()


def unique_digest(header: bytes) -> bytes | None:
    """The same, None without a Message-ID, which alone tells two letters of one template apart."""
    return header_digest(header) if _fields(header, (b"message-id",)).get(b"message-id") else None


def received_at(header: bytes) -> datetime | None:
    """When the last server took the message, else when it says it was written; in UTC, None when neither is known."""
    fields = _fields(header, (b"received", b"date"))
    for text in (fields.get(b"received", b"").rpartition(b";")[2], fields.get(b"date", b"")):
        date = read_date(text[:200].decode("ascii", "replace"))
        if date is not None:
            return date
    return None


def _fields(header: bytes, names: Container[bytes]) -> dict[bytes, bytes]:
    """The first of each field that is asked for, by lower-case name, on one line."""
    header = header[:HEADER_LIMIT]
    fields: dict[bytes, bytes] = {}
    mbox = _MBOX_LINE.match(header)
    position = mbox.end() if mbox else 0
    while field := _FIELD.match(header, position):
        name = field[1].lower()
        if name in names and name not in fields:
            fields[name] = b" ".join(field[2].split())
        position = field.end()
    return fields
