"""Plain text as HTML, the document around a body, and the policies it is served with."""

# ruff: noqa: E501 - texts are easier to judge in one piece
from __future__ import annotations

import re
import time

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbox.html.rendering import (
    BODY_CSP,
    BODY_CSP_REMOTE,
    LINES_LIMIT,
    LINK_LIMIT,
    QUOTE_DEPTH_LIMIT,
    TEXT_LIMIT,
    document,
    render_html,
    render_text,
)
from mailbox.html.sanitizer import SOURCE_LIMIT
from mailbox.mime.parsing import read_body
from tests.mailbox.corpus import letter
from tests.mailbox.safety import depth, examine


def inner(text: str, *, is_flowed: bool = False) -> str:
    html = render_text(text, is_flowed=is_flowed)
    assert html.startswith('<div class="text">')
    return html.removeprefix('<div class="text">').removesuffix("</div>")


def links(text: str) -> list[str]:
    return [
        value for tag, name, value in examine(render_text(text, is_flowed=False)).attributes if name == "href"
    ]


def test_lines_and_blanks_stay():
    assert inner("one\r\n  two\n\n\nthree\n\n") == "<p>one\n  two\n\n\nthree</p>"


def test_markup_is_text():
    assert inner("<b>&amp;</b> \"'") == "<p>&lt;b&gt;&amp;amp;&lt;/b&gt; &quot;&#x27;</p>"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://x.example/a?b=1&c=2#d.", ["https://x.example/a?b=1&c=2#d"]),
        ("(https://x.example/a_(b)) [http://y.example]", ["https://x.example/a_(b)", "http://y.example"]),
        ('<https://x.example>, "https://y.example"', ["https://x.example", "https://y.example"]),
        ("https://x.example/…, https://x.example/日本?!", ["https://x.example/…", "https://x.example/日本"]),
        ("mailto:a@b.example, HTTP://X.EXAMPLE", ["mailto:a@b.example", "HTTP://X.EXAMPLE"]),
        ("http:// https:/// mailto: http", []),
        ("javascript:alert(1) data:text/html,x ftp://x.example //x.example www.x.example", []),
        ("xhttps://x.example not-https://x.example", []),
        ("https://x.example/\u202egnp.exe", ["https://x.example/"]),
        ("https://x.example)))))", ["https://x.example"]),
    ],
)
def test_addresses_become_links(text, found):
    assert links(text) == found


XSS = [
    '<https://x.example/"onmouseover="alert(1)>',
    "https://x.example/'onmouseover='alert(1)'",
    "https://x.example/<script>alert(1)</script>",
    "https://x.example/&quot;onmouseover=&quot;alert(1)",
    "https://x.example/`onmouseover=`alert(1)",
    "mailto:x@y.example?body=<img src=x onerror=alert(1)>",
    "[1] <javascript:alert(1)> ![x](javascript:alert(1))",
    '> https://x.example/\n> "><script>alert(1)</script>',
    "https://x.example/ \n<svg/onload=alert(1)> \nmore",
    'https://https://x.example/"><b>',
    "##str_replacement_0## https://x.example ##str_replacement_1##",
]


@pytest.mark.parametrize("is_flowed", [False, True])
@pytest.mark.parametrize("text", XSS)
def test_cve_2026_54433_plain_text_cannot_hold_markup(text, is_flowed):
    examined = examine(render_text(text, is_flowed=is_flowed))
    assert examined.faults == []
    assert set(examined.tags) <= {"div", "p", "a", "blockquote"}
    assert {name for _, name, _ in examined.attributes} <= {"class", "href", "target", "rel"}
    assert words("".join(examined.text)) == words(text)


def words(text: str) -> str:
    """The text without what quoting and flowing may change."""
    return re.sub(r"[\s>]", "", text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["https://x.example", "mailto:", "<", ">", "\n", " \n", '"', "'", "&", ")", "(", "javascript:", "x", "\u202e", "> "]))
    .map("".join), st.booleans(),
)  # fmt: skip
def test_any_text_is_safe_and_complete(text, is_flowed):
    examined = examine(render_text(text, is_flowed=is_flowed))
    assert examined.faults == []
    assert words("".join(examined.text)) == words(text)


def test_quotes_nest():
    assert inner("a\n> b\n>> c\n> > d\n> e\nf") == (
        "<p>a</p><blockquote><p>b</p><blockquote><p>c\nd</p></blockquote><p>e</p></blockquote><p>f</p>"
    )
    assert depth(render_text(">" * 500 + " x", is_flowed=False)) == QUOTE_DEPTH_LIMIT + 2


def test_flowed_text_is_joined():
    """RFC 3676: stuffed lines, quotes, and the line before a signature."""
    body = read_body(letter("flowed"))
    html = render_text(body.text, is_flowed=body.is_flowed)
    assert "Please look at the dates again." in html
    assert (
        "<blockquote><blockquote><p>Shall we sign on Friday?</p></blockquote><p>Yes, at ten.</p></blockquote>"
        in html
    )
    assert "&gt;this line begins with a mark that is no quote\n-- \nRafael" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a \nb\nc", "<p>a b\nc</p>"),
        ("> a \n>> b", "<blockquote><p>a </p><blockquote><p>b</p></blockquote></blockquote>"),
        ("a \n-- \nb", "<p>a \n-- \nb</p>"),
        (" > a", "<p>&gt; a</p>"),
        ("a ", "<p>a</p>"),
    ],
)
def test_flowed_rules(text, html):
    assert inner(text, is_flowed=True) == html


HOSTILE = {
    "one line": "x" * 50_000_000,
    "links": "https://x.example " * 100_000,
    "half links": "http://" * 100_000,
    "brackets": "https://x.example" + ")" * 500_000,
    "quotes": ">" * 1_000_000,
    "quoted lines": (">" * 100 + "x\n") * 50_000,
    "flowing": "x \n" * 300_000,
    "blanks": " " * 1_000_000,
}


@pytest.mark.parametrize("is_flowed", [False, True])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_m16_large_texts_take_no_time(text, is_flowed):
    started = time.monotonic()
    html = render_text(text, is_flowed=is_flowed)
    assert time.monotonic() - started < 5
    assert len(html) < 8 * TEXT_LIMIT
    assert html.count("<a ") <= LINK_LIMIT


def test_what_is_cut_says_so():
    for text in ("x" * (TEXT_LIMIT + 1), "x\n" * (LINES_LIMIT + 1)):
        assert '<p class="note">This message is very long.' in render_text(text, is_flowed=False)
    assert "note" not in render_text("x" * TEXT_LIMIT, is_flowed=False)
    rendered = render_html("x" * (SOURCE_LIMIT + 1), show_remote=False, cid_url=lambda key: None)
    assert rendered.is_cut
    assert '<p class="note">' in rendered.html
    assert "note" not in render_html("x", show_remote=False, cid_url=lambda key: None).html


def test_the_document():
    html = document("<p>x</p>", css_url="/static/a.css?x=1&y=2", lang='id"><script>', paper=False)
    assert html.startswith('<!doctype html>\n<html lang="id&quot;&gt;&lt;script&gt;">')
    assert '<link rel="stylesheet" href="/static/a.css?x=1&amp;y=2">' in html
    assert '<base target="_blank">' in html
    assert '<meta charset="utf-8">' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert '<body dir="auto">\n<p>x</p>\n</body>' in html
    assert "<script" not in html


def test_paper_is_light_whatever_the_scheme():
    html = document("x", css_url="/a.css", lang="en", paper=True)
    assert '<html lang="en" class="paper">' in html
    assert '<meta name="color-scheme" content="light">' in html


def test_the_title_speaks_the_readers_language():
    with translation.override("en"):
        assert "<title>Message text</title>" in document("x", css_url="/a.css", lang="en", paper=False)


def directives(policy: str) -> dict[str, set[str]]:
    return {name: set(values) for name, *values in (part.split() for part in policy.split(";"))}


def test_policies_of_the_frame():
    strict, wide = directives(BODY_CSP), directives(BODY_CSP_REMOTE)
    assert strict == {
        "sandbox": {"allow-popups", "allow-popups-to-escape-sandbox"},
        "default-src": {"'none'"},
        "img-src": {"'self'", "data:"},
        "style-src": {"'self'", "'unsafe-inline'"},
        "frame-ancestors": {"'self'"},
        "form-action": {"'none'"},
        "base-uri": {"'none'"},
    }
    assert wide.pop("img-src") == {"'self'", "data:", "https:", "http:"}
    strict.pop("img-src")
    assert wide == strict
