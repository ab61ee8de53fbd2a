"""What an away reply will do, said in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sending.models import VacationReply

Audience = VacationReply.Audience
VALUES: Final = (
    "is_on",
    "starts_at",
    "ends_at",
    "weekdays",
    "from_hour",
    "until_hour",
    "audience",
    "interval_days",
    "time_zone",
)


@dataclass(frozen=True, slots=True)
class VacationSummary:
    """`state` is off, over, later (it will begin) or on; `sentence` says the main thing, `more` what else holds."""

    state: str
    sentence: str
    more: str = ""


def values_of(reply: VacationReply) -> dict[str, Any]:
    """What `say` needs of a row."""
    return {name: getattr(reply, name) for name in VALUES}


def summarize(values: Mapping[str, Any], *, address: str, organization: str) -> VacationSummary:
    """What will happen; `address` is "" for all accounts of the person."""
    now, starts, ends = timezone.now(), values.get("starts_at"), values.get("ends_at")
    if not values.get("is_on"):
        return VacationSummary("off", _("It is off. Nobody gets a reply."))
    if ends and ends <= now:
        words = _("It ended on %(date)s. Nobody gets a reply.")
        return VacationSummary("over", words % {"date": moment(ends, values)})
    sentence = _sentence(values.get("audience") or Audience.EVERYBODY, bool(address)) % {
        "when": _when(values, starts if starts and starts > now else None, ends),
        "address": address,
        "organization": organization,
        "often": _often(int(values.get("interval_days") or 1)),
    }
    more = [_hours(values), _("Newsletters, lists and automatic mail never get one.")]
    return VacationSummary(
        "later" if starts and starts > now else "on", sentence, " ".join(filter(None, more))
    )


def _sentence(audience: str, has_address: bool) -> str:
    """Whole sentences, because languages put their parts in different places."""
    if audience == Audience.MEMBERS:
        if has_address:
            return _(
                "%(when)s, members of %(organization)s who write to %(address)s get this reply %(often)s."
            )
        return _(
            "%(when)s, members of %(organization)s who write to one of your accounts get this reply %(often)s."
        )
    if audience == Audience.KNOWN:
        if has_address:
            return _(
                "%(when)s, people you have written to get this reply %(often)s when they write to %(address)s."
            )
        return _("%(when)s, people you have written to get this reply %(often)s when they write to you.")
    if has_address:
        return _("%(when)s, everybody who writes to %(address)s gets this reply %(often)s.")
    return _("%(when)s, everybody who writes to one of your accounts gets this reply %(often)s.")


def _when(values: Mapping[str, Any], starts: datetime | None, ends: datetime | None) -> str:
    dates = {"from": moment(starts, values), "until": moment(ends, values)}
    if starts and ends:
        return _("From %(from)s until %(until)s") % dates
    if starts:
        return _("From %(from)s until you switch it off") % dates
    if ends:
        return _("From now until %(until)s") % dates
    return _("From now until you switch it off")


def _often(days: int) -> str:
    if days == 1:
        return _("once a day")
    return ngettext("once in %(n)s day", "once in %(n)s days", days) % {"n": days}


def _hours(values: Mapping[str, Any]) -> str:
    days, begin, end = values.get("weekdays") or [], values.get("from_hour"), values.get("until_hour")
    if not days and not (begin and end):
        return ""
    names = ", ".join(str(WEEKDAYS[day]) for day in sorted(days))
    if not (begin and end):
        return _("Only on %(days)s.") % {"days": names}
    hours = {"from": clock(begin), "to": clock(end), "days": names}
    if days:
        return _("Only on %(days)s, from %(from)s to %(to)s.") % hours
    return _("Only from %(from)s to %(to)s.") % hours


def moment(value: datetime | None, values: Mapping[str, Any]) -> str:
    """ "Monday 30 November, 09:00", in the reply's own time zone."""
    if value is None:
        return ""
    zone = values.get("time_zone")
    local = timezone.localtime(value, ZoneInfo(zone) if zone else None)
    # Translators: a day in Django's format characters, as in "Monday 30 November"
    day = date_format(local, _("l j F") if local.year == timezone.localdate().year else _("l j F Y"))
    return _("%(date)s, %(time)s") % {"date": day, "time": clock(local.time())}


def clock(value: time) -> str:
    """ "09:00"."""
    # Translators: the time of day in Django's format characters; "H.i" is 09.42
    return time_format(value, _("H:i"))
