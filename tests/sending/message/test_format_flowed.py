"""HTML as plain text, and plain text as format=flowed."""

from __future__ import annotations

import time

import pytest

from mailbox.mime.bodies import unflow
from sending.message.format_flowed import WIDTH, flow, text_of_html

PAGES = [
    ("", ""),
    ("<p>One</p><p>Two</p>", "One\n\nTwo"),
    ("<div>One</div><div>Two</div>", "One\nTwo"),
    ("One<br>Two<br><br>Three", "One\nTwo\n\nThree"),
    ("<div>One</div><div><br></div><div>Two</div>", "One\n\nTwo"),
    ("  <p>  spaces \n  and\tlines </p> ", "spaces and lines"),
    ("a<b> b </b>c", "a b c"),
    ("no&nbsp;break", "no break"),
    ("<h1>Title</h1>text", "Title\n\ntext"),
    ("<ul><li>one</li><li>two</li></ul>after", "- one\n- two\n\nafter"),
    ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
    ("<ul><li>one<ul><li>inner</li></ul></li><li><p>two</p></li></ul>", "- one\n  - inner\n- two"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a  b\nc  d"),
    ("<pre>two  spaces\n  indented</pre>", "two  spaces\n  indented"),
    ("above<hr>below", "above\n\n--------------------\n\nbelow"),
    ("<p>x</p><blockquote><p>quoted</p><p>more</p></blockquote><p>y</p>", "x\n\n> quoted\n>\n> more\n\ny"),
    ("<blockquote>one<blockquote>two</blockquote></blockquote>", "> one\n>\n>> two"),
    ("&gt; a sign, no quote", " > a sign, no quote"),
    ("a &lt;b&gt; &amp; c", "a <b> & c"),
    ('<a href="https://x.example/a">here</a>', "here <https://x.example/a>"),
    ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
    ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
    ('<a href="mailto:a@b.example">Ada</a>', "Ada <a@b.example>"),
    ('<a href="javascript:alert(1)">x</a>', "x"),
    ('<a href="https://x.example/"><img src="cid:a"></a>', "<https://x.example/>"),
    ('<img src="cid:a" alt="the map"> <img src="cid:b">', "[the map]"),
    ("<p>Hi</p><div>-- </div><div>Ada</div>", "Hi\n\n-- \nAda"),
    ("<style>p {}</style><script>x()</script><title>t</title>text<!-- no -->", "text"),
    ("<p>unclosed <b>bold<p>next", "unclosed bold\n\nnext"),
    ("</p></ul></blockquote>stray", "stray"),
    ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
]


@pytest.mark.parametrize(("page", "text"), PAGES)
def test_sent_pages_as_text(page, text):
    assert text_of_html(page) == text


@pytest.mark.parametrize(
    "page",
    [
        *("<div>" * 20_000, "<blockquote>" * 20_000 + "x", "<a href=x>" * 20_000),
        *("&" * 200_000, "<" * 200_000, "<table><tr>" * 10_000),
    ],
    ids=range(6),
)
def test_sent_hostile_pages_take_no_time(page):
    """What is quoted was written by strangers."""
    started = time.monotonic()
    flow(text_of_html(page))
    assert time.monotonic() - started < 5


FLOWED = [
    ("", ""),
    ("short", "short"),
    ("one\n\ntwo", "one\n\ntwo"),
    ("spaces at the end   ", "spaces at the end"),
    (" indented", "  indented"),
    ("From here", " From here"),
    ("> quoted", "> quoted"),
    (">> twice", ">> twice"),
    ("> > twice", ">> twice"),
    (">", ">"),
    (">  code", ">  code"),
    ("-- ", "-- "),
    ("> -- ", "> -- "),
    ("--", "--"),
    ("x" * 200, "x" * 200),
]


@pytest.mark.parametrize(("text", "flowed"), FLOWED)
def test_sent_lines_that_need_no_folding(text, flowed):
    assert flow(text) == flowed


def test_sent_long_lines_are_folded_at_words():
    paragraph = "word " * 100 + "end"
    lines = flow(paragraph).split("\n")
    assert len(lines) > 5
    assert all(len(line) <= WIDTH + 1 for line in lines)
    assert all(line.endswith(" ") for line in lines[:-1])
    assert list(unflow(lines)) == [(0, paragraph)]


def test_sent_long_quotes_are_folded_inside_the_quote():
    lines = flow(f"> {'word ' * 100}end").split("\n")
    assert all(line.startswith("> word") for line in lines)
    assert list(unflow(lines)) == [(1, "word " * 100 + "end")]


def test_sent_no_folded_line_looks_like_something_else():
    text = "a " * 40 + "> b " * 20 + "From c " * 20
    lines = flow(text).split("\n")
    assert not any(line.startswith((">", "From ")) for line in lines)
    assert list(unflow(lines)) == [(0, text.rstrip())]


def test_sent_no_folded_line_looks_like_a_signature():
    text = "-- " + "x" * 80 + " and -- " + "y" * 80
    lines = flow(text).split("\n")
    assert "-- " not in lines
    assert list(unflow(lines)) == [(0, text)]
