"""Storing many messages in one transaction: pipelined, binary, the hot path of every fetch (docs/architecture.md)."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import getsizeof
from typing import Any, BinaryIO

import psycopg
import zstandard
from django.db import connection
from django.db.models import F
from psycopg.types.numeric import Int8

from accounts import locks
from mailbox import signals
from mailbox.mime.parsing import Address, Parsed, parse
from mailbox.mime.spooled_message import Spooled, SpooledParts
from mailbox.models import Folder

PART_BYTES = 4 * 1024 * 1024
ZSTD_LEVEL = 1
# Compressed bytes of one statement: larger arrays no longer fit into the caches of either side.
RAW_BYTES = 1024 * 1024


def _insert(table: str, same: dict[str, str], each: dict[str, str]) -> str:
    """A statement for any number of rows: values that are the `same` in all, then an array of those of `each`.

    Not planned again for each row, as `executemany` is without named statements (which neither Django nor
    PgBouncer want), nor refused under row-level security, as COPY is: half the work for PostgreSQL.
    """
    names = ", ".join(f'"{name}"' for name in same | each)
    values = [f"%b::{kind}" for kind in same.values()] + [f'"{name}"' for name in each]
    arrays = ", ".join(f"%b::{kind}[]" for kind in each.values())
    columns = ", ".join(f'"{name}"' for name in each)
    return (
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM unnest({arrays}) AS new ({columns})"
    )


# The sequence is looked up once: OFFSET keeps the subquery from being evaluated for each row.
_IDS = (
    "SELECT nextval(sequence) FROM generate_series(1, %b),"
    " (SELECT pg_get_serial_sequence('mailbox_message', 'id')::regclass AS sequence OFFSET 0) AS its"
)
_MESSAGE = _insert(
    "mailbox_message",
    {
        "organization_id": "int8",
        "account_id": "int8",
        "folder_id": "int8",
        "is_read": "bool",
        "is_starred": "bool",
    },
    {
        "id": "int8",
        "sent_at": "timestamptz",
        "date_text": "text",
        "size": "int8",
        "sha256": "bytea",
        "subject": "text",
        "from_name": "text",
        "from_address": "text",
        "recipients": "text[]::jsonb",
        "preview": "text",
        "message_id": "text",
        "in_reply_to": "text",
        "references": "text[]::jsonb",
        "has_attachments": "bool",
        "is_undecodable": "bool",
    },
)
_RAW = _insert(
    "mailbox_rawpart", {"organization_id": "int8"}, {"message_id": "int8", "part": "int2", "data": "bytea"}
)
_ATTACHMENT = _insert(
    "mailbox_attachment",
    {"organization_id": "int8"},
    {
        "message_id": "int8",
        "position": "int2",
        "filename": "text",
        "content_type": "text",
        "size": "int8",
        "content_id": "text",
        "is_inline": "bool",
    },
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message made ready outside the transaction: parsed, hashed, compressed.

    `weight` is how many bytes it holds, in memory or, if it is a large one, on disk.
    """

    parsed: Parsed
    size: int
    sha256: bytes
    parts: Sequence[bytes]
    weight: int


def prepare(raw: bytes) -> Incoming:
    """Do all the computing that storing needs; never raises: what cannot be parsed is stored raw."""
    compressor = _compressor()
    view = memoryview(raw)
    starts = range(0, max(len(raw), 1), PART_BYTES)
    parts = tuple([compressor.compress(view[start : start + PART_BYTES]) for start in starts])
    parsed = parse(raw)
    weight = sum(map(len, parts)) + getsizeof(parsed.text)
    return Incoming(parsed, len(raw), hashlib.sha256(raw).digest(), parts, weight)


def prepare_file(file: BinaryIO) -> Incoming:
    """The same for a message in a file, which is closed: never more than a part of it is in memory."""
    with file:
        raw = Spooled(file)
        if len(raw) <= PART_BYTES:
            return prepare(raw[:])
        compressor, digest, parts = _compressor(), hashlib.sha256(), SpooledParts()
        for start in range(0, len(raw), PART_BYTES):
            piece = raw[start : start + PART_BYTES]
            digest.update(piece)
            parts.append(compressor.compress(piece))
        return Incoming(parse(raw), len(raw), digest.digest(), parts, len(raw))


_local = threading.local()


def _compressor() -> zstandard.ZstdCompressor:
    """One for each thread, not to be shared: making it costs as much as using it on a short message."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def store(
    folder: Folder, batch: Sequence[Incoming], *, is_read: bool = False, is_backlog: bool = False
) -> list[int]:
    """Insert the batch into `folder`; returns the new ids in the batch's order.

    Must run inside the organization's scope and a transaction. Charging storage is the caller's
    last statement.
    """
    locks.share(folder.account_id)
    now = datetime.now(UTC)
    organization = folder.organization_id
    with psycopg.Cursor(_wire()) as cursor:
        cursor.execute(_IDS, [Int8(len(batch))])
        ids = [int(row[0]) for row in cursor.fetchall()]
        messages = [_message_row(key, item, now) for key, item in zip(ids, batch, strict=True)]
        _put(cursor, _MESSAGE, [organization, folder.account_id, folder.pk, is_read, False], messages)
        for rows in _raw_rows(ids, batch):
            _put(cursor, _RAW, [organization], rows)
        _put(cursor, _ATTACHMENT, [organization], list(_attachment_rows(ids, batch)))
    Folder.objects.filter(pk=folder.pk).update(
        messages_count=F("messages_count") + len(batch),
        unread_count=F("unread_count") + (0 if is_read else len(batch)),
        size=F("size") + sum(item.size for item in batch),
    )
    signals.messages_stored.send(Folder, account=folder.account, message_ids=ids, is_backlog=is_backlog)
    return ids


def _wire() -> psycopg.Connection[Any]:
    """The psycopg connection below Django's, whose own cursor binds parameters on the client, as text."""
    connection.ensure_connection()
    wire = connection.connection
    # A pooled connection arrives behind a proxy-free wrapper; both are psycopg connections.
    return wire  # type: ignore[no-any-return]


Row = tuple[object, ...]


def _put(cursor: psycopg.Cursor[Any], statement: str, same: list[object], rows: Sequence[Row]) -> None:
    if rows:
        cursor.execute(statement, same + [list(column) for column in zip(*rows, strict=True)])


def _message_row(key: int, item: Incoming, now: datetime) -> Row:
    parsed = item.parsed
    return (
        key,
        parsed.date or now,
        parsed.date_text,
        item.size,
        item.sha256,
        parsed.subject,
        parsed.from_name,
        parsed.from_address,
        json.dumps({"to": _dicts(parsed.to), "cc": _dicts(parsed.cc), "reply_to": _dicts(parsed.reply_to)}),
        parsed.preview,
        parsed.message_id,
        parsed.in_reply_to,
        json.dumps(parsed.references),
        parsed.has_attachments,
        parsed.is_undecodable,
    )


def _dicts(addresses: Sequence[Address]) -> list[dict[str, str]]:
    return [{"name": address.name, "address": address.address} for address in addresses]


def _raw_rows(ids: Sequence[int], batch: Sequence[Incoming]) -> Iterator[list[Row]]:
    rows: list[Row] = []
    size = 0
    for key, item in zip(ids, batch, strict=True):
        for part, data in enumerate(item.parts):
            rows.append((key, part, data))
            size += len(data)
            if size >= RAW_BYTES:
                yield rows
                rows, size = [], 0
    yield rows


def _attachment_rows(ids: Sequence[int], batch: Sequence[Incoming]) -> Iterator[Row]:
    for key, item in zip(ids, batch, strict=True):
        for info in item.parsed.attachments:
            yield (
                key,
                info.position,
                info.filename,
                info.content_type,
                info.size,
                info.content_id,
                info.is_inline,
            )


def restore(parts: Sequence[bytes | memoryview]) -> bytes:
    """The raw bytes again, from their compressed parts."""
    decompressor = zstandard.ZstdDecompressor()
    joined = io.BytesIO()
    for part in parts:
        joined.write(decompressor.decompress(bytes(part)))
    return joined.getvalue()
