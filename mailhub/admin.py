"""The support desk: staff see everybody's accounts and fetches, never a message or a password."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from accounts import tenancy

AdminView = Callable[..., HttpResponse]

# Unfold's pages carry inline script and style, and its Alpine evaluates attributes. Only for /support/.
_widen = csp_update({"script-src": [UNSAFE_INLINE, UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]})


class SupportSite(UnfoldAdminSite):  # type: ignore[misc]
    """The one admin site; every app's `admin.py` registers on it as `admin.site`."""

    site_title = _("Mailhub support")
    index_title = _("Support")

    def admin_view(self, view: AdminView, cacheable: bool = False) -> AdminView:
        """Each page sees every organization, but only once staff have passed the site's own check."""

        @wraps(view)
        def everywhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with tenancy.system():
                response = view(request, *args, **kwargs)
                # Admin pages are rendered after the view has returned, and read rows while they are.
                if isinstance(response, SimpleTemplateResponse):
                    response.render()
            return response

        return cast(AdminView, _widen(super().admin_view(everywhere, cacheable)))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Staff sign in where everybody does, with its limits on attempts; others are refused."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect(f"{reverse('account_login')}?{urlencode({'next': reverse('admin:index')})}")


site = admin.site
