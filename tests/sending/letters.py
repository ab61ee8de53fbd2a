"""A letter to start from, and what two parsers that did not write it say of the bytes."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime, timedelta, timezone
from email.message import Message
from typing import Any

from mailbox.mime.bodies import unflow
from mailbox.mime.parsing import Body, Parsed, parse, read_body
from sending.message.build import Address, Letter, compose

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=timezone(timedelta(hours=7)))
ADA = Address("Ada Lovelace", "ada@example.org")
BOB = Address("Bob", "bob@post.example")
EVE = Address("", "eve@post.example")
MESSAGE_ID = "<2c5c8f@example.org>"


def letter(**changes: Any) -> Letter:
    """From Ada to Bob, dated NOW."""
    given = {
        "sender": ADA,
        "to": (BOB,),
        "date": NOW,
        "message_id": MESSAGE_ID,
        "subject": "Tea",
        "text": "Hello",
    }
    return Letter(**{**given, **changes})


def composed(**changes: Any) -> bytes:
    """The bytes, which keep every rule for bytes on the wire."""
    raw = compose(letter(**changes))
    assert raw.endswith(b"\r\n")
    assert raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n")
    assert b"\0" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return raw


def header_of(raw: bytes) -> str:
    """The header block, still folded."""
    return raw.partition(b"\r\n\r\n")[0].decode()


def fields(raw: bytes) -> list[str]:
    """The names of its fields, in order."""
    return re.findall(r"^([^\s:]+):", header_of(raw), re.MULTILINE)


def field(raw: bytes, name: str) -> str:
    """The value of one field, unfolded but not decoded; it must be there once."""
    unfolded = re.sub(r"\r\n(?=[ \t])", "", header_of(raw))
    (value,) = [line.partition(":")[2] for line in unfolded.split("\r\n") if line.startswith(f"{name}:")]
    return value.strip()


def stdlib(raw: bytes) -> Message:
    """As the standard library reads it."""
    return email.message_from_bytes(raw)


def ours(raw: bytes) -> tuple[Parsed, Body]:
    """As the mailbox reads it."""
    return parse(raw, now=datetime(2026, 12, 1, tzinfo=UTC)), read_body(raw)


def paragraphs(raw: bytes) -> list[tuple[int, str]]:
    """The lines of its plain text with their depth of quoting, flowed ones joined."""
    _, body = ours(raw)
    assert body.is_flowed
    return list(unflow(body.text.replace("\r\n", "\n").rstrip("\n").split("\n")))
