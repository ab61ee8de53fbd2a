"""Writing: a draft is opened, saved as one types, sent, taken back."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.formats import full_date, time_of_day
from accounts.models import MailAccount
from accounts.requests import org_url, own_account
from mailbox.html import rendering
from mailbox.views import list_context
from mailbox.views.message_files import visible
from sending import tasks
from sending.compose import (
    attachments,
    contacts,
    draft_creation,
    drafts,
    letter,
    template_insertion,
    templates,
)
from sending.compose.attachments import FileError
from sending.compose.drafts import Conflict, DraftError
from sending.compose.room import NoRoom
from sending.compose.templates import TemplateError
from sending.forms import compose as forms
from sending.message.placeholders import PlaceholderError
from sending.models import Draft, MessageTemplate, OutgoingMessage
from sending.outbox.limits import MESSAGE_RECIPIENTS
from sending.outbox.outbox import TooLate
from sending.views import draft_attachments, draft_page
from sending.views.draft_page import render_draft

KINDS: Final = {
    "reply": Draft.Kind.REPLY,
    "reply_all": Draft.Kind.REPLY_ALL,
    "forward": Draft.Kind.FORWARD,
    "forward_file": Draft.Kind.FORWARD,
}


# ── Beginning ───────────────────────────────────────────────────────────────
@access.member
@require_POST
def write(request: MemberRequest) -> HttpResponse:
    """Begin a new message, from the account at hand or the one that opens first."""
    chosen = access.number_in(request.POST.get("account", ""))
    account: MailAccount | None
    account = (
        list_context.default_account(request)
        if chosen is None
        else own_account(request, chosen, "outgoing_server")
    )
    if account is None:
        messages.info(request, _("Connect an account first. Then you can write from it."))
        return redirect(org_url(request, "connect"))
    try:
        begun = draft_creation.create_draft(request.membership, account)
    except NoRoom as full:
        return _no_room(request, account, full)
    return redirect(org_url(request, "draft", begun.draft.pk))


def _no_room(request: MemberRequest, account: MailAccount, full: NoRoom) -> HttpResponse:
    """To the drafts, of which some have to go first."""
    messages.error(request, full.sentence)
    return redirect(org_url(request, "drafts", account.pk))


@access.member
@require_POST
def answer(request: MemberRequest, message: int) -> HttpResponse:
    """Reply, reply to all or forward, as `kind` says."""
    original = visible(request, message)
    kind = request.POST.get("kind", "")
    if kind not in KINDS:
        raise Http404
    account = own_account(request, original.account_id)
    try:
        begun = draft_creation.create_draft(
            request.membership, account, KINDS[kind], original, as_file=kind == "forward_file"
        )
    except DraftError as error:
        messages.error(request, " ".join(error.errors[""]))
        return redirect(org_url(request, "message", original.pk))
    except NoRoom as full:
        return _no_room(request, account, full)
    if begun.is_whole:
        messages.info(request, _("This message is too long to be quoted. It goes along as a file."))
    if begun.people > MESSAGE_RECIPIENTS:
        limits = {"count": begun.people, "limit": MESSAGE_RECIPIENTS}
        messages.warning(
            request,
            _(
                "This would go to %(count)s people, and a message can go to %(limit)s at most."
                " Take some of them out, or send several messages."
            )
            % limits,
        )
    if begun.left_out:
        words = {"names": ", ".join(begun.left_out)[:300]}
        messages.warning(request, _("Too large to go along: %(names)s. The rest is here.") % words)
    return redirect(org_url(request, "draft", begun.draft.pk))


# ── The page ────────────────────────────────────────────────────────────────
@access.member
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: MemberRequest, draft: int) -> HttpResponse:
    """One draft. Without script its form saves, attaches and sends by itself."""
    row = drafts.find_draft(request.membership, draft)
    if row is None:
        return _gone(request)
    if request.method != "POST":
        return render_draft(request, row)
    try:
        return _act(request, _save(request, row))
    except Conflict as conflict:
        return render_draft(
            request,
            draft_page.typed(request, row),
            errors={"": [draft_page.changed()]},
            version=conflict.current.version,
            status=409,
        )
    except DraftError as error:
        return render_draft(request, draft_page.typed(request, row), errors=error.errors, status=422)
    except Draft.DoesNotExist:
        raise Http404 from None


def _save(request: MemberRequest, row: Draft) -> Draft:
    """Keep what the form holds. Raises Conflict, DraftError; Draft.DoesNotExist when it was deleted meanwhile."""
    fields = forms.read_fields(request.membership, request.POST, draft_page.pictures(request, row))
    drafts.save(row, forms.version(request.POST), fields)
    saved = drafts.find_draft(request.membership, row.pk)
    if saved is None:
        raise Draft.DoesNotExist
    return saved


def _act(request: MemberRequest, row: Draft) -> HttpResponse:
    """What the button says, once all is saved."""
    act = request.POST.get("act", "save")
    if (file := access.number_in(request.POST.get("remove", ""))) is not None:
        attachments.remove(row, file)
        return redirect(org_url(request, "draft", row.pk))
    if request.POST.get("due_choice") or act in ("send", "later"):
        return _send(request, row, is_later=act != "send" or bool(request.POST.get("due_choice")))
    if request.POST.get("template"):
        return _use_template(request, row)
    if act == "keep_template":
        return _keep_template(request, row)
    if act == "switch":
        drafts.switch(row)
    elif act == "attach":
        try:
            draft_attachments.attach(row, request.FILES.getlist("file"))
        except FileError as error:
            return render_draft(request, row, errors={"files": [str(error.sentence)]}, status=422)
    else:
        messages.success(request, _("Draft saved."))
    return redirect(org_url(request, "draft", row.pk))


def _use_template(request: MemberRequest, row: Draft) -> HttpResponse:
    """Put a template into the draft."""
    own = MessageTemplate.objects.visible_to(request.membership)
    template = get_object_or_404(own, pk=access.number_in(request.POST["template"]))
    try:
        template_insertion.insert_template(request.membership, row, template)
    except FileError as error:
        return render_draft(
            request,
            draft_attachments.own_draft(request, row.pk),
            errors={"files": [str(error.sentence)]},
            status=422,
        )
    except PlaceholderError:
        said = _("A placeholder of this template stands for nothing any more. Correct the template first.")
        return render_draft(request, row, errors={"template": [said]}, status=422)
    return redirect(org_url(request, "draft", row.pk))


def _keep_template(request: MemberRequest, row: Draft) -> HttpResponse:
    """Make a template of the draft."""
    name = request.POST.get("template_name", "")[:200]
    try:
        templates.save_draft_as(request.membership, row, name)
    except TemplateError as error:
        return render_draft(request, row, errors={"template": [str(error.sentence)]}, status=422)
    messages.success(request, _("Saved as a template."))
    return redirect(org_url(request, "draft", row.pk))


@access.member
@require_POST
def draft_save(request: MemberRequest, draft: int) -> HttpResponse:
    """Save as one types; answers with the new version, or with what is in the way."""
    row = drafts.find_draft(request.membership, draft)
    if row is None:
        return JsonResponse({"error": draft_page.is_gone()}, status=404)
    try:
        saved = _save(request, row)
    except Conflict as conflict:
        return JsonResponse({"error": draft_page.changed(), "version": conflict.current.version}, status=409)
    except DraftError as error:
        return JsonResponse({"errors": error.errors}, status=422)
    except Draft.DoesNotExist:
        return JsonResponse({"error": draft_page.is_gone()}, status=404)
    time = time_of_day(timezone.now())
    return JsonResponse(
        {
            "version": saved.version,
            "saved": _("Saved %(time)s") % {"time": time},
            "signature": saved.signature_id or "",
            "signatures": [[each.pk, each.name] for each in saved.account.signatures.all()],
        }
    )


@access.member
@require_safe
def draft_below(request: MemberRequest, draft: int) -> HttpResponse:
    """What follows the text when it goes out: signature, quote, last words; for a sandboxed frame."""
    row = drafts.find_draft(request.membership, draft)
    if row is None:
        raise Http404
    row.html, row.text = "", ""
    if row.is_plain:
        inner, is_paper = rendering.render_text(letter.plain_of(row), is_flowed=False), False
    else:
        known = draft_page.embedded(row)
        shown = rendering.render_html(letter.html_of_draft(row), show_remote=False, cid_url=known)
        inner, is_paper = shown.html, shown.is_paper
    response = HttpResponse(
        rendering.document(
            inner,
            css_url=static("mailhub/css/message_frame.css"),
            lang=get_language() or "en",
            paper=is_paper,
        )
    )
    response["Content-Security-Policy"] = rendering.BODY_CSP
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


@access.member
@require_http_methods(["GET", "HEAD", "POST"])
def draft_delete(request: MemberRequest, draft: int) -> HttpResponse:
    """Delete a draft, after a page that asks."""
    row = draft_attachments.own_draft(request, draft)
    if request.method != "POST":
        return render(request, "mail/draft_delete.html", {"draft": row, "account": row.account})
    row.delete()
    messages.success(request, _("Draft deleted."))
    return redirect(org_url(request, "drafts", row.account_id))


@access.member
@require_safe
def drafts_of(request: MemberRequest, account: int) -> HttpResponse:
    """What is being written from an account, the newest first."""
    return draft_page.show_list(request, own_account(request, account, "outgoing_server"))


@access.member
@require_safe
def write_contacts(request: MemberRequest) -> HttpResponse:
    """Suggestions for what is being typed into To, Cc or Bcc."""
    found = contacts.suggest(request.membership, request.GET.get("q", "")[:100])
    response = JsonResponse({"contacts": [{"name": name, "address": address} for name, address in found]})
    response["Cache-Control"] = "private, no-store"
    return response


# ── Sending ─────────────────────────────────────────────────────────────────
def _send(request: MemberRequest, row: Draft, *, is_later: bool) -> HttpResponse:
    try:
        due_at = (
            forms.due_at(request.POST.get("due_choice") or request.POST.get("due", "")) if is_later else None
        )
        outgoing = drafts.send(row, due_at)
    except DraftError as error:
        return render_draft(request, row, errors=error.errors, status=422)
    tasks.schedule_sending(outgoing)
    contacts.forget(request.membership)
    messages.success(request, _undoable(request, outgoing, is_later=is_later))
    return _back(request, row)


def _undoable(request: MemberRequest, outgoing: OutgoingMessage, *, is_later: bool) -> SafeString:
    """What happens now, with a button to undo it."""
    said = _("Sending…")
    if is_later:
        said = _("Goes out %(moment)s.") % {"moment": full_date(outgoing.due_at)}
    # A button of the form that `mail/panes.html` has.
    button = '<span>{}</span> <button class="btn" type="submit" form="take-back" formaction="{}">{}</button>'
    address = org_url(request, "outgoing_take_back", outgoing.pk)
    return format_html(button, said, address, _("Undo"))


def _back(request: MemberRequest, row: Draft) -> HttpResponse:
    """To the list that the letter began in."""
    if row.original is not None and row.original.account_id == row.account_id:
        return redirect(org_url(request, "folder", row.original.folder_id))
    return redirect(org_url(request, "mail_account", row.account_id))


def _gone(request: MemberRequest) -> HttpResponse:
    """The draft is no longer there: its message may have gone to the outbox with the first of two clicks."""
    key = request.POST.get("key", "")
    sent = OutgoingMessage.objects.visible_to(request.membership)
    if request.method == "POST" and draft_page.is_key(key) and (row := sent.filter(key=key).first()):
        return redirect(org_url(request, "mail_account", row.account_id))
    raise Http404


@access.member
@require_POST
def outgoing_take_back(request: MemberRequest, outgoing: int) -> HttpResponse:
    """Send it no more and open it again; too late, its page tells what has become of it."""
    own = OutgoingMessage.objects.visible_to(request.membership)
    found = get_object_or_404(own.exclude(state=OutgoingMessage.State.CANCELLED), pk=outgoing)
    try:
        row = drafts.take_back(found)
    except TooLate as late:
        messages.warning(request, f"{late.sentence} {late.remedy}")
        return redirect(org_url(request, "outgoing", found.pk))
    messages.success(request, _("Taken back. It is a draft again."))
    return redirect(org_url(request, "draft", row.pk))
