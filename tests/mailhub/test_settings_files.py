"""Secrets from files, what lies in the cache and in logs, and files nobody else may read."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage, get_connection

from mailhub.cache_format import JsonSerializer
from mailhub.embedded.home import LocalEnv
from mailhub.environment import with_password
from mailhub.log_filters import WithoutKeys, without_keys

FILES = {
    "SECRET_KEY": "from a file",
    "MAILHUB_ENCRYPTION_KEYS": "k1:abc,k2:def",
    "DATABASE_PASSWORD": "p@ss/word:é",
    "REDIS_PASSWORD": "b r o k e r",
    "EMAIL_URL": "smtp+tls://user:password@smtp.example.com:587",
}


def test_every_secret_may_come_from_a_file(tmp_path):
    environ = {"PATH": os.environ["PATH"], "MAILHUB_HOME": str(tmp_path / "home")}
    environ |= {"DATABASE_URL": "postgres://mailhub@db:5432/mailhub", "REDIS_URL": "redis://valkey:6379/0"}
    for name, value in FILES.items():
        (tmp_path / name).write_text(value + "\n")
        environ[f"{name}_FILE"] = str(tmp_path / name)
    program = (
        "import json; from mailhub import settings as s; d = s.DATABASES['default'];"
        "print(json.dumps([s.SECRET_KEY, s.MAILHUB_ENCRYPTION_KEYS, d['USER'], d['PASSWORD'], d['HOST'], d['NAME'],"
        " s.REDIS_URL, s.EMAIL_HOST_PASSWORD, s.SECRET_KEY_FALLBACKS]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        *("from a file", ["k1:abc", "k2:def"], "mailhub", "p@ss/word:é", "db", "mailhub"),
        *("redis://:b%20r%20o%20k%20e%20r@valkey:6379/0", "password", []),
    ]


def test_a_server_whose_address_is_in_a_file_is_not_started_here(tmp_path):
    local = LocalEnv(tmp_path)
    assert local.is_given("DATABASE_URL", {"DATABASE_URL_FILE": "/run/secrets/url"})
    assert not local.is_given("DATABASE_URL", {})


def test_a_password_is_put_into_an_address_and_read_from_it_again():
    address = with_password("postgres://someone:old@db:5432/name?x=1", "a:b@c/d")
    assert urlsplit(address).hostname == "db"
    assert urlsplit(address).password == "a%3Ab%40c%2Fd"
    assert with_password("redis://db", "") == "redis://db"


# ── The cache ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize("value", [0, -5, 10**15, 1.5, True, None, "text", [1, "x"], {"a": [1, {"b": None}]}])
def test_what_json_can_say_comes_back(value, db):
    cache.set("value", value)
    found = cache.get("value")
    assert found == value
    assert type(found) is type(value)


def test_the_cache_counts(db):
    cache.add("count", 0)
    assert cache.incr("count", 3) == 3
    assert cache.get("count") == 3


def test_nothing_in_the_cache_is_unpickled(db):
    import pickle

    with pytest.raises(ValueError):
        JsonSerializer().loads(pickle.dumps({"a": 1}))
    with pytest.raises(TypeError):
        cache.set("value", object())


# ── Logs ────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("Not Found: /invitation/7/s3cretKey/", "Not Found: /invitation/7/…/"),
        ("GET /accounts/password/reset/key/4-abc-def/ 404", "GET /accounts/password/reset/key/…/ 404"),
        ("/accounts/confirm-email/MQ:1abc:xyz/?x=1", "/accounts/confirm-email/…/?x=1"),
        ("/o/acme/mail/", "/o/acme/mail/"),
    ],
)
def test_links_that_let_in_are_not_logged(line, clean):
    assert without_keys(line) == clean


def test_the_log_of_a_refused_request_has_no_key(client, db, caplog):
    caplog.handler.addFilter(WithoutKeys())
    client.get("/invitation/1/s3cretKey/nothing-here/")
    try:
        raise ValueError("/invitation/1/s3cretKey/")
    except ValueError:
        logging.getLogger("mailhub").exception("Failed at %s", "/invitation/1/s3cretKey/")
    assert "/invitation/1/…" in caplog.text
    assert "s3cretKey" not in caplog.text


def test_every_log_handler_leaves_keys_out():
    assert all("without_keys" in each["filters"] for each in settings.LOGGING["handlers"].values())


# ── Files ───────────────────────────────────────────────────────────────────
def test_mail_in_files_is_read_by_nobody_else(tmp_path):
    os.umask(os.umask(0o022))
    outbox = tmp_path / "outbox"
    connection = get_connection("mailhub.mail_files.EmailBackend", file_path=str(outbox))
    assert connection.send_messages([EmailMessage("Hello", "A link", "a@b.example", ["c@d.example"])]) == 1
    [file] = outbox.iterdir()
    assert b"A link" in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox.stat().st_mode) == 0o700
