"""Numbers for charts that templates draw as SVG attributes, since the pages allow no inline style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from quotas.models import LedgerEntry

DAYS = 14
# The drawing, in its own units; text inside is sized by the style sheet.
WIDTH, TOP, BASE = 640, 40, 272
FIRST_BAR, BAR_WIDTH = 66, 28
STATE_BAR_WIDTH, STATE_BAR_GAP = 600, 3


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a bar of states: tone, word, how many, and where it lies."""

    tone: str
    word: str
    count: int
    x: float
    width: float


def parts(counts: list[tuple[str, str, int]]) -> list[Part]:
    """Share a bar out by count, with a small gap between two stretches."""
    total = sum(count for _tone, _word, count in counts)
    room = STATE_BAR_WIDTH - STATE_BAR_GAP * max(0, len(counts) - 1)
    found, x = [], 0.0
    for tone, word, count in counts:
        width = round(room * count / total, 1)
        found.append(Part(tone, word, count, round(x, 1), width))
        x += width + STATE_BAR_GAP
    return found


@dataclass(frozen=True, slots=True)
class Bar:
    """One day; `size` in bytes, the rest in drawing units."""

    day: date
    messages: int
    size: int
    x: float
    y: float
    height: float
    is_today: bool

    @property
    def middle(self) -> float:
        """Where the day's number is written."""
        return self.x + BAR_WIDTH / 2


@dataclass(frozen=True, slots=True)
class DayChart:
    """Two weeks of mail; `lines` are (y, number of messages) of the two grid lines."""

    bars: list[Bar]
    lines: list[tuple[float, int]]
    total: int
    base: int = BASE
    width: int = WIDTH
    bar_width: int = BAR_WIDTH

    @property
    def today(self) -> Bar:
        """The last bar."""
        return self.bars[-1]


def round_up(value: int) -> int:
    """The next number of the kind 2, 4, 10, 20, 40, 100 …: its half is a whole number people like."""
    if value <= 2:
        return 2
    power = 10 ** math.floor(math.log10(value))
    return next(
        int(step * power) for step in (1, 2, 4, 10) if step * power >= value and step * power % 2 == 0
    )


def mail_a_day(organization_id: int, today: date) -> DayChart:
    """Messages and bytes that came in on each of the last two weeks' days, in the reader's time zone."""
    zone = timezone.get_current_timezone()
    days = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    rows = (
        LedgerEntry.objects.filter(
            organization=organization_id,
            reason=LedgerEntry.Reason.FETCHED,
            at__gte=datetime.combine(days[0], time.min, zone),
        )
        .order_by()
        .annotate(day=TruncDate("at", tzinfo=zone))
        .values("day")
        .annotate(count=Sum("messages"), size=Sum("bytes"))
    )
    found = {row["day"]: (row["count"], row["size"]) for row in rows}
    top = round_up(max((count for count, _size in found.values()), default=0))
    step = (WIDTH - FIRST_BAR - BAR_WIDTH - 9) / (DAYS - 1)
    bars = []
    for n, day in enumerate(days):
        count, size = found.get(day, (0, 0))
        height = round((BASE - TOP) * count / top, 1)
        bars.append(
            Bar(day, count, size, round(FIRST_BAR + n * step, 1), BASE - height, height, day == today)
        )
    lines = [(BASE - (BASE - TOP) / 2, top // 2), (float(TOP), top)]
    return DayChart(bars, lines, sum(count for count, _size in found.values()))
