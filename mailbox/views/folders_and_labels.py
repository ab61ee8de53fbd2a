"""The page where a person makes, renames, colours and deletes the folders and labels of one account."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.formats import number
from accounts.models import MailAccount
from accounts.models.mail_accounts import COLOR_NAMES, COLORS
from accounts.requests import own_account
from mailbox import folders, labels, names
from mailbox.models import Folder, Label


@access.member
@require_safe
def mail_folders(request: MemberRequest, account: int) -> HttpResponse:
    """The own folders and the labels of one account."""
    return _page(request, own_account(request, account))


def _page(
    request: MemberRequest, account: MailAccount, *, at: str = "", refusal: names.Refused | None = None
) -> HttpResponse:
    """The page; with a refusal it stands at the form `at`, which keeps what was typed."""
    own = list(Label.objects.filter(account=account))
    counts = labels.counts(own)
    context = {
        "account": account,
        "folders": Folder.objects.filter(account=account, role=Folder.Role.OWN),
        "labels": [(each, counts.get(each.pk, 0)) for each in own],
        "colors": COLOR_NAMES,
        "folder_limit": folders.NAME_LENGTH,
        "label_limit": labels.NAME_LENGTH,
        "at": at,
        "error": refusal.sentence if refusal else "",
        "typed": request.POST.get("name", ""),
        "typed_color": request.POST.get("color", ""),
        "is_managing": True,
    }
    return render(request, "mail/folders.html", context, status=422 if refusal else 200)


def _own_folder(request: MemberRequest, folder: int) -> Folder:
    own = Folder.objects.visible_to(request.membership).select_related("account")
    return get_object_or_404(own, pk=folder, role=Folder.Role.OWN)


def _own_label(request: MemberRequest, label: int) -> Label:
    return get_object_or_404(Label.objects.visible_to(request.membership).select_related("account"), pk=label)


def _color(request: MemberRequest) -> str:
    color = request.POST.get("color", "")
    return color if color in COLORS else ""


def _done(request: MemberRequest, account: MailAccount, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("mail_folders", request.membership.organization.slug, account.pk)


# ── Folders ─────────────────────────────────────────────────────────────────
@access.member
@require_POST
def folder_new(request: MemberRequest, account: int) -> HttpResponse:
    """Make a folder."""
    found = own_account(request, account)
    try:
        made = folders.create_folder(found, request.POST.get("name", ""))
    except names.Refused as refusal:
        return _page(request, found, at="folder-new", refusal=refusal)
    return _done(request, found, _("Folder “%(name)s” made") % {"name": made.name})


@access.member
@require_POST
def folder_edit(request: MemberRequest, folder: int) -> HttpResponse:
    """Rename a folder."""
    found = _own_folder(request, folder)
    try:
        folders.rename_folder(found, request.POST.get("name", ""))
    except names.Refused as refusal:
        return _page(request, found.account, at=f"folder-{found.pk}", refusal=refusal)
    return _done(request, found.account, _("Folder renamed to “%(name)s”") % {"name": found.name})


@access.member
@require_http_methods(["GET", "HEAD", "POST"])
def folder_delete(request: MemberRequest, folder: int) -> HttpResponse:
    """Delete a folder once the person has said where its messages go."""
    found = _own_folder(request, folder)
    if request.method != "POST":
        context = {"doomed": found, "account": found.account, "is_managing": True}
        return render(request, "mail/folder_delete.html", context)
    to = Folder.Role.TRASH if request.POST.get("to") == Folder.Role.TRASH else Folder.Role.INBOX
    name, count = found.name, folders.delete_folder(found, to=to)
    said = _("Folder “%(name)s” deleted") % {"name": name}
    if count:
        said = ngettext(
            "Folder “%(name)s” deleted, %(count)s message moved to %(folder)s",
            "Folder “%(name)s” deleted, %(count)s messages moved to %(folder)s",
            count,
        ) % {"name": name, "count": number(count), "folder": to.label}
    return _done(request, found.account, said)


# ── Labels ──────────────────────────────────────────────────────────────────
@access.member
@require_POST
def label_new(request: MemberRequest, account: int) -> HttpResponse:
    """Make a label."""
    found = own_account(request, account)
    try:
        made = labels.create_label(found, request.POST.get("name", ""), _color(request))
    except names.Refused as refusal:
        return _page(request, found, at="label-new", refusal=refusal)
    return _done(request, found, _("Label “%(name)s” made") % {"name": made.name})


@access.member
@require_POST
def label_edit(request: MemberRequest, label: int) -> HttpResponse:
    """Rename or colour a label."""
    found = _own_label(request, label)
    try:
        labels.change_label(found, request.POST.get("name", ""), _color(request) or found.color)
    except names.Refused as refusal:
        return _page(request, found.account, at=f"label-{found.pk}", refusal=refusal)
    return _done(request, found.account, _("Label “%(name)s” saved") % {"name": found.name})


@access.member
@require_http_methods(["GET", "HEAD", "POST"])
def label_delete(request: MemberRequest, label: int) -> HttpResponse:
    """Delete a label once the person has seen on how many messages it is; these stay."""
    found = _own_label(request, label)
    if request.method != "POST":
        count = labels.counts([found]).get(found.pk, 0)
        context = {"doomed": found, "account": found.account, "count": count, "is_managing": True}
        return render(request, "mail/label_delete.html", context)
    name = found.name
    labels.delete_label(found)
    return _done(request, found.account, _("Label “%(name)s” deleted") % {"name": name})
