"""Deleting at the server: only what is stored, only by policy, confirmed by QUIT, never a reason to fetch again."""

from __future__ import annotations

import pytest

from fetching import engine
from tests import factories
from tests.fetching.fetched import LETTERS, edit, fetch, states, stored


@pytest.fixture
def account(acme, alice, server):
    return factories.connect(acme, alice, port=server.port, delete_from_server=True)


def test_delete_follows_the_commit(account, server):
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (5, 5)
    assert server.messages == []
    assert stored(account) == LETTERS
    assert states(account) == ["gone"] * 5


def test_no_delete_for_what_could_not_be_fetched(account, server):
    server.faults.err_on = {"RETR 2": "-ERR corrupt"}
    fetch(account)
    assert len(server.messages) == 1
    assert server.said("DELE 2") == []


def test_r3_a_lost_quit_deletes_again_later_and_never_fetches_again(account, server):
    server.faults.drop_on = "QUIT"
    outcome = fetch(account)
    assert outcome.deleted == 0
    assert len(server.messages) == 5
    assert states(account) == ["dele_sent"] * 5
    server.behave()
    retrieved = server.counters["retrieved"]
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (0, 5)
    assert server.counters["retrieved"] == retrieved
    assert server.messages == []


def test_r3_quit_was_done_but_its_answer_was_lost(account, server):
    server.faults.lose_quit = True
    fetch(account)
    assert server.messages == []
    server.behave()
    server.deliver(factories.letter("New"))
    assert fetch(account).stored == 1
    assert sorted(states(account)) == ["gone"] * 6


def test_r20_deleting_switched_on_later_takes_what_is_stored_only(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port)
    server.faults.err_on = {"RETR 5": "-ERR corrupt"}
    fetch(account)
    edit(account, delete_from_server=True)
    fetch(account)
    assert [letter.data for letter in server.messages] == [LETTERS[4]]


def test_more_than_one_session_of_deletes(account, server, monkeypatch):
    monkeypatch.setattr(engine, "DELETES_A_SESSION", 2)
    assert fetch(account).deleted == 5
    assert server.messages == []
    assert len(server.said("QUIT")) >= 3


def test_a_refused_delete_ends_and_is_tried_again(account, server, monkeypatch):
    monkeypatch.setattr(engine, "DELETES_A_SESSION", 2)
    server.faults.err_on = {"DELE": "-ERR no"}
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (5, 0)
    assert states(account) == ["delete_wanted"] * 5
    server.behave()
    assert fetch(account).deleted == 5


def test_u8_new_identifiers_for_all_old_mail_store_nothing_and_delete_nothing(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port)
    server.messages.clear()
    old = [factories.letter(f"Old {number}") for number in range(15)]
    server.deliver(*old)
    fetch(account)
    edit(account, delete_from_server=True)
    for letter in server.messages:
        letter.uidl = b"renumbered-" + letter.uidl
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (0, 0)
    assert server.said("DELE") == []
    assert stored(account) == old
    assert fetch(account).deleted == 15
    assert stored(account) == old
