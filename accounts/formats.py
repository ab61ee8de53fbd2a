"""Numbers, sizes, dates and durations as people read them, in their language and time zone."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MB = 1_000_000  # bytes
STEP = 1000
UNITS = ("KB", "MB", "GB", "TB")


def number(value: float, digits: int = 0) -> str:
    """2314 → "2,314", in the reader's language."""
    return str(number_format(value, digits, use_l10n=True, force_grouping=True))


def size(value: int) -> str:
    """Bytes as people say them: "264 MB", "3.1 GB"; a thousand each step, as on the label of a disk."""
    if value < STEP:
        return _("%(number)s bytes") % {"number": number(value)}
    amount = value / STEP
    for unit in UNITS:
        # Decided on the rounded amount, or 999,999 bytes would be "1,000 KB".
        places = 1 if amount < 10 or (unit in ("GB", "TB") and amount < 100) else 0
        if round(amount, places) < STEP or unit == UNITS[-1]:
            break
        amount /= STEP
    rounded = round(amount, places)
    return f"{number_format(rounded, 0 if rounded == int(rounded) else 1, force_grouping=True)} {unit}"


def relative_time(moment: datetime, now: datetime | None = None) -> str:
    """How long ago or ahead, as long as that says more than a date: "2 minutes ago", "in 8 minutes"."""
    now = now or timezone.now()
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 45:
        return _("just now") if seconds >= 0 else _("in a moment")
    minutes = max(1, round(abs(seconds) / 60))
    if minutes < 60:
        return _ago_or_ahead(seconds, minutes, "minute")
    hours = round(minutes / 60)
    if hours < 12 and (seconds > 0 or _days_between(moment, now) == 0):
        return _ago_or_ahead(seconds, hours, "hour")
    words = {0: _("today, %(time)s"), 1: _("yesterday, %(time)s"), -1: _("tomorrow, %(time)s")}
    days = _days_between(moment, now)
    if days in words:
        return words[days] % {"time": time_of_day(moment)}
    return day(moment, now)


def _ago_or_ahead(seconds: float, amount: int, unit: str) -> str:
    if unit == "minute":
        past = ngettext("%(n)s minute ago", "%(n)s minutes ago", amount)
        ahead = ngettext("in %(n)s minute", "in %(n)s minutes", amount)
    else:
        past = ngettext("%(n)s hour ago", "%(n)s hours ago", amount)
        ahead = ngettext("in %(n)s hour", "in %(n)s hours", amount)
    return (past if seconds > 0 else ahead) % {"n": number(amount)}


def _days_between(moment: datetime, now: datetime) -> int:
    """Whole calendar days from `moment` to `now` in the reader's time zone; negative for the future."""
    return (timezone.localdate(now) - timezone.localdate(moment)).days


def time_of_day(moment: datetime) -> str:
    """The time of day, "09:42"."""
    # Translators: the time of day in Django's format characters; "H.i" is 09.42
    return date_format(timezone.localtime(moment), _("H:i"))


def day(moment: datetime, now: datetime | None = None) -> str:
    """A date, with its year only when that is not this one: "3 Nov", "3 Nov 2024"."""
    local = timezone.localtime(moment)
    same_year = local.year == timezone.localdate(now or timezone.now()).year
    return date_format(local, "j M" if same_year else "j M Y")


def list_date(moment: datetime, now: datetime | None = None) -> str:
    """The shortest date that is clear in a list: the time today, the weekday this week, else the date."""
    now = now or timezone.now()
    days = _days_between(moment, now)
    if days == 0:
        return time_of_day(moment)
    if 0 < days < 7:
        return date_format(timezone.localtime(moment), "D")
    return day(moment, now)


def full_date(moment: datetime) -> str:
    """Everything: "Monday 23 November 2026, 09:42"."""
    # Translators: weekday, date and time in Django's format characters
    return date_format(timezone.localtime(moment), _("l j F Y, H:i"))


def short_duration(length: timedelta) -> str:
    """How long something takes, roughly: "9 s", "4 min", "2 h"."""
    seconds = max(1, round(length.total_seconds()))
    if seconds < 90:
        return _("%(n)s s") % {"n": number(seconds)}
    if seconds < 90 * 60:
        return _("%(n)s min") % {"n": number(round(seconds / 60))}
    return _("%(n)s h") % {"n": number(round(seconds / 3600))}


def duration(seconds: float) -> str:
    """A rounded length of time: "9 s", "35 s", "4 minutes", "2 hours"."""
    if seconds < 20:
        return _("%(seconds)s s") % {"seconds": max(1, round(seconds))}
    if seconds < 57:
        return _("%(seconds)s s") % {"seconds": 5 * round(seconds / 5)}
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": number(hours)}


def date_and_time(moment: datetime) -> str:
    """A moment in the reader's time zone: "14:32" for today, else "3 November, 14:32"."""
    local = timezone.localtime(moment)
    time = time_of_day(moment)
    if local.date() == timezone.localdate():
        return time
    return _("%(date)s, %(time)s") % {"date": date_format(local, "j F"), "time": time}
