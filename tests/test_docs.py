"""Docs that lag fail: settings, the POP3 table, files the architecture names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def test_every_setting_is_documented_and_no_other():
    source = (ROOT / "mailhub" / "settings.py").read_text()
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source))
    documented = set(re.findall(r"^\| `([A-Z_]+)`", (DOCS / "settings.md").read_text(), re.MULTILINE))
    assert documented == read


def test_the_architecture_names_files_that_exist():
    for path in re.findall(
        r"`((?:accounts|quotas|mailbox|fetching|sending|mailhub|tests|docs)/[\w/.-]*)`",
        (DOCS / "architecture.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text(),
    ):
        assert (ROOT / path).exists(), path


def test_the_pop3_table_names_tests_and_files_that_exist():
    table = (DOCS / "pop3.md").read_text()
    folders = (ROOT / "tests" / "fetching", ROOT / "tests" / "accounts")
    tests = "\n".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    named = set(re.findall(r"\b(test_\w+)\b", table)) - {path.stem for path in (ROOT / "tests").rglob("*.py")}
    assert len(named) > 20
    for test in named:
        assert f"def {test}(" in tests, test
    for path in re.findall(r"`((?:accounts|fetching|tests)/[\w/]+\.py)`", table):
        assert (ROOT / path).exists(), path


def test_every_decision_has_a_number_and_a_title():
    numbers = sorted(int(path.name[:4]) for path in (DOCS / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
    for path in (DOCS / "adr").glob("*.md"):
        assert path.read_text().startswith(f"# {int(path.name[:4])}. ")


def test_the_readme_names_the_two_commands_and_its_pictures_exist():
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
    pictures = re.findall(r'(?:\]\(|src(?:set)?=")(docs/[\w./-]+\.png)', readme)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).exists(), picture
