"""Check the Indonesian catalog: complete, nothing fuzzy or left over, placeholders kept, compiled file up to date."""

from __future__ import annotations

import ast
import gettext
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCALE = Path("mailhub") / "locale"
CATALOG = ROOT / LOCALE / "id" / "LC_MESSAGES" / "django.po"
EXTENSIONS = {".py", ".html", ".txt"}  # what makemessages reads by default
ELSEWHERE = {"var", "locale", "node_modules", "__pycache__"}  # and everything with a dot in front
PLACEHOLDER = re.compile(r"%\(\w+\)[a-zA-Z]|\{\w+\}")
TAG = re.compile(r"</?[a-z][^>]*>")
END = re.compile(r"[.?!:…]?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a catalog. `source` is (context, singular, plural); empty strings for what it has not."""

    source: tuple[str, str, str]
    translations: tuple[str, ...]
    flags: frozenset[str]
    is_obsolete: bool

    @property
    def is_header(self) -> bool:
        """The first entry: it translates nothing, and holds the catalog's own data."""
        return not any(self.source)


# ── Reading ─────────────────────────────────────────────────────────────────
def read(text: str) -> Iterator[Entry]:
    """The entries of a catalog, the header first. Blocks between empty lines, as gettext's tools write them."""
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        flags: set[str] = set()
        obsolete, current = False, ""
        for line in block.splitlines():
            if line.startswith("#,"):
                flags |= {flag.strip() for flag in line[2:].split(",")}
            obsolete |= line.startswith("#~")
            line = line.removeprefix("#~").strip()
            if found := re.match(r'(msg\w+(?:\[\d\])?)\s+(?=")', line):
                current, line = found[1], line[found.end() :]
            if line.startswith('"') and current:
                fields[current] = fields.get(current, "") + ast.literal_eval(line)
        if "msgid" in fields:
            source = tuple(fields.get(name, "") for name in ("msgctxt", "msgid", "msgid_plural"))
            translations = tuple(value for name, value in fields.items() if name.startswith("msgstr"))
            yield Entry(source, translations, frozenset(flags), obsolete)  # type: ignore[arg-type]


def options() -> list[str]:
    """The options that `make messages` gives to makemessages: the Makefile is where they are written."""
    found = re.search(r"manage\.py makemessages (.*)", (ROOT / "Makefile").read_text())
    if not found:
        raise SystemExit("the Makefile no longer says how messages are made")
    return shlex.split(found[1])


def texts_in_the_code() -> set[tuple[str, str, str]]:
    """What makemessages finds. It works on a copy: it writes files beside the sources, where other checks look."""
    with tempfile.TemporaryDirectory(prefix="messages-") as place:
        copy = Path(place)
        for directory, names, files in os.walk(ROOT):
            names[:] = [name for name in names if name not in ELSEWHERE and not name.startswith(".")]
            for file in files:
                if Path(file).suffix in EXTENSIONS:
                    target = copy / Path(directory).relative_to(ROOT) / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(Path(directory) / file, target)
        (copy / "bare_settings.py").write_text(f"LOCALE_PATHS = [{str(copy / LOCALE)!r}]\n")
        subprocess.run(
            [sys.executable, "-m", "django", "makemessages", *options()],
            cwd=copy,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "bare_settings", "PYTHONPATH": place},
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        made = (copy / CATALOG.relative_to(ROOT)).read_text()
    return {entry.source for entry in read(made) if not entry.is_header}


# ── Judging ─────────────────────────────────────────────────────────────────
def gaps(entries: list[Entry], wanted: set[tuple[str, str, str]]) -> Iterator[str]:
    """Texts the catalog lacks, and texts nobody asks for any more."""
    kept = {entry.source for entry in entries if not entry.is_header and not entry.is_obsolete}
    for source in sorted(wanted - kept):
        yield f"not in the catalog: {name(source)}"
    for source in sorted(kept - wanted):
        yield f"no longer in the code: {name(source)}"


def faults(entries: list[Entry]) -> Iterator[str]:
    """Everything wrong within the catalog itself."""
    header = next((entry for entry in entries if entry.is_header), None)
    count = re.search(r"nplurals=(\d+)", header.translations[0]) if header else None
    if header is None or count is None:
        yield "the header does not say how many plural forms there are"
        return
    if "fuzzy" in header.flags:
        yield "the header is fuzzy"
    for entry in entries:
        if not entry.is_header:
            for fault in faults_of(entry, int(count[1])):
                yield f"{fault}: {name(entry.source)}"


def faults_of(entry: Entry, plural_forms: int) -> Iterator[str]:
    """What is wrong with one translation."""
    _context, singular, plural = entry.source
    if entry.is_obsolete:
        yield "obsolete"
        return
    if "fuzzy" in entry.flags:
        yield "fuzzy"
    if len(entry.translations) != (plural_forms if plural else 1):
        yield "another number of plural forms than the header says"
    if not all(entry.translations):
        yield "not translated"
        return
    # The last form speaks of many; a language with one form must be able to say everything with it.
    source = plural or singular
    allowed = set(PLACEHOLDER.findall(singular)) | set(PLACEHOLDER.findall(plural))
    for text in entry.translations:
        used = set(PLACEHOLDER.findall(text))
        if not used <= allowed or (
            text == entry.translations[-1] and set(PLACEHOLDER.findall(source)) - used
        ):
            yield "other placeholders"
        if sorted(TAG.findall(text)) != sorted(TAG.findall(source)):
            yield "other tags"
        if END.search(text.rstrip())[0] != END.search(source.rstrip())[0]:  # type: ignore[index]
            yield "ends differently"
        if [text.startswith("\n"), text.endswith("\n")] != [source.startswith("\n"), source.endswith("\n")]:
            yield "other line breaks around it"


def compiled_faults(entries: list[Entry], compiled: Path) -> Iterator[str]:
    """Whether the .mo file says what the .po file says. Compared by content: tools of other versions differ."""
    if not compiled.exists():
        yield f"{compiled.name} is missing"
        return
    with compiled.open("rb") as file:
        spoken = dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]
    spoken.pop("", None)
    written: dict[object, str] = {}
    for entry in entries:
        if entry.is_header or entry.is_obsolete or "fuzzy" in entry.flags or not all(entry.translations):
            continue
        context, singular, plural = entry.source
        key = f"{context}\x04{singular}" if context else singular
        for number, text in enumerate(entry.translations):
            written[(key, number) if plural else key] = text
    if spoken != written:
        yield f"{compiled.name} is not what the catalog compiles to"


def name(source: tuple[str, str, str]) -> str:
    """A text as a line of the report shows it."""
    context, singular, _plural = source
    return f"[{context}] {singular!r}" if context else repr(singular)


def problems(catalog: Path = CATALOG, wanted: set[tuple[str, str, str]] | None = None) -> list[str]:
    """Everything wrong with a catalog; `wanted` are the texts of the code, None leaves them out."""
    entries = list(read(catalog.read_text()))
    missing = [] if wanted is None else list(gaps(entries, wanted))
    return [*missing, *faults(entries), *compiled_faults(entries, catalog.with_suffix(".mo"))]


def main() -> int:
    """0 when the catalog is complete; else says what to do about it."""
    if not shutil.which("xgettext"):
        print("gettext is not installed: new texts in the code are not looked for.")
    found = problems(wanted=texts_in_the_code() if shutil.which("xgettext") else None)
    if found:
        print(f"{CATALOG.relative_to(ROOT)}: {len(found)} problems; `make messages` collects and compiles.")
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
