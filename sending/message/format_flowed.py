"""HTML as plain text, and plain text as format=flowed (RFC 3676).

Plain text here is a line a paragraph, `\n` between them, `>` before what is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from mailbox.html.normalizer import normalize, words

WIDTH: Final = 72
SIGNATURE: Final = "-- "  # RFC 3676, 4.3

_SPACED: Final = words("p h1 h2 h3 h4 h5 h6 blockquote pre table ul ol dl figure address")
_BLOCKS: Final = _SPACED | words(
    "div li tr dt dd section article header footer main nav aside center caption figcaption hgroup menu dir"
)
_CELLS: Final = words("td th")
_LISTS: Final = words("ul ol menu dir")
_MARKS: Final = re.compile(r"(?:> ?)*")
_WORDS: Final = re.compile(r" *[^ ]+ *|\A *\Z")
_BLANKS: Final = re.compile(r"[ \t\r\n\f]+")


# ── HTML as text ────────────────────────────────────────────────────────────


def text_of_html(source: str) -> str:
    """What a page says, as plain text: quotes marked, lists marked, the addresses of links behind their words."""
    writer = _TextWriter()
    # Well nested and without what no reader sees, whatever was quoted; so the parser below is safe from it.
    writer.feed(normalize(source).body)
    writer.close()
    return writer.text()


class _TextWriter(HTMLParser):
    """Lines, as tags open and close."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._depth = 0
        self._lists: list[int] = []  # the next number of each open list, 0 for one without
        self._links: list[tuple[str, int]] = []
        self._pre = 0
        self._marker = ""  # of a list item whose first line is still to come
        self._wants_blank = False
        self._is_quote_new = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "br":
            self._end_line()
        elif tag == "hr":
            self._break(blank=True)
            self._line = "-" * 20
            self._break(blank=True)
        elif tag == "img":
            self._add(f"[{alt}]" if (alt := (given.get("alt") or "").strip()) else "")
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self._line)))
        elif tag in _BLOCKS:
            self._break(blank=tag in _SPACED and not (tag in _LISTS and self._lists))
            self._open(tag)
        elif tag in _CELLS and self._line.strip():
            self._line += "  "

    def _open(self, tag: str) -> None:
        if tag == "blockquote":
            if self._wants_blank:  # outside the quote
                self._append("")
                self._wants_blank = False
            self._depth += 1
            self._is_quote_new = True
        elif tag == "pre":
            self._pre += 1
        elif tag in _LISTS:
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            number = self._lists[-1] if self._lists else 0
            self._marker = "  " * max(len(self._lists) - 1, 0) + (f"{number}. " if number else "- ")
            if number:
                self._lists[-1] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag in _BLOCKS:
            self._break(blank=tag in _SPACED and not (tag in _LISTS and len(self._lists) > 1))
            if tag == "blockquote":
                self._depth = max(self._depth - 1, 0)
            elif tag == "pre":
                self._pre = max(self._pre - 1, 0)
            elif tag in _LISTS and self._lists:
                self._lists.pop()

    def _end_link(self, href: str, start: int) -> None:
        said = self._line[start:].strip()
        kind, _, rest = href.partition(":")
        if kind.lower() not in ("http", "https", "mailto") or href.rstrip("/") == said.rstrip("/"):
            return
        shown = rest if kind.lower() == "mailto" else href
        if shown != said and not _BLANKS.search(shown):
            self._add(f" <{shown}>" if said else f"<{shown}>")

    def handle_data(self, data: str) -> None:
        if self._pre:
            first, *more = data.replace("\r\n", "\n").split("\n")
            self._line += first
            for line in more:
                self._end_line()
                self._line = line
            return
        text = _BLANKS.sub(" ", data).replace("\xa0", " ")
        self._add(text[1:] if text[:1] == " " and self._line[-1:] in ("", " ") else text)

    def _add(self, text: str) -> None:
        self._line += text

    def _end_line(self) -> None:
        line, self._marker = (self._marker + self._line).rstrip(), ""
        if self._wants_blank and line and self._lines and self._lines[-1].strip("> "):
            self._append("")
        if line or not self._wants_blank:
            self._append(SIGNATURE if line == SIGNATURE.strip() else line)
            self._wants_blank = False
        self._line = ""

    def _append(self, line: str) -> None:
        self._is_quote_new = False
        if self._depth:
            self._lines.append(f"{'>' * self._depth} {line}" if line else ">" * self._depth)
        else:
            # A mark that is only a letter of the text must not become a quote.
            self._lines.append(f" {line}" if line.startswith(">") else line)

    def _break(self, *, blank: bool) -> None:
        """A block begins or ends here: its line too, and what comes next stands apart if `blank`."""
        if self._line.strip():
            self._end_line()
        self._line = ""
        if blank and self._lines and not self._marker and not self._is_quote_new:
            self._wants_blank = True

    def text(self) -> str:
        """All lines."""
        self._break(blank=False)
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        return "\n".join(self._lines)


# ── Text as format=flowed ───────────────────────────────────────────────────


def flow(text: str) -> str:
    """Lines of at most about WIDTH characters where words allow it; `\n` between them.

    A line that ends with a space goes on in the next one. Read by `mailbox.mime.bodies.unflow`, the lines are what
    they were, but for spaces at their ends.
    """
    return "\n".join(part for line in text.split("\n") for part in _flowed(line))


def _flowed(line: str) -> Iterator[str]:
    marks = _MARKS.match(line)
    quoted = marks[0] if marks else ""
    depth, content = quoted.count(">"), line[len(quoted) :]
    prefix = ">" * depth
    if content.rstrip("\r") == SIGNATURE:
        yield _stuffed(prefix, SIGNATURE)
        return
    content = content.rstrip(" \t\r")
    piece = ""
    for word in _WORDS.findall(content):
        if piece and len(piece) + len(word.rstrip(" ")) > WIDTH - depth and piece != SIGNATURE:
            yield _stuffed(prefix, piece)
            piece = ""
        piece += word
    yield _stuffed(prefix, piece)


def _stuffed(prefix: str, content: str) -> str:
    """RFC 3676, 4.4: a space where the line would otherwise begin with what means something."""
    if prefix:
        return f"{prefix} {content}" if content else prefix
    return f" {content}" if content.startswith((" ", ">", "From ")) else content
