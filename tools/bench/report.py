"""The results as Markdown, in docs/benchmarks.md between markers, a section for each benchmark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.bench.results import Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def write(rows: Sequence[Row], machine: Mapping[str, str], page: Path = PAGE) -> None:
    """Replace the sections of the benchmarks that were run; the others keep what they say."""
    text = page.read_text()
    for bench in sorted({row.bench for row in rows}):
        begin, end = f"<!-- bench {bench} -->", f"<!-- end of bench {bench} -->"
        pattern = re.compile(rf"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
        section = markdown([row for row in rows if row.bench == bench], machine)
        # A function, because the text may hold what a replacement pattern would take for a reference.
        text, found = pattern.subn(lambda _, new=section: new, text)
        if found != 1:
            raise ValueError(f"{page} has no place for benchmark {bench}: {begin} … {end}")
    page.write_text(text)


def markdown(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """One section: a table, notes, missed targets and on what it was measured."""
    lines = [
        "",
        "| | unit | Mailhub | peer | its figure | ratio | wanted | |",
        "|---|---|--:|---|--:|--:|---|---|",
    ]
    lines += [_table_row(row) for row in rows]
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    missed = [_missed(row) for row in rows if row.met is False]
    lines += ["", *(f"- {note}" for note in notes), *missed]
    facts = " · ".join(f"{name} {value}" for name, value in machine.items())
    lines += ["", f"{datetime.now(UTC):%F}: {facts}", ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines) + "\n")


def _table_row(row: Row) -> str:
    cells = [row.what, row.unit, number(row.mailhub), row.peer]
    cells.append("" if row.other is None else number(row.other))
    cells.append("" if row.ratio is None else f"{number(row.ratio)} ×")
    cells.append(_wanted(row))
    cells.append({True: "met", False: "**missed**", None: ""}[row.met])
    return f"| {' | '.join(cells)} |"


def _wanted(row: Row) -> str:
    if row.target is None:
        return ""
    sign = "≥" if row.target.at_least else "≤"
    return f"{sign} {number(row.target.limit)}{' ×' if row.ratio is not None else ''}"


def _missed(row: Row) -> str:
    assert row.target is not None
    share = row.target.missed_by(row.judged)
    against = f" against {row.peer}" if row.peer else ""
    line = f"- **Missed by {share:.0%}**: {row.what}{against}."
    if row.parts:
        line += (
            " Of Mailhub's run: " + ", ".join(f"{name} {number(v)}" for name, v in row.parts.items()) + "."
        )
    return line


def number(value: float) -> str:
    """Three digits that mean something, thousands set apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
