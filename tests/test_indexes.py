"""What is looked up has an index: every foreign key, and what the clocks and pages ask for, by the planner's word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from accounts import tenancy
from fetching.models import FetchRun, RemoteMessage
from sending.models import OutgoingMessage, OutgoingRecipient

# As many rows as there are accounts or drafts, and what they name is seldom deleted.
SMALL = {
    "fetching_fetchsettings.folder_id",
    "fetching_fetchsettings.label_id",
    "sending_draft.identity_id",
    "sending_draft.signature_id",
    "sending_identity.signature_new_id",
    "sending_identity.signature_reply_id",
}


def test_deleting_a_row_finds_those_that_name_it(db):
    """PostgreSQL looks for them at every delete: without an index it reads the whole table, each time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.conrelid::regclass::text || '.' || a.attname FROM pg_constraint c
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND NOT EXISTS (
                SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]
                AND (i.indpred IS NULL OR
                    pg_get_expr(i.indpred, i.indrelid) = '(' || quote_ident(a.attname) || ' IS NOT NULL)'))
            ORDER BY 1"""
        )
        names = {row[0] for row in cursor.fetchall()}
    # Organizations are not deleted.
    assert {name for name in names if not name.endswith(".organization_id")} == SMALL


@pytest.fixture
def never_whole_tables(db):
    """With few rows the planner reads whole tables; the question is whether it could do otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")


QUERIES = {
    "remote_messages_missing": lambda: RemoteMessage.objects.filter(
        missing_since__lt=Now() - timedelta(days=90)
    ),
    "runs_by_age": lambda: FetchRun.objects.filter(started_at__lt=Now() - timedelta(days=90)),
    "runs_running": lambda: FetchRun.objects.filter(account=1, state="running").order_by(),
    "outgoing_by_identity": lambda: OutgoingMessage.objects.filter(identity__in=[1]).order_by(),
    "outgoing_taken_back": lambda: OutgoingMessage.objects.filter(
        state="cancelled", finished_at__lt=Now() - timedelta(days=1)
    ).order_by(),
    "recipients_by_address": lambda: OutgoingRecipient.objects.filter(folded="a@b.example").order_by(),
}


@pytest.mark.parametrize("index", QUERIES)
def test_a_question_has_its_index_also_under_row_level_security(acme, never_whole_tables, index):
    with tenancy.scope(acme.pk):
        plan = QUERIES[index]().explain()
    assert index in plan, plan
    assert "Index Cond" in plan or "Bitmap" in plan or index in ("runs_running", "outgoing_taken_back")


def test_addresses_are_found_whatever_their_case(acme, account):
    from tests.test_isolation import outgoing_row

    with tenancy.scope(acme.pk):
        outgoing = outgoing_row(account)
        OutgoingRecipient.objects.create(organization=acme, outgoing=outgoing, address="Guest@X.Example")
        assert OutgoingRecipient.objects.filter(folded="guest@x.example").count() == 2


def test_tidying_is_done_in_batches(acme, account, monkeypatch):
    from fetching.scheduler import retention

    monkeypatch.setattr(retention, "BATCH", 2)
    with tenancy.scope(acme.pk):
        for days in (1, 91, 92, 93, 94, 95):
            run = FetchRun.objects.create(organization=acme, account=account)
            FetchRun.objects.filter(pk=run.pk).update(started_at=Now() - timedelta(days=days))
    deleted = []
    original = retention.batches.delete_some

    def counted(rows, limit):
        deleted.append(original(rows, limit))
        return deleted[-1]

    monkeypatch.setattr(retention.batches, "delete_some", counted)
    retention.delete_expired()
    assert deleted == [2, 2, 1, 0]
    with tenancy.scope(acme.pk):
        assert FetchRun.objects.count() == 1


def test_the_storage_page_reads_the_newest_of_the_ledger_alone(
    acme, account, as_alice, as_bob, bob, monkeypatch
):
    from mailhub.pages import storage
    from tests.factories import connect, deliver, letter
    from tests.mailbox.web import url

    monkeypatch.setattr(storage, "ENTRIES_READ", 3)
    mine = connect(acme, bob, name="Bob at Post", email="bob@post.example")
    for each in (mine, account, account, account, account, account):
        deliver(each, letter())
    (line,) = as_alice.get(url("storage")).context["changes"]
    assert "3 messages fetched from Alice at Post" in line.sentence
    (line,) = as_bob.get(url("storage")).context["changes"]
    assert "1 message fetched from Bob at Post" in line.sentence, "however much others had since"
