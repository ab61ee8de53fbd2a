"""Whether a letter gets an away reply: every gate of RFC 3834 and RFC 5230, 4, and some that experience added.

A wrong reply costs more than a missing one: it reaches a list of thousands, or another robot that answers. So
everything must speak for a reply and nothing against it. Whoever sends one writes down first that it was sent
(`Answer.keys`), so that there is at most one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from mailbox.mime.headers import Headers
from mailbox.mime.parsing import Parsed, parse
from mailbox.mime.structure import split
from sending.message.addresses import AddressError, for_sending, key
from sending.message.reply_rules import Thread, reply_subject, thread_of
from sending.vacation import signs

# Older letters come with a first fetch, or after a long silence of the provider.
FRESH: Final = timedelta(days=3)
SHORTEST: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=30)
# For all senders together: what slips through the gates does so in numbers.
HOURLY: Final = 20
DAILY: Final = 100
# Without Return-Path nobody knows where bounces would go, so each such sender is answered rarely.
STRICT_INTERVAL: Final = timedelta(days=7)

# A person's address, signed by a server: by the sender's own (BATV), or by one that forwards (SRS).
_SIGNED: Final = re.compile(
    r"(?P<batv>prvs|btv1=?)=[^=@]*=(?P<own>[^=@]+)|srs[01][=+-].*=(?P<other>[^=@]+)", re.IGNORECASE
)
_PATH: Final = re.compile(rb"<\s*([^<>]*?)\s*>")
_TAG: Final = re.compile(r"\+[^@]*(?=@)")
# What a machine puts into its name for each ticket: `helpdesk-4711`, `case.a81f3`, `reply123456`.
_TICKET: Final = re.compile(
    r"^\d{3,}[-_.#](?=[^@])|(?<=[^@])(?:[-_.#]+(?=[a-z]*\d)[0-9a-z]{3,}|(?<=[a-z])\d{4,})+(?=@)"
)


class Audience(StrEnum):
    """Whom the reply is for."""

    EVERYBODY = "everybody"
    MEMBERS = "members"  # of the organization
    KNOWN = "known"  # written to before


class Reason(StrEnum):
    """Why a letter gets no reply."""

    NO_SENDER = "no_sender"
    NULL_PATH = "null_path"
    AUTO_SUBMITTED = "auto_submitted"
    LIST = "list"
    BULK = "bulk"
    SUPPRESSED = "suppressed"
    ROBOT = "robot"
    REPORT = "report"
    SPAM = "spam"
    OWN = "own"
    OWN_REPLY = "own_reply"  # it refers to an away reply of ours
    CALENDAR = "calendar"
    NOT_ADDRESSED = "not_addressed"
    OLD = "old"
    OFF = "off"  # before the beginning, or after the end
    OFF_HOURS = "off_hours"
    EARLIER = "earlier"  # it came before the reply was switched on
    IMPORTING = "importing"
    AUDIENCE = "audience"
    ANSWERED = "answered"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a letter says of itself. `return_path` is None without that field and "" for the null path."""

    parsed: Parsed
    return_path: str | None = None
    recipients: tuple[str, ...] = ()
    is_auto_submitted: bool = False
    is_list: bool = False
    is_bulk: bool = False
    is_suppressed: bool = False
    is_robot: bool = False
    is_report: bool = False
    is_calendar: bool = False
    is_spam: bool = False

    @property
    def sender(self) -> str:
        """Who would get the reply: the Return-Path (RFC 3834, 4), else the author; "" if that is no address."""
        try:
            return for_sending(self.return_path or self.parsed.from_address)
        except AddressError:
            return ""

    @property
    def person(self) -> str:
        """Whose address that is. Only the domain's own signature is taken off: what stands before another's @
        may be made up, and would turn a stranger into a member."""
        local, _, domain = self.sender.rpartition("@")
        found = _SIGNED.fullmatch(local)
        return f"{found['own']}@{domain}" if found and found["batv"] else self.sender

    @property
    def keys(self) -> tuple[str, ...]:
        """What the sender is remembered by: without tags and numbers, which a ticket system changes every time.

        Two, since a forwarder writes another Return-Path every day.
        """
        return tuple(dict.fromkeys(_steady(each) for each in (self.person, self.parsed.from_address) if each))

    @property
    def refers_to(self) -> tuple[str, ...]:
        """The ids of the messages that it answers (RFC 5322, 3.6.4)."""
        return tuple(dict.fromkeys(filter(None, (self.parsed.in_reply_to, *self.parsed.references))))


@dataclass(frozen=True, slots=True)
class Settings:
    """When and to whom. `weekdays` are 0 (Monday) to 6, empty for all; hours are of the day in `zone`."""

    zone: tzinfo
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekdays: frozenset[int] = frozenset()
    from_hour: time | None = None
    until_hour: time | None = None
    audience: Audience = Audience.EVERYBODY
    interval: timedelta = SHORTEST
    on_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What is known besides the letter; `is_member` and `is_known` are about `Facts.person`.

    `is_to_own_reply`: one of `Facts.refers_to` is an away reply of the same person.

    `last_reply` is the latest to any of `Facts.keys`; `last_hour` and `last_day` count replies of the account.
    """

    arrived_at: datetime
    is_import_done: bool = True
    is_spam: bool = False
    is_member: bool = False
    is_known: bool = False
    is_to_own_reply: bool = False
    last_reply: datetime | None = None
    last_hour: int = 0
    last_day: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that may be sent, to `to` and nobody else. `keys` must be on disk before it is."""

    to: str
    keys: tuple[str, ...]
    is_member: bool
    subject: str  # unless the settings have their own
    thread: Thread
    headers: tuple[tuple[str, str], ...] = (
        ("Auto-Submitted", "auto-replied (vacation)"),  # RFC 3834, 5
        ("X-Auto-Response-Suppress", "All"),
        ("Precedence", "bulk"),
    )


# ── What a letter says ──────────────────────────────────────────────────────


def facts_of(raw: bytes, parsed: Parsed | None = None) -> Facts:
    """Read a letter; `parsed` is what `mailbox.mime.parsing.parse` made of the same bytes. Never raises."""
    headers, leaves = split(raw)
    parsed = parse(raw) if parsed is None else parsed
    people = [*parsed.to, *parsed.cc, *headers.addresses(b"resent-to"), *headers.addresses(b"resent-cc")]
    return Facts(
        parsed=parsed,
        return_path=_return_path(headers),
        recipients=tuple(person.address for person in people if person.address),
        is_auto_submitted=signs.is_automatic(headers),
        is_list=signs.has_any(headers, signs.LIST_FIELDS),
        is_bulk=signs.is_bulk(headers),
        is_suppressed=signs.is_suppressed(headers),
        is_robot=signs.has_any(headers, signs.ROBOT_FIELDS),
        is_report=parsed.is_report or signs.is_report(headers, leaves),
        is_calendar=signs.is_calendar(raw, leaves),
        is_spam=signs.is_spam(headers),
    )


def _return_path(headers: Headers) -> str | None:
    if b"return-path" not in headers:
        return None
    value = headers.raw(b"return-path")
    found = _PATH.search(value)
    return (found[1] if found else value.strip()).decode("utf-8", "replace")


# ── The gates ───────────────────────────────────────────────────────────────


def decide(
    facts: Facts,
    settings: Settings,
    history: History,
    *,
    own: Collection[str],
    ours: Collection[str],
    now: datetime,
) -> Answer | Reason:
    """The reply to a letter, or why there is none.

    `own` are the addresses that reach this account (log-in, identities, aliases), `ours` all addresses of the
    same person, whom nobody answers.
    """
    reason = (
        against_letter(facts, own=own, ours=ours)
        or _against_time(facts, settings, history, now)
        or _against_sender(facts, settings, history, now)
    )
    if reason is not None:
        return reason
    return Answer(
        to=facts.sender,
        keys=facts.keys,
        is_member=history.is_member,
        subject=reply_subject(facts.parsed.subject)[:200],
        thread=thread_of(facts.parsed),
    )


def against_letter(facts: Facts, *, own: Collection[str], ours: Collection[str]) -> Reason | None:
    """What the letter itself says against a reply; asks for nothing that has to be looked up."""
    parsed = facts.parsed
    gates = (
        (facts.return_path == "", Reason.NULL_PATH),
        (not facts.sender, Reason.NO_SENDER),
        (facts.is_auto_submitted, Reason.AUTO_SUBMITTED),
        (facts.is_list or bool(parsed.list_id), Reason.LIST),
        (facts.is_bulk, Reason.BULK),
        (facts.is_suppressed, Reason.SUPPRESSED),
        (facts.is_report, Reason.REPORT),
        (facts.is_calendar, Reason.CALENDAR),
        (facts.is_robot or _is_robot(facts.sender) or _is_robot(parsed.from_address), Reason.ROBOT),
        (facts.is_spam, Reason.SPAM),
        (_meet((facts.person, parsed.from_address), (*own, *ours)), Reason.OWN),
        (not _meet(facts.recipients, own), Reason.NOT_ADDRESSED),
    )
    return next((reason for holds, reason in gates if holds), None)


def _is_robot(address: str) -> bool:
    local = address.rpartition("@")[0]
    if (signed := _SIGNED.fullmatch(local)) is not None:
        local = signed["own"] or signed["other"]
    return signs.is_robot(local)


def _meet(some: Collection[str], others: Collection[str]) -> bool:
    """Whether an address is in both; what follows a plus sign makes no other person of anybody (RFC 5233)."""
    return not {_untagged(each) for each in some if each}.isdisjoint(
        {_untagged(each) for each in others if each}
    )


def _untagged(address: str) -> str:
    return _TAG.sub("", key(address))


def _steady(address: str) -> str:
    return _TICKET.sub("", _untagged(address))


def _against_time(facts: Facts, settings: Settings, history: History, now: datetime) -> Reason | None:
    begin = max((each for each in (settings.starts_at, settings.on_since) if each), default=None)
    if (settings.starts_at and now < settings.starts_at) or (settings.ends_at and now >= settings.ends_at):
        return Reason.OFF
    if begin and history.arrived_at < begin:
        return Reason.EARLIER
    if not history.is_import_done:
        return Reason.IMPORTING
    date = facts.parsed.date
    if date is None or now - date > FRESH:
        return Reason.OLD
    return None if is_on(settings, now) else Reason.OFF_HOURS


def is_on(settings: Settings, now: datetime) -> bool:
    """Whether the weekday and the hour are among those chosen; a night belongs to the day it begins on."""
    local = now.astimezone(settings.zone)
    begin, end = settings.from_hour or time.min, settings.until_hour
    clock, day = local.time(), local.weekday()
    if end is None or begin == end:
        inside = clock >= begin if end is None else True
    elif begin < end:
        inside = begin <= clock < end
    else:
        inside = clock >= begin or clock < end
        day = day if clock >= begin else (day - 1) % 7
    return inside and (not settings.weekdays or day in settings.weekdays)


def _against_sender(facts: Facts, settings: Settings, history: History, now: datetime) -> Reason | None:
    if history.is_spam:
        return Reason.SPAM
    if history.is_to_own_reply:
        return Reason.OWN_REPLY
    if settings.audience is Audience.MEMBERS and not history.is_member:
        return Reason.AUDIENCE
    if settings.audience is Audience.KNOWN and not history.is_known:
        return Reason.AUDIENCE
    interval = min(max(settings.interval, SHORTEST), LONGEST)
    if facts.return_path is None:
        interval = max(interval, STRICT_INTERVAL)
    if history.last_reply is not None and now - history.last_reply < interval:
        return Reason.ANSWERED
    if history.last_hour >= HOURLY or history.last_day >= DAILY:
        return Reason.TOO_MANY
    return None
