"""Deleting at the server: only what is stored, only by policy, confirmed by QUIT, never a reason to fetch again."""

from __future__ import annotations

import pytest

from fetching.engine import remote_delete, run
from fetching.protocols import open_source
from fetching.scheduler import claims
from tests import factories
from tests.fetching.fetched import LETTERS, QUICK, edit, fetch, states, stored


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
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", 2)
    assert fetch(account).deleted == 5
    assert server.messages == []
    assert len(server.said("QUIT")) >= 3


def test_a_refused_delete_ends_and_is_tried_again(account, server, monkeypatch):
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", 2)
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


def test_u6_of_two_with_one_identifier_the_refused_one_is_not_taken_for_the_other(account, server):
    server.messages.clear()
    server.deliver((b"same", LETTERS[0]), (b"same", LETTERS[1]))
    server.faults.err_on = {"RETR 2": "-ERR no"}
    assert fetch(account).deleted == 1
    server.behave()
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (1, 1)
    assert stored(account) == LETTERS[:2]
    assert server.messages == []


def test_u6_the_refused_one_stays_when_the_answer_to_quit_is_lost(account, server):
    server.messages.clear()
    server.deliver((b"same", LETTERS[0]), (b"same", LETTERS[1]))
    server.faults.err_on = {"RETR 2": "-ERR no"}
    server.faults.lose_quit = True
    fetch(account)
    server.behave()
    server.deliver((b"same", LETTERS[2]))
    fetch(account)
    assert sorted(stored(account)) == sorted(LETTERS[:3])
    assert server.messages == []


def test_u6_a_refused_delete_of_one_of_two_is_tried_again_and_adds_nothing(account, server):
    server.messages.clear()
    server.deliver((b"same", LETTERS[0]), (b"same", LETTERS[1]))
    server.faults.err_on = {"DELE 2": "-ERR no"}
    fetch(account)
    server.faults.err_on = {"DELE": "-ERR no"}
    for _ in range(3):
        fetch(account)
    assert stored(account) == LETTERS[:2]
    assert states(account) == ["gone", "delete_wanted"]
    server.behave()
    fetch(account)
    assert server.messages == []


def test_u7_new_mail_under_the_identifier_of_deleted_mail_is_stored(account, server):
    server.messages.clear()
    server.deliver((b"1", LETTERS[0]))
    fetch(account)
    new = factories.letter("Under an old identifier")
    server.deliver((b"1", new))
    fetch(account)
    assert stored(account) == [LETTERS[0], new]
    assert server.messages == []


@pytest.mark.parametrize("confirmed", [True, False])
def test_new_mail_after_many_deletes_is_no_reset(account, server, confirmed):
    server.deliver(*(factories.letter(f"Old {number}") for number in range(10)))
    server.faults.lose_quit = not confirmed
    assert fetch(account).deleted == (15 if confirmed else 0)
    assert server.messages == []
    server.behave()
    server.deliver(factories.letter("New"))
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (1, 1)


def test_c17_a_line_lost_in_a_later_session_of_deletes_leaves_no_connection_open(
    account, server, monkeypatch
):
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", 2)
    opened = []

    def connect(*args):
        opened.append(open_source(*args))
        if len(opened) == 2:
            server.faults.drop_on = "UIDL"
        return opened[-1]

    claim = claims.claim_now(account.organization_id, account.pk)
    outcome = run.fetch(claim, connect, limits=QUICK)
    assert (outcome.state, outcome.deleted) == ("failed", 2)
    assert [source._dialogue.transport._socket.fileno() for source in opened] == [-1, -1]
    server.behave()
    assert fetch(account).deleted == 3
