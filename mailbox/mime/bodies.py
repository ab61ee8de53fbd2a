"""The texts of a message: which part is to be read, and HTML as plain words for lists and search."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from mailbox.mime.charsets import to_text
from mailbox.mime.headers import one_line
from mailbox.mime.spooled_message import Raw
from mailbox.mime.structure import Part, content_of

ENCODED_LIMIT = 4 * 1024 * 1024  # encoded bytes of one text that are read
HTML_LIMIT = 1_000_000  # characters of one HTML text that are searched for words
EXACT_LENGTH = 20_000
PREVIEW_LENGTH = 200

# What the reader of a page does not see. An element that is never closed hides the rest, as it does in
# browsers. Both cases are spelled out, and tags are not matched but skipped: three times as fast on a
# newsletter.
_UNSEEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    r"|([sS](?:[tT][yY][lL][eE]|[cC][rR][iI][pP][tT])|[tT][iI][tT][lL][eE])\b.*?(?:</(?i:\1)[^>]*>?|\Z))",
    re.S,
)
_INLINE_TAG = re.compile(
    r"</?(?:[aAbBiIuUsS]|[sS][pP][aA][nN]|[fF][oO][nN][tT]|[eE][mM]|[sS][tT][rR][oO][nN][gG]|[wW][bB][rR])"
    r"(?:\s[^<>]*)?>"
)
_RUN = re.compile(r">([^<]+)")
# The standard library refuses numbers of thousands of digits.
_LONG_NUMBER = re.compile(r"&#(?:x[0-9a-f]{9,}|[0-9]{9,});?", re.I)
# Characters that newsletters put behind their first line so that a list shows nothing else.
_FILLER = re.compile(
    "[\u00ad\u034f\u061c\u115f\u17b4\u17b5\u180e\u200b-\u200f\u2007\u202a-\u202e\u2060-\u206f\ufeff]+"
)
_PAGE_CHARSET = re.compile(rb"<meta[^<>]{0,200}?charset\s*=\s*[\"']?([a-z0-9_:.-]{1,40})", re.I)
_QUOTED_LINE = re.compile(r"^>.*$", re.M)
_RULER = re.compile(r"[-=_*~#]{3,}")
_PURE_RULER = re.compile(r"([-=_*~#])\1\1")


def is_text(part: Part) -> bool:
    """Whether a leaf is text to read rather than a file."""
    if part.content_type not in ("text/plain", "text/html") or part.content is not None:
        return False
    return part.disposition != "attachment" and not (part.disposition and part.filename)


def text_of(raw: Raw, part: Part) -> str:
    """A text leaf as safe characters, of at most ENCODED_LIMIT encoded bytes."""
    return decoded_text(content_of(raw, part, ENCODED_LIMIT), part)


def decoded_text(data: bytes, part: Part) -> str:
    """The bytes of a text leaf as characters; a page may name its charset itself (HTML section 4.2.5.4)."""
    label = part.charset
    if not label and part.content_type == "text/html":
        found = _PAGE_CHARSET.search(data, 0, 4096)
        label = found[1].decode("ascii") if found else ""
    return to_text(data, label, is_cut=part.end - part.start > ENCODED_LIMIT)


def segments(leaves: Sequence[Part]) -> list[tuple[list[Part], list[Part]]]:
    """
    The texts that follow each other, each as (plain leaves, HTML leaves).

    All renderings within one multipart/alternative are one text (RFC 2046, 5.1.4); an alternative may
    hold several leaves of a kind, with pictures between them. Every other leaf is a text of its own.
    """
    found: list[tuple[list[Part], list[Part]]] = []
    current = 0
    for part in leaves:
        if not part.alternative or part.alternative != current:
            found.append(([], []))
        current = part.alternative
        found[-1][part.content_type == "text/html"].append(part)
    return found


def words_of_html(source: str) -> str:
    """
    The words of an HTML text, for search and lists only: this is not a sanitizer and its result is not HTML.

    Near the beginning, where the preview is taken from, marks within a word or before a comma leave no gap.
    """
    source = _UNSEEN.sub(" ", source[:HTML_LIMIT])
    beginning = _INLINE_TAG.sub("", source[:EXACT_LENGTH])
    text = " ".join(_RUN.findall(f">{beginning}{source[EXACT_LENGTH:]}"))
    if "&" in text:
        try:
            text = html.unescape(text)
        except ValueError:
            text = html.unescape(_LONG_NUMBER.sub(" ", text))
    return text


def preview(text: str) -> str:
    """The beginning of a text as one line for a list, without rulers and invisible filling."""
    start = text.lstrip()[: 5 * PREVIEW_LENGTH]
    if not start.isascii():
        start = _FILLER.sub("", text[: 20 * PREVIEW_LENGTH]).lstrip()[: 5 * PREVIEW_LENGTH]
    if ">" in start:
        start = _QUOTED_LINE.sub("", start).strip() or start
    if _PURE_RULER.search(start):
        start = _RULER.sub(" ", start)
    return one_line(start)[:PREVIEW_LENGTH]


def unflow(lines: Sequence[str], *, delsp: bool = False) -> Iterator[tuple[int, str]]:
    """
    Lines of format=flowed text joined to paragraphs (RFC 3676, 4), each with its depth of quoting.

    With `delsp` the space that marks a flowed line is not part of the text.
    """
    pending: list[str] = []
    pending_depth = 0
    for line in lines:
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")  # space-stuffing, section 4.4
        is_signature = content == "-- "
        if pending and (depth != pending_depth or is_signature):
            yield pending_depth, "".join(pending)
            pending = []
        if content.endswith(" ") and not is_signature:
            pending.append(content[:-1] if delsp else content)
            pending_depth = depth
            continue
        yield depth, "".join([*pending, content])
        pending = []
    if pending:
        yield pending_depth, "".join(pending)
