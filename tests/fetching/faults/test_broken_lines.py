"""Replies out of step, and lines that drop again and again: nothing false is kept, all comes and goes in the end."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import download, remote_delete
from fetching.models import FetchState, MailServer
from fetching.source import Limits
from tests import factories
from tests.fetching import fetched
from tests.fetching.fetched import LETTERS, fetch, state_of, states, stored

MANY = [factories.letter(f"Of many {number}", body="x" * 7 * number + "\r\n") for number in range(60)]


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port, delete_from_server=True)


def pipelines(session) -> bool:
    """Whether the client has asked for something in a row in this session."""
    return session.peer.waiting > 0 or getattr(session, "has_pipelined", False)


def answer_oddly(server, change, at: str = "RETR 4") -> None:
    """While commands come in a row, `at` is answered by what `change` makes of the right answer."""

    def on_command(session, command):
        if session.peer.waiting:
            session.has_pipelined = True
        server.faults.raw_on = {}
        if command == at and pipelines(session):
            server.faults.raw_on = {command: change(session, session.do_retr(at[5:].encode()))}

    server.faults.on_command = on_command


ODD = {
    "a status line before it": lambda session, right: b"+OK\r\n" + right,
    "another's status line before it": lambda session, right: b"+OK 77 octets\r\n" + right,
    "another message before it": lambda session, right: session.do_retr(b"3") + right,
    "another message instead of it": lambda session, right: session.do_retr(b"5"),
    "no status line": lambda session, right: right.partition(b"\r\n")[2],
}


# ── R21: out of step ────────────────────────────────────────────────────────
@pytest.mark.parametrize("count", [6, 60])
@pytest.mark.parametrize("odd", ODD)
def test_r21_of_a_window_that_is_out_of_step_nothing_counts(account, server, monkeypatch, odd, count):
    monkeypatch.setattr(download, "BATCH_MESSAGES", 1)
    server.messages.clear()
    server.deliver(*MANY[:count])
    answer_oddly(server, ODD[odd])
    first = fetch(account)
    assert (first.error, first.stored) == ("protocol_error", 0)
    assert server.said("DELE") == []
    for _ in range(4):
        fetch(account)
    assert sorted(stored(account)) == sorted(MANY[:count])
    assert server.messages == []
    assert state_of(account).status == "active"


def test_r21_equal_sizes_hide_no_reply_too_many(account, server):
    alike = [factories.letter(f"Alike {number}") for number in range(10, 90)]
    server.messages.clear()
    server.deliver(*alike)
    answer_oddly(server, ODD["another message before it"], at="RETR 1")
    assert (fetch(account).error, stored(account), server.said("DELE")) == ("protocol_error", [], [])
    for _ in range(3):
        fetch(account)
    assert sorted(stored(account)) == sorted(alike)
    assert server.messages == []


def test_r21_a_reply_that_never_comes_shifts_nothing(account, server, monkeypatch):
    server.messages.clear()
    server.deliver(*MANY[:20])
    answer_oddly(server, lambda session, right: b"")
    monkeypatch.setattr(fetched, "QUICK", Limits(connect=5, greeting=5, command=1, session=30))
    assert fetch(account).stored == 0
    for _ in range(3):
        fetch(account)
    assert sorted(stored(account)) == sorted(MANY[:20])
    assert server.messages == []


def test_a_letter_that_begins_like_a_status_line_is_one(account, server):
    letter = b"+OK this is how it was written\r\n\r\nbody\r\n"
    server.messages.clear()
    server.deliver(letter, *LETTERS)
    fetch(account)
    assert sorted(stored(account)) == sorted([letter, *LETTERS])
    assert server.messages == []


# ── C17: lines that drop ────────────────────────────────────────────────────
def test_c17_a_line_that_drops_while_commands_come_in_a_row_leads_to_lock_step(account, server):
    server.faults.on_command = lambda session, command: (
        session.peer.close() if command == "RETR 3" and session.peer.waiting else None
    )
    assert fetch(account).error == "connection_lost"
    assert state_of(account).lockstep_until is not None
    pipelined = server.counters["pipelined"]
    assert fetch(account).state == "done"
    assert server.counters["pipelined"] == pipelined
    assert sorted(stored(account)) == sorted(LETTERS)
    with tenancy.system():
        assert not MailServer.objects.filter(lockstep_until__isnull=False).exists(), "others go on as before"


def test_c17_ten_letters_a_session_bring_all_of_them_in_the_end(account, server):
    """More sessions break than failures in a row are borne; but these bring something."""
    server.messages.clear()
    server.deliver(*MANY)
    server.faults.on_command = lambda session, command: (
        session.peer.close()
        if len([line for line in session.peer.said if line.startswith("RETR")]) > 3
        else None
    )
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(connection_failures=49, failures=49)
    for _ in range(10):
        assert fetch(account).error == "connection_lost"
        state = state_of(account)
        assert (state.status, state.connection_failures, state.failures) == ("backing_off", 0, 0)
        assert (state.next_run_at - state.last_started_at).total_seconds() < 120
    server.behave()
    fetch(account)
    assert sorted(stored(account)) == sorted(MANY)


# ── R3, R4: deleting ────────────────────────────────────────────────────────
def deleted(session) -> int:
    return len([line for line in session.peer.said if line.startswith("DELE")])


def test_r3_a_server_that_drops_quit_after_many_deletes_gets_fewer_at_a_time(account, server):
    def on_command(session, command):
        server.faults.drop_on = "QUIT" if deleted(session) > 7 else ""

    server.messages.clear()
    server.deliver(*MANY)
    server.faults.on_command = on_command
    outcome = fetch(account)
    assert (outcome.state, outcome.stored) == ("done", 60)
    assert outcome.deleted > 50
    fetch(account)
    assert server.messages == []
    assert sorted(stored(account)) == sorted(MANY)


def test_r3_a_quit_that_is_never_answered_fails_no_session(account, server):
    server.faults.drop_on = "QUIT"
    for _ in range(3):
        outcome = fetch(account)
        assert (outcome.state, outcome.error) == ("done", "")
    assert state_of(account).status == "active"
    assert len(server.messages) == 5
    assert len(server.peers) <= 3 * (remote_delete.BREAKS + 2)


def test_r3_quits_that_are_done_but_never_answered_delete_all(account, server, monkeypatch):
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", 2)
    server.faults.lose_quit = True
    fetch(account)
    assert server.messages == []
    server.behave()
    server.deliver(factories.letter("New"))
    fetch(account)
    assert states(account) == ["gone"] * 6


@pytest.mark.parametrize("capabilities", [["UIDL", "USER", "TOP"], None], ids=["lock-step", "pipelined"])
@pytest.mark.parametrize("how", ["drops", "odd"])
def test_r4_one_message_that_cannot_be_deleted_keeps_no_other_there(account, server, capabilities, how):
    if capabilities:
        server.capabilities = server.capabilities_after = capabilities
    stubborn = server.messages[2]

    def on_command(session, command):
        verb, _, number = command.partition(" ")
        server.faults.raw_on = {}
        if verb == "DELE" and session.letters[int(number) - 1] is stubborn:
            if how == "drops":
                session.peer.close()
            server.faults.raw_on = {command: b"\r\n"}

    server.faults.on_command = on_command
    for _ in range(2):
        outcome = fetch(account)
        assert (outcome.state, outcome.error) == ("done", "")
    assert server.messages == [stubborn]
    assert sorted(stored(account)) == sorted(LETTERS)
    server.behave()
    fetch(account)
    assert server.messages == []
