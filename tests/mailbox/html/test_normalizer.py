"""Tags written again: well-nested, shallow, in linear time, and read as browsers read them."""

# ruff: noqa: E501 - pages are easier to judge in one piece
from __future__ import annotations

import re
import time

import pytest

from mailbox.html.normalizer import DEPTH_LIMIT, RUN_LIMIT, TAGS_LIMIT, VOID_TAGS, normalize


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("<p>a</p>", "<p>a</p>"),
        ("<P>a<p>b", "<p>a</p><p>b</p>"),
        ("<p>a<div>b</div>c", "<p>a</p><div>b</div>c"),
        (
            "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>",
            "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>",
        ),
        ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
        (
            "<table><tr><td>a<td>b<tr><td>c</table>",
            "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
        ),
        (
            "<table><thead><tr><th>a<tbody><tr><td>b</table>",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>",
        ),
        (
            "<table><tr><td><table><tr><td>in</table>out",
            "<table><tr><td><table><tr><td>in</td></tr></table>out</td></tr></table>",
        ),
        ("<b><i>a</b>b</i>", "<b><i>a</i></b>b"),
        ("<a>a<a>b</a>", "<a>a</a><a>b</a>"),
        # An end tag does not reach out of its cell: the parser ignores it, so it must not count as closed.
        ("<div><table><tr><td></div>a", "<div><table><tr><td>a</td></tr></table></div>"),
        ("a</p></div></x>b", "ab"),
        ("a</br>b<br/>c<BR>d", "a<br>b<br>c<br>d"),
        ("<image src=x>", '<img src="x">'),
        ("<x:y>a</x:y><o:p>b</o:p><form>c</form>", "abc"),
    ],
)
def test_nesting(source, body):
    assert normalize(source).body == body


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("a < b <= c <3 <", "a &lt; b &lt;= c &lt;3 &lt;"),
        ("<<<<p>a", "&lt;&lt;&lt;<p>a</p>"),
        ("a<!-- b -->c<!---->d<!-->e<!--->f<!-- --!>g<!--h", "acdefg"),
        ("a<!DOCTYPE x>b<?x y?>c<![CDATA[d]]>e</3>f", "abcef"),
        ("a<!--[if mso]><p>no</p><![endif]-->b<![if !mso]>c<![endif]>", "abc"),
        ("a<script><p>no</p></script >b<SCRIPT>no</scriptx></script>c<script>no", "abc"),
        ("a<title>no</title>b<textarea><p></textarea>c<xmp><p></xmp>d<noscript><p></noscript>e", "abcde"),
        ("a<svg><svg></svg><p>no</p></svg>b<math/>c<select><option>no</select>d<template>no", "abcd"),
        ("a<svg><style></svg>b", "ab"),
        ("a<plaintext>no</plaintext>no", "a"),
        ("a\x00b<scr\x00ipt>no</script>c", "abc"),
        ("&lt;b&gt; &amp; &nbsp;", "&lt;b&gt; &amp; &nbsp;"),
        ("a<p", "a<p></p>"),
        ("a</p", "a"),
    ],
)
def test_tokens(source, body):
    assert normalize(source).body == body


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("<p class=a CLASS=b id='c d' title=\"e\">", '<p class="a" id="c d" title="e"></p>'),
        ("<p title='say \"hi\"'>", '<p title="say &quot;hi&quot;"></p>'),
        ("<p title=it's class=x>", '<p title="it\'s" class="x"></p>'),
        ("<p title='>' class=x>y", '<p title=">" class="x">y</p>'),
        ("<p/class=a/id=b>", '<p class="a/id=b"></p>'),
        ("<p onclick=x style='color:red' data-x=y>", '<p style="color:red"></p>'),
        ("<td nowrap>", '<td nowrap=""></td>'),
        ("<p title = x>", '<p title="x"></p>'),
        ('<p title="<b>">', '<p title="<b>"></p>'),
        (f"<p title='{'x' * 9000}' class=y>", '<p class="y"></p>'),
        (f"<img src='{'x' * 9000}'>", "<img>"),
    ],
)
def test_attributes(source, body):
    assert normalize(source).body == body


def test_large_embedded_pictures_are_kept():
    address = "data:image/png;base64," + "A" * 100_000
    assert normalize(f"<img src='{address}'>").body == f'<img src="{address}">'


def test_the_body_and_its_styles_are_told_apart():
    page = normalize(
        "<html><head><style>a{}</style></head><BODY bgcolor=red onload=x><style>b{}</style>x</body></html>"
    )
    assert (page.body, page.attributes) == ("x", {"bgcolor": "red"})
    assert page.styles == "a{}\nb{}"


def test_styles_cannot_end_early():
    assert "</" not in normalize("<style>a{}</sty</style><style>le></style>").styles


def test_remote_media_in_dropped_elements_are_counted():
    page = normalize(
        '<video poster="//t.example"><source src=https://t.example></video><embed src="http://t.example"><input src=x>'
        '<object data=//t.example></object><iframe src=" //t.example"></iframe><link href="https://t.example" rel=stylesheet>'
    )
    assert page.withheld == 6


@pytest.mark.parametrize(
    "unit", ["<div>", "<table><tr><td>", "<ul><li>", "<b><p>", "<table>", "<center><font>"]
)
def test_depth_is_bounded_and_every_tag_closed(unit):
    open_tags: list[str] = []
    deepest = 0
    for closing, tag in re.findall(r"<(/?)(\w+)[^>]*>", normalize(unit * 5000 + "x").body):
        if closing:
            assert open_tags.pop() == tag
        elif tag not in VOID_TAGS:
            open_tags.append(tag)
        deepest = max(deepest, len(open_tags))
    assert open_tags == []
    assert deepest <= DEPTH_LIMIT


def test_what_is_too_deep_loses_its_tags_and_keeps_its_text():
    body = normalize("<div>" * 500 + "deep" + "</div>" * 500 + "<p>after</p>").body
    assert "deep" in body
    assert body.endswith("</div><p>after</p>")


def test_too_many_tags_cut_the_page():
    page = normalize("<br>" * (TAGS_LIMIT + 10))
    assert page.is_cut
    assert page.body.count("<br>") == TAGS_LIMIT


@pytest.mark.parametrize("text", ["x" * 20_000, "&amp;" * 5_000, "\xa0" * 20_000, "<x>&nbsp;</x>" * 3_000])
def test_long_texts_are_written_in_runs(text):
    body = normalize(text).body
    runs = body.split("<!---->")
    assert max(map(len, runs)) <= RUN_LIMIT
    assert "".join(runs) == text.replace("<x>", "").replace("</x>", "")
    assert not any(re.search(r"&[a-z]*$", run) for run in runs)


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a ",
        '<a b="',
        "<a b='",
        "<!--",
        "</",
        "<svg>",
        "<style>",
        "&",
        "<a b=c",
        "<a\n",
        "<p class=",
        "=\"'",
    ],
)
def test_time_is_linear(unit):
    started = time.monotonic()
    normalize(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 5
