"""The cast: Alice founded Acme and owns a mail account, Bob is a member, Charlie is a stranger with a house of his own.

Every database test ends with the books compared: ledger = meter = stored messages, and each folder's counters.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import environ
import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from accounts import system_mail, tenancy
from accounts.models import MailAccount, Organization, Role, User
from tests import factories
from tests.faults import ids_of


def pytest_configure(config):
    from django.conf import settings

    # On a busy machine making the examples may take long; that says nothing of the code.
    hypothesis.settings.register_profile(
        "mailhub", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("mailhub")
    config.addinivalue_line(
        "markers", "fault: proves a row of docs/faults.md, whose id is in the test's name"
    )
    database = settings.DATABASES["default"]
    database["OPTIONS"] = {
        key: value for key, value in copy.deepcopy(database["OPTIONS"]).items() if key != "pool"
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # WhiteNoise warns when there is none
    # A cache database for each parallel worker: clear() empties all of it. 0 is the broker's.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_URL.rsplit("/", 1)[0] + f"/{1 + worker}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the fault matrix by its names, before -m selects."""
    for item in items:
        if ids_of(item.originalname or item.name):
            item.add_marker("fault")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests stay together, and so do all browser tests: a whole instance is started for them."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def _as_owner() -> Iterator[None]:
    """The test database is made by the role that owns tables; all tests then run as the runtime role."""
    runtime = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    owner = environ.Env().db("DATABASE_OWNER_URL")
    connection.settings_dict.update({name: owner[name] for name in runtime})
    yield
    connection.close()
    connection.settings_dict.update(runtime)


@pytest.fixture(scope="session")
def django_db_setup(_as_owner, django_db_setup, django_db_blocker) -> Iterator[None]:
    runtime, owner = environ.Env().db("DATABASE_URL"), dict(connection.settings_dict)
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            # What tests need beyond the rights of production: emptying tables, ANALYZE, triggers that fail on purpose,
            # numbers set ahead; and a schema of their own for what they make.
            for statement in (
                "GRANT TRUNCATE, MAINTAIN, TRIGGER ON ALL TABLES IN SCHEMA public TO {}",
                "GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO {}",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT TRUNCATE, MAINTAIN, TRIGGER ON TABLES TO {}",
                "CREATE SCHEMA scratch",
                "GRANT USAGE, CREATE ON SCHEMA scratch TO {}",
            ):
                cursor.execute(statement.format(runtime["USER"]))
        connection.close()
        connection.settings_dict.update(USER=runtime["USER"], PASSWORD=runtime["PASSWORD"])
    yield
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])


@pytest.fixture
def as_owner(transactional_db) -> Iterator[None]:
    """For tests that migrate: the connection of the role that owns the tables."""
    runtime, owner = environ.Env().db("DATABASE_URL"), environ.Env().db("DATABASE_OWNER_URL")
    connection.close()
    connection.settings_dict.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])
    yield
    connection.close()
    connection.settings_dict.update(USER=runtime["USER"], PASSWORD=runtime["PASSWORD"])


def uses_database(request) -> bool:
    return bool({"db", "transactional_db"} & set(request.fixturenames)) or bool(
        request.node.get_closest_marker("django_db")
    )


@pytest.fixture(autouse=True)
def _clean_cache(request):
    """Counters of one test must not refuse another."""
    if uses_database(request):
        cache.clear()


@pytest.fixture(autouse=True)
def _mail_goes(request, monkeypatch):
    """Mail of Mailhub's own goes at once, or with the commit where a test lets things be committed."""
    if uses_database(request):
        commits = "django_capture_on_commit_callbacks" in request.fixturenames

        def hint(pk: int) -> None:
            transaction.on_commit(partial(system_mail.send, pk)) if commits else system_mail.send(pk)

        monkeypatch.setattr(system_mail, "hint", hint)


def check_books() -> None:
    """Ledger = meter = sum of stored sizes for every organization, and every folder's counters are right."""
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT m.organization_id, m.used,
                coalesce((SELECT sum(bytes) FROM quotas_ledgerentry l WHERE l.organization_id = m.organization_id), 0),
                coalesce((SELECT sum(size) FROM mailbox_message s WHERE s.organization_id = m.organization_id), 0),
                coalesce((SELECT sum(l.messages) FROM quotas_ledgerentry l
                    WHERE l.organization_id = m.organization_id), 0),
                (SELECT count(*) FROM mailbox_message s WHERE s.organization_id = m.organization_id)
            FROM quotas_storagemeter m"""
        )
        for organization, meter, ledger, stored, booked, kept in cursor.fetchall():
            assert meter == ledger == stored, (
                f"organization {organization}: meter {meter}, ledger {ledger}, mail {stored}"
            )
            assert booked == kept, (
                f"organization {organization}: {booked} messages in the ledger, {kept} kept"
            )
        cursor.execute(
            """
            SELECT f.id, f.messages_count, f.unread_count, f.size, count(m.id),
                count(m.id) FILTER (WHERE NOT m.is_read), coalesce(sum(m.size), 0)
            FROM mailbox_folder f LEFT JOIN mailbox_message m ON m.folder_id = f.id GROUP BY f.id"""
        )
        for folder, messages, unread, size, *counted in cursor.fetchall():
            assert [messages, unread, size] == counted, (
                f"counters of folder {folder}: {messages, unread, size} != {counted}"
            )


@pytest.fixture(autouse=True)
def _books(request):
    """After every test with a database: the books agree."""
    if uses_database(request):
        request.getfixturevalue("_django_db_helper")  # so that the database is still there afterwards
        yield
        check_books()
    else:
        yield


@pytest.fixture
def alice(db) -> User:
    return factories.UserFactory(email="alice@acme.example", name="Alice Hartono")


@pytest.fixture
def bob(db) -> User:
    return factories.UserFactory(email="bob@acme.example", name="Bob Santoso")


@pytest.fixture
def charlie(db) -> User:
    return factories.UserFactory(email="charlie@umbrella.example", name="Charlie Stranger")


@pytest.fixture
def acme(alice: User, bob: User) -> Organization:
    organization = factories.found("Acme", alice)
    factories.join(organization, bob, Role.MEMBER)
    return organization


@pytest.fixture
def umbrella(charlie: User) -> Organization:
    return factories.found("Umbrella", charlie)


@pytest.fixture
def account(acme: Organization, alice: User) -> MailAccount:
    """Alice's mail account at Acme."""
    return factories.connect(acme, alice, name="Alice at Post", email="alice@post.example")


def signed_in(user: User, *, confirmed: bool = True) -> Client:
    """Their browser; `confirmed`: they have just typed in their password again (accounts/reauthentication.py)."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    if confirmed:
        session = client.session
        # Far ahead, so that tests which move the clock are not asked again.
        record = {"method": "password", "at": time.time() + 10**8, "reauthenticated": True}
        session["account_authentication_methods"] = [record]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    return client


@pytest.fixture
def as_alice(alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Client:
    return signed_in(charlie)
