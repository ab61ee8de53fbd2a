"""For every page: a person's language and time zone, and addresses that no page can read."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.views.defaults import bad_request


class PreferencesMiddleware:
    """Activates what the person chose; visitors get what their browser asks for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate, answer, and leave the thread as it was."""
        person = request.user if request.user.is_authenticated else None
        language = (person.language if person else "") or translation.get_language_from_request(request)
        with translation.override(language), timezone.override(_zone(person.time_zone if person else "UTC")):
            request.LANGUAGE_CODE = translation.get_language() or "en"
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        return response


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


class ReadableAddressMiddleware:
    """Refuses an address with a NUL in it: PostgreSQL takes none, so any query made of it would be an error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with 400, or go on."""
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path or "\0" in query or "%00" in query:
            return bad_request(request, ValueError("NUL"))
        return self.get_response(request)
