"""Listings that are not all mail in order of arrival: other orders, parts, absences, and a ledger that is lost."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from accounts import removal, tenancy
from accounts.models import MailAccount
from fetching.engine import download
from fetching.models import RemoteMessage
from fetching.scheduler import claims, retention
from mailbox import services
from mailbox.models import Message
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, set_rules, states, stored
from tests.servers.hiding import HidingServer

MANY = [factories.letter(f"Of many {number}", body="x" * number + "\r\n") for number in range(14)]


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port)


def remote(account: MailAccount):
    return RemoteMessage.objects.filter(account=account)


def age(account: MailAccount, days: int, *numbers: int) -> None:
    """As if the ledger's rows had been written so many days earlier; all of them, or those of these letters."""
    with tenancy.scope(account.organization_id):
        for row in remote(account).order_by("pk"):
            if numbers and stored_number(row) not in numbers:
                continue
            for name in ("first_seen_at", "stored_at", "missing_since"):
                if getattr(row, name):
                    setattr(row, name, getattr(row, name) - timedelta(days=days))
            row.save()


def stored_number(row: RemoteMessage) -> int:
    return int(Message.objects.get(pk=row.message_id).subject.split()[-1])


# ── U10: any order ──────────────────────────────────────────────────────────
@pytest.mark.parametrize("delete", [False, True], ids=["keep", "delete"])
@pytest.mark.parametrize("order", ["newest first", "shuffled"])
def test_u10_numbers_say_nothing_about_age(acme, alice, server, monkeypatch, order, delete):
    monkeypatch.setattr(download, "BATCH_MESSAGES", 2)
    account = factories.connect(acme, alice, port=server.port, delete_from_server=delete)
    shuffle = random.Random(7).shuffle if order == "shuffled" else list.reverse
    ever = list(LETTERS)
    for number in range(4):
        shuffle(server.messages)
        server.faults.err_on = {"DELE 1": "-ERR not now", "RETR 2": "-ERR not now"} if number == 0 else {}
        fetch(account)
        new = factories.letter(f"Came {number}")
        ever.append(new)
        server.deliver(new)
        shuffle(server.messages)
    for _ in range(2):
        fetch(account)
    assert sorted(stored(account)) == sorted(ever)
    if delete:
        assert server.messages == []
    else:
        assert len(server.said("RETR")) == len(ever) + 1, "only the one that was refused is asked for twice"


def test_u10_what_is_deleted_is_what_is_stored_although_the_numbers_have_moved(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
    server.faults.err_on = {"RETR 5": "-ERR not now", "DELE": "-ERR not now"}
    fetch(account)
    server.faults.err_on = {"RETR": "-ERR not now"}
    server.messages.reverse()
    fetch(account)
    assert [letter.data for letter in server.messages] == [LETTERS[4]]


# ── U15: somebody else deletes ──────────────────────────────────────────────
def test_u15_a_ledger_row_is_kept_for_ninety_days_after_it_was_last_seen(account, server):
    fetch(account)
    server.messages = server.messages[2:]
    fetch(account)
    assert states(account) == ["gone"] * 2 + ["stored"] * 3
    # However long ago it was first seen: what is still listed must stay known.
    age(account, 400, 2, 3, 4)
    age(account, 89)
    retention.delete_expired()
    assert len(states(account)) == 5
    age(account, 2)
    retention.delete_expired()
    assert states(account) == ["stored"] * 3
    assert len(stored(account)) == 5, "the mail itself stays"
    assert fetch(account).stored == 0


@pytest.mark.parametrize("days", [1, 60, 89])
def test_u15_what_another_client_moved_away_and_back_is_not_new(account, server, days):
    fetch(account)
    away, server.messages = server.messages[:2], server.messages[2:]
    fetch(account)
    age(account, days)
    retention.delete_expired()
    server.messages += away
    assert fetch(account).stored == 0
    assert states(account) == ["stored"] * 5
    assert stored(account) == LETTERS


# ── U16: the ledger and the mail are one ────────────────────────────────────
def test_u16_an_older_backup_fetches_what_it_lacks_and_nothing_twice(account, server):
    fetch(account)
    server.deliver(*MANY)
    fetch(account)
    with tenancy.scope(account.organization_id):  # a backup of the first day: no trace of the second
        late = remote(account).order_by("pk")[len(LETTERS) :]
        services.discard(Message.objects.filter(pk__in=[row.message_id for row in late]))
        remote(account).filter(pk__in=[row.pk for row in late]).delete()
        claims.look_again(account.pk)  # nor had the listing of the second day been seen
    assert fetch(account).stored == len(MANY)
    assert stored(account) == LETTERS + MANY
    assert fetch(account).stored == 0


def test_u16_an_older_backup_of_a_server_with_new_identifiers(account, server):
    """Both at once: the mail that the backup has is known by its bytes."""
    fetch(account)
    server.deliver(*MANY)
    for letter in server.messages:
        letter.uidl = b"renumbered-" + letter.uidl
    assert fetch(account).stored == len(MANY)
    assert stored(account) == LETTERS + MANY


def test_u16_an_account_that_is_connected_again_begins_anew(account, acme, alice, server):
    """Its ledger went with its mail; the other way round mail would be missing for ever."""
    fetch(account)
    with tenancy.scope(acme.pk):
        removal.remove(MailAccount.objects.get(pk=account.pk), alice)
        assert not RemoteMessage.objects.exists()
        assert not Message.objects.exists()
    again = factories.connect(acme, alice, port=server.port)
    assert fetch(again).stored == 5
    assert stored(again) == LETTERS


# ── U17: a part at a time ───────────────────────────────────────────────────
def test_u17_a_server_that_lists_some_of_its_mail_at_a_time(acme, alice, settings):
    """What it does not list is not deleted, and what it lists again is not new."""
    with HidingServer(MANY, limit=4, username="box", password="secret") as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(acme, alice, port=server.port)
        assert [fetch(account).stored for _ in range(5)] == [4, 4, 4, 2, 0]
        assert stored(account) == MANY
        server.limit = 250
        server.show_all()
        server.deliver(LETTERS[0])
        assert [fetch(account).stored for _ in range(3)] == [1, 0, 0]
        assert stored(account) == [*MANY, LETTERS[0]]
        assert server.said("DELE") == []


def test_u17_some_of_its_mail_at_a_time_and_deleted_there(acme, alice, settings):
    with HidingServer(MANY, limit=4, username="box", password="secret") as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
        assert [fetch(account).stored for _ in range(5)] == [4, 4, 4, 2, 0]
        assert stored(account) == MANY
        server.show_all()
        server.deliver(LETTERS[0])
        for _ in range(6):
            fetch(account)
        assert stored(account) == [*MANY, LETTERS[0]]
        assert server.messages == []


def test_u17_a_provider_known_for_it_is_asked_again_at_once(acme, alice, settings):
    with HidingServer(MANY, limit=4, username="box", password="secret") as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(acme, alice, port=server.port, provider="gmail")
        assert [fetch(account).more for _ in range(5)] == [True] * 4 + [False]
        assert stored(account) == MANY


# ── U8: all names are new ───────────────────────────────────────────────────
SIGNED = [
    factories.letter(
        f"Signed {number}", headers=f"Message-ID: <{number}@mail.example>\r\n", body="x" * number + "\r\n"
    )
    for number in range(15)
]


@pytest.fixture
def renamed(account, server) -> MailAccount:
    """An account with fifteen messages, all of which have other identifiers now."""
    server.messages.clear()
    server.deliver(*SIGNED)
    fetch(account)
    for letter in server.messages:
        letter.uidl = b"renamed-" + letter.uidl
    return account


def test_u8_renamed_mail_is_known_without_fetching_it(renamed, server):
    new = factories.letter("New", headers="Message-ID: <new@mail.example>\r\n")
    server.deliver(new)
    retrieved = len(server.said("RETR"))
    assert fetch(renamed).stored == 1
    assert len(server.said("RETR")) == retrieved + 1, "only the new one"
    assert stored(renamed) == [*SIGNED, new]
    assert fetch(renamed).stored == 0


def test_u8_what_only_looks_the_same_is_fetched_before_anything_is_deleted(renamed, server):
    """Same header, same size, other words: known by its header, so its bytes are asked for first."""
    other = SIGNED[9].replace(b"x" * 9, b"y" * 9)
    server.messages[9].data = other
    fetch(renamed)
    set_rules(renamed, delete_policy="after_storing")
    for _ in range(3):
        fetch(renamed)
    assert sorted(stored(renamed)) == sorted([*SIGNED, other])
    assert server.messages == []


def test_u8_without_top_renamed_mail_is_known_by_its_bytes(renamed, server):
    server.capabilities = server.capabilities_after = ["UIDL", "USER"]
    server.faults.err_on = {"TOP": "-ERR unknown command"}
    assert fetch(renamed).stored == 0
    assert stored(renamed) == SIGNED


def test_u8_a_renaming_that_breaks_off_goes_on_later(renamed, server):
    server.faults.drop_on = "TOP 5 0"
    assert fetch(renamed).state == "failed"
    server.behave()
    for _ in range(2):
        fetch(renamed)
    assert stored(renamed) == SIGNED
    assert server.said("DELE") == []


# ── R21: out of step ────────────────────────────────────────────────────────
def test_r21_a_server_that_was_out_of_step_is_asked_one_thing_at_a_time(account, server):
    """It says that it takes commands in a row, and then leaves out the line that begins an answer."""
    server.faults.raw_on = {"RETR 3": LETTERS[2] + b".\r\n"}
    assert fetch(account).error == "protocol_error"
    server.behave()
    pipelined = server.counters["pipelined"]
    assert pipelined
    assert fetch(account).state == "done"
    assert server.counters["pipelined"] == pipelined
    assert sorted(stored(account)) == sorted(LETTERS)
