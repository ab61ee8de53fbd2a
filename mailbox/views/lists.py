"""The lists: one folder, or the inboxes of all accounts; and whether there is anything new in them."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest
from accounts.models import MailAccount
from mailbox.models import Folder
from mailbox.views import listing
from mailbox.views.listing import Listing, Place
from mailbox.views.parts import htmx, open_message, show

PARTS = {"list": "mailbox/_list_swap.html"}


@access.member
@require_safe
def mail(request: MemberRequest) -> HttpResponse:
    """The way in: the inbox of the default account, or the invitation to connect the first one."""
    account = listing.default_account(request)
    if account is None:
        return show(request, "mailbox/welcome.html", {})
    return redirect("mail_account", request.membership.organization.slug, account.pk)


@access.member
@require_safe
def mail_account(request: MemberRequest, account: int) -> HttpResponse:
    """The inbox of one account."""
    found = get_object_or_404(MailAccount.objects.visible_to(request.membership), pk=account)
    inbox = get_object_or_404(Folder, account=found, role=Folder.Role.INBOX)
    return redirect("folder", request.membership.organization.slug, inbox.pk)


@access.member
@require_safe
def folder(request: MemberRequest, folder: int) -> HttpResponse:
    """The messages of one folder, newest first."""
    return _show(request, listing.build(request, Place.read(request, folder)))


@access.member
@require_safe
def mail_all(request: MemberRequest) -> HttpResponse:
    """The newest messages of all inboxes together."""
    place = Place(
        request.membership.organization.slug, None, request.GET.get("at", ""), bool(request.GET.get("unread"))
    )
    shown = listing.build(request, place)
    if not shown.folders:
        return redirect("mail", place.slug)
    return _show(request, shown)


def _show(request: MemberRequest, shown: Listing) -> HttpResponse:
    context = {
        "listing": shown,
        "place": shown.place,
        "folder": shown.folder,
        "account": shown.folder.account if shown.folder else None,
        "is_reading": bool(htmx(request)) and open_message(request) is not None,
    }
    return show(request, "mailbox/list.html", context, parts=PARTS)


@access.member
@require_safe
def mail_fresh(request: MemberRequest) -> HttpResponse:
    """How many messages came in since the list was made. Asked all the time, so it reads counters only.

    Nothing (204) when there are none: the page stays as it is, with its selection and its scroll position.
    """
    place = Place.read(request)
    folders = listing.folders_of(request, place)
    known = request.GET.get("seen", "")
    arrived = listing.seen(place, folders) - int(known) if known.isdecimal() else 0
    if arrived <= 0:
        return HttpResponse(status=204)
    shown = folders[0] if not place.is_all else None
    context = {
        "arrived": arrived,
        "place": place,
        "first_url": Place(place.slug, place.folder, unread=place.unread).url,
        "folder": shown,
        "account": shown.account if shown else None,
    }
    return show(request, "mailbox/_fresh.html", context)
