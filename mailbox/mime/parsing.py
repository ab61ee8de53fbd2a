"""A raw message as what lists, search and the reader need; nothing here raises, whatever the bytes are."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from mailbox.mime.bodies import (
    ENCODED_LIMIT,
    decoded_text,
    is_text,
    preview,
    segments,
    text_of,
    unflow,
    words_of_html,
)
from mailbox.mime.charsets import safe
from mailbox.mime.headers import BLOCK_LIMIT, ID_LIMIT, Address, Headers, read_date, read_ids
from mailbox.mime.spooled_message import Raw
from mailbox.mime.structure import Part, content_of, cut_uuencoded, decoded_size, encoding_of, split

__all__ = ["Address", "AttachmentInfo", "Body", "Parsed", "attachment", "by_content_id", "parse", "read_body"]

SUBJECT_LIMIT = 1000
DATE_TEXT_LIMIT = 200
TEXT_LIMIT = 200_000  # PostgreSQL refuses a tsvector above 1 MB
KEYWORDS_LIMIT = 20_000
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)

_WORD_BREAK = re.compile(r"[^\w]+|_+")
_REFERRED = re.compile(r"cid:([^\s\"'<>)]{1,300})", re.I)
_DEFAULT_NAMES = {
    "message/rfc822": "message.eml",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "read-receipt.txt",
    "text/rfc822-headers": "headers.txt",
    "text/calendar": "invitation.ics",
    "text/vcard": "contact.vcf",
    "text/x-vcard": "contact.vcf",
    "text/plain": "text.txt",
    "text/html": "page.html",
    "application/ms-tnef": "winmail.dat",
    "application/pdf": "document.pdf",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.txt",
    "application/pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "image/jpeg": "picture.jpg",
    "image/png": "picture.png",
    "image/gif": "picture.gif",
    "image/webp": "picture.webp",
}


@dataclass(frozen=True, slots=True)
class AttachmentInfo:
    """One file of a message; `position` is its place among them, the same for the same bytes."""

    position: int
    filename: str
    content_type: str
    size: int
    content_id: str
    is_inline: bool


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


@dataclass(frozen=True, slots=True)
class Body:
    """What is to be read of one message; both None when there is nothing that could be decoded."""

    html: str | None
    text: str | None
    is_flowed: bool


@dataclass(slots=True)
class _Message:
    """One walk over the bytes: the order of `files` is what positions mean."""

    raw: Raw
    headers: Headers
    texts: list[tuple[list[Part], list[Part]]]
    files: list[Part]
    plain: dict[int, bytes]  # decoded plain texts by offset, without the files cut from them
    is_broken: bool


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
    message = _read(raw)
    headers = message.headers
    senders = headers.addresses(b"from") or headers.addresses(b"sender")
    sender = senders[0] if senders else Address("", "")
    ids = read_ids(headers.raw(b"message-id"), 1)
    replied = read_ids(headers.raw(b"in-reply-to"), 1)
    date_text = headers.text(b"date", DATE_TEXT_LIMIT)
    text = _words(message)
    infos = _infos(message)
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


def _is_report(message: _Message) -> bool:
    """A delivery report (RFC 3464), by its type or by the part that only reports have."""
    if any(part.content_type == "message/delivery-status" for part in message.files):
        return True
    value = message.headers.raw(b"content-type")[:1000].lower()
    return b"multipart/report" in value and b"delivery-status" in value


def _read(raw: Raw) -> _Message:
    if raw.find(b"\n", 0, BLOCK_LIMIT) < 0 and raw.find(b"\r", 0, BLOCK_LIMIT) >= 0:
        raw = raw[:ENCODED_LIMIT].replace(b"\r", b"\n")
    headers, leaves = split(raw)
    read: list[Part] = []
    files: list[Part] = []
    plain: dict[int, bytes] = {}
    is_broken = not len(headers) and b"\x00" in raw[:1024]
    for part in leaves:
        is_only = len(leaves) == 1 and part.disposition != "attachment"
        if not is_text(part) and not (is_only and part.content_type in ("text/plain", "text/html")):
            files.append(part)
            continue
        read.append(part)
        if part.content_type == "text/html":
            continue
        data = content_of(raw, part, ENCODED_LIMIT)
        if not data and encoding_of(part) == "base64":
            is_broken |= bool(raw[part.start : min(part.end, part.start + ENCODED_LIMIT)].strip())
        if b"begin " in data:
            data, carried = cut_uuencoded(data)
            files += [_carried(part, name, content) for name, content in carried]
        plain[part.start] = data
    return _Message(raw, headers, segments(read), files, plain, is_broken)


def _carried(part: Part, name: str, content: bytes) -> Part:
    return Part(
        Headers(b""), "application/octet-stream", {}, part.start, part.end, content=content, given_name=name
    )


def _plain_text(message: _Message, part: Part) -> str:
    return decoded_text(message.plain[part.start], part)


def _words(message: _Message) -> str:
    """The text for search: of each text its plain rendering, or the words of the other if that is empty."""
    found: list[str] = []
    room = TEXT_LIMIT
    for plains, pages in message.texts:
        words = "\n".join(_plain_text(message, part) for part in plains)
        if pages and not words.strip():
            words = "\n".join(words_of_html(text_of(message.raw, part)) for part in pages)
        words = words[:room]
        found.append(words)
        room -= len(words) + 1
        if room <= 0:
            break
    return safe("\n".join(found))[:TEXT_LIMIT]


def _infos(message: _Message) -> tuple[AttachmentInfo, ...]:
    if not message.files:
        return ()
    referred = _referred(message) if any(part.content_id for part in message.files) else frozenset()
    infos = []
    for position, part in enumerate(message.files):
        name = part.filename
        content_id = part.content_id
        # Another rendering of the text, such as AMP, is no file to its reader; an invitation is.
        is_rendering = bool(part.alternative) and part.content_type.startswith("text/") and not name
        infos.append(
            AttachmentInfo(
                position=position,
                filename=name or _DEFAULT_NAMES.get(part.content_type, f"file-{position + 1}"),
                content_type=part.content_type,
                size=decoded_size(message.raw, part),
                content_id=content_id,
                is_inline=content_id in referred or (is_rendering and part.content_type != "text/calendar"),
            )
        )
    return tuple(infos)


def _referred(message: _Message) -> frozenset[str]:
    """The content ids that the HTML texts show."""
    found: set[str] = set()
    for _, pages in message.texts:
        for part in pages:
            found.update(
                unquote(html.unescape(each)) for each in _REFERRED.findall(text_of(message.raw, part))
            )
    return frozenset(found)


def read_body(raw: bytes) -> Body:
    """The text of one message to show. `is_flowed`: `text` is format=flowed (RFC 3676). Never raises."""
    try:
        return _body(_read(raw))
    except Exception:  # shown as "could not be decoded"; the original can be downloaded
        return Body(None, None, False)


def _body(message: _Message) -> Body:
    plains = [part for texts, _ in message.texts for part in texts]
    has_pages = any(pages for _, pages in message.texts)
    is_flowed = len(plains) == 1 and _is_flowed(plains[0]) and not _has_delsp(plains[0])
    shown = {part.start: _shown(message, part, is_alone=is_flowed) for part in plains}
    page = ""
    for texts, pages in message.texts if has_pages else ():
        if pages:
            page += "\n".join(text_of(message.raw, part) for part in pages)
        else:
            escaped = html.escape("\n".join(shown[part.start] for part in texts))
            page += f'<div style="white-space: pre-wrap">{escaped}</div>'
    text = "\n".join(shown[part.start] for part in plains) if plains else None
    return Body(page if has_pages else None, text, is_flowed)


def _shown(message: _Message, part: Part, *, is_alone: bool) -> str:
    """A plain text; flowed ones are joined here when they are not alone or when their spaces do not count."""
    text = _plain_text(message, part)
    if is_alone or not _is_flowed(part):
        return text
    lines = unflow(text.replace("\r\n", "\n").split("\n"), delsp=_has_delsp(part))
    return "\n".join(f"{'>' * depth} {line}" if depth else line for depth, line in lines)


def _is_flowed(part: Part) -> bool:
    return part.parameters.get("format", b"").lower() == b"flowed"


def _has_delsp(part: Part) -> bool:
    return part.parameters.get("delsp", b"").lower() == b"yes"


def attachment(raw: bytes, position: int) -> tuple[AttachmentInfo, bytes]:
    """The file at `position` as `parse` numbers them, with its exact size. LookupError when there is none."""
    message = _read(raw)
    if not 0 <= position < len(message.files):
        raise LookupError(f"no file at position {position}")
    content = content_of(message.raw, message.files[position])
    info = _infos(message)[position]
    return (
        AttachmentInfo(
            position, info.filename, info.content_type, len(content), info.content_id, info.is_inline
        ),
        content,
    )


def by_content_id(raw: bytes) -> dict[str, AttachmentInfo]:
    """The files that HTML can show as `cid:…` (RFC 2392), by Content-ID; the first of several with one id."""
    found: dict[str, AttachmentInfo] = {}
    for info in _infos(_read(raw)):
        if info.content_id:
            found.setdefault(info.content_id, info)
    return found
