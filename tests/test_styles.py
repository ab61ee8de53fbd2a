"""Style sheets are loaded where they are used, and nowhere else."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
SHEETS = {path.stem: path.read_text() for path in (ROOT / "mailhub/static/mailhub/css").glob("*.css")}
EVERYWHERE = {"tokens", "base", "controls"}  # every page
FRAME = {"shell", "pages"}  # every page of somebody who is signed in
SECTIONS = {"mailbox", "settings", "console"}  # every page below the same folder of templates/
PAGES = [
    str(path.relative_to(TEMPLATES))
    for path in sorted(TEMPLATES.rglob("*.html"))
    if not path.name.startswith("_") and path.name not in ("base.html", "shell.html", "panes.html")
]
PAGES = [page for page in PAGES if not page.startswith("allauth/elements")]


@cache
def source(template: str) -> str:
    return (TEMPLATES / template).read_text()


@cache
def closure(template: str) -> frozenset[str]:
    """The template with all it extends and includes."""
    found, waiting = set(), [template]
    while waiting:
        name = waiting.pop()
        if name in found or not (TEMPLATES / name).exists():
            continue
        found.add(name)
        waiting += re.findall(r'(?:extends|include) "([\w/.-]+)"', source(name))
    return frozenset(found)


def classes_in(text: str) -> set[str]:
    found: set[str] = set()
    for value in re.findall(r'class="([^"]*)"', text):
        found |= set(re.findall(r"[a-zA-Z][\w-]*", re.sub(r"\{[%{].*?[%}]\}", " ", value)))
    return found


@cache
def defined_in(sheet: str) -> frozenset[str]:
    """Classes that begin a rule of the sheet: those it is about."""
    text = re.sub(r"/\*.*?\*/", "", SHEETS[sheet], flags=re.S)
    return frozenset(re.findall(r"(?:^|[,{}])\s*\.([a-zA-Z][\w-]*)", text))


@cache
def mentioned_in(sheet: str) -> frozenset[str]:
    """Classes of all its selectors, also of those that begin with an element: `form:has(…) .only-own`."""
    return frozenset(re.findall(r"\.([a-zA-Z][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", SHEETS[sheet])))


def loaded_by(page: str) -> set[str]:
    text = "".join(source(name) for name in closure(page))
    return set(re.findall(r"mailhub/css/(\w+)\.css", text)) - {"message_frame"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_the_sheets_of_its_classes(page):
    loaded = loaded_by(page)
    used = set().union(*(classes_in(source(name)) for name in closure(page)))
    missing = {
        name: sorted(sheet for sheet in SHEETS if name in defined_in(sheet))
        for name in used
        if not any(name in defined_in(sheet) for sheet in loaded)
    }
    assert not {name: sheets for name, sheets in missing.items() if sheets}
    # What stands only behind something else in a selector.
    elsewhere = set().union(*map(mentioned_in, SHEETS)) - set().union(*map(defined_in, SHEETS))
    assert not (used & elsewhere) - set().union(*map(mentioned_in, loaded))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_no_sheet_in_vain(page):
    used = set().union(*(classes_in(source(name)) for name in closure(page)))
    rest = loaded_by(page) - EVERYWHERE - FRAME - SECTIONS
    assert {sheet for sheet in rest if not used & mentioned_in(sheet)} == set()


def test_every_sheet_is_loaded_somewhere():
    assert set().union(*map(loaded_by, PAGES)) | {"message_frame"} == set(SHEETS)
