"""Rules of the code that no linter knows: sizes, who may import sockets, what a template may hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "quotas", "mailbox", "fetching", "sending", "mailhub")
CODE = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
TESTS = list((ROOT / "tests").rglob("*.py")) + list((ROOT / "tools").rglob("*.py"))
TEMPLATES = list((ROOT / "templates").rglob("*.html"))
MAX_FILE, MAX_FUNCTION = 400, 60


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE + TESTS, ids=name)
def test_files_and_functions_stay_readable(path):
    text = path.read_text()
    assert text.count("\n") <= MAX_FILE, "split the file"
    if "letters" in path.parts:
        return  # the demo's mail: long texts, not long code
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION, f"{node.name} is too long"


@pytest.mark.parametrize("path", [path for path in CODE if path.read_text().strip()], ids=name)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "open with one sentence"


def test_sockets_are_opened_by_few():
    """A host that a person names is reached through accounts/servers/hosts.py alone."""
    opened = re.compile(r"socket\.create_connection|socket\.socket\(|smtplib\.SMTP|poplib\.POP3|urlopen\(")
    found = {name(path) for path in CODE if opened.search(path.read_text())}
    allowed = {"accounts/servers/hosts.py"} | {name(path) for path in CODE if "embedded" in path.parts}
    allowed |= {name(path) for path in (ROOT / "mailhub" / "demo").rglob("*.py")}
    allowed |= {"mailhub/management/commands/up.py"}
    assert found <= allowed


BAD_IN_TEMPLATES = {
    r"<[^>{]*\sstyle=": "a style attribute (the policy refuses it)",
    r"\son[a-z]+=\"": "an event attribute (the policy refuses it)",
    r"<script(?![^>]*\ssrc=)": "an inline script (the policy refuses it)",
    r"https?://(?!www\.w3\.org)[a-z]": "something from another server",
    r"\|safe\b": "unescaped text",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_keep_to_the_policy(path):
    text = path.read_text()
    for pattern, what in BAD_IN_TEMPLATES.items():
        assert not re.search(pattern, text), f"{what}: {re.search(pattern, text)}"


@pytest.mark.parametrize(
    ("bad", "pattern"),
    [
        ('<p style="x">', r"<[^>{]*\sstyle="),
        ("<script>alert(1)</script>", r"<script(?![^>]*\ssrc=)"),
        ('<a onclick="x">', r"\son[a-z]+=\""),
    ],
)
def test_the_patterns_find_what_they_should(bad, pattern):
    assert pattern in BAD_IN_TEMPLATES
    assert re.search(pattern, bad)


def test_no_registry_is_named_in_lock_files():
    for path in ROOT.glob("requirements*.txt"):
        assert "://" not in path.read_text()
