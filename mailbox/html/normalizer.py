"""
HTML of mail rewritten as well-nested, shallow tags before any parser sees it.

The inliner recurses and a few kilobytes of nested tables overflow its stack, which kills the process; the
sanitizer survives them in quadratic time. So tags are read once here, in linear time, and written again with
every end tag in its place, at most DEPTH_LIMIT deep. This is not the sanitizer: what it lets through is
sanitized afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

DEPTH_LIMIT = 150
TAGS_LIMIT = 40_000
RUN_LIMIT = 4_000  # characters of one text node
STYLES_LIMIT = 200_000  # characters of all style elements
VALUE_LIMIT = 8_000  # of one attribute, pictures apart
ATTRIBUTES_LIMIT = 40


def words(text: str) -> frozenset[str]:
    """The words of a list that is easier to read as a paragraph."""
    return frozenset(text.split())


VOID_TAGS = frozenset({"br", "hr", "img", "wbr", "col"})
KEPT_TAGS = VOID_TAGS | words(
    """
    a abbr acronym address article aside b bdi bdo big blockquote caption center cite code colgroup dd del
    dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hgroup i ins kbd li main
    mark menu nav ol p pre q rp rt ruby s samp section small span strike strong sub sup table tbody td
    tfoot th thead time tr tt u ul var
    """
)
KEPT_ATTRIBUTES = words(
    """
    align alt background bgcolor border cellpadding cellspacing class color cols colspan dir face height
    href hspace id lang noshade nowrap reversed rowspan rules size span src srcset start style text title
    type valign value vspace width
    """
)
# The tokenizer of HTML reads what is in these as text; a style's text is collected, the others' is dropped.
RAW_TEXT = words("script style title textarea xmp iframe noembed noframes noscript plaintext")
DROPPED_WITH_CONTENT = words("svg math template select object applet audio video canvas frameset")
_REMOTE_TAGS = words("audio video source embed iframe input object link track")
_REMOTE = re.compile(r"\b(?:poster|src|data|href|srcset)\s*=\s*[\"']?\s*(?:https?:)?//", re.I)

# Start tags that end an open element: what they end, and what hides it from them (HTML section 13.2.6.4.7).
_TABLE = frozenset({"table"})
_SECTIONS = frozenset({"tbody", "thead", "tfoot", "caption", "colgroup"})
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu", "dir", "td", "th", "table", "blockquote"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl", "ul", "ol", "td", "th", "table"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl", "ul", "ol", "td", "th", "table"})),
    "td": (frozenset({"td", "th"}), _TABLE),
    "th": (frozenset({"td", "th"}), _TABLE),
    "tr": (frozenset({"tr", "caption", "colgroup"}), _TABLE),
    "tbody": (_SECTIONS | {"tr"}, _TABLE),
    "thead": (_SECTIONS | {"tr"}, _TABLE),
    "tfoot": (_SECTIONS | {"tr"}, _TABLE),
    "a": (frozenset({"a"}), frozenset({"td", "th", "table"})),
}
_ENDS_PARAGRAPH = words(
    """
    address article aside blockquote center dir div dl fieldset figure footer form h1 h2 h3 h4 h5 h6
    header hr li main menu nav ol p pre section table ul dt dd
    """
)
_OF_TABLES = frozenset({"table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption", "colgroup"})
_CELLS = frozenset({"table", "td", "th", "caption"})

_TOKEN = re.compile(
    r"<(?:"
    r"(?P<comment>!--(?:>|->|.*?(?:--!?>|\Z)))"
    r"|(?P<start>[a-zA-Z][^\s/>]*+)"
    r"(?P<attributes>(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>]*+))?+)*+)(?:>|\Z)"
    r"|/(?P<end>[a-zA-Z][^\s/>]*+)[^>]*+(?:>|\Z)"
    r"|(?P<bogus>[!?/][^>]*+(?:>|\Z))"
    r")",
    re.S,
)
_STRAY = re.compile(r"<+(?=<)|<")
_EMBEDDED = re.compile(r"data:image/[\w.+-]{1,20};base64,[\w+/=%\s]*", re.ASCII)
_ATTRIBUTE = re.compile(r"([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]*+)))?+")


@dataclass(slots=True)
class NormalizedHtml:
    """A rewritten page: the inside of its body, the body's own attributes, its style sheets."""

    body: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    styles: str = ""
    elements: int = 0
    withheld: int = 0  # remote media in elements that are dropped whole
    is_cut: bool = False


class _Writer:
    """Writes tags so that each is closed inside its parent."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.open: list[str] = []
        self.too_deep: dict[str, int] = {}
        self.run = 0  # characters since the last tag

    def text(self, text: str) -> None:
        """
        Write text with an empty comment now and then, which ends the parser's text node and is dropped with
        all comments.

        The sanitizer takes quadratic time for a text node full of ampersands or no-break spaces: half a
        minute for 2 MB.
        """
        position = 0
        while self.run + len(text) - position > RUN_LIMIT:
            cut = position + max(RUN_LIMIT - self.run, 0)
            entity = text.rfind("&", max(position, cut - 40), cut)
            cut = entity if entity >= 0 else cut
            self.out += (text[position:cut], "<!---->")
            position, self.run = cut, 0
        self.out.append(text[position:])
        self.run += len(text) - position

    def start(self, tag: str, attributes: str) -> None:
        if self.open:
            self._end_implied(tag)
        if tag not in VOID_TAGS:
            if len(self.open) >= DEPTH_LIMIT:
                self.too_deep[tag] = self.too_deep.get(tag, 0) + 1
                return
            self.open.append(tag)
        self.out.append(f"<{tag}{attributes}>")
        self.run = 0

    def _end_implied(self, tag: str) -> None:
        if tag in _ENDS_PARAGRAPH and self.open[-1] == "p":
            self._pop_to(len(self.open) - 1)
        if tag in _ENDS and self.open:
            ended, barrier = _ENDS[tag]
            outermost = len(self.open)
            for index in range(len(self.open) - 1, -1, -1):
                if self.open[index] in barrier:
                    break
                if self.open[index] in ended:
                    outermost = index
            self._pop_to(outermost)

    def end(self, tag: str) -> None:
        if self.too_deep.get(tag):
            self.too_deep[tag] -= 1
            return
        barrier = _TABLE if tag in _OF_TABLES else _CELLS
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index] == tag:
                self._pop_to(index)
                return
            if self.open[index] in barrier:
                return

    def _pop_to(self, index: int) -> None:
        while len(self.open) > index:
            self.out.append(f"</{self.open.pop()}>")
            self.run = 0

    def finish(self) -> str:
        self._pop_to(0)
        return "".join(self.out)


def normalize(source: str) -> NormalizedHtml:
    """Read a page and write it again, well-nested. Takes time linear in `source`; never raises."""
    source = source.replace("\x00", "")
    page = NormalizedHtml()
    writer = _Writer()
    styles: list[str] = []
    position = 0
    while position < len(source):
        opening = source.find("<", position)
        text_end = opening if opening >= 0 else len(source)
        writer.text(source[position:text_end])
        if opening < 0:
            break
        token = _TOKEN.match(source, opening)
        if token is None:
            position = _STRAY.match(source, opening).end()  # type: ignore[union-attr]  # it begins with "<"
            writer.text("&lt;" * (position - opening))
            continue
        position = token.end()
        if token["end"]:
            _end(writer, token["end"].lower())
        elif token["start"]:
            page.elements += 1
            if page.elements > TAGS_LIMIT:
                page.is_cut = True
                break
            position = _start(source, token, page, writer, styles)
    page.body = writer.finish()
    page.styles = "\n".join(styles)[:STYLES_LIMIT]
    return page


def _end(writer: _Writer, tag: str) -> None:
    if tag == "br":
        writer.start("br", "")
    elif tag in KEPT_TAGS:
        writer.end(tag)


def _start(
    source: str, token: re.Match[str], page: NormalizedHtml, writer: _Writer, styles: list[str]
) -> int:
    """Handle a start tag; returns where to read on: behind its content if that is dropped too."""
    tag = token["start"].lower()
    if tag == "image":
        tag = "img"
    if tag in _REMOTE_TAGS and _REMOTE.search(token["attributes"]):
        page.withheld += 1
    if tag in RAW_TEXT:
        return _skip_raw_text(source, token.end(), tag, styles)
    if tag in DROPPED_WITH_CONTENT:
        return _skip_element(source, token, tag, page)
    if tag == "body":
        page.attributes = page.attributes or _attributes(token["attributes"])
    elif tag in KEPT_TAGS:
        attributes = _attributes(token["attributes"])
        writer.start(tag, "".join(f' {name}="{value}"' for name, value in attributes.items()))
    return token.end()


def _attributes(source: str) -> dict[str, str]:
    """The attributes worth keeping, values still with entities and ready to stand between double quotes."""
    found: dict[str, str] = {}
    for count, match in enumerate(_ATTRIBUTE.finditer(source)):
        if count == ATTRIBUTES_LIMIT:
            break
        name = match[1].lower()
        value = next((text for text in match.groups()[1:] if text is not None), "")
        if name not in KEPT_ATTRIBUTES or name in found:
            continue
        if len(value) <= VALUE_LIMIT or (name == "src" and _EMBEDDED.fullmatch(value)):
            found[name] = value.replace('"', "&quot;")
    return found


def _skip_raw_text(source: str, position: int, tag: str, styles: list[str]) -> int:
    if tag == "plaintext":
        return len(source)
    end = re.compile(rf"</{tag}(?=[\s/>])[^>]*>?", re.I).search(source, position)
    if tag == "style":
        # An end tag of another element would be text here; without it the sheet cannot end early anywhere.
        styles.append(source[position : end.start() if end else len(source)].replace("</", ""))
    return end.end() if end else len(source)


def _skip_element(source: str, token: re.Match[str], tag: str, page: NormalizedHtml) -> int:
    """Behind the end tag of an element that nests; behind everything when it has none."""
    if token["attributes"].endswith("/") and tag in ("svg", "math"):
        return token.end()
    depth = 1
    position = token.end()
    while depth:
        opening = source.find("<", position)
        inner = _TOKEN.match(source, opening) if opening >= 0 else None
        if opening < 0:
            return len(source)
        position = inner.end() if inner else opening + 1
        if inner is None:
            continue
        start, end = (inner["start"] or "").lower(), (inner["end"] or "").lower()
        if start in _REMOTE_TAGS and _REMOTE.search(inner["attributes"]):
            page.withheld += 1
        if start in RAW_TEXT and tag not in ("svg", "math"):
            position = _skip_raw_text(source, position, start, [])
        depth += (start == tag) - (end == tag)
    return position
