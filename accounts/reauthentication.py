"""The password again before what a borrowed session must not do: the rule for every page that needs it.

For what takes a sign-in, mail, a person or an organization away: removals, ownership, a second factor, access tokens.
allauth keeps to the same rule for the address; its pages are wrapped in mailhub/urls.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
View = Callable[Concatenate[R, P], HttpResponseBase]


def required(view: View[R, P]) -> View[R, P]:
    """A POST waits until the password was typed in again, then goes on by itself; looking is free.

    Inside `access.member`, so that a stranger is not asked for something that is not theirs.
    """

    @wraps(view)
    def asked(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method != "POST" or not request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return demand(request) or view(request, *args, **kwargs)

    return asked


def demand(request: HttpRequest) -> HttpResponseBase | None:
    """For a view that needs it now and then: None when the password was just typed in.

    Else raises allauth's ReauthenticationRequired, whose middleware asks for it and then repeats the request. Whoever
    has no password gets an answer that leads to one, by mail.
    """
    user: Any = request.user
    if not user.has_usable_password():
        messages.warning(request, _("Set a password first; a link to do so goes to your address."))
        return redirect("account_reset_password")
    if not did_recently_reauthenticate(request):
        raise ReauthenticationRequired
    return None
