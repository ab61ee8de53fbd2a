"""Names that a server has given to other mail since (U7): found out by size and header before they are relied on.

Nothing is deleted, and nothing taken for known, under a name that may mean another message now. What cannot be compared
by TOP is fetched once more; its bytes then tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from fetching.engine import fingerprints, ledger
from fetching.engine.ledger import Remote
from fetching.engine.session import Session
from fetching.models import RemoteMessage
from fetching.source import Listing

# Compared in one session; more have changed their sizes at once only where a server's sizes mean nothing.
COMPARED_AT_ONCE = 500


def are_numbers(listing: Listing) -> bool:
    """Whether the server calls its messages by their numbers, which others have once something is deleted."""
    return bool(listing.rows) and all(row.uidl == b"%d" % row.number for row in listing.rows)


def compared(session: Session, listed: Sequence[Remote]) -> dict[int, bool]:
    """Whether each row's message has the header it had when it was stored; rows that cannot be compared are not in."""
    with session.transaction():
        rows = RemoteMessage.objects.filter(pk__in=[remote.row for remote in listed])
        headers = {
            row: bytes(header)
            for row, header in rows.values_list("pk", "header_sha256")
            if header is not None
        }
    numbers = {remote.number: remote.row for remote in listed if remote.row in headers}
    if not numbers or not session.source.can_top:
        return {}
    found = {}
    for item in session.source.tops(list(numbers)):
        with item:
            if item.error is None:
                row = numbers[item.number]
                found[row] = fingerprints.header_digest(item.data) == headers[row]
    return found


def settle(session: Session) -> None:
    """Judge what is known by name but may be other mail; that is then among what is wanted."""
    resized, difference = session.difference.resized[:COMPARED_AT_ONCE], session.difference
    if len(resized) < len(difference.resized):
        session.has_failures = True  # the rest is judged by later sessions
    if resized:
        found = compared(session, resized)
        known = [remote for remote in resized if found.get(remote.row)]
        with session.transaction():
            ledger.remember_sizes(known)
        difference.kept += known
        _want_again(session, [remote for remote in resized if not found.get(remote.row)])
    if session.has_numbers_as_names:
        _want_again(session, _moved_up(session))


def _moved_up(session: Session) -> list[Remote]:
    """What is other mail now, of a mailbox whose names are numbers: new mail always is at the end of it.

    So it is looked at from there, and from the first that is as it was all before are known, if under other names.
    """
    rest: Iterable[Remote] = iter(sorted(session.difference.kept, key=lambda remote: -remote.number))
    moved: list[Remote] = []
    size = 1
    while some := list(islice(rest, size)):
        found = compared(session, some)
        moved += [remote for remote in some if found.get(remote.row) is False]
        if True in found.values() or False not in found.values():
            break
        size = min(8 * size, COMPARED_AT_ONCE)
    return moved


def _want_again(session: Session, remotes: Sequence[Remote]) -> None:
    if not remotes:
        return
    job, rows = session.job, {remote.row for remote in remotes}
    difference = session.difference
    difference.kept = [remote for remote in difference.kept if remote.row not in rows]
    with session.transaction():
        fresh = ledger.begin_anew(job.organization_id, job.account_id, remotes)
        session.want(fresh)
