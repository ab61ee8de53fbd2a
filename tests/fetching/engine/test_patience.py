"""Waiting for slow servers: the lease is kept, one long silence is borne, and what goes wrong is said."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F

from accounts import tenancy
from fetching.engine import run
from fetching.engine.session import Session
from fetching.models import FetchRun, FetchState
from fetching.protocols import open_source
from fetching.scheduler import claims
from fetching.source import Limits
from tests import factories
from tests.fetching.faults.test_meanwhile import delete_account
from tests.fetching.fetched import LETTERS, QUICK, fetch, state_of, stored
from tests.servers.loopback import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(acme, alice, server):
    return factories.connect(acme, alice, port=server.port)


@pytest.mark.parametrize("step", ["PASS", "LIST", "UIDL"])
def test_c2_a_server_that_takes_longer_than_a_lease_to_open_its_mailbox(account, server, monkeypatch, step):
    """The lease would have run out while it is waited for; it is renewed meanwhile."""
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.05)
    renewed, renew = threading.Event(), claims.renew

    def renewing(claim):
        renew(claim)
        if threading.current_thread() is not threading.main_thread():
            renewed.set()

    def on_command(session, command):
        if command.startswith(step):
            assert renewed.wait(PATIENCE)

    monkeypatch.setattr(claims, "renew", renewing)
    server.faults.on_command = on_command
    assert fetch(account).stored == len(LETTERS)
    assert stored(account) == LETTERS


def test_c2_a_server_that_never_opens_its_mailbox_is_said_so(account, server):
    server.faults.stall_on = "LIST"
    claim = claims.claim_now(account.organization_id, account.pk)
    limits = Limits(connect=5, greeting=5, command=0.1, session=30)
    outcome = run.fetch(claim, open_source, limits=limits)
    assert (outcome.state, outcome.error) == ("failed", "timeout")
    state = state_of(account)
    assert (state.status, state.error_code) == ("backing_off", "timeout")


def test_r14_a_database_that_is_away_for_a_beat_costs_no_session(account, server, monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.02)
    beats, renew, enough = [], claims.renew, threading.Event()

    def failing(claim):
        if threading.current_thread() is threading.main_thread():
            return renew(claim)
        beats.append(claim)
        if len(beats) > 2:
            enough.set()
            return renew(claim)
        raise OperationalError("on purpose")

    monkeypatch.setattr(claims, "renew", failing)
    server.faults.on_command = lambda session, command: command == "LIST" and enough.wait(PATIENCE)
    assert fetch(account).stored == len(LETTERS)


def test_s6_an_account_deleted_during_a_cheap_look_leaves_no_error(account, server, monkeypatch):
    fetch(account)
    server.faults.on_command = None
    succeed = run._succeed

    def deleted_meanwhile(*args):
        delete_account(account)
        return succeed(*args)

    monkeypatch.setattr(run, "_succeed", deleted_meanwhile)
    outcome = fetch(account)
    assert outcome.unchanged
    assert outcome.state == "interrupted"
    with tenancy.system():
        assert not FetchRun.objects.exists()


def test_s6_even_in_the_moment_of_writing_it_down(account, server, monkeypatch):
    fetch(account)
    begin = Session.begin_run

    def deleted_meanwhile(session):
        begin(session)
        thread = threading.Thread(target=in_a_connection_of_its_own, args=(account,))
        thread.start()
        thread.join(PATIENCE)

    monkeypatch.setattr(Session, "begin_run", deleted_meanwhile)
    monkeypatch.setattr(run, "_succeed", lambda *args: (_ for _ in ()).throw(run.LeaseLost))
    outcome = fetch(account)
    assert outcome.state == "interrupted"


def in_a_connection_of_its_own(account) -> None:
    from django.db import connection

    try:
        delete_account(account)
    finally:
        connection.close()


def test_a_letter_set_aside_long_ago_is_asked_for_although_nothing_is_new(account, server):
    server.faults.err_on = {"RETR 2": "-ERR corrupt"}
    for _ in range(4):
        fetch(account)
    server.behave()
    assert fetch(account).unchanged
    with tenancy.scope(account.organization_id):
        from fetching.models import RemoteMessage

        RemoteMessage.objects.update(retry_at=F("retry_at") - timedelta(days=1))
        assert FetchState.objects.get().listed_at is not None
    assert fetch(account).stored == 1
    assert sorted(stored(account)) == sorted(LETTERS)
    assert QUICK.patience > QUICK.command
