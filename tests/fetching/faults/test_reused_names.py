"""Identifiers that a server has given to other mail since: nothing is deleted unread, and nothing new is missed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import reused_names
from fetching.models import RemoteMessage
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, set_rules, states, stored

OTHER = factories.letter("Other mail", body="of another size altogether\r\n" * 9)
# The same size as LETTERS[1], another subject.
ALIKE = LETTERS[1].replace(b"Letter 1", b"Letter 8")
BARE = b"Subject: nothing tells it apart\r\n\r\nbody %d\r\n"


@pytest.fixture(params=["keep", "after_storing", "after_days", "when_deleted_here"])
def account(request, acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port, delete_policy=request.param, delete_after_days=0)


@pytest.fixture
def kept(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port)


def rest(account: MailAccount) -> None:
    for _ in range(4):
        fetch(account)


@pytest.mark.parametrize("tops", ["top", "no top", "top refused"])
def test_u7_other_mail_of_another_size_is_fetched_and_not_deleted_unread(account, server, tops):
    server.faults.err_on = {"DELE": "-ERR not now"}
    fetch(account)
    server.behave()
    server.messages[1].data = OTHER
    if tops == "no top":
        server.capabilities = server.capabilities_after = ["UIDL", "USER"]
    elif tops == "top refused":
        server.faults.err_on = {"TOP": "-ERR unknown command"}
    rest(account)
    assert sorted(stored(account)) == sorted([*LETTERS, OTHER])


def test_u7_mail_that_nothing_tells_apart_is_fetched_again_before_it_is_deleted(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
    server.messages.clear()
    server.deliver((b"one", BARE % 1))
    server.faults.err_on = {"DELE": "-ERR not now"}
    fetch(account)
    server.behave()
    server.messages[0].data = BARE % 2
    rest(account)
    assert stored(account) == [BARE % 1, BARE % 2]
    assert server.messages == []


def test_u7_without_message_id_the_same_size_is_told_by_top(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
    server.faults.err_on = {"DELE": "-ERR not now"}
    fetch(account)
    server.behave()
    server.messages[1].data = ALIKE
    rest(account)
    assert sorted(stored(account)) == sorted([*LETTERS, ALIKE])
    assert server.messages == []


def test_u7_fetched_again_it_is_deleted_as_many_days_after_it_was_stored_first(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port)
    server.messages.clear()
    server.deliver((b"one", BARE % 1))
    fetch(account)
    set_rules(account, delete_policy="after_days", delete_after_days=7)
    with tenancy.scope(acme.pk):
        RemoteMessage.objects.update(stored_at=F("stored_at") - timedelta(days=8))
    rest(account)
    assert server.messages == []
    assert stored(account) == [BARE % 1]


# ── Names that are numbers ──────────────────────────────────────────────────
def number(server) -> None:
    for place, letter in enumerate(server.messages, start=1):
        letter.uidl = b"%d" % place


def test_u7_where_numbers_are_names_what_moves_up_is_known_and_the_new_one_fetched(account, server):
    number(server)
    server.faults.err_on = {"DELE": "-ERR not now"}
    fetch(account)
    server.behave()
    del server.messages[0]
    server.deliver(OTHER)
    number(server)
    for _ in range(6):
        fetch(account)
        number(server)
    assert sorted(stored(account)) == sorted([*LETTERS, OTHER])


def test_u7_where_numbers_are_names_equal_sizes_hide_nothing(kept, server):
    """One is gone and one has come, all of one size: the number of messages, their sizes and names are as before."""
    number(server)
    fetch(kept)
    del server.messages[3]
    server.deliver(ALIKE)
    number(server)
    retrieved = len(server.said("RETR"))
    assert fetch(kept).stored == 1
    assert stored(kept) == [*LETTERS, ALIKE]
    assert len(server.said("RETR")) <= retrieved + 2
    tops = len(server.said("TOP"))
    assert fetch(kept).stored == 0
    assert len(server.said("TOP")) == tops + 1, "one look a session is all it takes"


# ── Sizes that mean nothing ─────────────────────────────────────────────────
def say_sizes(server, more: int) -> None:
    rows = b"".join(
        b"%d %d\r\n" % (place, len(letter.data) + more)
        for place, letter in enumerate(server.messages, start=1)
    )
    server.faults.raw_on = {"LIST": b"+OK\r\n" + rows + b".\r\n"}


@pytest.mark.parametrize("tops", ["top", "no top"])
def test_u19_sizes_that_are_always_a_little_wrong_fetch_nothing_again(kept, server, tops):
    if tops == "no top":
        server.capabilities = server.capabilities_after = ["UIDL", "USER"]
    say_sizes(server, 7)
    for _ in range(3):
        fetch(kept)
        server.deliver(factories.letter(f"New {len(server.messages)}"))
        say_sizes(server, 7)
    assert len(server.said("RETR")) == len(server.messages) - 1


def test_u19_sizes_that_change_once_are_looked_at_once(kept, server):
    """Exchange estimates, and knows better once a message was read."""
    say_sizes(server, 7)
    fetch(kept)
    say_sizes(server, 0)
    server.deliver(factories.letter("New"))
    server.behave()
    fetch(kept)
    assert len(server.said("TOP")) == len(LETTERS)
    server.deliver(factories.letter("Newer"))
    fetch(kept)
    assert len(server.said("TOP")) == len(LETTERS)
    assert len(server.said("RETR")) == len(server.messages)
    assert len(states(kept)) == len(server.messages)


def test_u7_no_more_than_so_many_are_compared_in_one_session(kept, server, monkeypatch):
    monkeypatch.setattr(reused_names, "COMPARED_AT_ONCE", 2)
    fetch(kept)
    server.messages[4].data = OTHER
    say_sizes(server, 7)
    rest(kept)
    assert sorted(stored(kept)) == sorted([*LETTERS, OTHER])
    assert RemoteMessage.State.LISTED not in states(kept)
