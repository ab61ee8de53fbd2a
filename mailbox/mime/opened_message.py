"""A message opened once: one walk over its bytes answers for its text, its files and their content."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from mailbox.mime.bodies import ENCODED_LIMIT, decoded_text, is_text, segments, text_of, unflow
from mailbox.mime.contents import decoded_pieces
from mailbox.mime.headers import BLOCK_LIMIT, Headers
from mailbox.mime.spooled_message import Raw
from mailbox.mime.structure import Part, content_of, cut_uuencoded, decoded_size, encoding_of, split

# Of all plain texts together, in encoded bytes, and of all HTML texts together, in characters: more than is shown
# of any message (`mailbox.html`), so that a message of many texts is not held whole.
PLAIN_LIMIT = 4 * ENCODED_LIMIT
PAGES_LIMIT = 4 * 1024 * 1024

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
class Body:
    """What is to be read of one message; both None when there is nothing that could be decoded."""

    html: str | None
    text: str | None
    is_flowed: bool


class OpenedMessage:
    """One walk over the bytes: the order of `files` is what positions mean. May raise on bytes nobody thought of.

    `texts` are those that follow each other, each as (plain leaves, HTML leaves). `is_broken`: there is a text that
    could not be read.
    """

    def __init__(self, raw: Raw) -> None:
        if raw.find(b"\n", 0, BLOCK_LIMIT) < 0 and raw.find(b"\r", 0, BLOCK_LIMIT) >= 0:
            raw = raw[:ENCODED_LIMIT].replace(b"\r", b"\n")
        self.raw = raw
        self.headers, leaves = split(raw)
        self.files: list[Part] = []
        self.is_broken = not len(self.headers) and b"\x00" in raw[:1024]
        self._plain: dict[int, bytes] = {}  # decoded plain texts by offset, without the files cut from them
        self._pages: dict[int, str] = {}  # HTML texts by offset, once they were asked for
        self._plain_room, self._pages_room = PLAIN_LIMIT, PAGES_LIMIT
        read: list[Part] = []
        for part in leaves:
            is_only = len(leaves) == 1 and part.disposition != "attachment"
            if not is_text(part) and not (is_only and part.content_type in ("text/plain", "text/html")):
                self.files.append(part)
                continue
            read.append(part)
            if part.content_type == "text/plain":
                self._read_plain(part)
        self.texts = segments(read)

    def _read_plain(self, part: Part) -> None:
        limit = min(ENCODED_LIMIT, self._plain_room)
        data = content_of(self.raw, part, limit)
        self._plain_room -= min(part.end - part.start, limit)
        if not data and limit and encoding_of(part) == "base64":
            self.is_broken |= bool(self.raw[part.start : min(part.end, part.start + limit)].strip())
        if b"begin " in data:
            data, carried = cut_uuencoded(data)
            self.files += [_carried(part, name, content) for name, content in carried]
        self._plain[part.start] = data

    def plain_text(self, part: Part) -> str:
        """One of the plain leaves of `texts`, without the files that were carried in it."""
        return decoded_text(self._plain[part.start], part)

    def page(self, part: Part) -> str:
        """One of the HTML leaves of `texts`; "" when those before it have used up the room there is."""
        if part.start not in self._pages:
            text = text_of(self.raw, part)[: self._pages_room] if self._pages_room else ""
            self._pages_room -= len(text)
            self._pages[part.start] = text
        return self._pages[part.start]

    @cached_property
    def infos(self) -> tuple[AttachmentInfo, ...]:
        """What there is to say of each of `files`; sizes as `decoded_size` reckons them."""
        return tuple(self._info(position, part) for position, part in enumerate(self.files))

    def _info(self, position: int, part: Part) -> AttachmentInfo:
        name = part.filename
        content_id = part.content_id
        # Another rendering of the text, such as AMP, is no file to its reader; an invitation is.
        is_rendering = bool(part.alternative) and part.content_type.startswith("text/") and not name
        return AttachmentInfo(
            position=position,
            filename=name or _DEFAULT_NAMES.get(part.content_type, f"file-{position + 1}"),
            content_type=part.content_type,
            size=decoded_size(self.raw, part),
            content_id=content_id,
            is_inline=(bool(content_id) and content_id in self._referred)
            or (is_rendering and part.content_type != "text/calendar"),
        )

    @cached_property
    def _referred(self) -> frozenset[str]:
        """The content ids that the HTML texts show."""
        pages = (self.page(part) for _, parts in self.texts for part in parts)
        return frozenset(unquote(html.unescape(each)) for page in pages for each in _REFERRED.findall(page))

    @cached_property
    def by_content_id(self) -> dict[str, int]:
        """Positions of the files that HTML can show as `cid:…` (RFC 2392); the first of several with one id."""
        found: dict[str, int] = {}
        for position, part in enumerate(self.files):
            if part.content_id:
                found.setdefault(part.content_id, position)
        return found

    def info(self, position: int) -> AttachmentInfo:
        """What there is to say of one file. Raises LookupError when there is none."""
        if not 0 <= position < len(self.files):
            raise LookupError(f"no file at position {position}")
        return self._info(position, self.files[position])

    def content(self, position: int) -> bytes:
        """The whole of one of `files`, decoded."""
        return content_of(self.raw, self.files[position])

    def pieces(self, position: int) -> Iterator[bytes]:
        """The same piece by piece, however large it is."""
        return decoded_pieces(self.raw, self.files[position])

    def body(self) -> Body:
        """The text to show. `is_flowed`: `text` is format=flowed (RFC 3676)."""
        plains = [part for texts, _ in self.texts for part in texts]
        has_pages = any(pages for _, pages in self.texts)
        is_flowed = len(plains) == 1 and _is_flowed(plains[0]) and not _has_delsp(plains[0])
        shown = {part.start: self._shown(part, is_alone=is_flowed) for part in plains}
        page: list[str] = []
        for texts, pages in self.texts if has_pages else ():
            if pages:
                page.append("\n".join(map(self.page, pages)))
            else:
                escaped = html.escape("\n".join(shown[part.start] for part in texts))
                page.append(f'<div style="white-space: pre-wrap">{escaped}</div>')
        text = "\n".join(shown[part.start] for part in plains) if plains else None
        return Body("".join(page) if has_pages else None, text, is_flowed)

    def _shown(self, part: Part, *, is_alone: bool) -> str:
        """A plain text; flowed ones are joined here when they are not alone or when their spaces do not count."""
        text = self.plain_text(part)
        if is_alone or not _is_flowed(part):
            return text
        lines = unflow(text.replace("\r\n", "\n").split("\n"), delsp=_has_delsp(part))
        return "\n".join(f"{'>' * depth} {line}" if depth else line for depth, line in lines)


def _carried(part: Part, name: str, content: bytes) -> Part:
    return Part(
        Headers(b""), "application/octet-stream", {}, part.start, part.end, content=content, given_name=name
    )


def _is_flowed(part: Part) -> bool:
    return part.parameters.get("format", b"").lower() == b"flowed"


def _has_delsp(part: Part) -> bool:
    return part.parameters.get("delsp", b"").lower() == b"yes"


def open_message(raw: Raw) -> OpenedMessage:
    """The message, or an empty one when its bytes are such that reading them fails (fault R8)."""
    try:
        return OpenedMessage(raw)
    except Exception:
        return OpenedMessage(b"")
