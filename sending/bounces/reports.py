"""Delivery reports (RFC 3462, RFC 3464): who did not get which message, and why.

A report was written by a stranger, and anybody can write one. So everything in it is text to be shown, bounded
and harmless, and it is tied to a message of ours by that message's id alone, which only those know who got the
message; whoever asks must look for it among the messages of the same account. A report is never answered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailbox.mime.headers import Headers, decode, one_line, read_ids
from mailbox.mime.structure import Part, content_of, read_headers, split

STATUS_LIMIT: Final = 256 * 1024  # encoded bytes of a report that are read
ORIGINAL_LIMIT: Final = 256 * 1024
RECIPIENTS_LIMIT: Final = 200
TEXT_LIMIT: Final = 500
IDS_LIMIT: Final = 20

_STATUS_TYPES: Final = ("message/delivery-status", "message/global-delivery-status")
_ORIGINAL_TYPES: Final = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_GROUPS: Final = re.compile(rb"\n[ \t]*(?:\n[ \t]*)+")
_STATUS: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_REPLY: Final = re.compile(r"([245])\d\d(?!\d)")


class Action(StrEnum):
    """What became of the message for one recipient (RFC 3464, 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"  # still being tried: not a bounce
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """One recipient of a report. `address` is whom the message was sent to, where the report says so.

    `final_address` is where it ended after forwarding. `status` is like "5.1.1", "" when the report has none;
    `diagnostic` is what the last server said, cleaned, "" when the report does not say: nothing is made up.
    """

    address: str
    final_address: str
    action: Action
    status: str = ""
    diagnostic: str = ""
    remote: str = ""

    @property
    def is_bounce(self) -> bool:
        """Whether it will not arrive. A delay is none, and neither is a success."""
        return self.action is Action.FAILED

    @property
    def is_permanent(self) -> bool | None:
        """Whether trying again is useless; None when the report does not say."""
        digit = self.status[:1] or _digit(self.diagnostic)
        return None if digit not in ("4", "5") else digit == "5"


@dataclass(frozen=True, slots=True)
class Report:
    """One delivery report. `message_ids` may name our message, the surest first, all with their angles."""

    recipients: tuple[RecipientReport, ...]
    message_ids: tuple[str, ...]
    reporter: str = ""

    @property
    def bounced(self) -> tuple[RecipientReport, ...]:
        """Those whom it did not reach."""
        return tuple(each for each in self.recipients if each.is_bounce)


def read_report(raw: bytes) -> Report | None:
    """The delivery report that a message is, None when it is none. Never raises."""
    try:
        return _read(raw)
    except Exception:  # a message must never stop the mailbox it arrives in (fault R8)
        return None


def _read(raw: bytes) -> Report | None:
    headers, leaves = split(raw)
    # Some servers leave the type of the whole out, or lists change it: the part alone is proof enough.
    status = next((part for part in leaves if part.content_type in _STATUS_TYPES), None)
    if status is None:
        return None
    whole, *groups = _groups(content_of(raw, status, STATUS_LIMIT))
    if b"final-recipient" in whole or b"original-recipient" in whole:
        groups.insert(0, whole)  # some servers leave the fields of the message out, or the blank line behind
    recipients = tuple(
        found for group in groups[:RECIPIENTS_LIMIT] if (found := _recipient(group)) is not None
    )
    return (
        Report(recipients, _ids(raw, headers, leaves), _typed(whole, b"reporting-mta")[1])
        if recipients
        else None
    )


def _groups(content: bytes) -> list[Headers]:
    """Blocks of fields with blank lines between them (RFC 3464, 2.1); at least one."""
    text = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n \t")
    found = [Headers(block) for block in _GROUPS.split(text)[: RECIPIENTS_LIMIT + 1]]
    return [group for group in found if len(group)] or [Headers(b"")]


def _recipient(group: Headers) -> RecipientReport | None:
    final = _address(group, b"final-recipient")
    original = _address(group, b"original-recipient")
    found = _STATUS.search(group.text(b"status", 100))
    status = f"{found[1]}.{int(found[2])}.{int(found[3])}" if found else ""
    diagnostic = _typed(group, b"diagnostic-code")[1]
    action = _action(group.text(b"action", 100), status or _digit(diagnostic))
    if action is None or not (final or original):
        return None
    return RecipientReport(
        original or final, final or original, action, status, diagnostic, _typed(group, b"remote-mta")[1]
    )


def _action(word: str, status: str) -> Action | None:
    """What the report says, else what its status can only mean; None when neither says anything."""
    said = word.split()[0].strip(";,.").lower() if word.split() else ""
    if said in list(Action):
        return Action(said)
    return {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}.get(status[:1])


def _address(group: Headers, name: bytes) -> str:
    kind, value = _typed(group, name)
    value = value.strip("<> ")
    return value[:320] if kind in ("rfc822", "utf-8", "") and "@" in value else ""


def _typed(group: Headers, name: bytes) -> tuple[str, str]:
    """`rfc822; user@example.org` as its two halves; the first is "" when it is missing (RFC 3464, 2.1.2)."""
    value = decode(group.raw(name))
    kind, semicolon, rest = value.partition(";")
    if not semicolon or len(kind) > 40:
        kind, rest = "", value
    return one_line(kind).strip().lower(), one_line(rest)[:TEXT_LIMIT].strip()


def _digit(diagnostic: str) -> str:
    """The class of a diagnostic that begins with a code: 4 or 5; "" otherwise."""
    found = _STATUS.match(diagnostic) or _REPLY.match(diagnostic)
    return found[1] if found else ""


def _ids(raw: bytes, headers: Headers, leaves: list[Part]) -> tuple[str, ...]:
    """Ids that may be our message's: of the message or header that came back, then of the thread fields."""
    found: list[str] = []
    for part in leaves:
        if part.content_type in _ORIGINAL_TYPES:
            content = content_of(raw, part, ORIGINAL_LIMIT).lstrip(b"\r\n")
            inner, _ = read_headers(content, 0, len(content))
            found += read_ids(inner.raw(b"message-id"), 1)
    # Exchange and others return nothing, and answer in the thread instead.
    found += [*read_ids(headers.raw(b"in-reply-to"), 2), *reversed(read_ids(headers.raw(b"references"), 10))]
    return tuple(dict.fromkeys(found))[:IDS_LIMIT]
