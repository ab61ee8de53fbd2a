"""Rows of LIST and UIDL, read in bulk and with patience for servers that garble some of them.

A row is "number SP value" (RFC 1939, 5 and 7). Well-formed blocks, which is nearly all there is, take one
pass of the regular expression engine; a block with any other row in it is read again line by line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# Ten digits: a message number beyond that is garbage, and int() of a very long one would be slow.
_ROW: Final = re.compile(rb"([1-9][0-9]{0,9}) ([^ ].*)", re.DOTALL)
# A size from here on is a failed call of the server's (-1 in 32 bits, signed or not) and no message.
ABSURD: Final = 2**31 - 1
_ODD_ROW: Final = re.compile(rb"\s*(?:\+OK\s+)?([0-9]{1,10})(?:[ \t](.*))?", re.DOTALL | re.IGNORECASE)


def unique_ids(lines: Sequence[bytes]) -> tuple[list[tuple[int, bytes | None]], int]:
    """(number, exact unique-id or None if blank) of each row, and how many rows had no number.

    A unique-id is whatever follows the first space, of any length and with any byte in it: RFC 1939 allows
    1 to 70 printable ones, servers send others, and an id that was trimmed would not be found again.
    """
    rows: list[tuple[int, bytes | None]] = [(number, value or None) for number, value in _pairs(lines)]
    return rows, len(lines) - len(rows)


def sizes(lines: Sequence[bytes]) -> tuple[list[tuple[int, int | None]], int]:
    """(number, bytes or None if garbled or absurd) of each row, and how many rows had no number."""
    rows = [(number, size(value)) for number, value in _pairs(lines)]
    known = [(number, None if found is None or found >= ABSURD else found) for number, found in rows]
    return known, len(lines) - len(rows)


def size(value: bytes) -> int | None:
    """The number that `value` begins with; None when it is not there, negative or absurd."""
    # bytes.isdigit() is ASCII only. 15 digits are a petabyte.
    if not value.isdigit():
        value, *_ = value.split(None, 1) or [b""]
    return int(value) if value.isdigit() and len(value) <= 15 else None


def _pairs(lines: Sequence[bytes]) -> list[tuple[int, bytes]]:
    rows = [(int(row[1]), row[2]) for row in map(_ROW.fullmatch, lines) if row]
    if len(rows) == len(lines):
        return rows
    return [row for line in lines if (row := _odd_row(line))]


def _odd_row(line: bytes) -> tuple[int, bytes] | None:
    row = _ODD_ROW.fullmatch(line)
    if row is None or int(row[1]) < 1:
        return None
    value = row[2] or b""
    return int(row[1]), value if value.strip() else b""
