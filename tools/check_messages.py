"""Check the Indonesian catalog: every source text translated, nothing fuzzy, compiled file up to date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "mailhub" / "locale" / "id" / "LC_MESSAGES" / "django.po"
IGNORE = ("--ignore=.venv", "--ignore=var")


def make(*arguments: str) -> None:
    """Run makemessages as `make messages` does. Servers are not needed for it."""
    command = [sys.executable, "-m", "django", "makemessages", "-l", "id", "--no-wrap", "--add-location", "file"]
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "mailhub.settings", "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, *IGNORE, *arguments], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)


def entries(text: str) -> set[str]:
    """The catalog without its header, whose date changes."""
    return set(re.split(r"\n\n+", text)[1:])


def main() -> int:
    """0 when the catalog is complete; says what is missing otherwise."""
    before = CATALOG.read_text()
    make()
    after = CATALOG.read_text()
    CATALOG.write_text(before)
    problems = [
        f"not in the catalog (run `make messages` and translate): {entry[:200]}"
        for entry in sorted(entries(after) - entries(before))
    ]
    if "#, fuzzy" in before or "#, python-format, fuzzy" in before:
        problems.append("the catalog has fuzzy entries")
    with tempfile.NamedTemporaryFile(suffix=".mo") as compiled:
        subprocess.run(["msgfmt", "--check", "-o", compiled.name, str(CATALOG)], check=True)
        statistics = subprocess.run(
            ["msgfmt", "--statistics", "-o", os.devnull, str(CATALOG)],
            stderr=subprocess.PIPE, text=True, check=True, env=os.environ | {"LC_ALL": "C"},
        ).stderr
        if "untranslated" in statistics or "fuzzy" in statistics:
            problems.append(statistics.strip())
        if CATALOG.with_suffix(".mo").read_bytes() != Path(compiled.name).read_bytes():
            problems.append("django.mo is not what django.po compiles to (run `make messages`)")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
