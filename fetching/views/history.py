"""What an account's fetches have brought: two weeks at a glance, then run by run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest
from accounts.failures import describe
from accounts.models import MailAccount
from fetching import states
from fetching.models import FetchRun, RemoteMessage
from fetching.views.common import own_account
from fetching.wording import duration, number

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

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
_WHY_LEFT: dict[str, _StrPromise] = {
    RemoteMessage.State.TOO_BIG: gettext_lazy(
        "Larger than your plan allows. You can read it at the provider."
    ),
    RemoteMessage.State.QUARANTINED: gettext_lazy(
        "Set aside, because fetching failed again and again. You can read it at the provider."
    ),
}
# The chart's drawing space; the style sheet scales it.
_COLUMN, _HEIGHT = 50, 100


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart, in drawing units."""

    day: date
    messages: int
    x: int
    y: int
    height: int
    is_today: bool

    @property
    def middle(self) -> int:
        """Where the day's number stands."""
        return self.x + 17


@dataclass(frozen=True, slots=True)
class Row:
    """One fetch in the table; `tone` is ok, info, warn or bad, `label` what the icon means."""

    run: FetchRun
    tone: str
    icon: str
    label: str
    result: str
    took: str

    @property
    def colour(self) -> str:
        """The class for icon and text."""
        return f"s-{self.tone}c" if self.tone != "info" else ""


@dataclass(frozen=True, slots=True)
class LeftThere:
    """Messages that will not be fetched: how many, their size in bytes together, and why."""

    count: int
    size: int
    why: str


@access.member
@require_safe
def fetch_history(request: MemberRequest, account: int) -> HttpResponse:
    """The history page; `?show=` new or trouble, `?before=` a run's id for the older ones."""
    mail_account = own_account(request, account)
    show = request.GET.get("show", "all")
    show = show if show in FILTERS else "all"
    runs = FetchRun.objects.visible_to(request.membership).filter(FILTERS[show], account=mail_account)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        runs = runs.filter(pk__lt=int(before))
    page = list(runs.order_by("-pk")[: PAGE + 1])
    context = {
        "account": mail_account,
        "standing": states.of(mail_account),
        "rows": [_row(run) for run in page[:PAGE]],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "is_first_page": not before,
        "show": show,
        "filters": FILTER_LABELS.items(),
        "left_there": _left_there(mail_account),
        **_fortnight(mail_account),
    }
    return render(request, "settings/accounts/history.html", context)


def _row(run: FetchRun) -> Row:
    failure = describe(run.error_code) if run.error_code else None
    parts: list[str] = []
    if run.stored:
        parts.append(ngettext("%(count)s new", "%(count)s new", run.stored) % {"count": number(run.stored)})
    if run.deleted:
        text = ngettext("%(count)s deleted at the provider", "%(count)s deleted at the provider", run.deleted)
        parts.append(text % {"count": number(run.deleted)})
    words = [", ".join(parts)] if parts else []
    if failure:
        words.append(str(failure.sentence))
    elif run.state == FetchRun.State.INTERRUPTED:
        words.append(_("Interrupted; the next fetch went on from there."))
    elif not parts:
        words.append(_("Running") if run.state == FetchRun.State.RUNNING else _("Nothing new"))
    tone, icon, label = _MARKS[FetchRun.State(run.state)]
    if failure and failure.permanent:
        tone, icon = "bad", "alert"
    return Row(run, tone, icon, str(label), ". ".join(words), _took(run))


def _took(run: FetchRun) -> str:
    if run.finished_at is None:
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
        fetches=Count("pk"),
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
        bars.append(Bar(day, messages, 6 + place * _COLUMN, 110 - height, height, day == today))
    return {"sums": sums, "bars": bars}


def _left_there(account: MailAccount) -> list[LeftThere]:
    rows = RemoteMessage.objects.filter(account=account, state__in=_WHY_LEFT).values_list("state")
    counted = rows.annotate(Count("pk"), Sum("size", default=0)).order_by("state")
    return [LeftThere(count, size, str(_WHY_LEFT[state])) for state, count, size in counted]
