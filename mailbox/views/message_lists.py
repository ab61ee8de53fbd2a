"""The lists: one folder, or the inboxes of all accounts; and whether there is anything new in them."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest
from accounts.requests import own_account
from mailbox.models import Folder
from mailbox.views import list_context
from mailbox.views.list_context import ListPage, ListPlace
from mailbox.views.page_fragments import htmx, open_message, render_page

PARTS = {"list": "mail/_list_swap.html"}


@access.member
@require_safe
def mail(request: MemberRequest) -> HttpResponse:
    """The way in: the inbox of the default account, or the invitation to connect the first one."""
    account = list_context.default_account(request)
    if account is None:
        return render_page(request, "mail/welcome.html", {})
    return redirect("mail_account", request.membership.organization.slug, account.pk)


@access.member
@require_safe
def mail_account(request: MemberRequest, account: int) -> HttpResponse:
    """The inbox of one account."""
    found = own_account(request, account)
    inbox = get_object_or_404(Folder, account=found, role=Folder.Role.INBOX)
    return redirect("folder", request.membership.organization.slug, inbox.pk)


@access.member
@require_safe
def folder(request: MemberRequest, folder: int) -> HttpResponse:
    """The messages of one folder, newest first; for Drafts, unless `kept`, what is being written."""
    place = ListPlace.of(request, folder=folder)
    source = list_context.source(request, place).folder
    if source is not None and source.role == Folder.Role.DRAFTS and not request.GET.get("kept"):
        return redirect("drafts", place.slug, source.account_id)
    return _show(request, list_context.build(request, place))


@access.member
@require_safe
def label(request: MemberRequest, label: int) -> HttpResponse:
    """The messages with one label, in whatever folder but Spam and Trash, newest first."""
    return _show(request, list_context.build(request, ListPlace.of(request, label=label)))


@access.member
@require_safe
def mail_all(request: MemberRequest) -> HttpResponse:
    """The newest messages of all inboxes together."""
    shown = list_context.build(request, ListPlace.of(request))
    if not shown.folders:
        return redirect("mail", shown.place.slug)
    return _show(request, shown)


def _show(request: MemberRequest, shown: ListPage) -> HttpResponse:
    context = shown.context | {
        "listing": shown,
        "is_reading": bool(htmx(request)) and open_message(request) is not None,
    }
    return render_page(request, "mail/list.html", context, parts=PARTS)


@access.member
@require_safe
def mail_fresh(request: MemberRequest) -> HttpResponse:
    """How many messages came in since the list was made. Asked all the time, so it reads what is counted already.

    Nothing (204) when there are none: the page stays as it is, with its selection and its scroll position.
    """
    source = list_context.source(request, ListPlace.read(request))
    known = access.number_in(request.GET.get("seen", ""))
    arrived = source.arrived(known) if known is not None else 0
    if not arrived:
        return HttpResponse(status=204)
    return render_page(request, "mail/_new_mail.html", source.context | {"arrived": arrived})
