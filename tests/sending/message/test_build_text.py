"""The text of a message arrives as it was written, in lines that every server takes."""

from __future__ import annotations

import pytest

from tests.sending.letters import composed, paragraphs, stdlib

TEXTS = [
    "",
    "x" * 5000,
    "word " * 1000,
    "ü" * 3000,
    "請求書" * 1000,
    "trailing   \n\n\nspaces \t\nend",
    "From the top\nFrom here",
    ".\n..\n.hidden",
    "-- \nAda",
    "> quoted\n>> deeper\n>not spaced",
    "tab\tbetween = equals =20",
    "🎉" * 500,
    "\r\n\rmixed\nends\r",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_sent_any_text_arrives(text):
    raw = composed(text=text, html=None)
    wanted = [
        line.rstrip(" \t") for line in text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    ]
    got = [f"{'>' * depth}{' ' if depth else ''}{line}".rstrip(" \t") for depth, line in paragraphs(raw)]
    assert [line.replace("> >", ">>").replace(">not", "> not") for line in wanted] == got
    assert stdlib(raw).get_content_charset() == "utf-8"


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_sent_any_html_arrives(text):
    html = f"<pre>{text}</pre>"
    raw = composed(text="x", html=html)
    part = stdlib(raw).get_payload()[1]
    found = part.get_payload(decode=True).decode()
    assert html.replace("\r\n", "\n").replace("\r", "\n") in found.replace("\r\n", "\n")
    assert max(map(len, part.as_bytes().split(b"\n"))) <= 78


def test_sent_controls_in_a_text_are_dropped():
    assert paragraphs(composed(text="a\0b\x0bc\x1bd\ud800e")) == [(0, "abcd\ufffde")]


def test_sent_no_line_of_a_text_looks_like_the_beginning_of_another_message():
    """Servers that keep mail in one file write ">From "."""
    for given in ({"text": "From x\n" * 3}, {"text": "x", "html": "From x\n" * 3}):
        assert b"\r\nFrom x" not in composed(**given)
