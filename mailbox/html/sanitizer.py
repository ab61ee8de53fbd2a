"""HTML of mail made safe: styles inlined, then one pass of the sanitizer; the network is never used."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import css_inline
import nh3

from mailbox.html.normalizer import (
    DROPPED_WITH_CONTENT,
    KEPT_TAGS,
    RAW_TEXT,
    NormalizedHtml,
    normalize,
    words,
)

SOURCE_LIMIT = 2 * 1024 * 1024
_INLINED_LIMIT = 6 * 1024 * 1024
_INLINING_COST = (
    150_000_000  # characters of style sheet times elements: bounds the time and the memory of inlining
)

_PRESENTATION = words("align bgcolor border color dir face height lang size style title valign width")
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "a": frozenset({"href"}),
    "div": frozenset({"background"}),  # where the body's goes; counted, never shown
    "img": frozenset({"src", "srcset", "alt", "hspace", "vspace"}),
    "table": frozenset({"background", "cellpadding", "cellspacing", "cols", "rules", "nowrap"}),
    "tr": frozenset({"background"}),
    "td": frozenset({"background", "colspan", "rowspan", "nowrap"}),
    "th": frozenset({"background", "colspan", "rowspan", "nowrap"}),
    "col": frozenset({"span"}),
    "colgroup": frozenset({"span"}),
    "ol": frozenset({"start", "type", "reversed"}),
    "ul": frozenset({"type"}),
    "li": frozenset({"type", "value"}),
    "hr": frozenset({"noshade"}),
}
_FREE_TEXT = frozenset({"alt", "title"})
_PLAIN_VALUE = re.compile(r"[\w#%.,()+ -]{0,100}")

_PROPERTIES = words(
    """
    background background-color border border-bottom border-bottom-color border-bottom-left-radius
    border-bottom-right-radius border-bottom-style border-bottom-width border-collapse border-color
    border-left border-left-color border-left-style border-left-width border-radius border-right
    border-right-color border-right-style border-right-width border-spacing border-style border-top
    border-top-color border-top-left-radius border-top-right-radius border-top-style border-top-width
    border-width box-sizing caption-side clear color direction display empty-cells float font font-family
    font-size font-style font-variant font-weight height letter-spacing line-height list-style
    list-style-position list-style-type margin margin-bottom margin-left margin-right margin-top
    max-height max-width min-height min-width opacity overflow overflow-wrap padding padding-bottom
    padding-left padding-right padding-top table-layout text-align text-decoration text-decoration-color
    text-decoration-line text-decoration-style text-indent text-transform unicode-bidi vertical-align
    visibility white-space width word-break word-spacing word-wrap
    """
)
# A declaration whose quotes and brackets are balanced; the first that is not ends the reading of the
# attribute.
_DECLARATION = re.compile(
    r"([^:;]*+)(?::((?:[^;\"'()]++|\"[^\"]*+\"|'[^']*+'|\((?:[^()\"']++|\"[^\"]*+\"|'[^']*+')*+\))*+))?+(?:;|$)"
)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_URL = re.compile(r"(?:url|image-set|cross-fade|element|src)\s*\(", re.I)
_URL_VALUE = re.compile(
    r"(?:-[a-z]+-)?(?:url|image-set|cross-fade|element|src)\((?:[^()\"']++|\"[^\"]*+\"|'[^']*+')*+\)", re.I
)
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.I)
_FUNCTION = re.compile(r"([\w-]*)\(")
_COLOUR_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_SAFE_VALUE = re.compile(r"[\w\s#%.,()+\"'/-]{1,300}", re.ASCII)
_NEGATIVE = re.compile(r"(?:^|[\s,(])-[\s\d.]")
_NOT_OWN_GROUND = frozenset(
    {"", "transparent", "none", "inherit", "initial", "unset", "currentcolor", "0", "0 0"}
)

_BLANKS = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_LINK = re.compile(r"https?://[^/\\?#]|mailto:[^\s]|tel:[+\d]", re.I)
_WEB = re.compile(r"(?:https?:)?[/\\]{2}", re.I)
_RASTER = re.compile(
    r"data:image/(?:png|jpe?g|gif|webp|bmp|avif|x-icon)(?:;[\w=-]+)*;base64,[a-z0-9+/=%\s]*", re.I
)
_COLOUR = re.compile(r"#?[\w]{1,30}|rgba?\([\d\s.,%/]{1,40}\)")


@dataclass(frozen=True, slots=True)
class Rendered:
    """
    Safe HTML to put inside a body. `blocked` counts what was to be loaded from elsewhere and is not.

    `is_paper` says that the mail brings colours of its own and wants a white sheet; `is_cut` that its end is
    missing.
    """

    html: str
    blocked: int
    is_paper: bool = False
    is_cut: bool = False


@dataclass(slots=True)
class _Rules:
    """The decisions on single attributes of one mail, and what was seen on the way."""

    show_remote: bool
    cid_url: Callable[[str], str | None]
    blocked: int = 0
    is_paper: bool = False

    def __call__(self, tag: str, name: str, value: str) -> str | None:
        """What nh3 asks for every attribute on its list: the value to write, or None to drop it."""
        if name in ("rel", "target"):  # nh3's own, and no others: they are not on the list
            return value
        if name == "style":
            return self._style(value)
        if name == "href":
            return _link(value)
        if name == "srcset" or (name == "background" and tag == "div"):
            self.blocked += bool(not self.show_remote and _WEB.search(_BLANKS.sub("", value)))
            return None
        if name in ("src", "background"):
            return self._picture(value)
        if name in _FREE_TEXT:
            return value[:1000]
        if not _PLAIN_VALUE.fullmatch(value):
            return None
        if name in ("bgcolor", "color") and value.strip().lower() not in _NOT_OWN_GROUND:
            self.is_paper = True
        return value

    def _style(self, value: str) -> str | None:
        clean, remote, has_ground = clean_style(value)
        self.is_paper = self.is_paper or has_ground
        if not self.show_remote:
            self.blocked += remote
        return clean or None

    def _picture(self, value: str) -> str | None:
        address = _BLANKS.sub("", value)
        scheme = address[:5].lower()
        if scheme.startswith("cid:"):
            return self.cid_url(unquote(address[4:]))
        if scheme == "data:":
            return address if _RASTER.fullmatch(address) else None
        if not _WEB.match(address):
            return None
        if not self.show_remote:
            self.blocked += 1
            return None
        address = address if address[:4].lower() == "http" else f"https:{address}"
        return address if _LINK.match(address) else None


def _link(value: str) -> str | None:
    address = (
        _BLANKS.sub("", value) if not value[:7].lower().startswith("mailto:") else " ".join(value.split())
    )
    return address if _LINK.match(address) else None


@lru_cache(maxsize=4096)
def clean_style(value: str) -> tuple[str, int, bool]:
    """
    A style attribute reduced to allowed properties with harmless values.

    Returns it with the number of remote pictures it named, and whether it sets a colour or a ground of its
    own.
    """
    kept: list[str] = []
    remote = 0
    has_ground = False
    value = _COMMENT.sub(" ", value)
    position = 0
    while position < len(value):
        match = _DECLARATION.match(value, position)
        if match is None:
            remote += bool(_URL.search(value, position) and _WEB.search(value, position))
            break
        position = match.end()
        name, content = match[1].strip().lower(), match[2] or ""
        if _WEB.search(content):
            remote += len(_URL.findall(content))
        content = _clean_value(name, content)
        if content:
            kept.append(f"{name}:{content}")
            is_ground = name in ("color", "background", "background-color")
            has_ground = has_ground or (is_ground and content.lower() not in _NOT_OWN_GROUND)
    return ";".join(kept), remote, has_ground


def _clean_value(name: str, content: str) -> str:
    """The value of one declaration, "" when the declaration must go."""
    if name not in _PROPERTIES:
        return ""
    content = _IMPORTANT.sub("", content.strip())
    if name == "background":
        content = _URL_VALUE.sub("", content).strip()  # its colour is still wanted
    if not _SAFE_VALUE.fullmatch(content):
        return ""
    if any(function.lower() not in _COLOUR_FUNCTIONS for function in _FUNCTION.findall(content)):
        return ""
    if name.startswith(("margin", "text-indent")) and _NEGATIVE.search(content):
        return ""
    return content


def sanitize(source: str, *, show_remote: bool, cid_url: Callable[[str], str | None]) -> Rendered:
    """
    Make a page of mail safe to show in a sandboxed frame.

    `cid_url` gives the address of an embedded picture (RFC 2392) or None, each time it is shown; what it gives is
    trusted. Only the first SOURCE_LIMIT characters are read. Never raises.
    """
    page = normalize(source[:SOURCE_LIMIT])
    rules = _Rules(show_remote, cid_url)
    cleaner = nh3.Cleaner(
        tags=KEPT_TAGS,
        clean_content_tags=RAW_TEXT | DROPPED_WITH_CONTENT,
        attributes={tag: _PRESENTATION | _ATTRIBUTES.get(tag, frozenset()) for tag in KEPT_TAGS},
        attribute_filter=rules,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        filter_style_properties=_PROPERTIES,
    )
    clean = cleaner.clean(_with_styles(page))
    blocked = rules.blocked + (0 if show_remote else page.withheld)
    return Rendered(clean, blocked, rules.is_paper, page.is_cut or len(source) > SOURCE_LIMIT)


def _with_styles(page: NormalizedHtml) -> str:
    """The body as a division with every rule of its style sheets written into the elements it meets."""
    attributes = "".join(f' {name}="{value}"' for name, value in _body_attributes(page).items())
    plain = f"<div{attributes}>{page.body}</div>"
    cost = len(page.styles) * page.elements
    if not page.styles.strip() or cost > _INLINING_COST:
        return plain
    # ":has" looks at whole subtrees for each element; a selector the inliner does not know is passed over.
    styles = re.sub(r":has\b", ":x-has", page.styles, flags=re.I)
    document = f"<html><head><style>{styles}</style></head><body{attributes}>{page.body}</body></html>"
    try:
        inlined = css_inline.inline(document, load_remote_stylesheets=False)
    except BaseException as error:
        # A panic of the Rust side is no Exception; whatever it is, the mail can be read without its style
        # sheets.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return plain
        raise
    start, end = inlined.find("<body"), inlined.rfind("</body>")
    if start < 0 or end < 0 or len(inlined) > _INLINED_LIMIT:
        return plain
    return f"<div{inlined[start + len('<body') : end]}</div>"


def _body_attributes(page: NormalizedHtml) -> dict[str, str]:
    """The body's own colours as a style, since a division has no bgcolor."""
    found = {
        name: value
        for name, value in page.attributes.items()
        if name in ("style", "class", "id", "dir", "background")
    }
    colours = ""
    for name, prop in (("bgcolor", "background-color"), ("text", "color")):
        value = html.unescape(page.attributes.get(name, "")).strip()
        if _COLOUR.fullmatch(value):
            colours += f"{prop}:{value};"
    if colours:
        found["style"] = colours + found.get("style", "")
    return found
