"""What an account's fetches have brought: two weeks at a glance, then run by run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.formats import date_and_time, duration, number
from accounts.models import MailAccount
from accounts.servers.failures import Failure, describe
from fetching.models import FetchRun
from fetching.views.account_pages import head_context, own_account

PAGE = 50
DAYS = 14
_FAILED = [FetchRun.State.FAILED, FetchRun.State.INTERRUPTED]
FILTERS = {"all": Q(), "new": Q(stored__gt=0), "trouble": Q(state__in=_FAILED)}
FILTER_LABELS = {
    "all": gettext_lazy("All"),
    "new": gettext_lazy("New mail"),
    "trouble": gettext_lazy("Trouble"),
}
_MARKS = {
    FetchRun.State.DONE: ("ok", "check", gettext_lazy("Worked")),
    FetchRun.State.RUNNING: ("info", "spinner", gettext_lazy("Running")),
    FetchRun.State.FAILED: ("warn", "clock", gettext_lazy("Failed")),
    FetchRun.State.INTERRUPTED: ("warn", "clock", gettext_lazy("Interrupted")),
}
# The chart's drawing space; the style sheet scales it.
_COLUMN, _HEIGHT, _BASE = 50, 100, 130


@dataclass(frozen=True, slots=True)
class DayBar:
    """One day of the chart, in drawing units."""

    day: date
    messages: int
    x: int
    y: int
    height: int
    is_today: bool
    is_highest: bool

    @property
    def middle(self) -> int:
        """Where the day's number stands."""
        return self.x + 17

    @property
    def above(self) -> int:
        """Where the count stands."""
        return self.y - 6


@dataclass(frozen=True, slots=True)
class RunRow:
    """One fetch in the table; `tone` is ok, info, warn or bad, `label` what the icon means.

    `result` is one sentence, `span` from when to when fetches in a row were, `counted` the numbers where there is
    no room for columns.
    """

    run: FetchRun
    tone: str
    icon: str
    label: str
    result: str
    span: str
    counted: str
    took: str

    @property
    def colour(self) -> str:
        """The class for icon and text."""
        return f"s-{self.tone}c" if self.tone != "info" else ""

    @property
    def at(self) -> datetime:
        """When it was; of fetches in a row, the last."""
        return (self.run.finished_at or self.run.started_at) if self.run.times > 1 else self.run.started_at


@access.member
@require_safe
def fetch_history(request: MemberRequest, account: int) -> HttpResponse:
    """The history page; `?show=` new or trouble, `?before=` a run's id for the older ones."""
    mail_account = own_account(request, account)
    show = request.GET.get("show", "all")
    show = show if show in FILTERS else "all"
    runs = FetchRun.objects.visible_to(request.membership).filter(FILTERS[show], account=mail_account)
    before = request.GET.get("before", "")
    if (last := access.number_in(before)) is not None:
        runs = runs.filter(pk__lt=last)
    page = list(runs.order_by("-pk")[: PAGE + 1])
    context = {
        **head_context(mail_account),
        "rows": [_row(run) for run in page[:PAGE]],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "is_first_page": not before,
        "show": show,
        "filters": FILTER_LABELS.items(),
        **_fortnight(mail_account),
    }
    return render(request, "settings/accounts/history.html", context)


def _row(run: FetchRun) -> RunRow:
    failure = describe(run.error_code) if run.error_code else None
    tone, icon, label = _MARKS[FetchRun.State(run.state)]
    if failure and failure.permanent:
        tone, icon = "bad", "alert"
    return RunRow(run, tone, icon, str(label), _result(run, failure), _span(run), _counted(run), _took(run))


def _result(run: FetchRun, failure: Failure | None) -> str:
    if failure:
        return str(failure.sentence)
    if run.state == FetchRun.State.INTERRUPTED:
        return _("Interrupted; the next fetch went on from there.")
    if run.state == FetchRun.State.RUNNING:
        return _("Running")
    if run.stored:
        return _("New mail")
    if run.deleted:
        return _("Deleted at the provider")
    if run.times > 1:
        words = ngettext("Nothing new, %(count)s time", "Nothing new, %(count)s times", run.times)
        return words % {"count": number(run.times)}
    return _("Nothing new")


def _span(run: FetchRun) -> str:
    if run.times == 1 or run.finished_at is None:
        return ""
    return _("from %(start)s to %(end)s") % {
        "start": date_and_time(run.started_at),
        "end": date_and_time(run.finished_at),
    }


def _counted(run: FetchRun) -> str:
    parts: list[str] = []
    if run.stored:
        parts.append(ngettext("%(count)s new", "%(count)s new", run.stored) % {"count": number(run.stored)})
    if run.deleted:
        text = ngettext("%(count)s deleted at the provider", "%(count)s deleted at the provider", run.deleted)
        parts.append(text % {"count": number(run.deleted)})
    return ", ".join(parts)


def _took(run: FetchRun) -> str:
    if run.finished_at is None:
        return ""
    if run.times > 1:  # how long each took is not kept
        return ""
    seconds = (run.finished_at - run.started_at).total_seconds()
    return duration(seconds) if seconds >= 60 else _("%(seconds)s s") % {"seconds": number(seconds, 1)}


def _fortnight(account: MailAccount) -> dict[str, Any]:
    """Sums of the last two weeks, and a bar a day in the reader's time zone."""
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    runs = FetchRun.objects.filter(account=account, started_at__date__gte=first)
    sums = runs.aggregate(
        messages=Sum("stored", default=0),
        bytes=Sum("stored_bytes", default=0),
        fetches=Sum("times", default=0),
        failed=Count("pk", filter=FILTERS["trouble"]),
    )
    days = runs.annotate(day=TruncDate("started_at")).values_list("day").annotate(Sum("stored", default=0))
    by_day = dict(days.order_by("day"))
    most = max([1, *by_day.values()])
    bars = []
    for place in range(DAYS):
        day = first + timedelta(days=place)
        messages = by_day.get(day, 0)
        height = max(2, round(_HEIGHT * messages / most)) if messages else 0
        x, y = 6 + place * _COLUMN, _BASE - height
        bars.append(DayBar(day, messages, x, y, height, day == today, messages == most))
    return {"sums": sums, "bars": bars}
