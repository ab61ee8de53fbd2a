"""From a listing to a plan: names for what has none, what is new, what is wanted of it, what there is room for."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from accounts.providers import lookup
from fetching.engine import adoption, fingerprints, ledger, reused_names
from fetching.engine.ledger import Difference, Remote
from fetching.engine.session import Session
from fetching.models import FetchRules, FetchState, RemoteMessage
from fetching.scheduler import run_log
from fetching.scheduler.job import MailboxSnapshot
from fetching.source import ListedMessage, Listing
from mailbox.mime.parsing import parse

State = RemoteMessage.State
First = FetchRules.First
# Begins what we call a message whose server gives it no name; no server's own identifier begins so.
NAMELESS = b"\0"
# Headers of so many messages that are too big are fetched in one session, to show what they are.
HEADLINES = 50


def nothing_new(session: Session) -> bool:
    """Whether the mailbox is as it was when nothing was left to do: by STAT and the identifier of the last message.

    A mailbox where mail came and as much went could look the same, so all of it is listed once an hour anyway.
    """
    snapshot_of = session.job.seen
    if snapshot_of is None or not session.job.looks_cheaply:
        return False
    if session.source.stat() != (snapshot_of.messages, snapshot_of.size):
        return False
    return not snapshot_of.messages or session.source.last_uidl(snapshot_of.messages) == snapshot_of.last_uidl


def snapshot_of(session: Session, listing: Listing) -> MailboxSnapshot:
    """What a listing looks like to later sessions; unknown for servers that leave something out."""
    rows = listing.rows
    if listing.damaged or any(row.size is None or row.uidl is None for row in rows):
        return MailboxSnapshot()
    if [row.number for row in rows] != list(range(1, len(rows) + 1)) or reused_names.are_numbers(listing):
        return MailboxSnapshot()
    size = sum(row.size or 0 for row in rows)
    return MailboxSnapshot(len(rows), size, rows[-1].uidl if rows else None, _digest(session, rows))


def _digest(session: Session, rows: Sequence[ListedMessage]) -> bytes:
    """The sha256 of all names and sizes, and of the largest size that is fetched: were it another, more might be."""
    digest = hashlib.sha256(b"%d\n" % session.limits.max_message)
    digest.update(b"\n".join([row.uidl or b"" for row in rows]))
    digest.update(array("q", [row.size or 0 for row in rows]))
    return digest.digest()


def plan(session: Session, listing: Listing, now: MailboxSnapshot) -> None:
    """Compare, and put into `session.difference.wanted` what this session is to retrieve, in order.

    `now`: what `seen` says of the listing.
    """
    listing = _named(session, listing)
    with session.transaction():
        session.begin_run()
        _compare(session, listing, now)
        is_reset, skips = session.difference.is_reset, session.job.skip_before is not None
        adopts = is_reset and not session.job.deletes
        judges = skips and (session.job.is_first or is_reset)
        session.has_numbers_as_names = reused_names.are_numbers(listing)
        doubts = bool(session.difference.resized) or session.has_numbers_as_names
        if not adopts and not judges and not doubts:
            _choose(session)
            return
    if adopts:
        _adopt(session)
    if judges:
        _skip_old(session)
    if doubts:
        reused_names.settle(session)
    with session.transaction():
        _choose(session)


# ── Names ───────────────────────────────────────────────────────────────────
def _named(session: Session, listing: Listing) -> Listing:
    """The listing with a name for each row the server gave none: by its header, the same each time (U5)."""
    nameless = {row.number: row for row in listing.rows if not row.uidl}
    if not nameless:
        return listing
    names = {
        number: NAMELESS + hashlib.sha256(b"%d:" % (nameless[number].size or 0) + header).digest()
        for number, header in _headers(session, list(nameless))
    }
    # Where even the header is not to be had the name holds for this session; the bytes then tell what is known.
    token = session.job.claim.token.encode()
    rows = [
        row if row.uidl else row._replace(uidl=names.get(row.number, NAMELESS + token + b"%d" % row.number))
        for row in listing.rows
    ]
    return replace(listing, rows=rows)


def _headers(session: Session, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
    if not session.source.can_top:
        return
    for item in session.source.tops(numbers):
        with item:
            if item.error is None:
                yield item.number, item.data


# ── What is new ─────────────────────────────────────────────────────────────
def _compare(session: Session, listing: Listing, now: MailboxSnapshot) -> None:
    job = session.job
    appended = _appended(session, listing, now)
    if appended is None or appended.wanted:
        # Should this session end early, the ledger is no longer that of the listing which `seen` remembers.
        FetchState.objects.filter(account=job.account_id, listed_at__isnull=False).update(listed_at=None)
    session.difference = _compared(session, listing) if appended is None else appended
    if job.is_first and job.skip_before is None and job.first_fetch != First.EVERYTHING:
        _remember_what_is_old(session)
    session.outcome.listed = len(listing.rows)
    run_log.add_counts(
        session.run_id,
        listed=len(listing.rows),
        listed_bytes=sum(row.size or 0 for row in listing.rows),
        wanted=len(session.difference.wanted),
        wanted_bytes=sum(remote.size for remote in session.difference.wanted),
    )


def _appended(session: Session, listing: Listing, now: MailboxSnapshot) -> Difference | None:
    """The difference, if the mailbox is as it was when nothing was left to do, but for mail at its end.

    Mostly it is, and the thousands of messages before that end need not be compared one by one. A session that may
    delete has to know them all.
    """
    job, known = session.job, session.job.seen
    if known is None or known.messages is None or now.messages is None or job.deletes or job.is_first:
        return None
    is_same = now.digest == known.digest
    if not is_same and _digest(session, listing.rows[: known.messages]) != known.digest:
        return None
    return ledger.compare_appended(
        job.organization_id,
        job.account_id,
        listing.rows[known.messages :],
        max_size=session.limits.max_message,
    )


def _compared(session: Session, listing: Listing) -> Difference:
    job = session.job
    is_very_first = job.is_first and not RemoteMessage.objects.filter(account=job.account_id).exists()
    return ledger.compare(
        job.organization_id,
        job.account_id,
        listing,
        max_size=session.limits.max_message,
        skip_new=is_very_first and job.first_fetch == First.ONLY_NEW,
        verify=job.deletes,
    )


def _remember_what_is_old(session: Session) -> None:
    """From when on mail counts as new, for this session and for a server that renames all its mail later."""
    days = session.job.first_days if session.job.first_fetch == First.LAST_DAYS else 0
    moment = timezone.now() - timedelta(days=days)
    session.job = replace(session.job, skip_before=moment)
    FetchState.objects.filter(account=session.job.account_id).update(skip_before=moment)


def _skip_old(session: Session) -> None:
    """Leave what came before the first fetch was to begin (U13); what shows no date is fetched."""
    before = session.job.skip_before
    assert before is not None
    wanted = {remote.number: remote for remote in session.difference.wanted}
    old = [
        wanted[number].row
        for number, header in _headers(session, list(wanted))
        if (date := fingerprints.received_at(header)) and date < before
    ]
    with session.transaction():
        ledger.mark(old, State.SKIPPED)
        _leave_out(session, set(old))


def _adopt(session: Session) -> None:
    """Know mail again whose server has renamed it, by headers and sizes, without fetching it (U8)."""
    with session.transaction():
        sizes = adoption.missing_sizes(session.job.account_id)
    candidates = {remote.number: remote for remote in session.difference.fresh if remote.size in sizes}
    told = {
        candidates[number].row: digest
        for number, header in _headers(session, list(candidates))
        if (digest := fingerprints.unique_digest(header))
    }
    with session.transaction():
        known = adoption.adopt(session.job.account_id, told)
        session.difference.kept += _leave_out(session, known)


def _leave_out(session: Session, rows: set[int]) -> list[Remote]:
    """Take rows from what is wanted, also in the history; returns them."""
    out = [remote for remote in session.difference.wanted if remote.row in rows]
    session.difference.wanted = [remote for remote in session.difference.wanted if remote.row not in rows]
    run_log.add_counts(session.run_id, wanted=-len(out), wanted_bytes=-sum(remote.size for remote in out))
    return out


# ── What is fetched now ─────────────────────────────────────────────────────
def _choose(session: Session) -> None:
    """Order, what there is room for, and not more than a cycle may bring."""
    job, wanted = session.job, session.difference.wanted
    if not wanted:
        return
    wanted.sort(key=lambda remote: remote.number, reverse=job.is_first and job.newest_first)
    # What failed before comes last: should it break the line again, the others are here.
    wanted.sort(key=lambda remote: remote.troubles)
    left = session.free_space()
    fits: list[Remote] = []
    for remote in wanted:
        if remote.size <= left:
            fits.append(remote)
            left -= remote.size
        else:
            session.waiting.append(remote)
    ledger.mark([remote.row for remote in session.waiting], State.OVER_QUOTA)
    if job.messages_per_cycle is not None:
        session.held_back = max(0, len(fits) - job.messages_per_cycle)
        del fits[job.messages_per_cycle :]
    session.difference.wanted = fits


def looks_again(session: Session) -> bool:
    """Whether the provider lists its mail a part at a time and this part has just been fetched (U17)."""
    provider = lookup.by_slug(session.job.provider) if session.job.provider else None
    return bool(provider and provider.lists_in_parts and session.outcome.stored)


def note_headlines(session: Session) -> None:
    """Sender and subject of what is too big to fetch, for the page that explains why it is not here (R9)."""
    numbers = {remote.row: remote.number for remote in session.difference.too_big}
    with session.transaction():
        unnamed = RemoteMessage.objects.filter(pk__in=numbers, sender="", subject="").order_by("pk")
        rows = {numbers[row]: row for row in unnamed.values_list("pk", flat=True)[:HEADLINES]}
    headers = dict(_headers(session, list(rows)))
    if not headers:
        return
    with session.transaction():
        for number, header in headers.items():
            parsed = parse(header)
            RemoteMessage.objects.filter(pk=rows[number]).update(
                sender=(parsed.from_name or parsed.from_address)[:200] or "?", subject=parsed.subject[:200]
            )
