"""What a person does to messages: marks, stars, Trash and back, Spam, deleting for good, emptying."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import access
from accounts.access import MemberRequest
from mailbox import services
from mailbox.models import Folder, Message
from mailbox.tasks import empty_folder
from mailbox.views import listing
from mailbox.views.listing import Place
from mailbox.views.parts import htmx, number, open_message

SELECTION_LIMIT = 500  # ten pages; more than a form of ours can send

# Acts that take messages out of the list they are in, and those that only change how they look there.
_MARKS: dict[str, Callable[[QuerySet[Message]], int]] = {
    "read": lambda chosen: services.set_read(chosen, True),
    "unread": lambda chosen: services.set_read(chosen, False),
    "star": lambda chosen: services.set_starred(chosen, True),
    "unstar": lambda chosen: services.set_starred(chosen, False),
}
_MOVES: dict[str, Callable[[QuerySet[Message]], object]] = {
    "trash": services.trash,
    "spam": lambda chosen: services.move_to(chosen, Folder.Role.SPAM),
    "not_spam": lambda chosen: services.move_to(chosen, Folder.Role.INBOX),
    "put_back": services.put_back,
}


@access.member
@require_POST
def mail_act(request: MemberRequest) -> HttpResponse:
    """Do `act` to the selected `message`s, of any of the accounts; `undo` puts back what is in Trash."""
    undone = request.POST.get("undo", "")
    act = "put_back" if undone else request.POST.get("act", "")
    ids = _ids(undone.split(",") if undone else request.POST.getlist("message"))
    chosen = Message.objects.visible_to(request.membership).filter(pk__in=ids)
    found = list(chosen.order_by("pk").values_list("pk", flat=True))
    if undone:
        services.put_back(chosen)
        return _reload(request, Place.read(request))
    if act in _MARKS:
        _MARKS[act](chosen)
        return _changed(request, found)
    if act == "discard":
        return _discard(request, chosen.filter(folder__role=Folder.Role.TRASH))
    if act not in _MOVES:
        raise Http404
    _MOVES[act](chosen)
    _toast(request, act, len(found), found)
    return _gone(request, found)


def _ids(values: Sequence[str]) -> list[int]:
    return [int(value) for value in values[:SELECTION_LIMIT] if value.isascii() and value.isdigit()]


def _toast(request: MemberRequest, act: str, count: int, ids: Sequence[int] = ()) -> None:
    """Say what happened; what went to Trash can be taken back at once."""
    if not count:
        return
    said = {
        "trash": ngettext("%(count)s message moved to Trash", "%(count)s messages moved to Trash", count),
        "spam": ngettext("%(count)s message moved to Spam", "%(count)s messages moved to Spam", count),
        "not_spam": ngettext(
            "%(count)s message moved to the Inbox", "%(count)s messages moved to the Inbox", count
        ),
        "put_back": ngettext("%(count)s message put back", "%(count)s messages put back", count),
        "discard": ngettext("%(count)s message deleted", "%(count)s messages deleted", count),
    }[act] % {"count": number(count)}
    if act == "trash":
        # A button of the form that every page of the mailbox has: it works with and without script.
        button = '{} <button class="btn" type="submit" form="undo" name="undo" value="{}">{}</button>'
        said = format_html(button, said, ",".join(map(str, ids)), _("Undo"))
    messages.success(request, said)


def _discard(request: MemberRequest, chosen: QuerySet[Message]) -> HttpResponse:
    """Delete for good what is in Trash, once the person has confirmed it."""
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    if ids and not request.POST.get("confirmed"):
        return _confirm(
            request, {"count": len(ids), "ids": ids, "act": "discard", "back": Place.read(request)}
        )
    services.discard(Message.objects.filter(pk__in=ids))
    _toast(request, "discard", len(ids))
    return _gone(request, ids)


@access.member
@require_POST
def folder_empty(request: MemberRequest, folder: int) -> HttpResponse:
    """Delete for good all that Trash or Spam holds. Asks first; a large one goes on in the background."""
    emptied = (Folder.Role.TRASH, Folder.Role.SPAM)
    own = Folder.objects.visible_to(request.membership).select_related("account")
    found = get_object_or_404(own, pk=folder, role__in=emptied)
    place = Place(request.membership.organization.slug, found.pk)
    if found.messages_count and not request.POST.get("confirmed"):
        return _confirm(request, {"count": found.messages_count, "emptied": found, "back": place})
    count = found.messages_count
    left = services.empty(found)
    if left:
        organization, key = found.organization_id, found.pk
        transaction.on_commit(lambda: empty_folder.delay(organization, key))
        said = ngettext(
            "%(count)s message is being deleted. This goes on when you leave the page.",
            "%(count)s messages are being deleted. This goes on when you leave the page.",
            count,
        )
        messages.info(request, said % {"count": number(count)})
    else:
        _toast(request, "discard", count)
    return _reload(request, place, whole=True)


@access.member
@require_POST
def message_star(request: MemberRequest, message: int) -> HttpResponse:
    """Star (`starred` is 1) or unstar one message; to htmx it answers with the button as it is now."""
    own = Message.objects.visible_to(request.membership)
    found = get_object_or_404(own, pk=message)
    found.is_starred = request.POST.get("starred") == "1"
    services.set_starred(Message.objects.filter(pk=found.pk), found.is_starred)
    if htmx(request):
        return render(request, "mailbox/_star.html", {"row": found})
    return redirect(Place.read(request).url)


# ── Answers ─────────────────────────────────────────────────────────────────
def _confirm(request: MemberRequest, context: dict[str, object]) -> HttpResponse:
    """Ask, as a dialog over the page or, without script, as a page of its own."""
    if not htmx(request):
        return render(request, "mailbox/confirm.html", context)
    response = render(request, "mailbox/_confirm_dialog.html", context)
    response["HX-Retarget"] = "#asking"
    response["HX-Reswap"] = "innerHTML"
    return response


def _reload(request: MemberRequest, place: Place, *, whole: bool = False) -> HttpResponse:
    """The list once more; with `whole`, the page."""
    if not htmx(request):
        return redirect(place.url)
    response = HttpResponse(status=204)
    if whole:
        response["HX-Redirect"] = place.url
        return response
    here = htmx(request).current_url_abs_path or place.url
    response["HX-Location"] = json.dumps(
        {"path": here, "target": "#list", "swap": "outerHTML", "push": "false"}
    )
    return response


def _changed(request: MemberRequest, ids: Sequence[int]) -> HttpResponse:
    """The rows as they look now. A message marked unread is closed, or its page would mark it read again."""
    place = Place.read(request)
    if not htmx(request):
        return redirect(place.url)
    rows = Message.objects.filter(pk__in=ids).select_related("account").order_by("pk")
    closes = request.POST.get("act") == "unread" and open_message(request) in ids
    return _parts(request, place, {"changed": rows, "closes": closes})


def _gone(request: MemberRequest, ids: Sequence[int]) -> HttpResponse:
    """The rows leave the list; the reader closes when it showed one of them."""
    place = Place.read(request)
    if not htmx(request):
        return redirect(place.url)
    return _parts(request, place, {"gone": ids, "closes": open_message(request) in ids})


def _parts(request: MemberRequest, place: Place, context: dict[str, object]) -> HttpResponse:
    """Pieces of the page that htmx puts where they belong, each by its id."""
    folders = listing.folders_of(request, place)
    folder = None if place.is_all else folders[0]
    context |= {
        "place": place,
        "seen": listing.seen(place, folders),
        "folder": folder,
        "account": folder.account if folder else None,
    }
    response = render(request, "mailbox/_changes.html", context)
    if context["closes"]:
        response["HX-Push-Url"] = place.url
    return response
