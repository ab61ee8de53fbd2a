"""What a person does to messages: marks, stars, Trash and back, Spam, deleting for good, emptying."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import access
from accounts.access import MemberRequest, render
from accounts.formats import number
from mailbox import emptying, services
from mailbox.models import Folder, Message
from mailbox.tasks import schedule_emptying
from mailbox.views import action_responses, move_and_label
from mailbox.views.list_context import ListPlace
from mailbox.views.page_fragments import htmx

CONFIRM = "mail/_confirm_form.html"


def _chosen(request: MemberRequest) -> tuple[QuerySet[Message], list[int]]:
    """The person's own among the messages that the form names, and their ids."""
    chosen = move_and_label.these(request, request.POST.getlist("message"))
    return chosen, list(chosen.order_by("pk").values_list("pk", flat=True))


# ── Marks: the messages stay where they are ─────────────────────────────────
@access.member
@require_POST
def messages_read(request: MemberRequest) -> HttpResponse:
    """Mark as read."""
    chosen, ids = _chosen(request)
    services.set_read(chosen, True)
    return action_responses.changed(request, ids)


@access.member
@require_POST
def messages_unread(request: MemberRequest) -> HttpResponse:
    """Mark as unread; the message that is open is closed, or its page would mark it read again."""
    chosen, ids = _chosen(request)
    services.set_read(chosen, False)
    return action_responses.changed(request, ids, closes=True)


@access.member
@require_POST
def messages_star(request: MemberRequest) -> HttpResponse:
    """Star several messages; one message's star is `message_star`."""
    chosen, ids = _chosen(request)
    services.set_starred(chosen, True)
    return action_responses.changed(request, ids)


# ── Moves: the messages leave the list they are in ──────────────────────────
@access.member
@require_POST
def messages_trash(request: MemberRequest) -> HttpResponse:
    """Move to Trash, with a button to undo it."""
    chosen, ids = _chosen(request)
    services.trash(chosen)
    _toast(request, "trash", len(ids), ids)
    return action_responses.gone(request, ids)


@access.member
@require_POST
def messages_put_back(request: MemberRequest) -> HttpResponse:
    """Out of Trash, to where they were."""
    chosen, ids = _chosen(request)
    services.put_back(chosen)
    _toast(request, "put_back", len(ids))
    return action_responses.gone(request, ids)


@access.member
@require_POST
def messages_spam(request: MemberRequest) -> HttpResponse:
    """Move to Spam."""
    chosen, ids = _chosen(request)
    services.move_to(chosen, Folder.Role.SPAM)
    _toast(request, "spam", len(ids))
    return action_responses.gone(request, ids)


@access.member
@require_POST
def messages_not_spam(request: MemberRequest) -> HttpResponse:
    """From Spam to the Inbox."""
    chosen, ids = _chosen(request)
    services.move_to(chosen, Folder.Role.INBOX)
    _toast(request, "not_spam", len(ids))
    return action_responses.gone(request, ids)


@access.member
@require_POST
def messages_move(request: MemberRequest) -> HttpResponse:
    """Move to a folder that the form names, or ask for one."""
    return move_and_label.move(request, _chosen(request)[0])


@access.member
@require_POST
def messages_label(request: MemberRequest) -> HttpResponse:
    """Give and take labels, or ask which."""
    return move_and_label.label(request, _chosen(request)[0])


@access.member
@require_POST
def messages_undo(request: MemberRequest) -> HttpResponse:
    """Take back the move that a toast has offered to undo."""
    move_and_label.undo(request, request.POST.get("undo", ""))
    return action_responses.reload(request, ListPlace.read(request))


@access.member
@require_POST
def messages_discard(request: MemberRequest) -> HttpResponse:
    """Delete for good what is in Trash, once the person has confirmed it."""
    chosen = _chosen(request)[0].filter(folder__role=Folder.Role.TRASH)
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    if ids and not request.POST.get("confirmed"):
        question = ngettext(
            "Delete %(shown)s message for good?", "Delete %(shown)s messages for good?", len(ids)
        )
        context = {"count": len(ids), "ids": ids, "back": ListPlace.read(request)}
        return action_responses.ask(request, question % {"shown": number(len(ids))}, CONFIRM, context)
    services.discard(Message.objects.filter(pk__in=ids))
    _toast(request, "discard", len(ids))
    return action_responses.gone(request, ids)


def _toast(request: MemberRequest, done: str, count: int, ids: Sequence[int] = ()) -> None:
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
    }[done] % {"count": number(count)}
    messages.success(request, move_and_label.undoable(said, ids) if ids else said)


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
    if emptying.start(found):
        schedule_emptying(found)
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
