"""What of a message is shown in the frame: its HTML made safe, or its plain text."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

from mailbox.html import rendering
from mailbox.mime import parsing

# Pictures that browsers decode as pictures and as nothing else: no SVG, which is a document with scripts.
RASTER_TYPES = frozenset({"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp"})
# Decoded bytes of embedded pictures that are written into one page.
EMBEDDED_LIMIT = 16_000_000


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

    @property
    def is_empty(self) -> bool:
        """There is nothing to read, only perhaps files."""
        return not (self.has_html or self.has_text)


def body_of(raw: bytes, *, plain: bool = False, pictures: bool = False) -> MessageBody:
    """The body of a message: HTML unless there is none or `plain` text is asked for. Never raises."""
    body = parsing.read_body(raw)
    has_html, has_text = body.html is not None, bool((body.text or "").strip())
    if body.html is not None and not (plain and has_text):
        page = rendering.render_html(body.html, show_remote=pictures, cid_url=embedded(raw))
        return MessageBody(
            page.html,
            is_plain=False,
            has_html=True,
            has_text=has_text,
            blocked=page.blocked,
            is_paper=page.is_paper,
            is_cut=page.is_cut,
        )
    text = rendering.render_text(body.text or "", is_flowed=body.is_flowed)
    return MessageBody(text, has_html=has_html, has_text=has_text)


def embedded(raw: bytes) -> Callable[[str], str | None]:
    """Where the sanitizer finds the pictures a message carries itself (RFC 2392).

    They are written into the page as data, because a sandboxed frame sends no cookie with what it loads
    (it is cross-site to browsers), so an address of ours would answer only if it asked nobody who they are.
    """
    files: dict[str, parsing.AttachmentInfo] | None = None
    room = EMBEDDED_LIMIT

    def find(content_id: str) -> str | None:
        nonlocal files, room
        if files is None:
            files = parsing.by_content_id(raw)
        info = files.get(content_id)
        if info is None or info.content_type not in RASTER_TYPES or info.size > room:
            return None
        content = parsing.attachment(raw, info.position)[1]
        room -= len(content)
        return f"data:{info.content_type};base64,{base64.b64encode(content).decode()}"

    return find
