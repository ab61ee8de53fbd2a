"""Away replies in the settings: what they will do, in a sentence, and switching them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import is_htmx, org_url, own_account
from sending.forms.vacation import AwayForm
from sending.identities import identities
from sending.models import VacationReply
from sending.vacation import replies as vacation_replies
from sending.vacation import summary
from sending.vacation.summary import VacationSummary

FORM_METHODS: Final = ["GET", "HEAD", "POST"]


@dataclass(frozen=True, slots=True)
class VacationRow:
    """One account, and what its away reply does now."""

    account: MailAccount
    said: VacationSummary
    can_send: bool


# ── The list ────────────────────────────────────────────────────────────────
@access.member
@require_safe
def away(request: MemberRequest) -> HttpResponse:
    """Account by account."""
    accounts = _accounts(request)
    replies = {each.pk: each for each in VacationReply.objects.filter(account__in=accounts)}
    able = identities.can_send(accounts)
    rows = [
        VacationRow(
            account,
            _said(request, summary.values_of(replies.get(account.pk) or VacationReply()), account),
            account.pk in able,
        )
        for account in accounts
    ]
    return render(request, "settings/writing/vacation.html", {"rows": rows})


def _accounts(request: MemberRequest) -> list[MailAccount]:
    return list(MailAccount.objects.visible_to(request.membership).order_by("position", "pk"))


def _said(request: MemberRequest, values: dict[str, object], account: MailAccount | None) -> VacationSummary:
    organization = request.membership.organization.name
    return summary.summarize(values, address=account.email if account else "", organization=organization)


# ── One account, or all of them ─────────────────────────────────────────────
@access.member
@require_http_methods(FORM_METHODS)
def away_account(request: MemberRequest, account: int) -> HttpResponse:
    """The reply of one account."""
    mail_account = own_account(request, account, "outgoing_server")
    return _edit(request, [mail_account], mail_account)


@access.member
@require_http_methods(FORM_METHODS)
def away_all(request: MemberRequest) -> HttpResponse:
    """The same reply for all of one's accounts."""
    accounts = _accounts(request)
    return _edit(request, accounts, None) if accounts else redirect(org_url(request, "away"))


def _edit(request: MemberRequest, accounts: list[MailAccount], account: MailAccount | None) -> HttpResponse:
    kept = VacationReply.objects.filter(account__in=accounts).order_by("-is_on", "account__position", "pk")
    reply = kept.first()
    form = AwayForm(request.POST or None, reply=reply)
    zone = timezone.get_current_timezone_name()
    if request.method == "POST" and form.is_valid():
        vacation_replies.change_settings(accounts, request.user, form.values(zone))
        is_on = form.cleaned_data["is_on"]
        messages.success(request, _("The away reply is on.") if is_on else _("The away reply is off."))
        return redirect(org_url(request, "away"))
    able = identities.can_send(accounts)
    context = {
        "form": form,
        "account": account,
        "zone": zone,
        "said": _said(request, summary.values_of(reply), account) if reply else None,
        "unable": [each for each in accounts if each.pk not in able],
    }
    status = 422 if form.errors else 200
    return render(request, "settings/writing/vacation_edit.html", context, status=status)


@access.member
@require_POST
def away_sentence(request: MemberRequest) -> HttpResponse:
    """What the form would do if it were saved now, for the page to show while one chooses."""
    if not is_htmx(request):
        return redirect(org_url(request, "away"))
    chosen = access.number_in(request.POST.get("about", ""))
    account = own_account(request, chosen, "outgoing_server") if chosen is not None else None
    form = AwayForm(request.POST)
    form.is_valid()
    said = None
    if not set(form.errors) - {"text", "members_text", "subject", "also_addresses"}:
        said = _said(request, form.values(timezone.get_current_timezone_name()), account)
    return render(request, "settings/writing/_vacation_summary.html", {"said": said, "is_typed": True})
