"""Connecting an account: fill in, test, save what was tested (fetching/connect/probe.py)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, retarget

from accounts import access, services
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import is_htmx, org_url
from accounts.servers import probes
from accounts.servers.failures import MailError
from fetching import tasks
from fetching.connect import probe as fetch_probe
from fetching.connect.account_forms import ConnectForm, ServerForm
from fetching.connect.services import change_settings
from fetching.views import page_contexts
from fetching.views.account_pages import own_account, start_fetch

# How long a press of Save keeps a second one out, should its transaction come to nothing.
_SAVING_SECONDS = 60


# ── The page ────────────────────────────────────────────────────────────────
@access.member
@require_safe
def connect(request: MemberRequest) -> HttpResponse:
    """The form; with `?test=` also how that test stands, for pages without script."""
    test = page_contexts.test_id(request.GET.get("test", ""))
    tested = fetch_probe.settings_of(test, request.membership)
    if tested and "account" in tested:
        return redirect(f"{org_url(request, 'mail_account_edit', tested['account'])}?test={test}#result")
    form = ConnectForm(membership=request.membership, initial=_initial(request, tested))
    return render(request, page_contexts.CONNECT_PAGE, page_contexts.connect_context(request, form, test))


def _initial(request: MemberRequest, tested: dict[str, Any] | None) -> dict[str, Any]:
    if tested is None:
        return {"from_name": request.user.name, "port": 995, "encryption": "ssl"}
    # Typed once is typed: all but the password comes back.
    return {name: value for name, value in tested.items() if name != "password"} | dict(tested["rules"])


# ── The test ────────────────────────────────────────────────────────────────
@access.member
@require_POST
def connect_test(request: MemberRequest) -> HttpResponse:
    """Test the settings of a new account, in a worker."""
    form = ConnectForm(request.POST, membership=request.membership)
    if limit := page_contexts.limit_reached(request.membership):
        form.add_error(None, page_contexts.limit_words(limit))
    if test := _start(request, form):
        return _show_start(request, test, org_url(request, "connect"))
    context = page_contexts.connect_context(request, form)
    return _show_errors(request, page_contexts.CONNECT_FORM, page_contexts.CONNECT_PAGE, context)


@access.member
@require_POST
def mail_account_test(request: MemberRequest, account: int) -> HttpResponse:
    """Test changed settings of an existing account, in a worker."""
    mail_account = own_account(request, account)
    form = ServerForm(request.POST, membership=request.membership, account=mail_account)
    if test := _start(request, form):
        return _show_start(request, test, org_url(request, "mail_account_edit", account))
    context = page_contexts.edit_context(request, mail_account, server_form=form)
    return _show_errors(request, page_contexts.SERVER_FORM, page_contexts.EDIT_PAGE, context)


def _start(request: MemberRequest, form: ServerForm) -> str:
    """The id of the test that was ordered; "" when the form has errors (now)."""
    if not form.is_valid():
        return ""
    try:
        test = fetch_probe.start(request.membership, form.settings())
    except MailError as error:
        form.add_error(None, f"{error.sentence} {error.remedy}")
        return ""
    transaction.on_commit(partial(tasks.probe.delay, test))
    return test


def _show_start(request: MemberRequest, test: str, page: str) -> HttpResponse:
    return _show_result(request, test) if is_htmx(request) else redirect(f"{page}?test={test}#result")


def _show_errors(request: MemberRequest, part: str, page: str, context: dict[str, Any]) -> HttpResponse:
    if not is_htmx(request):
        return render(request, page, context, status=422)
    # htmx leaves the page alone on a 4xx; the form goes where the form was, not into the result's place.
    return reswap(retarget(render(request, part, context), "#connect-form"), "outerHTML")


@access.member
@require_safe
def connect_status(request: MemberRequest, test: str) -> HttpResponse:
    """How a test stands; the part asks for itself again until it is over."""
    if not is_htmx(request):
        return redirect(f"{org_url(request, 'connect')}?test={page_contexts.test_id(test)}#result")
    return _show_result(request, test)


def _show_result(request: MemberRequest, test: str) -> HttpResponse:
    asked = request.GET.get("since", "")
    since = int(asked) if re.fullmatch(r"\d{1,12}", asked, re.ASCII) else int(time.time())
    result = page_contexts.result_of(request.membership, test, since)
    response = render(request, page_contexts.RESULT, {"test": test, "since": since, "result": result})
    response["Cache-Control"] = "no-store"
    return response


# ── Saving ──────────────────────────────────────────────────────────────────
@access.member
@require_POST
def connect_save(request: MemberRequest) -> HttpResponse:
    """Save what a passed test has proven: a new account, or new settings of an existing one."""
    test = page_contexts.test_id(request.POST.get("test", ""))
    tested = fetch_probe.settings_of(test, request.membership)
    probe = fetch_probe.result(test, request.membership) if tested else None
    key = f"probe:{test}:saved:{request.membership.pk}"
    if tested is None or probe is None:
        return _after_saving(request, cache.get(key))
    page = f"{org_url(request, 'connect')}?test={test}#result"
    if probe.state != "passed":
        messages.error(request, _("Nothing was saved, because the test has not passed."))
        return redirect(page)
    try:
        with _once(key) as is_first:
            if not is_first:
                return _after_saving(request, cache.get(key))
            account = _save(request, tested)
    except services.LimitReached as error:
        messages.error(request, page_contexts.limit_words(error.limit))
        return redirect(page)
    is_new = "account" not in tested
    # A new account goes on with how it sends; its mail comes in meanwhile.
    sending = f"{org_url(request, 'sending_server', account.pk)}?new=1"
    destination = sending if is_new else org_url(request, "accounts")
    transaction.on_commit(partial(cache.set, key, destination, probes.KEEP_SECONDS))
    transaction.on_commit(partial(fetch_probe.forget, test))
    return redirect(destination)


def _save(request: MemberRequest, tested: dict[str, Any]) -> MailAccount:
    fields = {name: value for name, value in tested.items() if name not in ("account", "rules")}
    if "account" in tested:
        account = own_account(request, tested["account"])
        services.change_mail_account(account, request.user, fields)
        text = _("The new settings of “%(name)s” are saved.")
    else:
        account = services.add_mail_account(request.membership, fields)
        change_settings(account, request.user, tested["rules"])
        text = _("“%(name)s” is connected. Its mail is coming in now.")
    messages.success(request, text % {"name": account.name})
    start_fetch(account)
    return account


@contextmanager
def _once(key: str) -> Iterator[bool]:
    """True for the first of two presses of the button; the mark goes again when saving fails."""
    is_first = cache.add(key, "", _SAVING_SECONDS)
    try:
        yield is_first
    except BaseException:
        cache.delete(key)
        raise


def _after_saving(request: MemberRequest, destination: str | None) -> HttpResponse:
    """The second press leads where the first did ("" while that is at it); an old test to a new one."""
    if destination is None:
        messages.error(request, _("This test is too old to be saved. Please test again."))
        return redirect(org_url(request, "connect"))
    return redirect(destination or org_url(request, "accounts"))
