"""The text of a message as a document for its sandboxed frame: safe HTML, plain text, and their policies."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from django.utils.translation import gettext as _

from mailbox.html.sanitizer import Rendered, sanitize
from mailbox.mime.bodies import unflow

__all__ = [
    "BODY_CSP",
    "BODY_CSP_REMOTE",
    "Rendered",
    "document",
    "render_html",
    "render_text",
]

TEXT_LIMIT = 500_000
LINES_LIMIT = 20_000
QUOTE_DEPTH_LIMIT = 12
LINK_LIMIT = 2_000  # links of one text
LINK_LENGTH = 2_000

# The frame's own policy holds even if the sanitizer let something through: no script has an origin to run in,
# and pictures come from this site alone until the reader asks for others.
_CSP = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src {pictures};"
    " style-src 'self' 'unsafe-inline'; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)
BODY_CSP = _CSP.format(pictures="'self' data:")
BODY_CSP_REMOTE = _CSP.format(pictures="'self' data: https: http:")

# One character class without repetition inside repetition: linear in the text, whatever it holds (fault M16).
_LINK = re.compile(
    r"(?<![\w.+-])(?:https?://|mailto:)[^\s<>\"\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]{1,2000}", re.I
)
_TRAILING = ".,;:!?'*_~|"
_CLOSING = {")": "(", "]": "[", "}": "{", "»": "«", "”": "“", "’": "‘"}
_QUOTE = re.compile(r"(?:> ?)*")
_REL = "noopener noreferrer nofollow"


def render_html(source: str, *, show_remote: bool, cid_url: Callable[[str], str | None]) -> Rendered:
    """
    A page of mail as safe HTML for `document`, with a note at its end if it was too long to be shown whole.

    `cid_url` gives the address of an embedded picture or None. `Rendered.blocked` counts pictures and other
    things that would have been loaded from elsewhere.
    """
    rendered = sanitize(source, show_remote=show_remote, cid_url=cid_url)
    if not rendered.is_cut:
        return rendered
    return Rendered(rendered.html + _note(), rendered.blocked, rendered.is_paper, True)


def render_text(text: str, *, is_flowed: bool) -> str:
    """
    Plain text as safe HTML: web and mail addresses become links, `>` becomes nested quotes, lines stay lines.

    With `is_flowed`, lines that flow are joined (RFC 3676). Takes time linear in the text; a text beyond
    TEXT_LIMIT characters is shortened and says so.
    """
    cut = text[:TEXT_LIMIT]
    lines = cut.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")
    is_cut = len(text) > TEXT_LIMIT or len(lines) > LINES_LIMIT
    lines = lines[:LINES_LIMIT]
    quoted = unflow(lines) if is_flowed else map(_quoted, lines)
    body = "".join(_blocks(quoted, _Links()))
    return f'<div class="text">{body}</div>{_note() if is_cut else ""}'


def document(body_html: str, *, css_url: str, lang: str, paper: bool) -> str:
    """
    The whole document of the frame around `body_html`, which must come from this module.

    `paper` shows it on a white sheet whatever the reader's scheme, for mail that brings colours of its own.
    """
    scheme, paper_class = ("light", ' class="paper"') if paper else ("light dark", "")
    return (
        f'<!doctype html>\n<html lang="{html.escape(lang)}"{paper_class}>\n<head>\n'
        f'<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="{scheme}">\n<meta name="referrer" content="no-referrer">\n'
        f'<title>{html.escape(_("Message text"))}</title>\n<base target="_blank">\n'
        f'<link rel="stylesheet" href="{html.escape(css_url)}">\n</head>\n'
        f'<body dir="auto">\n{body_html}\n</body>\n</html>\n'
    )


def _note() -> str:
    text = _(
        "This message is very long. Only its beginning is shown; download the original to read all of it."
    )
    return f'<p class="note">{html.escape(text)}</p>'


def _quoted(line: str) -> tuple[int, str]:
    """A line's depth of quoting and its rest; outside format=flowed marks may stand apart: `> > text`."""
    marks = _QUOTE.match(line)
    end = marks.end() if marks else 0
    return line.count(">", 0, end), line[end:]


def _blocks(lines: Iterable[tuple[int, str]], links: _Links) -> Iterator[str]:
    """Runs of lines of one depth, inside as many quotes."""
    depth = 0
    for key, run in groupby(lines, key=lambda line: min(line[0], QUOTE_DEPTH_LIMIT)):
        yield "<blockquote>" * (key - depth) + "</blockquote>" * (depth - key)
        depth = key
        text = "\n".join(content for _depth, content in run)
        yield f"<p>{links.mark(text)}</p>"
    yield "</blockquote>" * depth


class _Links:
    """Escapes text and marks the addresses in it, up to LINK_LIMIT of one message."""

    def __init__(self) -> None:
        self.left = LINK_LIMIT

    def mark(self, text: str) -> str:
        """The text as HTML, linked."""
        if "://" not in text and "mailto:" not in text.lower():
            return html.escape(text)
        pieces: list[str] = []
        position = 0
        for match in _LINK.finditer(text):
            if not self.left:
                break
            address = _without_trailing(match[0])
            if not address.partition(":")[2].strip("/"):
                continue
            self.left -= 1
            end = match.start() + len(address)
            shown = html.escape(address)
            pieces.append(html.escape(text[position : match.start()]))
            pieces.append(f'<a href="{shown}" target="_blank" rel="{_REL}">{shown}</a>')
            position = end
        pieces.append(html.escape(text[position:]))
        return "".join(pieces)


def _without_trailing(address: str) -> str:
    """Without the punctuation around it; a closing bracket stays if its opening one is inside."""
    surplus = {
        closing: address.count(closing) - address.count(opening) for closing, opening in _CLOSING.items()
    }
    end = len(address)
    while end:
        last = address[end - 1]
        if last in _TRAILING:
            end -= 1
        elif surplus.get(last, 0) > 0:
            surplus[last] -= 1
            end -= 1
        else:
            break
    return address[:end]
