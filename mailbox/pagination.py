"""One page of a message list, found by keyset: it costs what its rows cost, however long the list is."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mailbox.models import Message, MessageLabel

PAGE_SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIRE = struct.Struct(">?qq")

Key = tuple[datetime, int]  # sent_at, id: what lists are ordered by


class BadCursor(ValueError):
    """The text is not a cursor that this module has made."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows of a list, and the direction to read from there."""

    key: Key
    newer: bool = False

    def encode(self) -> str:
        """The cursor as it stands in a query string: 23 characters, meaningless to people."""
        sent_at, key = self.key
        packed = _WIRE.pack(self.newer, (sent_at - _EPOCH) // timedelta(microseconds=1), key)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """The cursor again. Raises BadCursor."""
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            newer, microseconds, key = _WIRE.unpack(packed)
            return cls((_EPOCH + timedelta(microseconds=microseconds), key), newer)
        except (binascii.Error, struct.error, ValueError, OverflowError) as error:
            raise BadCursor(text) from error


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, newest first, with their accounts and labels. `newer` and `older` are cursors, "" for none."""

    messages: list[Message]
    at: str = ""  # the cursor that finds this page again; "" for the first
    newer: str = ""
    older: str = ""

    def __contains__(self, message: Message) -> bool:
        return any(row.pk == message.pk for row in self.messages)


def keys(
    folders: Sequence[int],
    *,
    label: int | None = None,
    unread_only: bool = False,
    after: Cursor | None = None,
    limit: int = PAGE_SIZE + 1,
) -> list[Key]:
    """The first `limit` keys of these folders together, beyond `after` and in its direction.

    Each folder is a branch of its own with its own limit, because one index scan serves one folder only:
    with `folder IN (…)` PostgreSQL would sort all their messages. With `label` its index has them in order.
    """
    if not folders:
        return []
    if label is not None:
        labelled = MessageLabel.objects.filter(label=label, message__folder__in=folders)
        if unread_only:
            labelled = labelled.filter(message__is_read=False)
        return list(_slice(labelled, "message_id", after, limit))
    branches: list[Any] = []
    for folder in folders:
        branch = Message.objects.filter(folder=folder)
        if unread_only:
            branch = branch.filter(is_read=False)
        branches.append(_slice(branch, "id", after, limit))
    first, *rest = branches
    return list(first.union(*rest, all=True).order_by(*_order("id", after))[:limit] if rest else first)


def _order(key: str, after: Cursor | None) -> tuple[str, str]:
    return ("sent_at", key) if after is not None and after.newer else ("-sent_at", f"-{key}")


def _slice(rows: QuerySet[Any], key: str, after: Cursor | None, limit: int) -> QuerySet[Any]:
    if after is not None:
        # Compared as a row: `sent_at < x OR (sent_at = x AND id < y)` would not bound the index scan.
        table, operator = rows.model._meta.db_table, ">" if after.newer else "<"
        rows = rows.extra(  # noqa: S610 - made of constants
            where=[f"({table}.sent_at, {table}.{key}) {operator} (%s, %s)"], params=list(after.key)
        )
    return rows.order_by(*_order(key, after)).values_list("sent_at", key)[:limit]


def page(
    folders: Sequence[int], *, at: str = "", label: int | None = None, unread_only: bool = False
) -> Page:
    """The page at a cursor; the first one for "", for a cursor nobody made, and where nothing is left."""
    try:
        cursor = Cursor.decode(at) if at else None
    except BadCursor:
        cursor = None
    found = keys(folders, label=label, unread_only=unread_only, after=cursor)
    has_more = len(found) > PAGE_SIZE
    if cursor is not None and (not found or (cursor.newer and not has_more)):
        # At the newest end the first page is shown whole, not only what lies beyond the cursor.
        return page(folders, label=label, unread_only=unread_only)
    del found[PAGE_SIZE:]
    if cursor is not None and cursor.newer:
        found.reverse()
    return Page(
        messages=_load(found),
        at=cursor.encode() if cursor else "",
        newer=Cursor(found[0], newer=True).encode() if cursor else "",
        older=Cursor(found[-1]).encode() if has_more or (cursor and cursor.newer) else "",
    )


def page_around(
    folders: Sequence[int], message: Message, *, label: int | None = None, unread_only: bool = False
) -> Page:
    """The page that shows `message` with its neighbours, for an address that names no page."""
    half = PAGE_SIZE // 2
    here = Cursor((message.sent_at, message.pk), newer=True)
    above = keys(folders, label=label, unread_only=unread_only, after=here, limit=half + 1)
    start = Cursor(above[half]).encode() if len(above) > half else ""
    return page(folders, at=start, label=label, unread_only=unread_only)


def _load(found: Sequence[Key]) -> list[Message]:
    rows = Message.objects.select_related("account", "folder").prefetch_related("labels")
    by_id = rows.defer("references", "sha256").in_bulk([key for _, key in found])
    # A message may have gone between the two queries.
    return [by_id[key] for _, key in found if key in by_id]


def by_day(messages: Sequence[Message]) -> Iterator[tuple[str, list[Message]]]:
    """The messages under "Today", "Yesterday", "This week" …, in the reader's time zone."""
    today = timezone.localdate()
    for label, rows in groupby(messages, lambda message: _day(timezone.localdate(message.sent_at), today)):
        yield label, list(rows)


def _day(day: date, today: date) -> str:
    monday = today - timedelta(days=today.weekday())
    if day >= today:  # clocks of senders run ahead
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    if day >= monday:
        return _("This week")
    if day >= monday - timedelta(days=7):
        return _("Last week")
    return date_format(day, "F" if day.year == today.year else "YEAR_MONTH_FORMAT")


def span(messages: Sequence[Message]) -> str:
    """The days a page covers, oldest first: "18 – 23 November"."""
    if not messages:
        return ""
    first, last = (timezone.localdate(message.sent_at) for message in (messages[-1], messages[0]))
    whole = "j F" if first.year == timezone.localdate().year else "j F Y"
    if first == last:
        return date_format(last, whole)
    is_one_month = (first.year, first.month) == (last.year, last.month)
    return f"{date_format(first, 'j' if is_one_month else whole)} – {date_format(last, whole)}"
