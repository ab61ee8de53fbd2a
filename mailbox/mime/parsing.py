"""A raw message as what lists, search and the reader need; nothing here raises, whatever the bytes are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mailbox.mime.bodies import preview, words_of_html
from mailbox.mime.charsets import safe
from mailbox.mime.headers import BLOCK_LIMIT, ID_LIMIT, Address, Headers, read_date, read_ids
from mailbox.mime.opened_message import AttachmentInfo, Body, OpenedMessage
from mailbox.mime.spooled_message import Raw

__all__ = ["Address", "AttachmentInfo", "Body", "Parsed", "attachment", "parse", "read_body"]

SUBJECT_LIMIT = 1000
DATE_TEXT_LIMIT = 200
TEXT_LIMIT = 200_000  # PostgreSQL refuses a tsvector above 1 MB
KEYWORDS_LIMIT = 20_000
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)

_WORD_BREAK = re.compile(r"[^\w]+|_+")


@dataclass(frozen=True, slots=True)
class Parsed:
    """
    What is kept beside the raw bytes. Every string is safe for PostgreSQL and of bounded length.

    `date` is aware, in UTC, and None when the header is missing, unreadable or absurd. Message ids keep their
    angles. `auto_submitted` is the keyword of RFC 3834 in lower case, "" when absent. `is_undecodable` means
    that there is a text which could not be read.
    """

    subject: str = ""
    from_name: str = ""
    from_address: str = ""
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    date: datetime | None = None
    date_text: str = ""
    preview: str = ""
    text: str = field(default="", repr=False)
    attachments: tuple[AttachmentInfo, ...] = ()
    has_attachments: bool = False
    list_id: str = ""
    auto_submitted: str = ""
    is_report: bool = False
    is_undecodable: bool = False

    @property
    def keywords(self) -> str:
        """
        Names, addresses and file names with their parts as words of their own.

        PostgreSQL takes `tom@example.com` and `invoice_2026.pdf` for one word each, so that a search for
        `example` or `invoice` would miss them.
        """
        words = [self.from_name, self.from_address]
        for address in (*self.to, *self.cc, *self.reply_to):
            words += [address.name, address.address]
        words += [info.filename for info in self.attachments]
        whole = " ".join(word for word in words if word)
        return f"{whole} {_WORD_BREAK.sub(' ', whole)}".strip()[:KEYWORDS_LIMIT]


def parse(raw: Raw, *, now: datetime | None = None) -> Parsed:
    """
    Read what is kept of a message. Never raises.

    A date before 1990 or more than a day after `now` (default: the clock) is absurd and comes back as None.
    """
    try:
        return _parse(raw, now)
    except Exception:  # a message must never stop the mailbox it arrives in (fault R8)
        try:
            headers = Headers(raw[:BLOCK_LIMIT].partition(b"\r\n\r\n")[0])
            return Parsed(
                subject=headers.text(b"subject", SUBJECT_LIMIT),
                date_text=headers.text(b"date", DATE_TEXT_LIMIT),
                is_undecodable=True,
            )
        except Exception:
            return Parsed(is_undecodable=True)


def _parse(raw: Raw, now: datetime | None) -> Parsed:
    message = OpenedMessage(raw)
    headers = message.headers
    senders = headers.addresses(b"from") or headers.addresses(b"sender")
    sender = senders[0] if senders else Address("", "")
    ids = read_ids(headers.raw(b"message-id"), 1)
    replied = read_ids(headers.raw(b"in-reply-to"), 1)
    date_text = headers.text(b"date", DATE_TEXT_LIMIT)
    text = _words(message)
    infos = message.infos
    return Parsed(
        subject=headers.text(b"subject", SUBJECT_LIMIT),
        from_name=sender.name,
        from_address=sender.address,
        reply_to=headers.addresses(b"reply-to"),
        to=headers.addresses(b"to"),
        cc=headers.addresses(b"cc"),
        message_id=ids[0] if ids else "",
        in_reply_to=replied[0] if replied else "",
        references=read_ids(headers.raw(b"references")),
        date=_believable(read_date(date_text), now) if date_text else None,
        date_text=date_text,
        preview=preview(text),
        text=text,
        attachments=infos,
        has_attachments=any(not info.is_inline for info in infos),
        list_id=headers.text(b"list-id", ID_LIMIT).rpartition("<")[2].rstrip("> "),
        auto_submitted=headers.text(b"auto-submitted", 100).partition(";")[0].strip().lower(),
        is_report=_is_report(message),
        is_undecodable=message.is_broken,
    )


def _believable(date: datetime | None, now: datetime | None) -> datetime | None:
    if date is None or date < OLDEST or date > (now or datetime.now(UTC)) + timedelta(days=1):
        return None
    return date


def _is_report(message: OpenedMessage) -> bool:
    """A delivery report (RFC 3464), by its type or by the part that only reports have."""
    if any(part.content_type == "message/delivery-status" for part in message.files):
        return True
    value = message.headers.raw(b"content-type")[:1000].lower()
    return b"multipart/report" in value and b"delivery-status" in value


def _words(message: OpenedMessage) -> str:
    """The text for search: of each text its plain rendering, or the words of the other if that is empty."""
    found: list[str] = []
    room = TEXT_LIMIT
    for plains, pages in message.texts:
        words = "\n".join(map(message.plain_text, plains))
        if pages and not words.strip():
            words = "\n".join(words_of_html(message.page(part)) for part in pages)
        words = words[:room]
        found.append(words)
        room -= len(words) + 1
        if room <= 0:
            break
    return safe("\n".join(found))[:TEXT_LIMIT]


def read_body(raw: Raw) -> Body:
    """The text of one message to show; see `OpenedMessage.body`. Never raises."""
    try:
        return OpenedMessage(raw).body()
    except Exception:  # shown as "could not be decoded"; the original can be downloaded
        return Body(None, None, False)


def attachment(raw: Raw, position: int) -> tuple[AttachmentInfo, bytes]:
    """The file at `position` as `parse` numbers them, with its exact size. LookupError when there is none.

    Walks over the whole message: who wants several files asks one `OpenedMessage`.
    """
    message = OpenedMessage(raw)
    info, content = message.info(position), message.content(position)
    return replace(info, size=len(content)), content
