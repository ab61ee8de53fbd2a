"""One account's settings, and what its buttons do: fetch, pause, resume, make default, move, delete."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, reauthentication, removal, services, tasks, unsent
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import org_url
from fetching.connect.account_forms import AccountForm
from fetching.models import FetchState
from fetching.scheduler import claims
from fetching.views import page_contexts
from fetching.views.account_pages import back, own_account, start_fetch, why_not_now
from mailbox.models import Folder


# ── Settings ────────────────────────────────────────────────────────────────
@access.member
@require_http_methods(["GET", "HEAD", "POST"])
def mail_account_edit(request: MemberRequest, account: int) -> HttpResponse:
    """The settings page. A POST saves name, colour and addresses; the server's part goes through a test."""
    mail_account = own_account(request, account)
    if request.method != "POST":
        test = page_contexts.test_id(request.GET.get("test", ""))
        return render(
            request, page_contexts.EDIT_PAGE, page_contexts.edit_context(request, mail_account, test=test)
        )
    form = AccountForm(request.POST)
    if not form.is_valid():
        context = page_contexts.edit_context(request, mail_account, form=form)
        return render(request, page_contexts.EDIT_PAGE, context, status=422)
    if changes := _changes(mail_account, form.account_fields()):
        services.change_mail_account(mail_account, request.user, changes)
    messages.success(request, _("Saved."))
    return redirect(org_url(request, "mail_account_edit", account))


def _changes(account: MailAccount, fields: dict[str, Any]) -> dict[str, Any]:
    # Being the default is taken over by another account, never given up.
    if account.is_default:
        fields.pop("is_default")
    return {name: value for name, value in fields.items() if value != getattr(account, name)}


@access.member
@require_POST
def mail_account_default(request: MemberRequest, account: int) -> HttpResponse:
    """Open this account first after signing in."""
    mail_account = own_account(request, account)
    if not mail_account.is_default:
        services.change_mail_account(mail_account, request.user, {"is_default": True})
    messages.success(request, _("“%(name)s” opens first from now on.") % {"name": mail_account.name})
    return back(request)


# ── Order ───────────────────────────────────────────────────────────────────
@access.member
@require_POST
def mail_account_order(request: MemberRequest) -> HttpResponse:
    """Order the member's accounts as the posted `account` ids, or move one a place `up` or `down`."""
    ids = list(MailAccount.objects.visible_to(request.membership).values_list("pk", flat=True))
    if moved := _numbers(request.POST.getlist("up") + request.POST.getlist("down")):
        ids = _moved(ids, moved[0], -1 if "up" in request.POST else 1)
    else:
        wanted = _numbers(request.POST.getlist("account"))
        # What was not named (connected meanwhile, in another window) keeps its place at the end.
        ids = [key for key in dict.fromkeys(wanted) if key in ids] + [key for key in ids if key not in wanted]
    services.order_mail_accounts(request.membership, ids)
    if request.headers.get("X-Requested-With"):
        return HttpResponse(status=204)
    # To the card that was moved, which may be moved again.
    place = f"#account-{moved[0]}" if moved else ""
    return redirect(org_url(request, "accounts") + place)


def _numbers(texts: list[str]) -> list[int]:
    return [number for text in texts if (number := access.number_in(text)) is not None]


def _moved(ids: list[int], chosen: int, step: int) -> list[int]:
    if chosen not in ids:
        return ids
    rest = [key for key in ids if key != chosen]
    place = max(0, min(len(rest), ids.index(chosen) + step))
    return [*rest[:place], chosen, *rest[place:]]


# ── Fetching ────────────────────────────────────────────────────────────────
@access.member
@require_POST
def fetch_now(request: MemberRequest, account: int) -> HttpResponse:
    """Fetch at once instead of at the next turn."""
    mail_account = own_account(request, account)
    if start_fetch(mail_account):
        text = _("Mail of “%(name)s” is being fetched.")
        messages.success(request, text % {"name": mail_account.name})
    else:
        messages.info(request, why_not_now(mail_account))
    return back(request)


@access.member
@require_POST
def fetch_pause(request: MemberRequest, account: int) -> HttpResponse:
    """Fetch nothing until resumed. A running fetch stops at its next batch and keeps what it has stored."""
    mail_account = own_account(request, account)
    claims.pause(mail_account.fetch_state)
    text = _("“%(name)s” is paused. Its mail waits at the provider.")
    messages.success(request, text % {"name": mail_account.name})
    return back(request)


@access.member
@require_POST
def fetch_resume(request: MemberRequest, account: int) -> HttpResponse:
    """Fetch again, from now on."""
    mail_account = own_account(request, account)
    if mail_account.fetch_state.status == FetchState.Status.PAUSED:
        claims.resume(mail_account.pk)
        start_fetch(mail_account)
    messages.success(request, _("Mail of “%(name)s” is being fetched again.") % {"name": mail_account.name})
    return back(request)


# ── Deleting ────────────────────────────────────────────────────────────────
@access.member
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication.required
def mail_account_delete(request: MemberRequest, account: int) -> HttpResponse:
    """Say what deleting takes away; do it once the address is typed in. What waits to be sent may go out first."""
    mail_account, is_unsent_refused = own_account(request, account), False
    if request.POST.get("act") == "send_now":
        unsent.send_now([mail_account])
        messages.info(
            request, _("What was waiting goes out in a moment. Delete the account once it is gone.")
        )
        return redirect(org_url(request, "outbox", account))
    is_confirmed = request.POST.get("confirm", "").strip().lower() == mail_account.email.lower()
    if request.method == "POST" and is_confirmed:
        confirmed = access.number_in(request.POST.get("unsent", ""))
        try:
            removal.start(mail_account, request.user, unsent_confirmed=confirmed or 0)
        except unsent.NotConfirmed:
            is_unsent_refused = True
        else:
            tasks.schedule_removal(mail_account)
            text = _("“%(name)s” is deleted from Mailhub. What the provider still has stays there.")
            messages.success(request, text % {"name": mail_account.name})
            return redirect(org_url(request, "accounts"))
    folders = Folder.objects.filter(account=mail_account)
    kept = folders.aggregate(messages=Sum("messages_count", default=0), size=Sum("size", default=0))
    context = {
        "account": mail_account,
        "kept": kept,
        "unsent": unsent.unsent_of([mail_account]),
        "is_refused": request.method == "POST" and not is_confirmed,
        "is_unsent_refused": is_unsent_refused,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "settings/accounts/delete.html", context, status=status)
