"""The outbox of an account: what waits, what came to nothing, what was maybe sent; and what its owner does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import org_url, own_account
from mailbox.views.message_files import visible
from mailbox.views.page_fragments import render_page
from sending import tasks
from sending.models import OutgoingMessage
from sending.outbox import outbox as box
from sending.outbox import status
from sending.outbox.outbox import TooLate
from sending.outbox.status import OutgoingDetails

# So often the page asks again while something is under way, and while something only waits.
BUSY_SECONDS, IDLE_SECONDS = 2, 30
LIST_LIMIT: Final = 200


def own_outgoing(request: MemberRequest, outgoing: int) -> OutgoingMessage:
    """A message that the member has sent from one of their own accounts, or 404."""
    own = status.with_people(OutgoingMessage.objects.visible_to(request.membership))
    return get_object_or_404(own.exclude(state=OutgoingMessage.State.CANCELLED), pk=outgoing)


def _delay(shown: list[OutgoingDetails]) -> int | None:
    """In how many seconds the page asks again; None when nothing will change by itself."""
    if any(each.status.is_moving for each in shown):
        return BUSY_SECONDS
    return IDLE_SECONDS if any(each.outgoing.state in box.UNFINISHED for each in shown) else None


# ── Pages ───────────────────────────────────────────────────────────────────
@access.member
@require_safe
def outbox(request: MemberRequest, account: int) -> HttpResponse:
    """What is in the outbox of an account, the newest first; asked for again as long as something moves."""
    mail_account = own_account(request, account, "outgoing_server")
    rows = status.with_people(box.shown(mail_account.outgoing_messages.all()))
    shown = [status.details_of(row) for row in rows.order_by("-pk")[:LIST_LIMIT]]
    context = {
        "account": mail_account,
        "shown": shown,
        "delay": _delay(shown),
        "paused": _paused(mail_account),
        "is_outbox": True,
    }
    return render_page(request, "mail/outbox.html", context, parts={"outbox": "mail/_outbox.html"})


def _paused(account: MailAccount) -> status.OutgoingStatus | None:
    """Why nothing goes out from the account, if that is so."""
    server = getattr(account, "outgoing_server", None)
    return status.paused(server) if server is not None and server.paused_since is not None else None


@access.member
@require_safe
def outgoing(request: MemberRequest, outgoing: int) -> HttpResponse:
    """One message: who has got it, who has not and why, when the next try is."""
    shown = status.details_of(own_outgoing(request, outgoing))
    context = {
        "account": shown.outgoing.account,
        "shown": shown,
        "delay": _delay([shown]),
        "is_outbox": True,
        "is_alone": True,
    }
    return render_page(request, "mail/outgoing.html", context, parts={"outgoing": "mail/_outgoing.html"})


@access.member
@require_safe
def message_sending(request: MemberRequest, message: int) -> HttpResponse:
    """What the reader shows over a message in Sent; nothing for one that did not go out from here."""
    found = status.with_people(OutgoingMessage.objects.filter(sent_copy=visible(request, message))).first()
    if found is None:
        return HttpResponse(status=204)
    shown = status.details_of(found)
    response = render(request, "mail/_sending_status.html", {"shown": shown, "delay": _delay([shown])})
    response["Cache-Control"] = "no-store"
    return response


# ── What the owner does ─────────────────────────────────────────────────────
def _change(
    request: MemberRequest, outgoing: int, change: Callable[[OutgoingMessage], object], said: str
) -> HttpResponse:
    """Do it to one message and say so; what is no longer possible changes nothing and is said."""
    found = own_outgoing(request, outgoing)
    try:
        change(found)
    except TooLate as late:
        messages.warning(request, f"{late.sentence} {late.remedy}")
    else:
        messages.success(request, said)
        found.refresh_from_db(fields=["due_at"])
        tasks.schedule_sending(found)
    alone = bool(request.POST.get("alone"))
    target: tuple[Any, ...] = ("outgoing", found.pk) if alone else ("outbox", found.account_id)
    return redirect(org_url(request, *target))


@access.member
@require_POST
def outgoing_try_now(request: MemberRequest, outgoing: int) -> HttpResponse:
    """Send it now instead of later."""
    return _change(request, outgoing, box.try_now, _("It goes out in a moment."))


@access.member
@require_POST
def outgoing_send_again(request: MemberRequest, outgoing: int) -> HttpResponse:
    """Send it once more to those who did not get it; `attempts` is what the person saw."""
    attempts = access.number_in(request.POST.get("attempts", ""))

    def again(found: OutgoingMessage) -> None:
        if attempts is None:
            raise TooLate
        box.send_again(found, attempts=attempts)

    return _change(request, outgoing, again, _("It is sent once more."))


@access.member
@require_POST
def outgoing_arrived(request: MemberRequest, outgoing: int) -> HttpResponse:
    """The person knows that it was delivered."""
    return _change(request, outgoing, box.arrived, _("Noted as sent. A copy goes to Sent."))


@access.member
@require_POST
def outgoing_take_off(request: MemberRequest, outgoing: int) -> HttpResponse:
    """Off the outbox: it is sent no more."""
    return _change(request, outgoing, box.take_off, _("Taken off the outbox."))


@access.member
@require_POST
def outbox_resume(request: MemberRequest, account: int) -> HttpResponse:
    """Try again although the last sign-in was refused: the owner may have mended it at the provider."""
    mail_account = own_account(request, account, "outgoing_server")
    box.resume(mail_account)
    tasks.schedule_account(mail_account)
    messages.info(request, _("Sending is tried again. Mail that waits is kept whatever happens."))
    return redirect(org_url(request, "outbox", account))
