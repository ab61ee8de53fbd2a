"""How accounts are fetched: one account's settings, and what an organization's new accounts begin with."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import org_url
from fetching.connect.services import change_defaults, change_settings
from fetching.connect.settings_forms import FetchSettingsForm, RulesForm
from fetching.models import FetchRules
from fetching.scheduler import claims
from fetching.status import deletion_preview
from fetching.status.account_status import provider_name
from fetching.views import page_contexts
from fetching.views.account_pages import own_account, start_fetch

CONFIRM_PAGE = "settings/accounts/confirm_remote_delete.html"
DEFAULTS_PAGE = "console/fetching.html"
_DELETING = ("delete_policy", "delete_after_days")


# ── One account ─────────────────────────────────────────────────────────────
@access.member
@require_http_methods(["GET", "HEAD", "POST"])
def fetch_settings(request: MemberRequest, account: int) -> HttpResponse:
    """Save fetch settings; a rule that deletes more at the provider than before wants a second yes (R20).

    Posted again with `sure`: all of it; with `keep`: all but the rule.
    """
    mail_account = own_account(request, account)
    here = f"{org_url(request, 'mail_account_edit', account)}#fetching"
    if request.method != "POST":
        return redirect(here)
    form = FetchSettingsForm(request.POST, account=mail_account)
    if not form.is_valid():
        context = page_contexts.edit_context(request, mail_account, rules_form=form)
        return render(request, page_contexts.EDIT_PAGE, context, status=422)
    values = form.values()
    if "keep" in request.POST:
        values = {name: value for name, value in values.items() if name not in _DELETING}
    elif "sure" not in request.POST and (asked := deletion_preview.preview_deletions(mail_account, values)):
        return _ask(request, mail_account, asked)
    change_settings(mail_account, request.user, values)
    _go_on(mail_account, values)
    messages.success(request, _("Saved."))
    return redirect(here)


def _ask(
    request: MemberRequest, account: MailAccount, asked: deletion_preview.DeletionPreview
) -> HttpResponse:
    """The page between: what would go, and all that was chosen once more."""
    hidden = [(name, value) for name, value in request.POST.items() if name != "csrfmiddlewaretoken"]
    context = {
        "account": account,
        "asked": asked,
        "hidden": hidden,
        "provider": provider_name(account),
        "has_twin": deletion_preview.twins(account).exists(),
    }
    return render(request, CONFIRM_PAGE, context)


def _go_on(account: MailAccount, values: dict[str, Any]) -> None:
    """An account that could not leave mail at the provider may begin once it need not."""
    is_stopped = account.fetch_state.error_code == "uidl_missing"
    if is_stopped and values.get("delete_policy") == FetchRules.Delete.AFTER_STORING:
        claims.resume(account.pk)
        start_fetch(account)


# ── All new ones ────────────────────────────────────────────────────────────
@access.admin
@require_http_methods(["GET", "HEAD", "POST"])
def fetch_defaults(request: MemberRequest) -> HttpResponse:
    """What new accounts of the organization begin with."""
    organization = request.membership.organization
    form = RulesForm(request.POST or None, organization=organization)
    if request.method == "POST" and form.is_valid():
        change_defaults(request.membership, form.values())
        messages.success(request, _("Saved. New accounts begin with this."))
        return redirect(org_url(request, "fetch_defaults"))
    status = 422 if request.method == "POST" else 200
    return render(request, DEFAULTS_PAGE, {"form": form}, status=status)
