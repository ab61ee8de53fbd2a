"""Placeholders in templates: a fixed list of names, each replaced by plain text, and nothing else at all.

    {{ first_name }}

This is no template language: there is nothing to look up, to call or to loop over, so a text that somebody
wrote (or a template that was shared) can reach nothing but the values it is given.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

from mailbox.mime.headers import one_line

# Up to where it is closed, or to the end of the line. No-break spaces are what editors put for spaces.
_OPENED: Final = re.compile(r"\{\{((?:(?!\{\{|\}\})[^\n]){0,200})(\}\})?")
_NAME: Final = re.compile(r"(?:\s|&nbsp;|&#160;|&#xa0;)*([a-z_]+)(?:\s|&nbsp;|&#160;|&#xa0;)*", re.IGNORECASE)
# A quote that is not closed goes on to the end, as it does in browsers; and "<" right before a value makes a tag of it.
_TAG: Final = re.compile(r"<[a-zA-Z/!?{](?:[^<>\"']|\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z))*>?")
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Values:
    """What placeholders stand for; what is not known is empty, and so is the place it would have filled."""

    name: str = ""
    first_name: str = ""
    email: str = ""
    date: str = ""
    subject: str = ""
    my_name: str = ""
    my_first_name: str = ""
    my_email: str = ""
    organization: str = ""


NAMES: Final = tuple(field.name for field in fields(Values))


class PlaceholderError(ValueError):
    """Something between braces that stands for nothing.

    `name` is what stands there, shortened; `position` counts characters from 0, `line` and `column` from 1.
    `why` is unknown, open (never closed) or tag (inside a tag of HTML, where text would be part of a link).
    """

    def __init__(self, source: str, position: int, name: str, why: str = "unknown") -> None:
        super().__init__(name, position, why)
        self.name = name
        self.position = position
        self.line = source.count("\n", 0, position) + 1
        self.column = position - (source.rfind("\n", 0, position) + 1) + 1
        self.why = why


def fill_text(source: str, values: Values) -> str:
    """A plain text with its placeholders replaced. Raises PlaceholderError."""
    return _filled(source, lambda name: _value(values, name), frozenset())


def fill_html(source: str, values: Values) -> str:
    """The same for HTML: values are text in it, never markup. Raises PlaceholderError."""
    tags = frozenset(
        position
        for tag in _TAG.finditer(source)
        for position in range(tag.start(), tag.end())
        if "{{" in tag[0]
    )
    return _filled(source, lambda name: html.escape(_value(values, name)), tags)


def fill_line(source: str, values: Values) -> str:
    """The same for a subject or a name: the result is one line. Raises PlaceholderError."""
    return one_line(fill_text(source, values))


def check(source: str, *, is_html: bool = False) -> None:
    """Raise PlaceholderError for the first placeholder that is none."""
    (fill_html if is_html else fill_text)(source, Values())


def used(source: str) -> tuple[str, ...]:
    """The names that occur in a text without faults, each once."""
    found = (_NAME.fullmatch(match[1]) for match in _OPENED.finditer(source))
    return tuple(dict.fromkeys(name[1].lower() for name in found if name and name[1].lower() in NAMES))


def first_name_of(name: str) -> str:
    """The first name in a display name: "Marta Lindqvist", "Lindqvist, Marta". A name that is an address has none."""
    name = one_line(name).strip(" '\"")
    if "@" in name:
        return ""
    before, comma, after = name.partition(",")
    words = (after if comma and len(before.split()) == 1 and after.strip() else name).split()
    return words[0].strip(",") if words else ""


def _value(values: Values, name: str) -> str:
    # A name in a received mail is whatever its sender liked: it must not bring lines of its own.
    return one_line(str(getattr(values, name)))


def _filled(source: str, value: Callable[[str], str], in_tags: frozenset[int]) -> str:
    pieces: list[str] = []
    end = 0
    # One pass: what a value brings is never looked at again.
    for match in _OPENED.finditer(source):
        name = _name(source, match)
        if match.start() in in_tags:
            raise PlaceholderError(source, match.start(), name, "tag")
        pieces += [source[end : match.start()], value(name)]
        end = match.end()
    return "".join([*pieces, source[end:]])


def _name(source: str, match: re.Match[str]) -> str:
    found = _NAME.fullmatch(match[1])
    name = found[1].lower() if found else ""
    if match[2] is None:
        raise PlaceholderError(source, match.start(), one_line(match[1])[:_SHOWN], "open")
    if name not in NAMES:
        raise PlaceholderError(source, match.start(), one_line(html.unescape(match[1]))[:_SHOWN])
    return name
