"""The contexts of the connect page and of an account's settings page: a form, and its test beside it."""

from __future__ import annotations

from typing import Any

from django.conf import settings as site
from django.utils.translation import ngettext

from accounts.access import MemberRequest
from accounts.formats import number
from accounts.models import MailAccount, Membership
from accounts.models.mail_accounts import COLORS
from accounts.providers import lookup
from accounts.requests import org_url
from accounts.servers import probe_messages, probes
from fetching.connect import probe as fetch_probe
from fetching.connect.account_forms import AccountForm, ConnectForm, ServerForm, initial_of
from fetching.connect.settings_forms import FetchSettingsForm
from fetching.status import account_status, deletion_preview
from fetching.views import probe_result
from fetching.views.account_pages import head_context

CONNECT_PAGE = "settings/accounts/connect.html"
CONNECT_FORM = "settings/accounts/_connect_form.html"
EDIT_PAGE = "settings/accounts/edit.html"
SERVER_FORM = "settings/accounts/_server_form.html"
RESULT = "settings/accounts/_result.html"


def test_id(text: str) -> str:
    """The text if it can be the id of a test, else ""."""
    return text if probes.is_id(text) else ""


def result_of(membership: Membership, test: str, asked_since: float = 0) -> probe_result.ProbeResult | None:
    """What to show of a test; None when there is no such test (any more).

    `asked_since` is when the page began to ask (0: just now).
    """
    tested = fetch_probe.settings_of(test, membership)
    probe = fetch_probe.result(test, membership) if tested else None
    if not probe or not tested:
        return None
    return probe_result.describe_result(probe_messages.unless_lost(probe, asked_since), tested, membership)


def connect_context(request: MemberRequest, form: ConnectForm, test: str = "") -> dict[str, Any]:
    """The page for a new account."""
    chosen = str(form["provider"].value() or "")
    return {
        "form": form,
        "test": test,
        "test_url": org_url(request, "connect_test"),
        "result": result_of(request.membership, test),
        "limit_words": limit_words(limit) if (limit := limit_reached(request.membership)) else "",
        "tiles": lookup.TILES,
        "presets": lookup.PROVIDERS,
        "chosen": chosen,
        "preset": lookup.by_slug(chosen),
        "demo": site.MAILHUB_DEMO_MAILBOX,
    }


def edit_context(
    request: MemberRequest,
    account: MailAccount,
    *,
    form: AccountForm | None = None,
    server_form: ServerForm | None = None,
    rules_form: FetchSettingsForm | None = None,
    test: str = "",
) -> dict[str, Any]:
    """The settings page of an account: how it is called (`form`), reached (`server_form`) and fetched."""
    initial = initial_of(account)
    tested = fetch_probe.settings_of(test, request.membership)
    if tested:
        initial |= {name: tested[name] for name in ("host", "port", "encryption", "username")}
    head = head_context(account)
    if server_form is None:
        server_form = ServerForm(membership=request.membership, account=account, initial=initial)
    if head["status"].kind == account_status.StatusKind.PASSWORD:
        server_form.fields["password"].widget.attrs["autofocus"] = True
    return {
        **head,
        "account_form": form or AccountForm(initial=initial),
        "form": server_form,
        "rules_form": rules_form or FetchSettingsForm(account=account),
        "has_twin": deletion_preview.twins(account).exists(),
        "cannot_leave_mail": account.fetch_state.error_code == "uidl_missing",
        "colors": COLORS,
        "preset": lookup.by_slug(account.provider),
        "test": test,
        "test_url": org_url(request, "mail_account_test", account.pk),
        "result": result_of(request.membership, test),
    }


def limit_reached(membership: Membership) -> int:
    """The plan's number of accounts when all of them exist, else 0."""
    limit = membership.organization.mail_account_limit
    count = MailAccount.objects.filter(organization=membership.organization_id, removing_until=None).count()
    return limit if count >= limit else 0


def limit_words(limit: int) -> str:
    """That no further account is allowed."""
    return ngettext(
        "The plan of your organization allows %(count)s mail account, and it exists already.",
        "The plan of your organization allows %(count)s mail accounts, and they all exist already.",
        limit,
    ) % {"count": number(limit)}
