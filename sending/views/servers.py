"""How an account's mail goes out: fill in, test, save what was tested; or send through Mailhub."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, retarget

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import is_htmx, org_url, own_account
from accounts.servers import probes
from accounts.servers.failures import MailError, describe
from sending import tasks
from sending.forms.servers import ServerForm, initial_of
from sending.identities import identities, server_guess, servers
from sending.identities import probe as send_probe
from sending.models import Identity
from sending.views import probe_result, verification_codes

PAGE: Final = "settings/sending/server.html"
FORM: Final = "settings/sending/_server_form.html"
RESULT: Final = "settings/sending/_result.html"


# ── The page ────────────────────────────────────────────────────────────────
@access.member
@require_safe
def sending_server(request: MemberRequest, account: int) -> HttpResponse:
    """The settings; with `?new=1` as a step of connecting, with `?test=` how that test stands."""
    mail_account = own_account(request, account, "outgoing_server")
    return render(request, PAGE, _context(request, mail_account))


def _context(request: MemberRequest, account: MailAccount, form: ServerForm | None = None) -> dict[str, Any]:
    test = _test_id(request.GET.get("test", ""))
    tested = send_probe.settings_of(test, request.membership) if test else None
    initial = initial_of(account)
    if tested and tested["account"] == account.pk:
        names = ("host", "port", "encryption", "login", "username")
        # Typed once is typed: all but the password comes back.
        initial |= {name: tested[name] for name in names}
    server, suggestion = servers.server_of(account), server_guess.guess_server(account)
    own = sender_of(account)
    return {
        "account": account,
        "server": server,
        "is_settled": servers.is_set_up(server),
        "failure": describe(server.error_code) if server and server.paused_since else None,
        "suggestion": suggestion,
        "has_relay": servers.relay() is not None,
        "through": _through(request, account, suggestion),
        "form": form or ServerForm(account=account, initial=initial),
        "own": own,
        "unproven": identities.unproven(own) if own else [],
        "is_new": _is_new(request),
        "suffix": _suffix(request),
        "test": test,
        "result": probe_result.result_of_test(request.membership, account.pk, test),
    }


def _through(request: MemberRequest, account: MailAccount, suggestion: server_guess.ServerGuess) -> str:
    """Which of the two ways the page shows: "server" or "mailhub"."""
    if servers.relay() is None:
        return "server"
    asked, server = request.GET.get("through", ""), servers.server_of(account)
    if asked in ("server", "mailhub"):
        return asked
    is_relay = suggestion.own_network if server is None else not server.is_custom
    return "mailhub" if is_relay else "server"


def sender_of(account: MailAccount) -> Identity | None:
    """The address that is tested and proven: the account's own."""
    own = list(account.identities.select_related("account__outgoing_server"))
    return next((each for each in own if identities.is_own(each)), own[0] if own else None)


def _is_new(request: MemberRequest) -> bool:
    return "1" in (request.GET.get("new"), request.POST.get("new"))


def _suffix(request: MemberRequest) -> str:
    return "?new=1" if _is_new(request) else ""


def _test_id(text: str) -> str:
    return text if probes.is_id(text) else ""


# ── The test ────────────────────────────────────────────────────────────────
@access.member
@require_POST
def sending_test(request: MemberRequest, account: int) -> HttpResponse:
    """Test the settings, in a worker."""
    mail_account = own_account(request, account, "outgoing_server")
    form = ServerForm(request.POST, account=mail_account)
    test = _start(request, mail_account, form)
    if test and is_htmx(request):
        return _show_result(request, account, test)
    if test:
        new = "&new=1" if _is_new(request) else ""
        return redirect(f"{org_url(request, 'sending_server', account)}?test={test}{new}#result")
    context = _context(request, mail_account, form) | {"through": "server"}
    if not is_htmx(request):
        return render(request, PAGE, context, status=422)
    # htmx leaves the page alone on a 4xx; the form goes where the form was, not into the result's place.
    return reswap(retarget(render(request, FORM, context), "#sending-form"), "outerHTML")


def _start(request: MemberRequest, account: MailAccount, form: ServerForm) -> str:
    """The id of the test that was ordered; "" when the form has errors (now)."""
    sender = sender_of(account)
    if not form.is_valid() or sender is None:
        return ""
    try:
        test = send_probe.start(request.membership, form.settings(sender.address))
    except MailError as error:
        form.add_error(None, f"{error.sentence} {error.remedy}")
        return ""
    transaction.on_commit(partial(tasks.probe.delay, test))
    return test


@access.member
@require_safe
def sending_status(request: MemberRequest, account: int, test: str) -> HttpResponse:
    """How a test stands; the part asks for itself again until it is over."""
    if not is_htmx(request):
        page = org_url(request, "sending_server", own_account(request, account, "outgoing_server").pk)
        return redirect(f"{page}?test={_test_id(test)}#result")
    return _show_result(request, own_account(request, account, "outgoing_server").pk, _test_id(test))


def _show_result(request: MemberRequest, account: int, test: str) -> HttpResponse:
    asked = request.GET.get("since", "")
    since = int(asked) if re.fullmatch(r"\d{1,12}", asked, re.ASCII) else int(time.time())
    context = {
        "account": own_account(request, account, "outgoing_server"),
        "test": test,
        "since": since,
        "is_new": _is_new(request),
        "result": probe_result.result_of_test(request.membership, account, test, since),
    }
    response = render(request, RESULT, context)
    response["Cache-Control"] = "no-store"
    return response


# ── Saving ──────────────────────────────────────────────────────────────────
@access.member
@require_POST
def sending_save(request: MemberRequest, account: int) -> HttpResponse:
    """Save what a passed test has proven."""
    mail_account = own_account(request, account, "outgoing_server")
    test = _test_id(request.POST.get("test", ""))
    page = org_url(request, "sending_server", account) + _suffix(request)
    tested = send_probe.settings_of(test, request.membership)
    probe = send_probe.result(test, request.membership)
    key = f"probe:sending:{test}:saved:{request.membership.pk}"
    if tested is None or probe is None or tested["account"] != account:
        # The second press of the button leads where the first did.
        if destination := cache.get(key):
            return redirect(destination)
        messages.error(request, _("This test is too old to be saved. Please test again."))
        return redirect(page)
    if probe.state != "passed":
        messages.error(request, _("Nothing was saved, because the test has not passed."))
        return redirect(page)
    identity = servers.save_tested_server(mail_account, request.user, tested)
    response = _after_saving(request, mail_account, identity)
    transaction.on_commit(partial(cache.set, key, response["Location"], probes.KEEP_SECONDS))
    transaction.on_commit(partial(send_probe.forget, test))
    return response


@access.member
@require_POST
def sending_relay(request: MemberRequest, account: int) -> HttpResponse:
    """Send through Mailhub from now on."""
    mail_account = own_account(request, account, "outgoing_server")
    if servers.relay() is None:
        raise Http404
    servers.save_relay_server(mail_account, request.user)
    return _after_saving(request, mail_account, sender_of(mail_account))


def _after_saving(request: MemberRequest, account: MailAccount, identity: Identity | None) -> HttpResponse:
    page = "mail_account" if _is_new(request) else "sending_server"
    destination = org_url(request, page, account.pk)
    if identity is None:  # removed while the test ran
        return redirect(destination)
    # As it is now: the row that was loaded knows the server of before.
    identity = Identity.objects.select_related("account__outgoing_server").get(pk=identity.pk)
    if identities.why_not(identity) == "":
        messages.success(request, _("“%(name)s” can send now.") % {"name": account.name})
        return redirect(destination)
    return verification_codes.confirm_next(request, identity, destination, _suffix(request))
