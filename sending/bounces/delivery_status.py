"""The fields of a delivery report (RFC 3464), and how servers bend them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mailbox.mime.headers import Headers, decode, one_line
from mailbox.mime.structure import Part, content_of
from sending.bounces.recipient_reports import (
    RECIPIENTS_LIMIT,
    TEXT_LIMIT,
    Action,
    RecipientReport,
    digit_of,
    status_in,
)

STATUS_LIMIT: Final = 256 * 1024  # encoded bytes of a report that are read
STATUS_TYPES: Final = ("message/delivery-status", "message/global-delivery-status")

_GROUPS: Final = re.compile(rb"\n[ \t]*(?:\n[ \t]*)+")
_PATH: Final = re.compile(r"<([^<>]*)>")
# Words that servers put in place of the five of RFC 3464, 2.3.3.
_OTHER_WORDS: Final = {
    Action.FAILED: (
        *("failure", "fail", "expired", "undeliverable", "undelivered", "returned", "rejected", "refused"),
        *("bounced", "error", "permanent-failure"),
    ),
    Action.DELAYED: ("delay", "deferred", "queued", "warning", "retrying", "temporary-failure"),
}
_ACTIONS: Final = {word: action for action, words in _OTHER_WORDS.items() for word in words} | {
    each.value: each for each in Action
}


def read_blocks(raw: bytes, leaves: Sequence[Part]) -> tuple[Headers, tuple[RecipientReport, ...]]:
    """What the report says of the message, and of each recipient; both empty where there is no report."""
    first = Headers(b"")
    groups: list[Headers] = []
    for part in leaves:
        if part.content_type in STATUS_TYPES:
            whole, *more = _groups(content_of(raw, part, STATUS_LIMIT))
            first = first if len(first) else whole
            if b"final-recipient" in whole or b"original-recipient" in whole:
                # Some servers leave the fields of the message out, or the blank line behind them.
                more.insert(0, whole)
            groups += more
    found = (_recipient(group) for group in groups[:RECIPIENTS_LIMIT])
    return first, tuple(each for each in found if each is not None)


def _groups(content: bytes) -> list[Headers]:
    """Blocks of fields with blank lines between them (RFC 3464, 2.1); at least one."""
    text = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n \t")
    found = [Headers(block) for block in _GROUPS.split(text)[: RECIPIENTS_LIMIT + 1]]
    return [group for group in found if len(group)] or [Headers(b"")]


def _recipient(group: Headers) -> RecipientReport | None:
    final = _address(group, b"final-recipient")
    original = _address(group, b"original-recipient")
    status = status_in(group.text(b"status", 100))
    diagnostic = typed(group, b"diagnostic-code")[1]
    action = _action(group.text(b"action", 100), status or digit_of(diagnostic))
    if action is None or not (final or original):
        return None
    return RecipientReport(
        original or final, final or original, action, status, diagnostic, typed(group, b"remote-mta")[1]
    )


def _action(word: str, status: str) -> Action | None:
    """What the report says, else what its status can only mean; None when neither says anything."""
    said = word.split()[0].strip(";,.").lower() if word.split() else ""
    by_status = {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}.get(status[:1])
    return _ACTIONS.get(said, by_status)


def _address(group: Headers, name: bytes) -> str:
    """The address, though it be written as a path with a route (RFC 5321, 4.1.2 and appendix C)."""
    kind, value = typed(group, name)
    found = _PATH.search(value)
    value = (found[1] if found else value).strip("<> ")
    if value.startswith("@"):
        value = value.partition(":")[2]
    is_mail = kind.replace("/", "").replace("-", "") in ("rfc822", "utf8", "smtp", "")
    return value[:320] if is_mail and "@" in value else ""


def typed(group: Headers, name: bytes) -> tuple[str, str]:
    """`rfc822; user@example.org` as its two halves; the first is "" when it is missing (RFC 3464, 2.1.2)."""
    value = decode(group.raw(name))
    kind, semicolon, rest = value.partition(";")
    if not semicolon or len(kind) > 40:
        kind, rest = "", value
    return one_line(kind).strip().lower(), one_line(rest)[:TEXT_LIMIT].strip()
