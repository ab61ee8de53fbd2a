"""Whole pages and their parts: htmx asks for one part of a page by the id of the element it replaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from accounts.access import MemberRequest, render


def htmx(request: MemberRequest) -> HtmxDetails:
    """What htmx says about this request; false when it did not send it."""
    details: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    return details


def asks_for(request: MemberRequest, target: str) -> bool:
    """Whether htmx will put the answer into the element `target`, so that a part is enough."""
    details = htmx(request)
    return bool(details) and not details.history_restore_request and details.target == target


def render_page(
    request: MemberRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    parts: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page, or the part that htmx asks for: `parts` names a template for each target."""
    for target, part in (parts or {}).items():
        if asks_for(request, target):
            template = part
    response = render(request, template, dict(context))
    # One address has several answers; the browser must not show a part as a page when going back.
    patch_vary_headers(response, ["HX-Request", "HX-Target", "HX-History-Restore-Request"])
    return response


def open_message(request: MemberRequest) -> int | None:
    """The message that the page in the browser shows, from the address that htmx reports."""
    try:
        match = resolve((htmx(request).current_url_abs_path or "").partition("?")[0])
    except Resolver404:
        return None
    return int(match.kwargs["message"]) if match.url_name == "message" else None
