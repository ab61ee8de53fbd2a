"""The ledger of remote messages: what the server lists against what we know, in bulk (docs/architecture.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import psycopg
from django.db import connection
from django.db.models.functions import Now
from psycopg.types.numeric import Int8

from fetching.models import RemoteMessage
from fetching.source import ListedMessage, Listing

State = RemoteMessage.State
# The message is with us: never fetched again.
KEPT = frozenset({State.STORED, State.DELETE_WANTED, State.DELE_SENT, State.GONE, State.SHORT})
# The code of one that came much shorter than it is listed.
SHORT_CODE = "message_short"
# A reset of all identifiers is suspected when of more than so many only this share is still listed.
RESET_FROM, RESET_SHARE = 10, 0.1
# Worth another try in each run.
OPEN = frozenset({State.LISTED, State.OVER_QUOTA, State.VANISHED, State.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Remote:
    """A message on the server now: its number in this session and its ledger row; `size` is as listed, 0 if it is not.

    `troubles` is 0 for one that nothing is known against, else one more than the sessions in which it failed.
    """

    number: int
    row: int
    size: int
    troubles: int = 0

    @property
    def failures(self) -> int:
        """In how many sessions it failed while others came."""
        return max(0, self.troubles - 1)


@dataclass(slots=True)
class Difference:
    """What a listing means: `wanted` must be fetched, `kept` is with us already and still on the server."""

    wanted: list[Remote] = field(default_factory=list)
    kept: list[Remote] = field(default_factory=list)
    # With us under this name, and listed with another size now: it may be other mail (U7).
    resized: list[Remote] = field(default_factory=list)
    # On the server now, and larger than what may come.
    too_big: list[Remote] = field(default_factory=list)
    # Of the wanted those that this listing shows for the first time.
    fresh: list[Remote] = field(default_factory=list)
    # Hardly anything we knew is listed: the server has probably given new identifiers to old mail (U8).
    is_reset: bool = False


def compare(
    organization_id: int,
    account_id: int,
    listing: Listing,
    *,
    max_size: int,
    skip_new: bool = False,
    verify: bool = False,
) -> Difference:
    """Bring the ledger up to the listing and say what is to be done. One pass, no query a message.

    `skip_new`: what is listed for the first time is not wanted. `verify`: what was taken for a stored message by its
    header alone is fetched to make sure, because it may be deleted.
    """
    known = _known(account_id)
    listed = _keyed(listing, known)
    if not listed:
        return Difference()  # an empty listing proves nothing (U1): nothing changes
    is_reset = _is_reset(known, listed.keys())
    _note_missing(account_id, known, listed.keys())
    fresh = [(key, size) for key, (_, size) in listed.items() if key not in known]
    if fresh:
        _insert(organization_id, account_id, fresh, State.SKIPPED if skip_new else State.LISTED)
        known |= _known(account_id, {uidl for (uidl, _), _ in fresh})
    difference = _judged(listed, known, {key for key, _ in fresh}, max_size=max_size, verify=verify)
    difference.is_reset = is_reset
    return difference


def compare_appended(
    organization_id: int, account_id: int, rows: Sequence[ListedMessage], *, max_size: int
) -> Difference | None:
    """The same for mail at the end of a mailbox that is otherwise as it was when nothing was left to do in it.

    None when the ledger has a message of such a name, or one has no name of its own: then all must be compared.
    """
    listed = {(row.uidl or b"", 0): (row.number, row.size or 0) for row in rows}
    uidls = {uidl for uidl, _ in listed}
    if b"" in uidls or len(listed) < len(rows) or _known(account_id, uidls):
        return None
    _insert(organization_id, account_id, [(key, size) for key, (_, size) in listed.items()], State.LISTED)
    return _judged(listed, _known(account_id, uidls), listed.keys(), max_size=max_size)


def _judged(
    listed: Mapping[Key, tuple[int, int]],
    known: Mapping[Key, KnownMessage],
    fresh: Set[Key],
    *,
    max_size: int,
    verify: bool = False,
) -> Difference:
    """What is to be done with each message that is listed; all of them have rows by now, `fresh` ones since now."""
    difference = Difference()
    for key, (number, size) in listed.items():
        row, state, known_size, _, is_verified, troubles = known[key]
        remote = Remote(number, row, size, troubles)
        if state in KEPT and size and known_size and size != known_size:
            difference.resized.append(remote)
        elif state in KEPT and (is_verified or not verify):
            difference.kept.append(remote)
        elif state in KEPT:
            difference.wanted.append(remote)
        elif state in OPEN or (state == State.TOO_BIG and size <= max_size):
            if size > max_size:
                difference.too_big.append(remote)
            else:
                difference.wanted.append(remote)
                if key in fresh:
                    difference.fresh.append(remote)
        elif state == State.TOO_BIG:
            difference.too_big.append(remote)
    mark([remote.row for remote in difference.too_big], State.TOO_BIG, error_code="message_too_large")
    return difference


Key = tuple[bytes, int]


class KnownMessage(NamedTuple):
    """What the ledger has of one remote message."""

    row: int
    state: str
    size: int
    is_missing: bool
    # By its bytes; False for a stored one that is known by its header alone.
    is_verified: bool = True
    troubles: int = 0  # see Remote

    @property
    def is_expected(self) -> bool:
        """Whether the next listing should have it."""
        return not self.is_missing and self.state != State.GONE


def _keyed(listing: Listing, known: dict[Key, KnownMessage]) -> dict[Key, tuple[int, int]]:
    """Number and size of each listed message under the key of its ledger row, an old one or a new one."""
    listed: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for row in listing.rows:
        if row.uidl:
            listed[row.uidl].append((row.number, row.size or 0))
    # Hardly any: names that were given to more than one message.
    shared: dict[bytes, list[tuple[int, KnownMessage]]] = {
        uidl: [] for uidl, occurrence in known if occurrence
    }
    for (uidl, occurrence), row_known in known.items():
        if uidl in shared:
            shared[uidl].append((occurrence, row_known))
    keyed: dict[Key, tuple[int, int]] = {}
    for uidl, messages in listed.items():
        rows = shared.get(uidl)
        if rows is None:
            rows = [(0, known[uidl, 0])] if (uidl, 0) in known else []
        occurrences = _occurrences([size for _, size in messages], rows)
        for occurrence, message in zip(occurrences, messages, strict=True):
            keyed[uidl, occurrence] = message
    return keyed


def _occurrences(sizes: list[int], rows: list[tuple[int, KnownMessage]]) -> list[int]:
    """Which occurrences of one identifier messages of these sizes are: known ones, or new ones when in doubt.

    The identifier alone does not say which of several messages are left after a delete (U6), nor whether mail that
    was gone is back or its identifier was given away again (U7). What gets a new number is retrieved, and then known
    by its bytes; taken for a stored message it would be deleted unread.
    """
    is_single = len(sizes) == len(rows) == 1
    if is_single and rows[0][1].state not in (State.GONE, State.DELE_SENT):
        return [rows[0][0]]
    rows = sorted(rows)
    new = rows[-1][0] + 1 if rows else 0
    expected = rows if is_single else [(occurrence, row) for occurrence, row in rows if row.is_expected]
    if len(expected) > 1 and any(row.state == State.DELE_SENT for _, row in expected):
        expected = []
    fits = len(expected) <= len(sizes) and all(
        row.size in (0, size) or not size for (_, row), size in zip(expected, sizes, strict=False)
    )
    old = [occurrence for occurrence, _ in expected] if fits else []
    return old + list(range(new, new + len(sizes) - len(old)))


def _known(account_id: int, uidls: Collection[bytes] | None = None) -> dict[Key, KnownMessage]:
    """All that the ledger has of the account, or what it has under these names."""
    # Below Django's cursor: a hundred thousand rows are read at once here, and binary ones cost half.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "SELECT uidl, occurrence, id,"
            # What was set aside and rests is not what a listing is about.
            " CASE WHEN retry_at > statement_timestamp() THEN 'resting' ELSE state END, coalesce(size, 0),"
            " missing_since IS NOT NULL, sha256 IS NOT NULL OR state = 'gone',"
            " CASE WHEN error_code = '' AND failures = 0 THEN 0 ELSE failures + 1 END"
            " FROM fetching_remotemessage WHERE account_id = %s"
            + (" AND uidl = ANY(%s::bytea[])" if uidls is not None else ""),
            [account_id] if uidls is None else [account_id, list(uidls)],
            binary=True,
        )
        return {(row[0], row[1]): KnownMessage._make(row[2:]) for row in cursor.fetchall()}


def _is_reset(known: dict[Key, KnownMessage], listed: Set[Key]) -> bool:
    # Mail that was deleted, or may have been, is not missed.
    expected = sum(row.is_expected and row.state != State.DELE_SENT for row in known.values())
    return expected > RESET_FROM and len(known.keys() & listed) < RESET_SHARE * expected


def _insert(organization_id: int, account_id: int, rows: Sequence[tuple[Key, int]], state: str) -> None:
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "INSERT INTO fetching_remotemessage (organization_id, account_id, uidl, occurrence, size, state, failures,"
            " error_code, error_text, sender, subject) SELECT %b, %b, uidl, occurrence, size, %b, 0, '', '', '', ''"
            " FROM unnest(%b::bytea[], %b::int2[], %b::int8[]) AS new (uidl, occurrence, size) ON CONFLICT DO NOTHING",
            [
                Int8(organization_id),
                Int8(account_id),
                str(state),
                [key[0] for key, _ in rows],
                [key[1] for key, _ in rows],
                [size for _, size in rows],
            ],
        )


def _note_missing(account_id: int, known: dict[Key, KnownMessage], listed: Set[Key]) -> None:
    """Absence from a healthy listing: what was to be deleted is gone, what was still wanted has vanished."""
    rows = RemoteMessage.objects.filter(account=account_id)
    missing = [row.row for key, row in known.items() if key not in listed and not row.is_missing]
    if missing:
        absent = rows.filter(pk__in=missing, missing_since=None)
        absent.filter(state__in=[State.LISTED, State.OVER_QUOTA, State.TOO_BIG]).update(
            state=State.VANISHED, missing_since=Now()
        )
        absent.filter(state__in=KEPT).update(state=State.GONE, missing_since=Now())
        absent.update(missing_since=Now())
    # Back again after an absence (an outage, a QUIT the server did not honour): known, so not fetched.
    returned = [row.row for key, row in known.items() if key in listed and not row.is_expected]
    if returned:
        back = rows.filter(pk__in=returned)
        gone = back.filter(state=State.GONE)
        gone.filter(error_code=SHORT_CODE).update(state=State.SHORT)
        gone.update(state=State.STORED)
        back.update(missing_since=None)


def known_bytes(account_id: int, digests: Sequence[bytes]) -> dict[bytes, int | None]:
    """Which of these sha256 the account has stored before, and as which message.

    A server that gave new identifiers to old mail (U8), or lists one message twice (U6), is found out here. By the
    ledger, not by the messages: what a person deleted since must not come back.
    """
    rows = RemoteMessage.objects.filter(account=account_id, sha256__in=digests, state__in=KEPT)
    return {bytes(digest): message for digest, message in rows.values_list("sha256", "message_id") if digest}


def mark_stored(
    rows: Sequence[int],
    message_ids: Sequence[int | None],
    digests: Sequence[bytes],
    headers: Sequence[bytes | None],
    *,
    delete: bool,
    short: Set[int] = frozenset(),
) -> int:
    """Note the batch as stored, in one transaction with the messages; returns how many rows took it.

    `digests` are of the bytes, `headers` of the headers. `short` are the rows of those that came much shorter than
    listed, which are never deleted.

    Fewer than given means that another worker stored one of them first: the caller must roll back.
    """
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "UPDATE fetching_remotemessage AS remote SET state = CASE WHEN new.row = ANY(%s) THEN 'short' ELSE %s END,"
            " stored_at = now(), message_id = new.message, sha256 = new.digest, header_sha256 = new.header,"
            " failures = 0, retry_at = NULL, error_text = '',"
            " error_code = CASE WHEN new.row = ANY(%s) THEN 'message_short' ELSE '' END"
            " FROM unnest(%s::int8[], %s::int8[], %s::bytea[], %s::bytea[]) AS new (row, message, digest, header)"
            " WHERE remote.id = new.row"
            " AND (remote.state IN ('listed', 'over_quota', 'vanished', 'too_big', 'quarantined')"
            "   OR remote.sha256 IS NULL AND remote.state IN ('stored', 'delete_wanted', 'dele_sent'))",
            [
                list(short),
                str(State.DELETE_WANTED if delete else State.STORED),
                list(short),
                list(rows),
                list(message_ids),
                list(digests),
                list(headers),
            ],
        )
        return cursor.rowcount


def doubt(rows: Iterable[int]) -> None:
    """The server has given their identifiers to other mail (U7): the next listing takes that for new.

    The rows stay as tombstones, under names that no listing has.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fetching_remotemessage SET state = 'gone', missing_since = now(),"
            " uidl = uidl || '\\x00'::bytea || id::text::bytea WHERE id = ANY(%s)",
            [list(rows)],
        )


def remember_sizes(remotes: Iterable[Remote]) -> None:
    """The server lists known mail with other sizes than before."""
    sizes = {remote.row: remote.size for remote in remotes}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fetching_remotemessage AS remote SET size = new.size"
            " FROM unnest(%s::int8[], %s::int8[]) AS new (id, size) WHERE remote.id = new.id",
            [list(sizes), list(sizes.values())],
        )


def begin_anew(organization_id: int, account_id: int, remotes: Sequence[Remote]) -> list[Remote]:
    """Give these messages fresh rows under their names, because they may be other mail than it was (U7).

    They are to be fetched; their bytes then tell whether they are known.
    """
    rows = RemoteMessage.objects.filter(pk__in=[remote.row for remote in remotes])
    keys = {row: (bytes(uidl), number) for row, uidl, number in rows.values_list("pk", "uidl", "occurrence")}
    doubt(keys)
    fresh = [(keys[remote.row], remote.size) for remote in remotes]
    _insert(organization_id, account_id, fresh, State.LISTED)
    known = _known(account_id, {uidl for uidl, _ in keys.values()})
    return [replace(remote, row=known[keys[remote.row]].row, troubles=0) for remote in remotes]


def mark(rows: Sequence[int], state: str, *, error_code: str = "", error_text: str = "") -> None:
    """Set the state of ledger rows."""
    if rows:
        RemoteMessage.objects.filter(pk__in=rows).update(
            state=state, error_code=error_code, error_text=error_text
        )
