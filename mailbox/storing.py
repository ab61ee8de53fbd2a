"""Storing many messages in one transaction: pipelined, binary, the hot path of every fetch (house.md §4)."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import zstandard
from django.db import connection
from django.db.models import F
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from mailbox import signals
from mailbox.models import Folder
from mailbox.parsing import Address, Parsed, parse

PART_BYTES = 4 * 1024 * 1024
ZSTD_LEVEL = 1

_MESSAGE = (
    "INSERT INTO mailbox_message (id, organization_id, account_id, folder_id, sent_at, date_text, size,"
    ' sha256, subject, from_name, from_address, recipients, preview, message_id, in_reply_to, "references",'
    " is_read, is_starred, has_attachments, is_undecodable)"
    " VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, false, %b, %b)"
)
_RAW = "INSERT INTO mailbox_rawpart (message_id, part, organization_id, data) VALUES (%b, %b, %b, %b)"
_ATTACHMENT = (
    "INSERT INTO mailbox_attachment (organization_id, message_id, position, filename, content_type, size,"
    " content_id, is_inline) VALUES (%b, %b, %b, %b, %b, %b, %b, %b)"
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message made ready outside the transaction: parsed, hashed, compressed."""

    parsed: Parsed
    size: int
    sha256: bytes
    parts: tuple[bytes, ...]


def prepare(raw: bytes) -> Incoming:
    """Do all the computing that storing needs; never raises: what cannot be parsed is stored raw."""
    compressor = _compressor()
    view = memoryview(raw)
    starts = range(0, max(len(raw), 1), PART_BYTES)
    return Incoming(
        parsed=parse(raw),
        size=len(raw),
        sha256=hashlib.sha256(raw).digest(),
        parts=tuple(compressor.compress(view[start : start + PART_BYTES]) for start in starts),
    )


_local = threading.local()


def _compressor() -> zstandard.ZstdCompressor:
    """One for each thread, not to be shared: making it costs as much as using it on a short message."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def store(folder: Folder, batch: Sequence[Incoming], *, is_read: bool = False) -> list[int]:
    """Insert the batch into `folder`; returns the new ids in the batch's order.

    Must run inside the organization's scope and a transaction. Charging storage is the caller's
    last statement.
    """
    now = datetime.now(UTC)
    with psycopg.Cursor(_wire()) as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('mailbox_message', 'id')) FROM generate_series(1, %b)",
            [Int8(len(batch))],
        )
        ids = [int(row[0]) for row in cursor.fetchall()]
        organization = Int8(folder.organization_id)
        cursor.executemany(
            _MESSAGE,
            [_message_row(folder, key, item, now, is_read) for key, item in zip(ids, batch, strict=True)],
        )
        cursor.executemany(
            _RAW,
            [
                (Int8(key), Int8(part), organization, data)
                for key, item in zip(ids, batch, strict=True)
                for part, data in enumerate(item.parts)
            ],
        )
        attachments = list(_attachment_rows(organization, ids, batch))
        if attachments:
            cursor.executemany(_ATTACHMENT, attachments)
    Folder.objects.filter(pk=folder.pk).update(
        messages_count=F("messages_count") + len(batch),
        unread_count=F("unread_count") + (0 if is_read else len(batch)),
        size=F("size") + sum(item.size for item in batch),
    )
    signals.messages_stored.send(Folder, account=folder.account, message_ids=ids)
    return ids


def _wire() -> psycopg.Connection[Any]:
    """The psycopg connection below Django's, whose own cursor binds parameters on the client, as text."""
    connection.ensure_connection()
    wire = connection.connection
    # A pooled connection arrives behind a proxy-free wrapper; both are psycopg connections.
    return wire  # type: ignore[no-any-return]


def _message_row(
    folder: Folder, key: int, item: Incoming, now: datetime, is_read: bool
) -> tuple[object, ...]:
    parsed = item.parsed
    return (
        Int8(key),
        Int8(folder.organization_id),
        Int8(folder.account_id),
        Int8(folder.pk),
        parsed.date or now,
        parsed.date_text,
        Int8(item.size),
        item.sha256,
        parsed.subject,
        parsed.from_name,
        parsed.from_address,
        Jsonb({"to": _dicts(parsed.to), "cc": _dicts(parsed.cc), "reply_to": _dicts(parsed.reply_to)}),
        parsed.preview,
        parsed.message_id,
        parsed.in_reply_to,
        Jsonb(list(parsed.references)),
        is_read,
        parsed.has_attachments,
        parsed.is_undecodable,
    )


def _dicts(addresses: Sequence[Address]) -> list[dict[str, str]]:
    return [{"name": address.name, "address": address.address} for address in addresses]


def _attachment_rows(
    organization: Int8, ids: Sequence[int], batch: Sequence[Incoming]
) -> Iterator[tuple[object, ...]]:
    for key, item in zip(ids, batch, strict=True):
        for info in item.parsed.attachments:
            yield (
                organization,
                Int8(key),
                Int8(info.position),
                info.filename,
                info.content_type,
                Int8(info.size),
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
