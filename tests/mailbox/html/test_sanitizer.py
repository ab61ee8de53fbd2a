"""What the sanitizer keeps, holds back and counts, and that hostile pages end; see also test_payloads."""

# ruff: noqa: E501 - pages are easier to judge in one piece
from __future__ import annotations

import random
import sys
import time

import css_inline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbox.html import sanitizer
from mailbox.html.normalizer import DEPTH_LIMIT
from mailbox.html.sanitizer import SOURCE_LIMIT, clean_style, sanitize
from mailbox.mime.parsing import read_body
from tests.mailbox.corpus import NAMES, letter
from tests.mailbox.safety import depth, examine


def clean(source: str, *, remote: bool = False) -> str:
    return sanitize(
        source, show_remote=remote, cid_url=lambda key: f"/cid/{key}" if key.startswith("own") else None
    ).html


def test_ordinary_formatting_is_kept():
    source = (
        '<h2 align="center">Plan</h2><p>One <b>bold</b> <i>word</i>.</p><ul><li>beans<li>pumpkins</ul>'
        '<table border="1"><tr><td bgcolor="#eeeeee">cell</td></tr></table><blockquote>quoted</blockquote><pre>  code</pre><hr>'
    )
    assert clean(source) == (
        '<div><h2 align="center">Plan</h2><p>One <b>bold</b> <i>word</i>.</p><ul><li>beans</li><li>pumpkins</li></ul>'
        '<table border="1"><tbody><tr><td bgcolor="#eeeeee">cell</td></tr></tbody></table><blockquote>quoted</blockquote>'
        "<pre>  code</pre><hr></div>"
    )


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://x.example/?a=1&amp;b=2#c", "https://x.example/?a=1&b=2#c"),
        (" HTTP://x.example ", "HTTP://x.example"),
        ("https://x.exa&#10;mple/", "https://x.example/"),
        ("mailto:a@b.example?subject=two words", "mailto:a@b.example?subject=two words"),
        ("tel:+62 21 555", "tel:+6221555"),
        ("https://x.example/\u202egnp.exe", "https://x.example/gnp.exe"),
        ("ftp://x.example", None),
        ("https:x", None),
        ("#inside", None),
    ],
)
def test_links(href, kept):
    attributes = {name: value for _, name, value in examine(clean(f'<a href="{href}">x</a>')).attributes}
    expected = {"target": "_blank", "rel": "noopener noreferrer nofollow"} | ({"href": kept} if kept else {})
    assert attributes == expected


def test_style_sheets_become_attributes():
    source = (
        "<style>.a{color:#333333;position:fixed} p>b{font-size:12px}</style><p class=a id=x>x<b>y</b></p>"
    )
    assert clean(source) == '<div><p style="color:#333333">x<b style="font-size:12px">y</b></p></div>'


def test_important_is_dropped_and_the_rest_stays():
    assert (
        clean('<p style="color:red !important;margin:0!important">x</p>')
        == '<div><p style="color:red;margin:0">x</p></div>'
    )


def test_colours_of_the_body_are_kept():
    html = clean(
        '<html><head><style>body{color:#ffffff}</style></head><body bgcolor="#102030" text="white"><p>x</p></body></html>'
    )
    assert html.startswith('<div style="')
    assert "background-color:#102030" in html
    assert "color:" in html.replace("background-color:", "")


def test_style_sheets_are_never_fetched(monkeypatch, tmp_path):
    """Neither from the network nor from our own disk."""
    sheet = tmp_path / "own.css"
    sheet.write_text("p{color:red}")
    asked = []
    monkeypatch.setattr(sys.modules["socket"].socket, "connect", lambda *args: asked.append(args))
    for address in (str(sheet), f"file://{sheet}", "http://127.0.0.1:9/x.css", "//127.0.0.1:9/x.css"):
        html = clean(
            f'<link rel=stylesheet href="{address}"><style>@import "{address}"; b{{color:blue}}</style><p>x</p>'
        )
        assert html == "<div><p>x</p></div>"
    assert asked == []


@pytest.mark.parametrize(
    ("source", "blocked"),
    [
        ('<img src="https://t.example/x">', 1),
        ('<img src="//t.example/x"><img src=" HTTP://t.example/y">', 2),
        ('<img srcset="https://t.example/x 2x">', 1),
        ('<table background="https://t.example/x"><tr><td background="//t.example">x</td></tr></table>', 2),
        ('<body background="https://t.example/x">', 1),
        ('<p style="background:url(https://t.example/x) red">x</p>', 1),
        ("<style>p{background-image:url('//t.example/x')}</style><p>x</p><p>y</p>", 2),
        ('<p style="background:url(https://t.example/x">unclosed</p>', 1),
        ('<video poster="https://t.example/x"></video>', 1),
        ('<link rel=stylesheet href="https://t.example/x.css">', 1),
        ('<svg><image href="//t.example/x"/></svg>', 0),
        (
            '<img src="cid:own"><img src="data:image/png;base64,AAAA"><img src="x.png"><p style="background:red">x</p>',
            0,
        ),
        ('<a href="https://t.example/">a link loads nothing</a>', 0),
    ],
)
def test_what_is_held_back_is_counted(source, blocked):
    rendered = sanitize(source, show_remote=False, cid_url=lambda key: "/cid/own")
    assert rendered.blocked == blocked
    assert "t.example/x" not in rendered.html
    assert sanitize(source, show_remote=True, cid_url=lambda key: "/cid/own").blocked == 0


def test_a_picture_that_is_held_back_leaves_its_place_and_its_words():
    examined = examine(clean('<img src="https://t.example/x" alt="A shed" width="200">'))
    assert set(examined.attributes) == {("img", "alt", "A shed"), ("img", "width", "200")}


def test_pictures_from_the_web_when_asked_for():
    html = clean(
        '<img src="https://t.example/x?a=1&amp;b=2"><img src="//t.example/y"><td background="http://t.example/z">',
        remote=True,
    )
    assert '<img src="https://t.example/x?a=1&amp;b=2"><img src="https://t.example/y">' in html


def test_embedded_pictures():
    asked: list[str] = []

    def address(key: str) -> str | None:
        asked.append(key)
        return "data:image/png;base64,AAAA" if key == "shed@x" else None

    source = '<img src="cid:shed@x"><img src="CID:shed%40x"><img src="cid:other"><td background="cid:shed@x">'
    html = sanitize(source, show_remote=False, cid_url=address).html
    assert html.count('src="data:image/png;base64,AAAA"') == 2
    assert asked == ["shed@x", "shed@x", "other"], "each time it is shown, so that all of it can be counted"


@pytest.mark.parametrize(
    ("source", "is_paper"),
    [
        ("<p>plain</p>", False),
        ('<p style="margin:0;font-family:Arial">x</p>', False),
        ('<p style="background:transparent;color:inherit">x</p>', False),
        ('<p style="color:#000000">x</p>', True),
        (
            '<td style="background-color:white">x</td>',
            False,
        ),  # no cell without a table, so nothing is coloured
        ('<table><tr><td style="background-color:white">x</td></tr></table>', True),
        ('<font color="red">x</font>', True),
        ('<table bgcolor="white"><tr><td>x</td></tr></table>', True),
        ('<body bgcolor="#ffffff">x', True),
        ("<style>.x{color:red}</style><p>no such class</p>", False),
        ("<style>p{color:red}</style><p>x</p>", True),
    ],
)
def test_mail_with_colours_of_its_own_wants_paper(source, is_paper):
    assert sanitize(source, show_remote=False, cid_url=lambda key: None).is_paper == is_paper


@pytest.mark.parametrize(
    ("style", "result"),
    [
        ("color:red", "color:red"),
        ("COLOR : Red ;; ; font-size:12px", "color:Red;font-size:12px"),
        ("font-family:'a b', \"c\"", "font-family:'a b', \"c\""),
        ("font-family:'a;color:red';color:blue", "color:blue"),
        ("color:rgba(0, 0, 0, .5)", "color:rgba(0, 0, 0, .5)"),
        ("background:#fff url(x.png) no-repeat", "background:#fff  no-repeat"),
        ("background:url(data:image/png;base64,AA==);color:red", "color:red"),
        ("mso-line-height-rule:exactly;line-height:1.2", "line-height:1.2"),
        ("filter:progid:DXImageTransform.Microsoft.gradient(x='y');color:red", "color:red"),
        ("color:red;width:calc(1px + 2px)", "color:red"),
        ("margin:-1px;margin-top: -.5em;padding:1px", "padding:1px"),
        ("border:1px solid rgb(1,2,3)", "border:1px solid rgb(1,2,3)"),
        ("/* x */color:red/* ; */;", "color:red"),
        ("color:red;/* never closed", "color:red"),
        ("color:red;x:(;width:1px", "color:red"),
        ("color:" + "a" * 301, ""),
        ("color", ""),
        ("", ""),
    ],
)
def test_styles(style, result):
    assert clean_style(style)[0] == result


PAGES = {name: page for name in NAMES if (page := read_body(letter(name)).html) is not None}


@pytest.mark.parametrize("name", PAGES)
def test_letters_are_safe(name):
    page = PAGES[name]
    assert examine(clean(page)).faults == []
    assert examine(clean(page, remote=True), remote=True).faults == []


def test_the_newsletter():
    rendered = sanitize(read_body(letter("newsletter")).html, show_remote=False, cid_url=lambda key: None)
    assert rendered.is_paper
    assert rendered.blocked == 3  # the masthead, the pixel, and the paper behind the text
    assert "font-size:18px" in rendered.html
    assert 'href="https://slowreader.example/212?utm_source=mail&amp;utm_id=7"' in rendered.html
    assert "slowreader.example/open.gif" not in rendered.html


def test_long_pages_are_cut():
    rendered = sanitize("<p>x</p>" + "y" * SOURCE_LIMIT, show_remote=False, cid_url=lambda key: None)
    assert rendered.is_cut
    assert not sanitize("<p>x</p>", show_remote=False, cid_url=lambda key: None).is_cut


HOSTILE = {
    "division": "<div>" * 200_000,
    "bold": "<b>" * 200_000,
    "tables": "<table><tr><td>" * 60_000,
    "misnested": "<a><b><p></a></b>" * 50_000,
    "foster": "<table>" + "<b>x" * 100_000,
    "ignored ends": ("<div>" * 500 + "<table><tr><td>" + "</div>" * 500) * 300,
    "ignored ends of tables": "<div><table></div>" * 50_000,
    "false comments": "<!-- x --!> <div>" * 50_000,
    "ampersands": "&" * 1_000_000,
    "no-break spaces": "\xa0" * 1_000_000,
    "entities": "&nbsp;" * 300_000,
    "half entities": "&notin" * 300_000,
    "angles": "<" * 1_000_000,
    "attributes": "<p " + " ".join(f"a{n}" for n in range(100_000)) + ">",
    "open quotes": '<a b="' * 200_000,
    "styles": "<p style='" + "color:red;" * 100_000 + "'>",
    "brackets": '<p style="color:' + "(" * 7_000 + '">',
    "has": "<style>" + "".join(f"div:has(.x{n} p){{color:red}}" for n in range(400)) + "</style>" + "<div>" * 100 + "<p>x" * 3000,
    "large rule": "<style>*{color:" + "(" * 100_000 + "}</style>" + "<p>x" * 20_000,
    "many rules": "<style>" + "p{color:red}" * 10_000 + "</style>" + "<p>x" * 20_000,
    "svg": "<svg>" * 200_000,
    "selects": "<select>" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
def test_m17_hostile_pages_end_and_stay_shallow(page):
    """Without `nesting` some of these take minutes, and some overflow the inliner's stack, which ends the process."""
    started = time.monotonic()
    html = clean("<style>b{color:red}</style><p>first</p>" + page)
    assert time.monotonic() - started < 15
    assert "first" in html
    assert depth(html) <= 3 * DEPTH_LIMIT
    assert len(html) < 12_000_000


def test_selectors_that_look_at_whole_subtrees_are_passed_over():
    """Ten of them took the inliner more than a second on a page of 3,000 paragraphs."""
    source = "<style>p:has(b){color:red} p:HAS(b){color:red} b{color:blue}</style><p><b>x</b></p>"
    assert clean(source) == '<div><p><b style="color:blue">x</b></p></div>'


def test_styles_that_swell_a_page_are_left_out(monkeypatch):
    source = "<style>p{font-size:12px}</style>" + "<p>x</p>" * 10
    assert clean(source).count("font-size") == 10
    monkeypatch.setattr(sanitizer, "_INLINED_LIMIT", 200)
    assert clean(source) == "<div>" + "<p>x</p>" * 10 + "</div>"


def test_a_panic_of_the_inliner_costs_the_styles_only(monkeypatch):
    class PanicException(BaseException):
        """As the Rust side raises it."""

    def panics(*_args, **_options):
        raise PanicException

    monkeypatch.setattr(sanitizer.css_inline, "inline", panics)
    assert clean("<style>p{color:red}</style><p>x</p>") == "<div><p>x</p></div>"

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sanitizer.css_inline, "inline", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clean("<style>p{color:red}</style><p>x</p>")
    assert css_inline.inline is interrupted


PIECES = [
    "<p>", "</p>", "<div style='", "'>", "<b", ">", "</b>", "<a href=", "javascript:alert(1)", '"', "'", "<img src=x onerror=alert(1)>", "<svg>", "</svg>",
    "<style>", "</style>", "p{color:red}", "<!--", "-->", "--!>", "<math>", "<mtext>", "<table>", "<td>", "</table>", "<title>", "</title>", "<textarea>",
    "<noscript>", "</noscript>", "<template>", "<select>", "&lt;", "&#x3c;", "&quot;", "<![CDATA[", "]]>", "<br>", "\x00", "/", "=", "url(//t.example)", "<x:y>",
    "<body onload=x ", "<font color=red>", "<plaintext>", "<iframe>", "</iframe>", "<form>", "<input>", "style=", "position:fixed;", "\\", "text",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.booleans())
def test_soup_of_tags_is_always_safe(source, remote):
    html = clean(source, remote=remote)
    assert examine(html, remote=remote).faults == []
    assert depth(html) <= 3 * DEPTH_LIMIT


def test_random_nesting_is_never_deep():
    chance = random.Random(20261123)
    tags = [
        "div",
        "p",
        "b",
        "a",
        "table",
        "tr",
        "td",
        "tbody",
        "caption",
        "font",
        "li",
        "ul",
        "span",
        "center",
        "h1",
        "svg",
    ]
    tags += ["select", "button", "dd", "dt", "colgroup", "ruby", "rp"]
    for _ in range(150):
        pool = chance.sample(tags, 6)
        page = "".join(
            chance.choice(("<{}>", "<{}>", "</{}>", "<{}>x")).format(chance.choice(pool)) for _ in range(2000)
        )
        assert depth(clean(page)) <= 2 * DEPTH_LIMIT
