"""What was measured: one JSON object a line on stdout and in a file, and which targets were met."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Target:
    """What is wanted of a row's `ratio` (Mailhub's figure through the other's), or of its figure if alone."""

    limit: float
    at_least: bool

    def met(self, value: float) -> bool:
        """Whether the value is on the right side."""
        return value >= self.limit if self.at_least else value <= self.limit

    def missed_by(self, value: float) -> float:
        """How far the value is off, as a share of the target; 0 when it is met."""
        return 0.0 if self.met(value) else abs(value - self.limit) / self.limit


def at_least(limit: float) -> Target:
    """More is better."""
    return Target(limit, True)


def at_most(limit: float) -> Target:
    """Less is better."""
    return Target(limit, False)


@dataclass(frozen=True)
class Row:
    """One comparison. `other` is the peer's figure, None where Mailhub stands alone."""

    bench: int
    what: str
    unit: str
    mailhub: float
    peer: str = ""
    other: float | None = None
    target: Target | None = None
    # Where the time goes: named seconds (or other figures) of the run, for those who want to know why.
    parts: Mapping[str, float] = field(default_factory=dict)
    runs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Mailhub's figure through the peer's."""
        return self.mailhub / self.other if self.other else None

    @property
    def judged(self) -> float:
        """What the target is about."""
        return self.mailhub if self.ratio is None else self.ratio

    @property
    def met(self) -> bool | None:
        """None when there is no target."""
        return self.target.met(self.judged) if self.target else None

    def as_json(self) -> dict[str, Any]:
        """All of it, with what follows from it."""
        row = asdict(self) | {"ratio": self.ratio, "met": self.met}
        row["mailhub"] = tidy(self.mailhub)
        row["other"] = None if self.other is None else tidy(self.other)
        row["ratio"] = None if self.ratio is None else tidy(self.ratio)
        row["parts"] = {name: tidy(value) for name, value in self.parts.items()}
        row["runs"] = {name: [tidy(value) for value in values] for name, values in self.runs.items()}
        if self.target:
            row["missed_by"] = tidy(self.target.missed_by(self.judged))
        return {key: value for key, value in row.items() if value not in (None, "", {})}


class Results:
    """Prints and keeps rows; `path` grows from run to run."""

    def __init__(self, path: Path, machine: Mapping[str, Any]) -> None:
        self.rows: list[Row] = []
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write({"run": f"{datetime.now(UTC):%F %T}", **machine})

    def add(self, *rows: Row) -> None:
        """Note them."""
        self.rows += rows
        for row in rows:
            self._write(row.as_json())

    def _write(self, value: Mapping[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=False)
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def tidy(value: float) -> float:
    """Four digits that mean something."""
    return float(f"{value:.4g}")
