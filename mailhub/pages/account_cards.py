"""The cards of the page "Mail accounts": how each account stands, how far its fetch is, what it holds."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount, Membership
from fetching.models import FetchRun
from fetching.status import account_status, missing_messages, progress
from fetching.status.account_status import AccountStatus
from fetching.views.progress import is_worth_showing, words
from mailbox.models import Folder
from sending.identities import identities


@dataclass(slots=True)
class Card:
    """One account on the page; `size` in bytes. `moving` is what the progress bar needs while it is shown."""

    account: MailAccount
    status: AccountStatus
    messages: int
    size: int
    action_url: str
    # Messages that the provider has, or had, and Mailhub has not.
    missing_messages: int = 0
    run: FetchRun | None = None
    moving: dict[str, Any] = field(default_factory=dict)
    sending: str = ""  # what is still to be done before it can send

    @property
    def first_fetch_since(self) -> timedelta | None:
        """How long the first fetch has been running; None when there is none."""
        if not self.moving or not self.moving["progress"].is_first or self.run is None:
            return None
        return timezone.now() - self.run.started_at


def cards_of(membership: Membership) -> list[Card]:
    """The member's own accounts in their order; ten queries, however many there are."""
    accounts = list(MailAccount.objects.visible_to(membership).select_related("fetch_state"))
    folders = Folder.objects.visible_to(membership).order_by().values_list("account")
    kept = {key: totals for key, *totals in folders.annotate(Sum("messages_count"), Sum("size"))}
    running = FetchRun.objects.visible_to(membership).filter(state=FetchRun.State.RUNNING)
    runs = {run.account_id: run for run in running.order_by("pk")}
    missing, outages = missing_messages.missing_counts(accounts), account_status.outages(accounts)
    notes = identities.notes(accounts)
    cards = []
    for account in accounts:
        status, run = account_status.status_of(account, outages), runs.get(account.pk)
        messages, size = kept.get(account.pk, [0, 0])
        url = status.action.url(membership.organization.slug, account.pk)
        card = Card(account, status, messages, size, url, missing.get(account.pk, 0), run)
        card.sending = str(notes.get(account.pk, ""))
        numbers = progress.measure(run, account.fetch_state, timezone.now())
        if is_worth_showing(status, numbers):
            card.moving = words(numbers)
        cards.append(card)
    return cards


def signature(cards: list[Card]) -> str:
    """Short text that changes when the page would look different, but for times and moving bars."""
    return f"{zlib.crc32(repr([_look(card) for card in cards]).encode()):08x}"


def _look(card: Card) -> tuple[object, ...]:
    account, status = card.account, card.status
    fetched = str(account.fetch_state.last_success_at)
    return (
        *(account.pk, account.name, account.color, account.is_default, card.messages, card.missing_messages),
        *(status.kind, status.sentence, status.remedy, bool(card.moving), fetched, card.sending),
    )


@access.member
@require_safe
def accounts(request: MemberRequest) -> HttpResponse:
    """The page. It asks for itself every few seconds; 204 when nothing has changed since `?seen=`."""
    cards = cards_of(request.membership)
    seen = signature(cards)
    if request.GET.get("seen") == seen and getattr(request, "htmx", False):
        return HttpResponse(status=204)
    response = render(request, "settings/accounts/list.html", {"cards": cards, "seen": seen})
    response["Cache-Control"] = "no-store"
    return response
