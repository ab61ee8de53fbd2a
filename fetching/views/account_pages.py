"""What the pages of this app share: one's own account, the head of its pages, starting a fetch, going back."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRefresh

from accounts import requests
from accounts.access import MemberRequest
from accounts.formats import date_and_time
from accounts.models import MailAccount
from fetching import tasks
from fetching.models import FetchState
from fetching.scheduler import claims
from fetching.status import account_status, missing_messages


def own_account(request: MemberRequest, account_id: int) -> MailAccount:
    """The member's own account with its fetch state and settings, or 404."""
    return requests.own_account(request, account_id, "fetch_state", "fetch_settings")


def head_context(account: MailAccount) -> dict[str, Any]:
    """What the head of every page about one account shows: how it stands, and how much of its mail is not here."""
    return {
        "account": account,
        "status": account_status.status_of(account, account_status.outages([account])),
        "missing_messages": missing_messages.missing_counts([account]).get(account.pk, 0),
    }


def start_fetch(account: MailAccount) -> bool:
    """Claim the account and queue its fetch for after the commit; False when that is not possible now."""
    claim = claims.claim_now(account.organization_id, account.pk)
    if claim is None:
        return False
    # Robust: without the broker the claim runs out, and the clock finds the account due.
    transaction.on_commit(partial(tasks.queue, claim), robust=True)
    return True


def why_not_now(account: MailAccount) -> str:
    """Why `start_fetch` was refused just now, and what to do."""
    state, name = FetchState.objects.get(account=account), {"name": account.name}
    if state.status == FetchState.Status.PAUSED:
        return _("“%(name)s” is paused. Resume it to fetch its mail.") % name
    if state.is_fetching:
        return _("Mail of “%(name)s” is being fetched already.") % name
    if state.not_before and state.not_before > timezone.now():
        return _("Your provider allows the next fetch at %(when)s.") % {
            "when": date_and_time(state.not_before)
        }
    if claims.is_mailbox_open(state):
        return _("Another account is fetching this mailbox at the moment. Try again in a minute.")
    return _("All connections are in use. “%(name)s” is next: its fetch starts by itself.") % name


def back(request: MemberRequest) -> HttpResponse:
    """To the page the button was on; to the cards when that is not known."""
    if requests.is_htmx(request):
        return HttpResponseClientRefresh()
    came_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        came_from = requests.org_url(request, "accounts")
    return HttpResponseRedirect(came_from)
