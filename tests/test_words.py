"""One word for one idea: names and sentences of the code keep to docs/glossary.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "quotas", "mailbox", "fetching", "sending", "mailhub")
CODE = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
# The demo's mail speaks of whatever people write about.
CODE = [path for path in CODE if "letters" not in path.parts]
PAGES = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "mailhub" / "static").rglob("*.*s")]
DOCS = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "glossary.md"]

# Words that once stood for an idea that has another name: in identifiers and in sentences.
BANNED = {
    "belt": "bounded queue",
    "conveyor": "bounded queue",
    "intake": "download",
    "standing": "status",
    "standings": "status",
    "settling": "result",
    "telling": "notice",
    "hue": "color",
    "hues": "colors",
    "tidy": "delete expired",
    "tidying": "retention",
    "house": "docs/architecture.md",
}
# Modules and classes: what a file or a type is called must say what it is about.
VAGUE_MODULES = {
    "utils",
    "common",
    "core",
    "helpers",
    "misc",
    "shared",
    "recording",
    "endings",
    "beginning",
    "filing",
}
VAGUE_CLASSES = {
    "Row",
    "Words",
    "Standing",
    "Seen",
    "Said",
    "Shown",
    "Known",
    "Begun",
    "Typed",
    "Carry",
    "Way",
}
VAGUE_FUNCTIONS = {"of", "begin", "do", "handle", "process"}
PARAGRAPH = re.compile(r"RFC \d+,? ?(?:§|[Ss]ections?) ?\d")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def words_of(text: str) -> set[str]:
    """Lower-case words; `_`, `-` and capitals part them."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


@pytest.mark.parametrize("path", CODE + PAGES, ids=name)
def test_no_banned_word(path):
    found = words_of(path.read_text()) & set(BANNED)
    assert not found, ", ".join(f"{word}: say “{BANNED[word]}”" for word in sorted(found))


@pytest.mark.parametrize("path", CODE, ids=name)
def test_names_say_of_what(path):
    text = path.read_text()
    assert path.stem not in VAGUE_MODULES
    assert not set(re.findall(r"^class (\w+)", text, re.M)) & VAGUE_CLASSES
    assert not set(re.findall(r"^(?:async )?def (\w+)", text, re.M)) & VAGUE_FUNCTIONS


@pytest.mark.parametrize("path", CODE + DOCS, ids=name)
def test_rfcs_are_cited_in_one_style(path):
    assert not PARAGRAPH.search(path.read_text()), "RFC 1939, 7"


def test_the_glossary_lists_the_banned_words():
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    rows = glossary.partition("## Words that are not used")[2]
    assert {"belt", "intake", "standing", "settling", "telling", "hue", "tidy"} <= words_of(rows)


def test_the_words_are_found_in_any_spelling():
    assert words_of("BeltFull belt_size BELT a belt-full") >= {"belt"}
    assert "standing" not in words_of("understanding outstanding")
    assert PARAGRAPH.search("RFC 5321 §4.5")
    assert PARAGRAPH.search("RFC 1939, section 7")
