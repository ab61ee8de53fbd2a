"""A message made of what a person wrote: always the same bytes for the same letter, safe for every server.

The result has CRLF line ends, ASCII bytes (but for addresses with other letters before the @, RFC 6532), no line
above 998 octets, and no trace of blind copies.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from mailbox.html.normalizer import words
from mailbox.mime.charsets import safe
from mailbox.mime.headers import Address
from sending.message import format_flowed, header_encoding
from sending.message.addresses import key
from sending.message.header_encoding import ComposeError, clean

__all__ = [
    "Address",
    "Attachment",
    "ComposeError",
    "InlineImage",
    "Letter",
    "compose",
    "new_message_id",
    "recipients",
    "trimmed",
]

# Some relays refuse longer References fields; the first ids name the thread, the last ones the place in it.
REFERENCES_KEPT: Final = 20
REFERENCES_BYTES: Final = 4000

_PLAIN_LINE: Final = 78
_LONGEST_LINE: Final = 998
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_FROM_LINE: Final = re.compile(rb"^From ", re.MULTILINE)
# RFC 2045, 2.8: text of a body without what would not survive, or would not be text.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OWN_FIELDS: Final = words(
    "from sender to cc bcc reply-to subject date message-id in-reply-to references mime-version return-path"
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file behind the text."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class InlineImage:
    """A picture that the HTML shows as `cid:<content_id>` (RFC 2392); `content_id` without angles."""

    content_id: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be sent. `message_id` (with angles) and `date` (aware) are fixed once, for all attempts.

    `html` is a fragment that goes inside a body, already sanitized; `text` is the plain rendering, derived from
    `html` when None. `bcc` is for the envelope alone. `headers` are further fields, such as Auto-Submitted.
    """

    sender: Address
    date: datetime
    message_id: str
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    text: str | None = None
    html: str | None = None
    images: tuple[InlineImage, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


def new_message_id(from_address: str) -> str:
    """A Message-ID that nobody can guess, in the domain of the sender (RFC 5322, 3.6.4)."""
    domain = header_encoding.address(from_address, "from").rpartition("@")[2]
    return f"<{secrets.token_hex(16)}@{domain.strip('[]')}>"


def recipients(letter: Letter) -> tuple[str, ...]:
    """Whom the envelope names: everybody once, blind copies too. Raises ComposeError."""
    found: dict[str, str] = {}
    for field in ("to", "cc", "bcc"):
        for person in getattr(letter, field):
            found.setdefault(key(person.address), header_encoding.address(person.address, field))
    return tuple(found.values())


def compose(letter: Letter) -> bytes:
    """The message. Raises ComposeError, which names the field."""
    body = _content(letter)
    if letter.attachments:
        body = _multipart("mixed", [body, *map(_attached, letter.attachments)])
    return b"".join(_header(letter)) + b"MIME-Version: 1.0\r\n" + body


def trimmed(references: Sequence[str]) -> tuple[str, ...]:
    """The ids that are kept of a long thread: the first one and the last ones, below the limit in bytes."""
    kept = list(references)
    if len(kept) > REFERENCES_KEPT + 1:
        kept = [kept[0], *kept[-REFERENCES_KEPT:]]
    while len(kept) > 2 and sum(len(each) + 3 for each in kept) > REFERENCES_BYTES:
        del kept[1]
    return tuple(kept)


# ── The header ──────────────────────────────────────────────────────────────


def _header(letter: Letter) -> list[bytes]:
    if letter.date.tzinfo is None:
        raise ComposeError("date", "date")
    lines = [
        header_encoding.mailboxes("From", [letter.sender], "from"),
        *_people("To", letter.to, "to"),
        *_people("Cc", letter.cc, "cc"),
        *_people("Reply-To", letter.reply_to, "reply_to"),
        header_encoding.unstructured("Subject", letter.subject, "subject"),
        header_encoding.tokens("Date", format_datetime(letter.date).split(" ")),
        header_encoding.tokens("Message-ID", [header_encoding.message_id(letter.message_id, "message_id")]),
    ]
    if not letter.to and not letter.cc:
        # Some servers add what they please to a message without any.
        lines.insert(1, b"To: undisclosed-recipients:;\r\n")
    if letter.in_reply_to:
        lines.append(
            header_encoding.tokens(
                "In-Reply-To", [header_encoding.message_id(letter.in_reply_to, "in_reply_to")]
            )
        )
    if letter.references:
        ids = [header_encoding.message_id(each, "references") for each in trimmed(letter.references)]
        lines.append(header_encoding.tokens("References", ids))
    return lines + [_further(name, value) for name, value in letter.headers]


def _people(name: str, people: Sequence[Address], field: str) -> list[bytes]:
    once: dict[str, Address] = {}
    for person in people:
        once.setdefault(key(person.address), person)
    return [header_encoding.mailboxes(name, once.values(), field)] if people else []


def _further(name: str, value: str) -> bytes:
    if name.lower() in _OWN_FIELDS or name.lower().startswith("content-"):
        raise ComposeError(name if name.isprintable() else "headers", "name")
    return header_encoding.unstructured(name, value, "headers")


# ── The text ────────────────────────────────────────────────────────────────


def _content(letter: Letter) -> bytes:
    if letter.html is None:
        return _text(letter.text or "")
    text = format_flowed.text_of_html(letter.html) if letter.text is None else letter.text
    page = f"<!DOCTYPE html>\n<html><head></head><body>\n{letter.html}\n</body></html>\n"
    html = _entity([b'Content-Type: text/html; charset="utf-8"\r\n'], _as_bytes(page))
    if letter.images:
        html = _multipart("related", [html, *map(_shown, letter.images)], 'type="text/html"')
    return _multipart("alternative", [_text(text), html])


def _text(text: str) -> bytes:
    flowed = format_flowed.flow(_clean_body(text))
    return _entity([b'Content-Type: text/plain; charset="utf-8"; format=flowed\r\n'], _as_bytes(flowed))


def _clean_body(text: str) -> str:
    return _CONTROLS.sub("", safe(text)).replace("\r\n", "\n").replace("\r", "\n")


def _as_bytes(text: str) -> bytes:
    return _clean_body(text).rstrip("\n").replace("\n", "\r\n").encode() + b"\r\n"


def _entity(fields: Sequence[bytes], data: bytes) -> bytes:
    """A text with the encoding that suits it (RFC 2045, 6)."""
    name, encoded = _transfer(data)
    return b"".join([*fields, b"Content-Transfer-Encoding: " + name + b"\r\n\r\n", encoded])


def _transfer(data: bytes) -> tuple[bytes, bytes]:
    # "From " at the beginning of a line is changed by servers that keep mail in one file.
    if data.isascii() and not _FROM_LINE.search(data) and max(map(len, data.split(b"\r\n"))) <= _PLAIN_LINE:
        return b"7bit", data
    quoted = binascii.b2a_qp(data)
    # Twice as long is when hardly a letter stands for itself any more.
    if len(quoted) > 2 * len(data) or _FROM_LINE.search(quoted):
        return b"base64", _base64(data)
    return b"quoted-printable", quoted


# ── Files ───────────────────────────────────────────────────────────────────


def _attached(file: Attachment) -> bytes:
    content_type, charset = _type_of(file)
    fields = [
        header_encoding.parameters("Content-Type", content_type, charset, "attachments"),
        _disposition("attachment", file.filename),
    ]
    if content_type == "message/rfc822":
        return b"".join([*fields, b"Content-Transfer-Encoding: 7bit\r\n\r\n", file.content])
    return _encoded(fields, file.content)


def _shown(image: InlineImage) -> bytes:
    content_id = header_encoding.content_id(image.content_id, "images")
    content_type = image.content_type.lower()
    if not _TYPE.fullmatch(content_type) or not content_type.startswith("image/"):
        raise ComposeError("images", "type")
    fields = [
        header_encoding.parameters("Content-Type", content_type, {}, "images"),
        header_encoding.tokens("Content-ID", [content_id]),
        _disposition("inline", image.filename),
    ]
    return _encoded(fields, image.content)


def _type_of(file: Attachment) -> tuple[str, dict[str, str]]:
    """The type that a file may have in a message, and its charset if that is known."""
    content_type = file.content_type.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(content_type) or content_type.startswith("multipart/"):
        return "application/octet-stream", {}
    if content_type.startswith("message/"):
        # A message may not be encoded as a whole (RFC 2046, 5.2.1); what cannot go as it is becomes a file.
        is_plain = content_type == "message/rfc822" and _is_plain(file.content)
        return (content_type if is_plain else "application/octet-stream"), {}
    if content_type.startswith("text/"):
        try:
            file.content.decode("utf-8")
        except UnicodeDecodeError:
            return content_type, {}
        return content_type, {"charset": "utf-8"}
    return content_type, {}


def _is_plain(content: bytes) -> bool:
    ends = content.count(b"\r\n")
    return (
        content.isascii()
        and b"\0" not in content
        and ends == content.count(b"\r") == content.count(b"\n")
        and max(map(len, content.split(b"\r\n"))) <= _LONGEST_LINE
    )


def _disposition(kind: str, filename: str) -> bytes:
    name = clean(filename, "filename")
    return header_encoding.parameters(
        "Content-Disposition", kind, {"filename": name} if name else {}, "filename"
    )


def _encoded(fields: Sequence[bytes], content: bytes) -> bytes:
    return b"".join([*fields, b"Content-Transfer-Encoding: base64\r\n\r\n", _base64(content)])


def _base64(data: bytes) -> bytes:
    return encodebytes(data).replace(b"\n", b"\r\n")


def _multipart(kind: str, parts: Sequence[bytes], parameter: str = "") -> bytes:
    """Parts behind each other (RFC 2046, 5.1). The boundary comes from what is between, so it is always the same."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    boundary = f"=_{digest.hexdigest()[:40]}".encode()
    more = f";\r\n {parameter}".encode() if parameter else b""
    field = b'Content-Type: multipart/%s%s;\r\n boundary="%s"\r\n\r\n' % (kind.encode(), more, boundary)
    between = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return b"%s%s--%s--\r\n" % (field, between, boundary)
