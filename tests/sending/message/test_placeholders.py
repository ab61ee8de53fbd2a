"""Placeholders: a list of names and nothing else."""

from __future__ import annotations

import html
import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.message.build import Address, compose
from sending.message.placeholders import (
    NAMES,
    PlaceholderError,
    Values,
    check,
    fill_html,
    fill_line,
    fill_text,
    first_name_of,
    used,
)
from tests.sending.letters import composed, letter, ours

MARTA = Values(
    name="Marta Lindqvist",
    first_name="Marta",
    email="marta@post.example",
    date="23 November 2026",
    subject="Tea",
    my_name="Ada Lovelace",
    my_first_name="Ada",
    my_email="ada@example.org",
    organization="Acme",
)


def test_sent_every_placeholder_is_filled():
    source = " ".join(f"{{{{ {name} }}}}" for name in NAMES)
    filled = (
        "Marta Lindqvist|Marta|marta@post.example|23 November 2026|Tea|Ada Lovelace|Ada|ada@example.org|Acme"
    )
    assert fill_text(source, MARTA) == filled.replace("|", " ")
    assert used(source) == NAMES


@pytest.mark.parametrize(
    "source",
    ["{{name}}", "{{ name }}", "{{  name\t}}", "{{ NAME }}", "{{\xa0name\xa0}}", "{{&nbsp;name&nbsp;}}"],
)
def test_sent_spaces_and_case_are_free(source):
    assert fill_html(f"<p>Dear {source},</p>", MARTA) == "<p>Dear Marta Lindqvist,</p>"


@pytest.mark.parametrize(
    "source", ["", "no braces", "{ name }", "}} {", "{% if x %}", "${name}", "%(name)s", "{name!r}"]
)
def test_sent_other_braces_are_text(source):
    assert fill_text(source, MARTA) == source
    assert fill_html(source, MARTA) == source


@pytest.mark.parametrize(
    ("source", "name", "position", "line", "column"),
    [
        ("{{ nmae }}", "nmae", 0, 1, 1),
        ("Dear {{ first name }}", "first name", 5, 1, 6),
        ("one\ntwo {{ x.y }}", "x.y", 8, 2, 5),
        ("{{}}", "", 0, 1, 1),
        ("{{ {{ name }} }}", "", 0, 1, 1),
        ("{{ name|safe }}", "name|safe", 0, 1, 1),
        ("{{ name }} {{ settings.SECRET_KEY }}", "settings.SECRET_KEY", 11, 1, 12),
        ("{{ __class__ }}", "__class__", 0, 1, 1),
        ("{{ 7*7 }}", "7*7", 0, 1, 1),
        ("{{ " + "x" * 100 + " }}", "x" * 40, 0, 1, 1),
    ],
)
def test_sent_an_unknown_placeholder_is_named_with_its_place(source, name, position, line, column):
    for fill in (fill_text, fill_html, fill_line):
        with pytest.raises(PlaceholderError) as caught:
            fill(source, MARTA)
        error = caught.value
        assert (error.name.strip(), error.position, error.line, error.column) == (
            name,
            position,
            line,
            column,
        )
    with pytest.raises(PlaceholderError):
        check(source)


@pytest.mark.parametrize("source", ["{{ name", "{{ name }", "{{", "a {{ name\n}}", "{{" + "x" * 500 + "}}"])
def test_sent_a_placeholder_without_end(source):
    with pytest.raises(PlaceholderError) as caught:
        fill_text(source, MARTA)
    assert caught.value.why == "open"


EVIL = Values(
    name='<script>alert("1")</script> & {{ my_email }}', first_name="a\r\nBcc: eve@evil.example\0\u202e"
)


def test_sent_values_are_text_in_html():
    filled = fill_html("<p>{{ name }}</p>", EVIL)
    assert filled == "<p>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; {{ my_email }}</p>"


def test_sent_values_are_not_looked_at_again():
    assert fill_text("{{ name }}", EVIL).endswith("{{ my_email }}")
    assert (
        fill_text("{{ name }}", Values(name="{{ my_email }}", my_email="ada@example.org")) == "{{ my_email }}"
    )


def test_sent_values_bring_no_lines():
    assert fill_line("Dear {{ first_name }}", EVIL) == "Dear a Bcc: eve@evil.example"
    assert "\n" not in fill_text("{{ first_name }}", EVIL)
    raw = composed(
        subject=fill_line("{{ first_name }}", EVIL),
        sender=Address(fill_line("{{ first_name }}", EVIL), "ada@example.org"),
        text=fill_text("{{ first_name }}", EVIL),
    )
    assert b"\r\nBcc" not in raw
    assert ours(raw)[0].subject == "a Bcc: eve@evil.example"


def test_sent_a_subject_with_a_line_break_becomes_one_line():
    assert fill_line("Tea\r\n for {{ first_name }}\n", MARTA) == "Tea for Marta"
    compose(letter(subject=fill_line("x\r\ny", MARTA)))


@pytest.mark.parametrize(
    "source",
    [
        '<a href="{{ email }}">x</a>',
        '<a href="mailto:{{ email }}">x</a>',
        "<a href='{{ email }}'>x</a>",
        '<a title="a > b" href="{{ email }}">x</a>',
        "<{{ name }}>",
        "<img src={{ name }}>",
        "<!-- {{ name }} -->",
        '<p title="{{ name }}',
    ],
)
def test_sent_nothing_is_filled_in_inside_a_tag(source):
    """A name such as `javascript:…` would be part of a link, and no escaping helps against that."""
    with pytest.raises(PlaceholderError) as caught:
        fill_html(source, MARTA)
    assert caught.value.why == "tag"
    assert fill_text(source, MARTA)


def test_sent_text_around_tags_is_filled_in():
    source = '<p title="a > b">1 < 2 {{ name }}</p><br>{{ email }}'
    assert fill_html(source, MARTA) == '<p title="a > b">1 < 2 Marta Lindqvist</p><br>marta@post.example'


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Marta Lindqvist", "Marta"),
        ("Lindqvist, Marta", "Marta"),
        ("Lindqvist, Marta K.", "Marta"),
        ("Dr Marta Lindqvist, PhD", "Dr"),
        ("  'Marta'  ", "Marta"),
        ("山田太郎", "山田太郎"),
        ("marta@post.example", ""),
        ("", ""),
        (",", ""),
        ("Acme,", "Acme"),
    ],
)
def test_sent_first_names(name, first):
    assert first_name_of(name) == first


@pytest.mark.parametrize(
    "source", ["{{" * 50_000, "{{ " * 50_000, "<" * 100_000, "<a '" * 50_000, '<a "{{' * 20_000]
)
def test_sent_hostile_templates_take_no_time(source):
    started = time.monotonic()
    for fill in (fill_text, fill_html):
        try:
            fill(source, MARTA)
        except PlaceholderError:
            continue
    assert time.monotonic() - started < 5


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[object] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(attrs)))


def tags(source: str) -> list[object]:
    reader = _Tags()
    reader.feed(source)
    reader.close()
    return reader.tags


@hypothesis_settings(deadline=None)
@given(st.text(max_size=60), st.text(alphabet="<>\"'&{}/=x a\r\n", max_size=60))
@example("<script>", "{{ name }}")
def test_sent_no_value_becomes_markup(name, email):
    source = '<p class="a">{{ name }} and {{ email }}</p>'
    filled = fill_html(source, Values(name=name, email=email))
    assert tags(filled) == [("p", (("class", "a"),))]
    assert fill_text(source, Values(name=name, email=email)).count("\n") == 0


@hypothesis_settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["{{", "}}", "{", "}", " ", "name", "x", "<", ">", '"', "\n", "&nbsp;"]), max_size=30
    )
)
def test_sent_any_template_is_filled_or_refused(pieces):
    source = "".join(pieces)
    for fill in (fill_text, fill_html):
        try:
            filled = fill(source, Values(name="Y"))
        except PlaceholderError as error:
            found = error
        else:
            assert "{{" not in filled
            continue
        assert source[found.position : found.position + 2] == "{{"
        assert source.split("\n")[found.line - 1][found.column - 1 :].startswith("{{")
        assert html.unescape(found.name) is not None
