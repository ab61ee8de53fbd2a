"""The ledger of remote messages: what the server lists against what we know, in bulk (house.md §4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import connection
from django.db.models.functions import Now
from psycopg.types.numeric import Int8

from fetching.models import RemoteMessage
from fetching.sources import Listing

State = RemoteMessage.State
# The message is with us: never fetched again.
KEPT = frozenset({State.STORED, State.DELETE_WANTED, State.DELE_SENT, State.GONE})
# A reset of all identifiers is suspected when of more than so many only this share is still listed.
RESET_FROM, RESET_SHARE = 10, 0.1
# Worth another try in each run.
OPEN = frozenset({State.LISTED, State.OVER_QUOTA, State.VANISHED})


@dataclass(frozen=True, slots=True)
class Remote:
    """A message on the server now: its number in this session and its ledger row."""

    number: int
    row: int
    size: int


@dataclass(slots=True)
class Difference:
    """What a listing means: `wanted` must be fetched, `kept` is with us already and still on the server."""

    wanted: list[Remote] = field(default_factory=list)
    kept: list[Remote] = field(default_factory=list)
    # Hardly anything we knew is listed: the server has probably given new identifiers to old mail (U8).
    is_reset: bool = False


def compare(organization_id: int, account_id: int, listing: Listing, *, max_size: int) -> Difference:
    """Bring the ledger up to the listing and say what is to be done. One pass, no query a message."""
    listed = _keyed(listing)
    if not listed:
        return Difference()  # an empty listing proves nothing (U1): nothing changes
    known = _known(account_id)
    was_reset = _is_reset(account_id, known, listed)
    _insert(
        organization_id, account_id, [(key, size) for key, (_, size) in listed.items() if key not in known]
    )
    known = _known(account_id)
    _note_missing(account_id, known, listed)
    difference = Difference(is_reset=was_reset)
    too_big: list[int] = []
    for key, (number, size) in listed.items():
        row, state = known[key]
        remote = Remote(number, row, size)
        if state in KEPT:
            difference.kept.append(remote)
        elif state in OPEN or (state == State.TOO_BIG and size <= max_size):
            if size > max_size:
                too_big.append(row)
            else:
                difference.wanted.append(remote)
    RemoteMessage.objects.filter(pk__in=too_big).update(state=State.TOO_BIG, error_code="message_too_large")
    return difference


Key = tuple[bytes, int]


def _keyed(listing: Listing) -> dict[Key, tuple[int, int]]:
    seen: Counter[bytes] = Counter()
    keyed: dict[Key, tuple[int, int]] = {}
    for row in listing.rows:
        if row.uidl:
            keyed[(row.uidl, seen[row.uidl])] = (row.number, row.size or 0)
            seen[row.uidl] += 1
    return keyed


def _known(account_id: int) -> dict[Key, tuple[int, str]]:
    rows = RemoteMessage.objects.filter(account=account_id).values_list("uidl", "occurrence", "pk", "state")
    return {(bytes(uidl), occurrence): (key, state) for uidl, occurrence, key, state in rows.iterator(20_000)}


def _is_reset(account_id: int, known: dict[Key, tuple[int, str]], listed: dict[Key, Any]) -> bool:
    overlap = len(known.keys() & listed.keys())
    if len(known) <= RESET_FROM or overlap >= RESET_SHARE * len(known):
        return False
    live = RemoteMessage.objects.filter(account=account_id, missing_since=None).count()
    return live > RESET_FROM and overlap < RESET_SHARE * live


def _insert(organization_id: int, account_id: int, rows: Sequence[tuple[Key, int]]) -> None:
    if not rows:
        return
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "INSERT INTO fetching_remotemessage (organization_id, account_id, uidl, occurrence, size, state, failures,"
            " error_code, error_text) SELECT %b, %b, uidl, occurrence, size, 'listed', 0, '', ''"
            " FROM unnest(%b::bytea[], %b::int2[], %b::int8[]) AS new (uidl, occurrence, size) ON CONFLICT DO NOTHING",
            [
                Int8(organization_id),
                Int8(account_id),
                [key[0] for key, _ in rows],
                [key[1] for key, _ in rows],
                [size for _, size in rows],
            ],
        )


def _note_missing(account_id: int, known: dict[Key, tuple[int, str]], listed: dict[Key, Any]) -> None:
    """Absence from a healthy listing: what was to be deleted is gone, what was still wanted has vanished."""
    missing = [known[key][0] for key in known.keys() - listed.keys()]
    rows = RemoteMessage.objects.filter(account=account_id)
    if missing:
        absent = rows.filter(pk__in=missing, missing_since=None)
        absent.filter(state__in=[State.LISTED, State.OVER_QUOTA, State.TOO_BIG]).update(
            state=State.VANISHED, missing_since=Now()
        )
        absent.filter(state__in=KEPT).update(state=State.GONE, missing_since=Now())
        absent.update(missing_since=Now())
    # Back again after an absence (an outage, a QUIT the server did not honour): known, so not fetched.
    back = rows.exclude(missing_since=None).filter(
        pk__in=[known[key][0] for key in known.keys() & listed.keys()]
    )
    back.filter(state=State.GONE).update(state=State.STORED, missing_since=None)
    back.update(missing_since=None)


def known_bytes(account_id: int, digests: Sequence[bytes]) -> dict[bytes, int | None]:
    """Which of these sha256 the account has stored before, and as which message.

    A server that gave new identifiers to old mail (U8), or lists one message twice (U6), is found out here. By the
    ledger, not by the messages: what a person deleted since must not come back.
    """
    rows = RemoteMessage.objects.filter(account=account_id, sha256__in=digests, state__in=KEPT)
    return {bytes(digest): message for digest, message in rows.values_list("sha256", "message_id") if digest}


def mark_stored(
    rows: Sequence[int], message_ids: Sequence[int | None], digests: Sequence[bytes], *, delete: bool
) -> int:
    """Note the batch as stored, in one transaction with the messages; returns how many rows took it.

    Fewer than given means that another worker stored one of them first: the caller must roll back.
    """
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "UPDATE fetching_remotemessage AS remote SET state = %s, stored_at = now(), message_id = new.message,"
            " sha256 = new.digest, error_code = '', error_text = ''"
            " FROM unnest(%s::int8[], %s::int8[], %s::bytea[]) AS new (row, message, digest)"
            " WHERE remote.id = new.row AND remote.state IN ('listed', 'over_quota', 'vanished', 'too_big')",
            [
                str(State.DELETE_WANTED if delete else State.STORED),
                list(rows),
                list(message_ids),
                list(digests),
            ],
        )
        return cursor.rowcount


def mark(rows: Sequence[int], state: str, *, error_code: str = "", error_text: str = "") -> None:
    """Set the state of ledger rows."""
    if rows:
        RemoteMessage.objects.filter(pk__in=rows).update(
            state=state, error_code=error_code, error_text=error_text
        )
