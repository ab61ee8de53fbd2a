"""An examiner of HTML that shares nothing with the sanitizer: another parser and lists of its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TAGS = """
a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd
del dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd
li main mark menu nav ol p pre q rp rt ruby s samp section small span strike strong sub sup table tbody
td tfoot th thead time tr tt u ul var wbr
"""
_ATTRIBUTES = """
align alt background bgcolor border cellpadding cellspacing class color cols colspan dir face height href
hspace lang noshade nowrap rel reversed rowspan rules size span src start style target title type valign
value vspace width
"""
HARMLESS_TAGS = set(_TAGS.split())
HARMLESS_ATTRIBUTES = set(_ATTRIBUTES.split())
LINK = re.compile(r"(https?://[^/]|mailto:.|tel:[+\d])", re.I)
OWN_PICTURE = re.compile(r"/cid/[\w.@-]+|data:image/(png|jpeg|jpg|gif|webp|bmp|avif);base64,[\w+/=]*")
WEB_PICTURE = re.compile(r"https?://[^/]", re.I)
BAD_STYLE = re.compile(
    r"url|var\s*\(|expression|image-set|attr\s*\(|env\s*\(|position|behaviou?r|binding|@|\\|/\*|<|>|!|\bcontent\b|filter|animation"
    r"|transform|z-index|javascript|margin[\w-]*:\s*([^;]*\s)?-", re.I,
)  # fmt: skip
FUNCTIONS = {"rgb", "rgba", "hsl", "hsla"}


class Examiner(HTMLParser):
    """Walks safe HTML; `faults` stays empty when it is."""

    def __init__(self, *, remote: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.remote = remote
        self.faults: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in HARMLESS_TAGS:
            self.faults.append(f"<{tag}>")
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"attributes of <{tag}> repeat")
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name not in HARMLESS_ATTRIBUTES:
                self.faults.append(f"{name} on <{tag}>")
            self.examine(tag, name, value or "")
        if tag == "a" and dict(attrs).get("rel", "") != "noopener noreferrer nofollow":
            self.faults.append("a link that tells where it was followed")

    def examine(self, tag, name, value):
        if name == "href" and not (tag == "a" and LINK.match(value)):
            self.faults.append(f"href {value!r}")
        if name in ("src", "background") and not (
            OWN_PICTURE.fullmatch(value) or (self.remote and WEB_PICTURE.match(value))
        ):
            self.faults.append(f"{name} {value[:100]!r}")
        if name == "class" and value not in ("note", "text"):
            self.faults.append(f"class {value!r}")
        if name == "target" and value != "_blank":
            self.faults.append(f"target {value!r}")
        if name == "style":
            if BAD_STYLE.search(value):
                self.faults.append(f"style {value!r}")
            if not set(re.findall(r"([\w-]+)\(", value)) <= FUNCTIONS:
                self.faults.append(f"function in {value!r}")

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        self.faults.append(f"comment {data!r}")

    def handle_decl(self, decl):
        self.faults.append(f"declaration {decl!r}")

    def handle_pi(self, data):
        self.faults.append(f"instruction {data!r}")

    def unknown_decl(self, data):
        self.faults.append(f"declaration {data!r}")


def examine(html: str, *, remote: bool = False) -> Examiner:
    """The examiner after its walk."""
    examiner = Examiner(remote=remote)
    examiner.feed(html)
    examiner.close()
    return examiner


def depth(html: str) -> int:
    """How deep tags nest in well-formed HTML."""
    deepest = current = 0
    for closing, tag in re.findall(r"<(/?)([a-z][a-z0-9]*)[^>]*>", html):
        if tag not in ("br", "img", "hr", "wbr", "col"):
            current += -1 if closing else 1
            deepest = max(deepest, current)
    return deepest
