"""The moving part of a fetch: bar, rate and time left, asked for every second while it runs."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from django.db.models import Sum
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from accounts import access
from accounts.access import MemberRequest, render
from accounts.formats import duration, number
from accounts.models import MailAccount
from fetching.models import FetchRun
from fetching.status import account_status, progress
from fetching.status.account_status import AccountStatus, StatusKind
from fetching.status.progress import Progress
from fetching.views.account_pages import own_account

BUSY_SECONDS, IDLE_SECONDS = 1, 10
# While mail streams in, lists are told so no more often than this.
TELL_SECONDS = 3
# A page that has just come may have been made before a fetch that ended so long ago; lists look by themselves then.
FRESH_SECONDS = 15
# A later fetch shows a bar only when it takes a while; else it would flash by every few minutes.
WORTH_MESSAGES, WORTH_SECONDS = 25, 3


@dataclass(frozen=True, slots=True)
class SeenProgress:
    """What the page knew when it last asked: newest run, its stored messages, when lists were told, state."""

    run: int = 0
    stored: int = 0
    told: int = 0
    kind: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From its text in the address; None on the first time, or for anything odd."""
        found = re.fullmatch(r"(\d{1,18})\.(\d{1,9})\.(\d{1,12})\.([a-z]{1,20})", text, re.ASCII)
        return cls(int(found[1]), int(found[2]), int(found[3]), found[4]) if found else None

    def __str__(self) -> str:
        return f"{self.run}.{self.stored}.{self.told}.{self.kind}"


@access.member
@require_safe
def fetch_progress(request: MemberRequest, account: int) -> HttpResponse:
    """One account's progress as a part of a page; `?card=1` for the account's card, else the list's strip.

    Sends the event `mail-arrived` when messages were stored since the last time, `fetch-changed` when the
    account is in another state than then; both with {"account": id}.
    """
    mail_account = own_account(request, account)
    run = FetchRun.objects.filter(account=mail_account).order_by("-pk").first()
    status = account_status.status_of(mail_account, account_status.outages([mail_account]))
    numbers = progress.measure(run, mail_account.fetch_state, timezone.now())
    before = SeenProgress.parse(request.GET.get("seen", ""))
    arrived = _arrived(mail_account, run, before)
    is_told = arrived and _is_time(before, status)
    seen = _seen(run, before, status.kind, is_told=is_told, waits=arrived and not is_told)
    is_card = bool(request.GET.get("card"))
    context = {
        "account": mail_account,
        "status": status,
        "is_card": is_card,
        "seen": seen,
        "delay": BUSY_SECONDS if status.kind in (StatusKind.FETCHING, StatusKind.NEW) else IDLE_SECONDS,
        **words(numbers),
        "is_shown": is_worth_showing(status, numbers),
    }
    response = render(request, "settings/accounts/_progress.html", context)
    response["Cache-Control"] = "no-store"
    if is_told:
        trigger_client_event(response, "mail-arrived", {"account": mail_account.pk})
    if before and before.kind != status.kind:
        trigger_client_event(response, "fetch-changed", {"account": mail_account.pk})
    return response


def words(numbers: Progress) -> dict[str, object]:
    """The numbers, and in words what is done, how fast and how much longer, for the templates."""
    counted = ngettext("%(done)s of %(total)s message", "%(done)s of %(total)s messages", numbers.total)
    left = _("about %(time)s left") % {"time": duration(numbers.left)} if numbers.left is not None else ""
    is_fast = numbers.rate is not None and numbers.rate >= 1
    pace = _("%(count)s a second") % {"count": number(round(numbers.rate or 0))} if is_fast else ""
    return {
        "progress": numbers,
        "counted": counted % {"done": number(numbers.done), "total": number(numbers.total)},
        "left": left,
        "pace": ", ".join(filter(None, [pace, left])),
    }


def is_worth_showing(status: AccountStatus, numbers: Progress) -> bool:
    """Whether a bar helps: in a first fetch always, later only while there is much to do."""
    if status.kind not in (StatusKind.FETCHING, StatusKind.NEW):
        return False
    if numbers.is_first:
        return True
    return numbers.is_running and (numbers.total >= WORTH_MESSAGES or numbers.seconds >= WORTH_SECONDS)


def _arrived(account: MailAccount, run: FetchRun | None, before: SeenProgress | None) -> bool:
    if run is None:
        return False
    if before is None:
        # Between the list and this first question a fetch may have stored more than the list shows; a small
        # first one may even be over.
        fresh = run.finished_at is None or run.finished_at > timezone.now() - timedelta(seconds=FRESH_SECONDS)
        return run.stored > 0 and fresh
    since = FetchRun.objects.filter(account=account, pk__gte=before.run)
    return int(since.aggregate(total=Sum("stored", default=0))["total"]) > before.stored


def _is_time(before: SeenProgress | None, status: AccountStatus) -> bool:
    return before is None or not status.is_busy or time.time() - before.told >= TELL_SECONDS


def _seen(
    run: FetchRun | None, before: SeenProgress | None, kind: StatusKind, *, is_told: bool, waits: bool
) -> SeenProgress:
    if before and waits:  # what arrived is still to be told
        return replace(before, kind=kind)
    told = int(time.time()) if is_told else (before.told if before else 0)
    return SeenProgress(run.pk if run else 0, run.stored if run else 0, told, kind)
