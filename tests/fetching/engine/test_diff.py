"""A mailbox that was listed before: what is as it was is not compared again, and what is not is (U1, U6, U7, U15)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from accounts import tenancy
from fetching.engine import ledger, run
from fetching.models import FetchState
from fetching.protocols import open_source
from fetching.scheduler import claims
from tests import factories
from tests.fetching.fetched import LETTERS, QUICK, fetch, set_rules, state_of, states, stored

pytestmark = pytest.mark.django_db(transaction=True)
MORE = [factories.letter(f"Later {number}") for number in range(3)]


@pytest.fixture
def account(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port)
    fetch(account)
    return account


@pytest.fixture
def compared(monkeypatch):
    """How many listings were compared one by one."""
    calls = []
    compare = ledger.compare
    monkeypatch.setattr(
        ledger, "compare", lambda *args, **kwargs: calls.append(1) or compare(*args, **kwargs)
    )
    return calls


def an_hour_later(account):
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(listed_at=F("listed_at") - timedelta(hours=1))


def test_the_same_listing_an_hour_later_is_not_compared(account, server, compared):
    an_hour_later(account)
    outcome = fetch(account)
    assert (outcome.listed, outcome.stored, outcome.unchanged) == (5, 0, False)
    assert server.said("UIDL") == ["UIDL"] * 2
    assert compared == []
    assert state_of(account).listed_at is not None


def test_of_a_listing_that_has_grown_only_the_end_is_compared(account, server, compared):
    for number, letter in enumerate(MORE, start=6):
        server.deliver(letter)
        outcome = fetch(account)
        assert (outcome.listed, outcome.stored) == (number, 1)
    assert compared == []
    assert stored(account) == LETTERS + MORE


def test_u6_a_name_given_twice_at_the_end_is_fetched(account, server, compared):
    server.deliver(MORE[0])
    server.messages[-1].uidl = server.messages[2].uidl
    assert fetch(account).stored == 1
    assert compared == [1]
    assert stored(account) == [*LETTERS, MORE[0]]


def test_u6_two_new_ones_of_one_name_are_both_fetched(account, server, compared):
    server.deliver(*MORE[:2])
    server.messages[-1].uidl = server.messages[-2].uidl
    assert fetch(account).stored == 2
    assert compared == [1]


@pytest.mark.parametrize("change", ["less", "renamed", "grown", "moved", "more before"])
def test_u7_whatever_else_differs_is_compared(account, server, compared, change):
    match change:
        case "less":
            del server.messages[1]
        case "renamed":
            server.messages[1].uidl = b"another"
        case "grown":
            server.messages[1].data += b"more\r\n"
        case "moved":
            server.messages[:2] = reversed(server.messages[:2])
        case "more before":
            server.deliver(MORE[0])
            server.messages.insert(0, server.messages.pop())
    an_hour_later(account)
    fetch(account)
    assert compared == [1]


def test_r9_more_is_compared_when_larger_mail_may_come(acme, alice, server, compared):
    server.deliver(factories.letter("The big one", body="x" * 5000))
    acme.message_bytes_limit = 4000
    acme.save()
    account = factories.connect(acme, alice, port=server.port)
    fetch(account)
    acme.message_bytes_limit = 10_000
    acme.save()
    an_hour_later(account)
    assert fetch(account).stored == 1


def test_a_session_that_may_delete_compares_everything(account, server, compared):
    set_rules(account, delete_policy="when_deleted_here")
    fetch(account)
    server.deliver(MORE[0])
    fetch(account)
    assert compared == [1, 1]


def test_u15_a_session_that_is_killed_leaves_no_listing_to_rely_on(account, server, monkeypatch):
    """What it found missing must not stay so when the mailbox looks as it did before."""
    away = server.messages.pop(1)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_succeed", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))
        claim = claims.claim_now(account.organization_id, account.pk)
        with pytest.raises(KeyboardInterrupt):
            run.fetch(claim, open_source, limits=QUICK)
    assert states(account).count("gone") == 1
    with tenancy.scope(account.organization_id):
        claims.release(claim)
    server.messages.insert(1, away)
    fetch(account)
    assert states(account) == ["stored"] * 5
    assert stored(account) == LETTERS


def test_a_session_that_is_killed_while_mail_comes_leaves_none_either(account, server, monkeypatch):
    server.deliver(MORE[0])
    with monkeypatch.context() as patch:
        patch.setattr(
            run.download, "download_messages", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        claim = claims.claim_now(account.organization_id, account.pk)
        with pytest.raises(KeyboardInterrupt):
            run.fetch(claim, open_source, limits=QUICK)
    with tenancy.scope(account.organization_id):
        claims.release(claim)
    assert state_of(account).listed_at is None
    server.messages.pop()
    fetch(account)
    assert states(account) == ["stored"] * 5 + ["vanished"]
