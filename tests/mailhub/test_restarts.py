"""Database and cache server end and come back: connections are fresh, and pages do not depend on the cache."""

from __future__ import annotations

import copy

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.cache import caches
from django.db.utils import ConnectionHandler
from django.urls import reverse

from mailhub.embedded.process import free_port
from tests.factories import PASSWORD
from tests.locks.lockstep import address


@pytest.mark.django_db(transaction=True)
def test_connections_that_died_in_the_pool_are_not_handed_out():
    given = copy.deepcopy(django_settings.DATABASES["default"])
    assert given["CONN_HEALTH_CHECKS"]
    given["OPTIONS"] = {**given["OPTIONS"], "pool": {"min_size": 1, "max_size": 2, "timeout": 20}}
    handler = ConnectionHandler({"default": given})
    connection = handler["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
        connection.close()  # back into the pool
        with psycopg.connect(address(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [backend])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            assert cursor.fetchone() != (backend,)
    finally:
        connection.close()
        connection.close_pool()


@pytest.fixture
def _no_cache_server(settings):
    """Nobody listens at the cache's address."""
    caches_before = copy.deepcopy(settings.CACHES)
    settings.CACHES = {
        "default": {**caches_before["default"], "LOCATION": f"redis://127.0.0.1:{free_port()}/1"}
    }
    caches["default"].clear()  # what this process has kept


@pytest.mark.usefixtures("_no_cache_server")
def test_one_signs_in_without_the_cache_server_and_attempts_still_count(client, alice):
    page = reverse("account_login")
    for _attempt in range(12):
        answer = client.post(page, {"login": alice.email, "password": "wrong"})
        assert answer.status_code in (200, 429)
    assert "Too many" in answer.content.decode() or answer.status_code == 429
    answer = client.post(page, {"login": "bob@nowhere.example", "password": "wrong"})
    assert answer.status_code in (200, 429)


@pytest.mark.usefixtures("_no_cache_server")
def test_the_right_password_lets_in_and_the_pages_follow(client, acme, alice):
    answer = client.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get(reverse("accounts", args=[acme.slug])).status_code == 200
    assert client.post(reverse("account_logout")).status_code == 302
    assert client.get(reverse("accounts", args=[acme.slug])).status_code == 302


@pytest.mark.usefixtures("_no_cache_server")
def test_without_its_server_the_cache_is_this_processs_own_but_for_sessions():
    cache = caches["default"]
    assert cache.add("a", 1)
    assert not cache.add("a", 2)
    assert cache.incr("a") == 2
    assert cache.incr("counted-at-the-server-until-now") == 1
    cache.set_many({"b": 1, "c": 2})
    assert cache.get_many(["b", "c"]) == {"b": 1, "c": 2}
    cache.delete("a")
    assert cache.get("a", "gone") == "gone"
    cache.set("django.contrib.sessions.cached_db1", {"_auth_user_id": "1"})
    assert cache.get("django.contrib.sessions.cached_db1") is None
