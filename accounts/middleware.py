"""A person's language and time zone, for every page."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation


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
