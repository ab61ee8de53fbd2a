"""Home, and whether the instance is well."""

from __future__ import annotations

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from accounts.adapter import current_membership
from accounts.models import User

PATIENCE_SECONDS = 3


def home(request: HttpRequest) -> HttpResponse:
    """To the mail of the organization a person last worked in; visitors sign in first."""
    if not isinstance(request.user, User):
        return redirect("account_login")
    if membership := current_membership(request, request.user):
        return redirect("mail", membership.organization.slug)
    return redirect("admin:index" if request.user.is_staff else "found")


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    client = redis.Redis.from_url(
        settings.CELERY_BROKER_URL, socket_connect_timeout=PATIENCE_SECONDS, socket_timeout=PATIENCE_SECONDS
    )
    with client:
        client.ping()


def _cache() -> None:
    cache.answers()  # type: ignore[attr-defined]  # of mailhub/cache.py


@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """JSON, one word a part: 200 when database, broker and cache answer, else 503."""
    answers = {}
    for name, ask in (("database", _database), ("broker", _broker), ("cache", _cache)):
        try:
            ask()
        # Whatever is wrong, the answer is the same; the words of the error may name hosts and users.
        except Exception:
            answers[name] = "no answer"
        else:
            answers[name] = "ok"
    return JsonResponse(answers, status=200 if set(answers.values()) == {"ok"} else 503)
