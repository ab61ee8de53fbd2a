"""Why is this message not here? Everything an account's provider has that Mailhub has not, and another try for it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.formats import number
from accounts.requests import org_url
from fetching.connect import services
from fetching.models import FetchState
from fetching.status import missing_messages
from fetching.views.account_pages import head_context, own_account


@access.member
@require_safe
def fetch_missing(request: MemberRequest, account: int) -> HttpResponse:
    """All reasons with their newest messages; `?reason=` one of them, `?before=` a message's id for older ones."""
    mail_account = own_account(request, account)
    reason = request.GET.get("reason", "")
    reason = reason if reason in missing_messages.REASONS else ""
    before = access.number_in(request.GET.get("before", ""))
    context = {
        **head_context(mail_account),
        "groups": missing_messages.missing_groups(mail_account, reason, before),
        "reason": reason,
        "is_first_page": before is None,
        "has_looked": mail_account.fetch_state.last_success_at is not None,
    }
    return render(request, "settings/accounts/missing_messages.html", context)


@access.member
@require_POST
def fetch_retry(request: MemberRequest, account: int) -> HttpResponse:
    """Another try with the next fetch: of one `message`, or of all that are not here for a `reason`."""
    mail_account = own_account(request, account)
    key, reason = access.number_in(request.POST.get("message", "")), request.POST.get("reason", "")
    if key is not None:
        count = services.retry(mail_account, missing_messages.missing_messages(mail_account).filter(pk=key))
    elif reason in missing_messages.REASONS:
        count = services.retry(mail_account, missing_messages.missing_messages(mail_account, reason))
    else:
        count = 0
    messages.info(
        request, _retried(count, is_paused=mail_account.fetch_state.status == FetchState.Status.PAUSED)
    )
    return redirect(org_url(request, "fetch_missing", account))


def _retried(count: int, *, is_paused: bool) -> str:
    if not count:
        return _("There is nothing to try again. It may have been fetched meanwhile.")
    if is_paused:
        text = ngettext(
            "%(count)s message is fetched once you resume the account.",
            "%(count)s messages are fetched once you resume the account.",
            count,
        )
    else:
        text = ngettext(
            "%(count)s message is tried again with the next fetch.",
            "%(count)s messages are tried again with the next fetch.",
            count,
        )
    return text % {"count": number(count)}
