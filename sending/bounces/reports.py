"""Reports of what did not arrive: who did not get which message, and why.

Either a delivery report (RFC 3462, RFC 3464) or a notice in prose by a mail system (`sending.bounces.notices`).

A report was written by a stranger, and anybody can write one. So everything in it is text to be shown, bounded
and harmless, and it is tied to a message of ours by that message's id alone, which only those know who got the
message; whoever asks must look for it among the messages of the same account. A report is never answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailbox.mime.headers import Headers, read_ids
from mailbox.mime.structure import Part, content_of, read_headers, split
from sending.bounces import delivery_status, notices
from sending.bounces.recipient_reports import RECIPIENTS_LIMIT, Action, RecipientReport

__all__ = ["ORIGINAL_TYPES", "RECIPIENTS_LIMIT", "Action", "RecipientReport", "Report", "read_report"]

ORIGINAL_LIMIT: Final = 256 * 1024
IDS_LIMIT: Final = 20
ORIGINAL_TYPES: Final = (
    *("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"),
    *("message/rfc822-headers", "text/rfc822"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `message_ids` may name our message, the surest first, all with their angles."""

    recipients: tuple[RecipientReport, ...]
    message_ids: tuple[str, ...]
    reporter: str = ""

    @property
    def bounced(self) -> tuple[RecipientReport, ...]:
        """Those whom it did not reach."""
        return tuple(each for each in self.recipients if each.is_bounce)


def read_report(raw: bytes) -> Report | None:
    """The report that a message is, None when it is none. Never raises."""
    try:
        return _read(raw)
    except Exception:  # a message must never stop the mailbox it arrives in (fault R8)
        return None


def _read(raw: bytes) -> Report | None:
    headers, leaves = split(raw)
    # Some servers leave the type of the whole out, or lists change it: the part alone is proof enough.
    whole, recipients = delivery_status.read_blocks(raw, leaves)
    text = notices.text_of_notice(raw, leaves)
    originals = _of_originals(raw, leaves)
    carried = [
        *originals,
        *read_ids(whole.raw(b"x-original-message-id"), 1),
        *text.message_ids,
    ]
    # Exchange and others return nothing, and answer in the thread instead.
    thread = [*read_ids(headers.raw(b"in-reply-to"), 2), *reversed(read_ids(headers.raw(b"references"), 10))]
    if not recipients and (carried or thread):
        recipients = notices.read_notice(
            headers, text, is_in_thread_only=not carried, has_original=bool(originals)
        )
    if not recipients:
        return None
    ids = tuple(dict.fromkeys([*carried, *thread]))[:IDS_LIMIT]
    return Report(recipients, ids, delivery_status.typed(whole, b"reporting-mta")[1])


def _of_originals(raw: bytes, leaves: list[Part]) -> list[str]:
    """The ids of the messages or headers that came back."""
    found: list[str] = []
    for part in leaves:
        if part.content_type in ORIGINAL_TYPES:
            content = content_of(raw, part, ORIGINAL_LIMIT).lstrip(b"\r\n")
            inner: Headers = read_headers(content, 0, len(content))[0]
            found += read_ids(inner.raw(b"message-id"), 1)
    return found
