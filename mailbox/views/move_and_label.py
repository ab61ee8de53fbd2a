"""Putting messages in folders and labels on messages: asking which, making new ones on the way, undoing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import MemberRequest, number_in
from accounts.formats import number
from accounts.models import MailAccount
from mailbox import folders, labels, names, services
from mailbox.models import Folder, Label, Message, MessageLabel
from mailbox.views import action_responses
from mailbox.views.list_context import ListPlace

SELECTION_LIMIT = 500  # ten pages; more than a form of ours can send
# Mail is moved to where one looks for mail; what is being written or was sent is elsewhere.
TARGETS = (Folder.Role.INBOX, Folder.Role.SPAM, Folder.Role.TRASH, Folder.Role.OWN)


def these(request: MemberRequest, values: Sequence[str]) -> QuerySet[Message]:
    """The person's own among the messages that a form names."""
    return Message.objects.visible_to(request.membership).filter(pk__in=_ids(values[:SELECTION_LIMIT]))


def _ids(values: Iterable[str]) -> list[int]:
    return [key for value in values if (key := number_in(value)) is not None]


def _account(chosen: QuerySet[Message]) -> MailAccount | None:
    """Whose folders and labels may be chosen; None when the messages are of several accounts."""
    keys = set(chosen.order_by().values_list("account", flat=True))
    return MailAccount.objects.get(pk=keys.pop()) if len(keys) == 1 else None


# ── Folders ─────────────────────────────────────────────────────────────────
def move(request: MemberRequest, chosen: QuerySet[Message]) -> HttpResponse:
    """Move the messages to the folder `to` or to a `new` one; without either, ask."""
    account, form = _account(chosen), request.POST
    if account is None or not (form.get("to") or "new" in form):
        return _ask_folder(request, chosen, account)
    if form.get("to"):
        own = Folder.objects.visible_to(request.membership).filter(account=account, role__in=TARGETS)
        target = get_object_or_404(own, pk=number_in(form["to"]))
    else:
        try:
            target = folders.create_folder(account, form["new"])
        except names.Refused as refusal:
            return _ask_folder(request, chosen, account, refusal)
    origins = dict(chosen.exclude(folder=target).values_list("pk", "folder"))
    ids = services.move(chosen, target)
    if ids:
        said = ngettext(
            "%(count)s message moved to %(folder)s", "%(count)s messages moved to %(folder)s", len(ids)
        ) % {"count": number(len(ids)), "folder": target.label}
        messages.success(request, undoable(said, ids, origins))
    return action_responses.filed(request, ids, closes=True)


def _ask_folder(
    request: MemberRequest,
    chosen: QuerySet[Message],
    account: MailAccount | None,
    refusal: names.Refused | None = None,
) -> HttpResponse:
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    here = set(chosen.order_by().values_list("folder", flat=True))
    question = ngettext("Move %(count)s message", "Move %(count)s messages", len(ids))
    offered = Folder.objects.filter(account=account, role__in=TARGETS)
    context = _context(request, ids, account, refusal) | {
        # Where all of them are already is no place to move them to.
        "folders": offered.exclude(pk__in=here) if len(here) == 1 else offered,
        "limit": folders.NAME_LENGTH,
    }
    return _ask(request, question % {"count": number(len(ids))}, "mail/_move_form.html", context)


def undoable(said: str, ids: Sequence[int], origins: Mapping[int, int] | None = None) -> SafeString:
    """What was done, with a button to undo it: back to the `origins`, else out of Trash."""
    value = ",".join(f"{origins[key]}:{key}" if origins else str(key) for key in ids)
    # A button of the form that every page of the mailbox has: it works with and without script.
    button = '{} <button class="btn" type="submit" form="undo" name="undo" value="{}">{}</button>'
    return format_html(button, said, value, _("Undo"))


def undo(request: MemberRequest, value: str) -> None:
    """Undo a move; `value` is that of the button."""
    back: dict[str, list[str]] = {}
    for pair in value.split(","):
        folder, _colon, key = pair.rpartition(":")
        back.setdefault(folder, []).append(key)
    trashed = these(request, back.pop("", []))
    targets = Folder.objects.visible_to(request.membership).filter(pk__in=_ids(back)).order_by("pk")
    services.undo_moves({target: these(request, back[str(target.pk)]) for target in targets}, trashed)


# ── Labels ──────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class LabelChoice:
    """A label to choose. `was`: all the messages have it, so an empty box takes it away."""

    label: Label
    was: bool
    is_on: bool
    is_mixed: bool


def label(request: MemberRequest, chosen: QuerySet[Message]) -> HttpResponse:
    """Give the messages the labels that are `on` and a `new` one, take away what `was` there; or ask."""
    account, form = _account(chosen), request.POST
    if account is None or not form.get("confirmed"):
        return _ask_labels(request, chosen, account)
    own = list(Label.objects.filter(account=account))
    added = [each for each in own if str(each.pk) in form.getlist("on")]
    removed = [each for each in own if str(each.pk) in form.getlist("was") and each not in added]
    if form.get("new", "").strip():
        try:
            added.append(labels.create_label(account, form["new"]))
        except names.Refused as refusal:
            return _ask_labels(request, chosen, account, refusal)
    labels.change_labels(chosen, added=added, removed=removed)
    return action_responses.filed(request, list(chosen.order_by("pk").values_list("pk", flat=True)))


def _ask_labels(
    request: MemberRequest,
    chosen: QuerySet[Message],
    account: MailAccount | None,
    refusal: names.Refused | None = None,
) -> HttpResponse:
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    question = ngettext("Labels of %(count)s message", "Labels of %(count)s messages", len(ids))
    context = _context(request, ids, account, refusal) | {
        "picks": _picks(request, ids, account),
        "limit": labels.NAME_LENGTH,
    }
    return _ask(request, question % {"count": number(len(ids))}, "mail/_label_form.html", context)


def _picks(request: MemberRequest, ids: Sequence[int], account: MailAccount | None) -> list[LabelChoice]:
    """The account's labels as the messages have them, or as the person has just set them."""
    rows = MessageLabel.objects.filter(message__in=ids).order_by().values_list("label")
    counts = dict(rows.annotate(count=Count("message")))
    form, found = request.POST, []
    for each in Label.objects.filter(account=account):
        count, key = counts.get(each.pk, 0), str(each.pk)
        was = count == len(ids) or key in form.getlist("was")
        is_on = key in form.getlist("on") if form.get("confirmed") else was
        found.append(LabelChoice(each, was, is_on, is_mixed=count > 0 and not was and not is_on))
    return found


# ── Asking ──────────────────────────────────────────────────────────────────
def _context(
    request: MemberRequest, ids: Sequence[int], account: MailAccount | None, refusal: names.Refused | None
) -> dict[str, object]:
    return {
        "ids": ids,
        "account": account,
        "back": ListPlace.read(request),
        "typed": request.POST.get("new", ""),
        "error": refusal.sentence if refusal else "",
    }


def _ask(request: MemberRequest, question: str, form: str, context: dict[str, object]) -> HttpResponse:
    if not context["ids"]:  # they went meanwhile
        return action_responses.reload(request, ListPlace.read(request))
    return action_responses.ask(request, question, form, context, status=422 if context["error"] else 200)
