"""From the server's bytes to ours when something breaks between: nothing is deleted, hidden or kept by halves."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from itertools import pairwise

import psycopg
import pytest
from django.db import connection

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import download
from mailbox import bulk_insert
from mailbox.models import Attachment, Message, RawPart
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, state_of, states, stored
from tests.locks.lockstep import address
from tests.servers.hiding import HidingServer

# What PostgreSQL calls a deadlock, a serialization failure, a full disk and a memory that is full.
TROUBLES = {"deadlock": "40P01", "serialization": "40001", "disk full": "53100", "out of memory": "53200"}
# In the order in which a batch writes them.
TABLES = ("mailbox_message", "mailbox_rawpart", "fetching_remotemessage", "quotas_ledgerentry")


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port, delete_from_server=True)


@contextmanager
def broken(table: str, sqlstate: str, *, at_commit: bool = False):
    """The database fails with this code when the table is written, or not before the commit."""
    when = "CONSTRAINT TRIGGER breaking AFTER" if at_commit else "TRIGGER breaking BEFORE"
    defer = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
    event = "UPDATE" if table == "fetching_remotemessage" else "INSERT"
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION scratch.break_on_purpose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION 'on purpose' USING ERRCODE = '{sqlstate}'; END $$"
        )
        cursor.execute(
            f"CREATE {when} {event} ON {table} {defer} FOR EACH ROW EXECUTE FUNCTION scratch.break_on_purpose()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION scratch.break_on_purpose CASCADE")


def rows(account: MailAccount) -> list[int]:
    """How many messages, raw parts and attachments there are."""
    with tenancy.scope(account.organization_id):
        return [model.objects.count() for model in (Message, RawPart, Attachment)]


def nothing_happened(account: MailAccount, server) -> None:
    server.wait_until_idle()
    assert rows(account) == [0, 0, 0]
    assert server.said("DELE") == []
    assert server.said("QUIT") == [], "QUIT would let some providers hide what they have handed out"
    assert states(account) == ["listed"] * len(LETTERS)
    state = state_of(account)
    assert (state.status, state.error_code, state.lease_token) == ("backing_off", "internal", None)


# ── R5: the database fails ──────────────────────────────────────────────────
@pytest.mark.parametrize(("table", "trouble"), list(zip(TABLES, TROUBLES, strict=True)))
def test_r5_what_the_database_does_not_take_stays_at_the_server(account, server, table, trouble):
    with broken(table, TROUBLES[trouble]):
        outcome = fetch(account)
        assert (outcome.state, outcome.error, outcome.stored) == ("failed", "internal", 0)
        nothing_happened(account, server)
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (5, 5)
    assert stored(account) == LETTERS


@pytest.mark.django_db(transaction=True)
def test_r5_a_database_that_is_restarted_is_no_fault_of_the_account(account, server, monkeypatch):
    store = bulk_insert.store

    def killed(*args, **options):
        with psycopg.connect(address(), autocommit=True) as other:
            pid = connection.connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        return store(*args, **options)

    with monkeypatch.context() as once:
        once.setattr(bulk_insert, "store", killed)
        assert fetch(account).state == "interrupted"
    server.wait_until_idle()
    state = state_of(account)
    assert (state.status, state.error_code, state.failures, state.lease_token) == ("active", "", 0, None)
    assert server.said("DELE") == []
    assert (fetch(account).deleted, stored(account)) == (5, LETTERS)


@pytest.mark.django_db(transaction=True)
def test_r5_a_commit_that_fails_is_no_commit(account, server):
    """All was written and checked, and then the commit itself is refused."""
    with broken("mailbox_message", TROUBLES["serialization"], at_commit=True):
        assert fetch(account).state == "failed"
        nothing_happened(account, server)
    assert fetch(account).deleted == 5
    assert stored(account) == LETTERS
    assert server.messages == []


def test_r5_what_was_committed_before_is_kept_and_deleted_later(account, server, monkeypatch):
    monkeypatch.setattr(download, "BATCH_MESSAGES", 2)
    store, batches = bulk_insert.store, []

    def only_once(*args, **kwargs):
        batches.append(args)
        if len(batches) == 1:
            return store(*args, **kwargs)
        with connection.cursor() as cursor:
            return cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(bulk_insert, "store", only_once)
    assert fetch(account).stored == 2
    assert server.said("DELE") == []
    monkeypatch.undo()
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (3, 5)
    assert stored(account) == LETTERS


# ── R6: a message breaks off ────────────────────────────────────────────────
WIRE = len(b"+OK %d octets\r\n" % len(LETTERS[2])) + len(LETTERS[2]) + LETTERS[2].count(b"\r\n.") + 3


@pytest.mark.parametrize("size", [0, 4, 60, WIRE - 3, WIRE - 1])
def test_r6_a_message_that_breaks_off_is_neither_stored_nor_deleted(account, server, size):
    server.faults.drop_within = ("RETR 3", size)
    outcome = fetch(account)
    assert (outcome.state, outcome.error) == ("failed", "connection_lost")
    assert set(stored(account)) <= set(LETTERS[:2])
    assert server.said("DELE") == []
    assert len(server.messages) == 5
    server.behave()
    fetch(account)
    assert sorted(stored(account)) == sorted(LETTERS)
    assert server.messages == []


def test_r6_the_last_dot_is_what_makes_a_message_whole(account, server):
    """One byte more than the longest cut above, and the message is there."""
    server.faults.drop_within = ("RETR 3", WIRE)
    fetch(account)
    assert LETTERS[2] in stored(account)


# ── R12: the same trouble at every turn ─────────────────────────────────────
def test_r12_a_hundred_failures_leave_nothing_lying_about(account, server, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server.messages = server.messages[:2]
    server.deliver(factories.letter("Large enough for a file", body=("x" * 78 + "\r\n") * 14_000))
    with broken("quotas_ledgerentry", TROUBLES["disk full"]):
        fetch(account)
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(99):
            assert fetch(account).stored == 0
        server.wait_until_idle()
        assert rows(account) == [0, 0, 0]
        assert list(tmp_path.iterdir()) == []
        assert len(os.listdir("/proc/self/fd")) <= files
    assert fetch(account).stored == 3


# ── R18: a server that hides what it has handed out ─────────────────────────
@pytest.fixture
def hiding(settings):
    with HidingServer(LETTERS, username="box", password="secret") as running:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [running.entry]
        yield running


@pytest.mark.parametrize("delete", [False, True], ids=["keep", "delete"])
def test_r18_nothing_is_hidden_before_it_is_stored(acme, alice, hiding, delete):
    account = factories.connect(acme, alice, port=hiding.port, delete_from_server=delete)
    with broken("quotas_ledgerentry", TROUBLES["disk full"]):
        assert fetch(account).state == "failed"
        nothing_happened(account, hiding)
        assert hiding.hidden == []
    assert fetch(account).stored == 5
    assert stored(account) == LETTERS
    assert hiding.messages == []


@pytest.mark.parametrize("command", ["RETR 4", "QUIT"])
def test_r18_a_line_that_drops_hides_nothing(acme, alice, hiding, command):
    account = factories.connect(acme, alice, port=hiding.port)
    hiding.faults.drop_on = command
    fetch(account)
    assert hiding.hidden == []
    hiding.behave()
    fetch(account)
    assert sorted(stored(account)) == sorted(LETTERS)


# ── C19: a server that hangs up while we are busy ───────────────────────────
def hang_up_while_storing(server, monkeypatch, *, after: int) -> None:
    """The first batch takes so long that the server, asked for `after` messages so far, gives up on its client."""
    store, stores = bulk_insert.store, []

    def slowly(*args, **kwargs):
        stores.append(args)
        if len(stores) == 1:
            while len(server.said("RETR")) < after:
                server.peers[-1].stopping.wait(0.01)
            server.peers[-1].close()
            server.wait_until_idle()
        return store(*args, **kwargs)

    monkeypatch.setattr(bulk_insert, "store", slowly)


def test_c19_a_line_lost_while_storing_loses_nothing_that_was_read(account, server, monkeypatch):
    hang_up_while_storing(server, monkeypatch, after=5)
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted, outcome.error) == (5, 0, "connection_lost")
    assert stored(account) == LETTERS
    asked = len(server.said("RETR"))
    assert fetch(account).deleted == 5
    assert len(server.said("RETR")) == asked, "what is stored is not asked for again"
    assert server.messages == []


def test_c19_reading_waits_for_storing_only_when_much_is_between(account, server, monkeypatch):
    """A server is kept waiting once the queue is full; hanging up then costs one more session and no message."""
    monkeypatch.setattr(download, "BATCH_MESSAGES", 1)
    monkeypatch.setattr(download, "QUEUE_BYTES", max(map(len, LETTERS)))
    server.capabilities = server.capabilities_after = ["UIDL", "USER"]
    hang_up_while_storing(server, monkeypatch, after=2)
    outcome = fetch(account)
    assert outcome.error == "connection_lost"
    assert 1 <= outcome.stored < 5
    numbers = [int(line.split()[1]) for line in server.said("RETR")]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    fetch(account)
    assert sorted(stored(account)) == sorted(LETTERS)
    assert server.messages == []
