"""What of a message is shown in the frame: its HTML made safe, or its plain text."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from mailbox.html import rendering
from mailbox.mime.opened_message import OpenedMessage

# Pictures that browsers decode as pictures and as nothing else: no SVG, which is a document with scripts.
RASTER_TYPES = frozenset({"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp"})
# Embedded pictures that are written into one page, and their bytes as they lie in the message.
EMBEDDED_COUNT = 1_000
EMBEDDED_LIMIT = 20_000_000


@dataclass(frozen=True, slots=True)
class MessageBody:
    """A body ready for its frame. `blocked` counts what would have been loaded from the web."""

    html: str
    is_plain: bool = True
    has_html: bool = False
    has_text: bool = False
    blocked: int = 0
    is_paper: bool = False
    is_cut: bool = False
    shown_files: frozenset[int] = frozenset()  # positions of the pictures it shows

    @property
    def is_empty(self) -> bool:
        """There is nothing to read, only perhaps files."""
        return not (self.has_html or self.has_text)


class EmbeddedPictures:
    """Where the sanitizer finds the pictures a message carries itself (RFC 2392).

    They are written into the page as data, because a sandboxed frame sends no cookie with what it loads
    (it is cross-site to browsers), so an address of ours would answer only if it asked nobody who they are.

    All that is written is counted, also a picture that is shown again: a short letter may show a large picture
    ten thousand times. Without `write` nothing is decoded, and the same pictures are counted.
    """

    def __init__(self, message: OpenedMessage, *, write: bool) -> None:
        self._message, self._write = message, write
        self._left, self._room = EMBEDDED_COUNT, EMBEDDED_LIMIT
        self._written: dict[int, str] = {}

    @property
    def positions(self) -> frozenset[int]:
        """The files that are shown."""
        return frozenset(self._written)

    def find(self, content_id: str) -> str | None:
        """The address to show; None for what the message has not, is no picture, or is too much."""
        position = self._message.by_content_id.get(content_id)
        if position is None or not self._left:
            return None
        part = self._message.files[position]
        if part.content_type not in RASTER_TYPES or part.end - part.start > self._room:
            return None
        self._left -= 1
        self._room -= part.end - part.start
        if position not in self._written:
            content = self._message.content(position) if self._write else b""
            data = base64.b64encode(content).decode()
            self._written[position] = f"data:{part.content_type};base64,{data}"
        return self._written[position]


def body_of(
    message: OpenedMessage, *, plain: bool = False, pictures: bool = False, write: bool = True
) -> MessageBody:
    """The body of a message: HTML unless there is none or `plain` text is asked for. Never raises.

    Without `write` its embedded pictures are left out of `html`, for pages that only say what the body is like.
    """
    body = message.body()
    has_html, has_text = body.html is not None, bool((body.text or "").strip())
    if body.html is None or (plain and has_text):
        text = rendering.render_text(body.text or "", is_flowed=body.is_flowed) if write else ""
        return MessageBody(text, has_html=has_html, has_text=has_text)
    embedded = EmbeddedPictures(message, write=write)
    page = rendering.render_html(body.html, show_remote=pictures, cid_url=embedded.find)
    return MessageBody(
        page.html,
        is_plain=False,
        has_html=True,
        has_text=has_text,
        blocked=page.blocked,
        is_paper=page.is_paper,
        is_cut=page.is_cut,
        shown_files=embedded.positions,
    )
