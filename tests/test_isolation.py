"""The two locks: PostgreSQL shows no tenant row outside a scope, and who may open all scopes is listed here."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts import database_roles, services, tenancy
from accounts.models import Role
from fetching.connect.services import change_defaults
from fetching.models import FetchRun, RemoteMessage
from mailbox import bulk_insert, labels
from mailbox.models import Message
from sending import new_mail_checks
from sending.identities import address_verification, servers
from sending.models import (
    Disclaimer,
    MessageTemplate,
    OutgoingMessage,
    OutgoingPart,
    OutgoingRecipient,
    Signature,
    TemplateFile,
    VacationReply,
    VacationSent,
)
from tests import factories
from tests.sending.drafted import draft_row

ROOT = Path(__file__).resolve().parent.parent
OURS = ("accounts", "quotas", "mailbox", "fetching", "sending", "mailhub")
TENANT_MODELS = [
    model
    for model in apps.get_models()
    if model._meta.app_label in OURS and any(field.name == "organization" for field in model._meta.fields)
]

# Every place that may see all organizations, and why.
SYSTEM_CALLERS = {
    "accounts/invitations.py": "the clock finds invitations whose mail nobody sent, of all",
    "accounts/access.py": "which organizations a person belongs to",
    "accounts/removal.py": "removals that nobody is at, of all",
    "mailbox/emptying.py": "emptyings that nobody is at, of all",
    "fetching/scheduler/outcomes.py": "a seat at a mail server goes on to whoever waits for it",
    "fetching/scheduler/claims.py": "the dispatcher claims due accounts of all, one mailbox once over all",
    "fetching/scheduler/retention.py": "history of all is forgotten",
    "sending/outbox/claims.py": "seats at a server are counted, and claims that ran out ended, over all",
    "sending/outbox/sent_copies.py": "copies that were left behind, of all",
    "sending/outbox/owner_notices.py": "whose owners have something to hear, of all",
    "sending/outbox/retention.py": "what was taken back, and drafts nobody wrote into, are forgotten, of all",
    "sending/new_mail_checks.py": "new mail that nobody has looked at yet, of all",
    "sending/migrations/0005_new_mail_checks.py": "what was kept twice is forgotten, of all",
    "fetching/status/owner_notices.py": "whose owners have something to hear, of all",
    "sending/vacation/replies.py": "who had an away reply is forgotten, of all",
    "mailhub/management/commands/rotate_keys.py": "secrets of all are put under the newest key",
    "mailhub/management/accounts.py": "operators name an account by number",
    "mailhub/admin.py": "support staff",
}

ATTACHED = (
    b"From: a@b.example\r\nSubject: with a file\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n'
    b"--x\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="a.pdf"\r\n\r\n%PDF\r\n--x--\r\n'
)


def outgoing_row(account):
    """A message on its way, to one recipient."""
    here = {"organization": account.organization}
    row = OutgoingMessage.objects.create(
        **here, account=account, key=uuid.uuid4(), message_id="<1@x.example>", size=1, body_sha256=bytes(32)
    )
    OutgoingPart.objects.create(**here, outgoing=row, part=0, data=bulk_insert.prepare(ATTACHED).parts[0])
    OutgoingRecipient.objects.create(**here, outgoing=row, address="guest@x.example")
    return row


def writing_rows(account):
    """A row of everything that saves writing, and an away reply that somebody has had."""
    here = {"organization": account.organization}
    Signature.objects.create(**here, account=account, name="Work")
    Disclaimer.objects.create(**here)
    template = MessageTemplate.objects.create(**here, owner=account.owner, name="Offer")
    TemplateFile.objects.create(**here, template=template, filename="a.pdf", size=1, data=b"x")
    VacationReply.objects.create(**here, account=account)
    VacationSent.objects.create(**here, account=account, sender="guest@x.example", sent_at=timezone.now())


def furnish(organization, owner):
    """A row of every tenant model."""
    account = factories.connect(organization, owner)
    delivered = factories.deliver(account, ATTACHED)
    with tenancy.scope(organization.pk):
        services.invite(factories.membership(organization, owner), ["new@guest.example"], Role.MEMBER)
        labels.attach(labels.create_label(account, "Travel"), delivered)
        FetchRun.objects.create(organization=organization, account=account)
        change_defaults(factories.membership(organization, owner), {"interval_minutes": 10})
        RemoteMessage.objects.create(organization=organization, account=account, uidl=b"1", state="stored")
        outgoing_row(account)
        new_mail_checks.note(account, [(delivered[0], "report")])
        draft_row(account)
        writing_rows(account)
        servers.save_relay_server(account, owner)
        address_verification.start_verification(
            factories.membership(organization, owner), f"info{owner.pk}@shop.example"
        )
    return account


@pytest.fixture
def two_houses(acme, umbrella, alice, charlie):
    furnish(acme, alice)
    furnish(umbrella, charlie)
    return acme, umbrella


def count(table: str, organization_id: int | None = None) -> int:
    with connection.cursor() as cursor:
        if organization_id is None:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
        else:
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE organization_id = %s', [organization_id])
        return cursor.fetchone()[0]


def test_the_application_role_cannot_bypass_policies(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_s7_every_tenant_table_is_guarded(two_houses, model):
    acme, umbrella = two_houses
    table = model._meta.db_table
    assert issubclass(model, tenancy.TenantModel)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table]
        )
        assert cursor.fetchone() == (True, True)

    with tenancy.system():
        assert count(table, acme.pk), (
            f"{table} has no row here: furnish() must make one, or this test proves nothing"
        )
        assert count(table, umbrella.pk)
    assert count(table) == 0, "rows are visible outside a scope"
    with tenancy.scope(acme.pk):
        assert count(table, acme.pk) == count(table) > 0
        assert count(table, umbrella.pk) == 0
    assert count(table) == 0, "the scope outlived its block"


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_s7_no_row_can_be_given_to_another_tenant(two_houses, model):
    acme, umbrella = two_houses
    table = model._meta.db_table
    with (
        tenancy.scope(acme.pk),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f'UPDATE "{table}" SET organization_id = %s', [umbrella.pk])


def test_outside_a_scope_nothing_can_be_written(acme, alice):
    account = factories.connect(acme, alice)
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        FetchRun.objects.create(organization=acme, account=account)
    with tenancy.scope(acme.pk):
        assert not FetchRun.objects.exists()


def test_a_scope_inside_another_tenants_scope_is_refused(acme, umbrella):
    with tenancy.scope(acme.pk), pytest.raises(tenancy.TenancyError), tenancy.scope(umbrella.pk):
        pass


def test_a_scope_ends_with_an_error_too(account):
    factories.deliver(account, factories.letter())

    def look_and_fail():
        with tenancy.scope(account.organization_id):
            assert Message.objects.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look_and_fail()
    assert not Message.objects.exists()


# ── SQL that somebody smuggled into a page ──────────────────────────────────
def raw(*statements: str) -> list[tuple]:
    """The rows of the last of these statements, in one transaction of the runtime role."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


FORGED = [
    "SELECT set_config('mailhub.system', 'on', true)",
    "SELECT set_config('mailhub.system', 'system', true)",
    f"SELECT set_config('mailhub.system', 'system:{'0' * 64}', true)",
    "SELECT set_config('mailhub.organization', '{organization}', true)",
    "SELECT set_config('mailhub.organization', '{organization}:' || encode(sha256('{organization}'), 'hex'), true)",
    # What this very page may see, put in place of the other setting or of another number.
    "SELECT set_config('mailhub.system', current_setting('mailhub.organization', true), true)",
    "SELECT set_config('mailhub.organization', '{organization}:'"
    " || split_part(current_setting('mailhub.organization', true), ':', 2), true)",
]


@pytest.mark.parametrize("forged", FORGED)
def test_s7_no_statement_opens_another_organization(two_houses, forged):
    acme, umbrella = two_houses
    with tenancy.scope(acme.pk):
        rows = raw(
            forged.replace("{organization}", str(umbrella.pk)),
            f"SELECT count(*) FROM mailbox_message WHERE organization_id = {umbrella.pk}",
        )
        assert rows == [(0,)]


REFUSED = [
    "SELECT key FROM tenancy_key",
    "ALTER TABLE mailbox_message DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE mailbox_message NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY tenant ON mailbox_message",
    "CREATE POLICY everything ON mailbox_message USING (true)",
    "CREATE OR REPLACE FUNCTION tenancy_is_system() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "SET ROLE mailhub_owner",
    "SET SESSION AUTHORIZATION mailhub_owner",
    "DROP TABLE mailbox_message CASCADE",
    "CREATE TABLE public.copied AS SELECT 1",
    "DELETE FROM django_migrations",
    "UPDATE pg_class SET relrowsecurity = false",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_s7_the_runtime_role_may_only_read_and_write_rows(db, statement):
    with pytest.raises(DatabaseError, match="permission denied|must be owner|must be able to"):
        raw(statement)


def test_s7_the_runtime_role_owns_nothing(db):
    owned = "SELECT relname FROM pg_class WHERE relowner = current_user::regrole"
    assert raw(owned) == []
    assert raw("SELECT proname FROM pg_proc WHERE proowner = current_user::regrole") == []
    assert raw("SELECT current_user") == [(settings.DATABASE_RUNTIME_ROLE,)]


def test_s7_a_signature_is_in_no_statement_that_others_see(acme):
    with tenancy.scope(acme.pk):
        seen = raw("SELECT query FROM pg_stat_activity WHERE query IS NOT NULL")
        assert not [query for (query,) in seen if database_roles.signed(str(acme.pk)) in query]


def test_system_is_opened_only_where_this_file_says():
    found = set()
    for app in OURS:
        for path in (ROOT / app).rglob("*.py"):
            if re.search(r"\btenancy\.system\(|\bsystem\(\)", path.read_text()) and path.name != "tenancy.py":
                found.add(str(path.relative_to(ROOT)))
    assert found == set(SYSTEM_CALLERS)
