"""What a person does to messages: marks, stars, Trash and back, Spam, deleting for good, emptying."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import access
from accounts.access import MemberRequest
from accounts.formats import number
from mailbox import services
from mailbox.models import Folder, Message
from mailbox.tasks import empty_folder
from mailbox.views import action_responses, move_and_label
from mailbox.views.list_context import ListPlace
from mailbox.views.page_fragments import htmx

CONFIRM = "mail/_confirm_form.html"

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
_FILING: dict[str, Callable[[MemberRequest, QuerySet[Message]], HttpResponse]] = {
    "move": move_and_label.move,
    "label": move_and_label.label,
}


@access.member
@require_POST
def mail_act(request: MemberRequest) -> HttpResponse:
    """Do `act` to the selected `message`s, of any of the accounts; or `undo` what a toast has offered."""
    if undone := request.POST.get("undo", ""):
        move_and_label.undo(request, undone)
        return action_responses.reload(request, ListPlace.read(request))
    act = request.POST.get("act", "")
    chosen = move_and_label.these(request, request.POST.getlist("message"))
    found = list(chosen.order_by("pk").values_list("pk", flat=True))
    if act in _MARKS:
        _MARKS[act](chosen)
        # A message marked unread is closed, or its page would mark it read again.
        return action_responses.changed(request, found, closes=act == "unread")
    if act == "discard":
        return _discard(request, chosen.filter(folder__role=Folder.Role.TRASH))
    if act in _FILING:
        return _FILING[act](request, chosen)
    if act not in _MOVES:
        raise Http404
    _MOVES[act](chosen)
    _toast(request, act, len(found), found)
    return action_responses.gone(request, found)


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
    messages.success(request, move_and_label.undoable(said, ids) if act == "trash" else said)


def _discard(request: MemberRequest, chosen: QuerySet[Message]) -> HttpResponse:
    """Delete for good what is in Trash, once the person has confirmed it."""
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    if ids and not request.POST.get("confirmed"):
        question = ngettext(
            "Delete %(shown)s message for good?", "Delete %(shown)s messages for good?", len(ids)
        )
        context = {"count": len(ids), "ids": ids, "act": "discard", "back": ListPlace.read(request)}
        return action_responses.ask(request, question % {"shown": number(len(ids))}, CONFIRM, context)
    services.discard(Message.objects.filter(pk__in=ids))
    _toast(request, "discard", len(ids))
    return action_responses.gone(request, ids)


@access.member
@require_POST
def folder_empty(request: MemberRequest, folder: int) -> HttpResponse:
    """Delete for good all that Trash or Spam holds. Asks first; a large one goes on in the background."""
    emptied = (Folder.Role.TRASH, Folder.Role.SPAM)
    own = Folder.objects.visible_to(request.membership).select_related("account")
    found = get_object_or_404(own, pk=folder, role__in=emptied)
    place = ListPlace(request.membership.organization.slug, found.pk)
    if found.messages_count and not request.POST.get("confirmed"):
        question = _("Empty Trash?") if found.role == Folder.Role.TRASH else _("Delete all spam?")
        context = {"count": found.messages_count, "emptied": found, "back": place}
        return action_responses.ask(request, question, CONFIRM, context)
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
    return action_responses.reload(request, place, whole=True)


@access.member
@require_POST
def message_star(request: MemberRequest, message: int) -> HttpResponse:
    """Star (`starred` is 1) or unstar one message; to htmx it answers with the button as it is now."""
    own = Message.objects.visible_to(request.membership)
    found = get_object_or_404(own, pk=message)
    found.is_starred = request.POST.get("starred") == "1"
    services.set_starred(Message.objects.filter(pk=found.pk), found.is_starred)
    if htmx(request):
        return render(request, "mail/_star.html", {"row": found})
    return redirect(ListPlace.read(request).url)
