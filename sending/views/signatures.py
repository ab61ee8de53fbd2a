"""Signatures in the settings, and the organization's last words in the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import org_url, own_account
from sending.compose import signatures as services
from sending.compose.signatures import SignatureError
from sending.forms.signatures_and_templates import DisclaimerForm, SignatureForm
from sending.models import Disclaimer, Identity, Signature

FORM_METHODS: Final = ["GET", "HEAD", "POST"]


@dataclass(frozen=True, slots=True)
class SignatureRow:
    """One signature in the list, and which addresses begin with it."""

    signature: Signature
    words: str
    new: list[str]
    reply: list[str]


# ── The list ────────────────────────────────────────────────────────────────
@access.member
@require_safe
def signatures(request: MemberRequest) -> HttpResponse:
    """All of them, account by account."""
    accounts = MailAccount.objects.visible_to(request.membership).prefetch_related("signatures", "identities")
    rows = [(account, [_row(each, account) for each in account.signatures.all()]) for account in accounts]
    return render(request, "settings/writing/signatures.html", {"accounts": rows})


def _row(signature: Signature, account: MailAccount) -> SignatureRow:
    own = list(account.identities.all())
    return SignatureRow(
        signature,
        " · ".join(line for line in services.render(signature, html=False).split("\n") if line.strip())[:200],
        [each.address for each in own if each.signature_new_id == signature.pk],
        [each.address for each in own if each.signature_reply_id == signature.pk],
    )


# ── One of them ─────────────────────────────────────────────────────────────
@access.member
@require_http_methods(FORM_METHODS)
def signature_new(request: MemberRequest, account: int) -> HttpResponse:
    """A new one for an account; its addresses without any begin with it unless it is unticked."""
    mail_account = own_account(request, account, "outgoing_server")
    form = SignatureForm(request.POST or None, account=mail_account, signature=None)
    bare = Identity.objects.filter(account=mail_account)
    form.initial["new"] = list(bare.filter(signature_new=None).values_list("pk", flat=True))
    form.initial["reply"] = list(bare.filter(signature_reply=None).values_list("pk", flat=True))
    return _edit(request, mail_account, None, form)


@access.member
@require_http_methods(FORM_METHODS)
def signature_edit(request: MemberRequest, signature: int) -> HttpResponse:
    """Change one."""
    row = _own(request, signature)
    form = SignatureForm(request.POST or None, account=row.account, signature=row)
    return _edit(request, row.account, row, form)


def _own(request: MemberRequest, signature: int) -> Signature:
    rows = Signature.objects.visible_to(request.membership).select_related("account__organization")
    return get_object_or_404(rows, pk=signature)


def _edit(
    request: MemberRequest, account: MailAccount, signature: Signature | None, form: SignatureForm
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                kept = {name: data[name] for name in ("name", "html", "text", "place")}
                saved = services.save(account, signature, **kept)
                services.assign(saved, new=data["new"], reply=data["reply"])
        except SignatureError as error:
            form.add_error(None, str(error.sentence))
        else:
            messages.success(request, _("Saved."))
            return redirect(org_url(request, "signatures"))
    context = {"form": form, "account": account, "signature": signature}
    status = 422 if form.errors else 200
    return render(request, "settings/writing/signature.html", context, status=status)


@access.member
@require_http_methods(FORM_METHODS)
def signature_delete(request: MemberRequest, signature: int) -> HttpResponse:
    """Delete one, after a page that says what that means."""
    row = _own(request, signature)
    page = org_url(request, "signatures")
    if request.method == "POST":
        row.delete()
        messages.success(request, _("“%(name)s” is deleted.") % {"name": row.name})
        return redirect(page)
    context = {
        "name": row.name,
        "page": page,
        "page_name": _("Signatures"),
        "words": _("Messages that you begin from now on go without it. What was sent stays as it is."),
    }
    return render(request, "settings/writing/delete.html", context)


# ── The organization's last words ───────────────────────────────────────────
@access.admin
@require_http_methods(FORM_METHODS)
def disclaimer(request: MemberRequest) -> HttpResponse:
    """What stands below every message of every member."""
    row = Disclaimer.objects.filter(organization=request.membership.organization).first()
    initial = {"is_on": row.is_on, "html": row.html or row.text, "text": row.text} if row else {}
    form = DisclaimerForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_disclaimer(request.membership, **form.cleaned_data)
        except SignatureError as error:
            form.add_error(None, str(error.sentence))
        else:
            messages.success(request, _("Saved."))
            return redirect(org_url(request, "disclaimer"))
    status = 422 if form.errors else 200
    return render(request, "settings/writing/disclaimer.html", {"form": form, "row": row}, status=status)
