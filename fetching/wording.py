"""Times and counts as a person reads them, in the language of the request."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def number(value: float, digits: int = 0) -> str:
    """2314 → "2,314", in the reader's language."""
    return str(number_format(value, digits, use_l10n=True, force_grouping=True))


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


def clock(moment: datetime) -> str:
    """A moment in the reader's time zone: "14:32" for today, else "3 November, 14:32"."""
    local = timezone.localtime(moment)
    # Translators: the time of day in Django's format characters; "H.i" is 09.42
    time = date_format(local, _("H:i"))
    if local.date() == timezone.localdate():
        return time
    return _("%(date)s, %(time)s") % {"date": date_format(local, "j F"), "time": time}
