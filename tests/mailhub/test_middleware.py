"""Whom a request comes from, and what browsers may keep of the answer."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory
from django.urls import reverse

from mailhub import middleware
from mailhub.middleware import FORWARDED, TrustedProxies, client_address
from tests.conftest import signed_in
from tests.factories import deliver, letter
from tests.mailbox.web import url

PROXY, CLIENT, STRANGER = "172.31.250.1", "203.0.113.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def proxies(settings):
    settings.MAILHUB_TRUSTED_PROXIES = [f"{PROXY}/32", "10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{STRANGER}, {CLIENT}", CLIENT),  # the client wrote the first one itself
        (PROXY, f"{STRANGER}, {CLIENT}, 10.1.2.3", CLIENT),  # two proxies of ours
        (PROXY, f"{CLIENT}:4711", CLIENT),
        (PROXY, f"[2001:db8::1]:4711, {PROXY}", "2001:db8::1"),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, f"::ffff:{CLIENT}", CLIENT),
        (PROXY, f' "{CLIENT}" ', CLIENT),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, nonsense", PROXY),
        (PROXY, f"{CLIENT}, <script>, 10.0.0.1", "10.0.0.1"),
        (PROXY, "10.0.0.1, 10.0.0.2", "10.0.0.1"),  # a client inside
    ],
)
def test_the_client_is_the_last_address_that_is_not_ours(peer, forwarded, found):
    assert client_address(peer, forwarded) == found


def passed(**meta: str):
    seen = []
    request = RequestFactory().get("/", **meta)
    TrustedProxies(seen.append)(request)
    return seen[0].META


def test_a_stranger_is_not_believed():
    claims = dict.fromkeys(FORWARDED, CLIENT) | {"HTTP_X_FORWARDED_PROTO": "https"}
    meta = passed(REMOTE_ADDR=STRANGER, **claims)
    assert meta["REMOTE_ADDR"] == STRANGER
    assert not set(FORWARDED) & set(meta)


def test_a_proxy_is_believed_and_nobody_counts_twice():
    meta = passed(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=CLIENT, HTTP_X_FORWARDED_PROTO="https")
    assert meta["REMOTE_ADDR"] == CLIENT
    assert meta["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "HTTP_X_FORWARDED_FOR" not in meta, "allauth would read it again"


def test_a_socket_without_an_address_is_nobody():
    assert passed(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR=CLIENT)["REMOTE_ADDR"] == ""


def test_a_wrong_setting_is_named(settings):
    settings.MAILHUB_TRUSTED_PROXIES = ["the proxy"]
    with pytest.raises(ImproperlyConfigured, match="MAILHUB_TRUSTED_PROXIES"):
        middleware.is_trusted(PROXY)


def sign_in(address: str, person: str) -> str:
    client = Client(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=address)
    return client.post(reverse("account_login"), {"login": person, "password": "wrong"}).content.decode()


def test_behind_one_proxy_who_guesses_passwords_locks_nobody_else_out(db):
    refused = "Too many attempts in a short time."
    # What the client claims itself, on the left, changes nothing.
    pages = [sign_in(f"192.0.2.{n}, {CLIENT}", f"person{n}@acme.example") for n in range(12)]
    assert refused in pages[-1]
    assert refused not in sign_in(STRANGER, "somebody@acme.example")


# ── What browsers may keep ──────────────────────────────────────────────────


def test_private_pages_are_kept_nowhere(as_alice, account):
    [key] = deliver(account, letter())
    for address in (
        url("message", key),
        url("message_body", key),
        url("message_download", key),
        "/accounts/login/",
    ):
        response = as_alice.get(address)
        assert response["Cache-Control"] in (
            "private, no-store",
            "max-age=0, no-cache, no-store, must-revalidate, private",
        )
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in response["Permissions-Policy"]


def test_signing_out_clears_what_the_browser_keeps(alice):
    client = signed_in(alice)
    assert "Clear-Site-Data" not in client.get(reverse("account_logout"))
    assert client.post(reverse("account_logout"))["Clear-Site-Data"] == '"cache", "storage"'
