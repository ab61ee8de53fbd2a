"""Templates in the settings: one's own, and those that are shared with the organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.requests import org_url
from sending.compose import templates as services
from sending.compose.templates import TemplateError
from sending.forms.signatures_and_templates import TemplateForm
from sending.message.placeholders import NAMES
from sending.models import MessageTemplate
from sending.views.text_preview import samples

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

FORM_METHODS: Final = ["GET", "HEAD", "POST"]
MEANINGS: Final[dict[str, _StrPromise]] = {
    "name": gettext_lazy("Name of the recipient"),
    "first_name": gettext_lazy("First name of the recipient"),
    "email": gettext_lazy("Address of the recipient"),
    "date": gettext_lazy("Today's date"),
    "subject": gettext_lazy("Subject of the message that is answered"),
    "my_name": gettext_lazy("Your name"),
    "my_first_name": gettext_lazy("Your first name"),
    "my_email": gettext_lazy("Your address"),
    "organization": gettext_lazy("Name of the organization"),
}


# ── The list ────────────────────────────────────────────────────────────────
@access.member
@require_safe
def message_templates(request: MemberRequest) -> HttpResponse:
    """Own ones, then those of others."""
    rows = MessageTemplate.objects.visible_to(request.membership).select_related("owner", "account")
    rows = rows.annotate(files_count=Count("files")).defer("html", "text")
    own = [row for row in rows if row.owner_id == request.user.pk]
    shared = [row for row in rows if row.owner_id != request.user.pk]
    return render(request, "settings/writing/templates.html", {"own": own, "shared": shared})


# ── One of them ─────────────────────────────────────────────────────────────
@access.member
@require_http_methods(FORM_METHODS)
def message_template_new(request: MemberRequest) -> HttpResponse:
    """A new one."""
    return _edit(request, None)


@access.member
@require_http_methods(FORM_METHODS)
def message_template_edit(request: MemberRequest, template: int) -> HttpResponse:
    """Change one's own; what others share can be looked at only."""
    row = _visible(request, template)
    if row.owner_id == request.user.pk:
        return _edit(request, row)
    if request.method == "POST":
        raise Http404
    context = {"row": row, "may_delete": request.membership.is_admin, "files": row.files.defer("data")}
    return render(request, "settings/writing/template_shared.html", context)


def _visible(request: MemberRequest, template: int) -> MessageTemplate:
    rows = MessageTemplate.objects.visible_to(request.membership).select_related("owner", "account")
    return get_object_or_404(rows, pk=template)


def _edit(request: MemberRequest, template: MessageTemplate | None) -> HttpResponse:
    form = TemplateForm(
        request.POST or None, request.FILES or None, membership=request.membership, template=template
    )
    if request.method == "POST" and form.is_valid() and _save(request, template, form):
        messages.success(request, _("Saved."))
        return redirect(org_url(request, "message_templates"))
    values = samples(request)
    words = [(f"{{{{ {name} }}}}", MEANINGS[name], getattr(values, name)) for name in NAMES]
    context = {"form": form, "template": template, "placeholders": words}
    status = 422 if form.errors else 200
    return render(request, "settings/writing/template.html", context, status=status)


def _save(request: MemberRequest, template: MessageTemplate | None, form: TemplateForm) -> bool:
    data = form.cleaned_data
    try:
        with transaction.atomic():
            row = services.save(request.membership, template, data)
            row.files.filter(pk__in=data["remove"]).delete()
            for file in data["attachments"]:
                services.add_file(
                    row, filename=file.name, content_type=file.content_type or "", data=file.read()
                )
    except TemplateError as error:
        form.add_error("attachments" if error.field == "files" else error.field, str(error.sentence))
        return False
    return True


@access.member
@require_http_methods(FORM_METHODS)
def message_template_delete(request: MemberRequest, template: int) -> HttpResponse:
    """Delete one's own, or as an admin one that is shared; after a page that says what that means."""
    may = Q(owner=request.user)
    if request.membership.is_admin:
        may |= Q(is_shared=True)
    row = get_object_or_404(MessageTemplate.objects.visible_to(request.membership).filter(may), pk=template)
    page = org_url(request, "message_templates")
    if request.method == "POST":
        row.delete()
        messages.success(request, _("“%(name)s” is deleted.") % {"name": row.name})
        return redirect(page)
    words = _("Nobody in the organization can begin with it any more.") if row.is_shared else ""
    context = {
        "name": row.name,
        "page": page,
        "page_name": _("Templates"),
        "words": words or _("You cannot begin with it any more."),
    }
    return render(request, "settings/writing/delete.html", context)
