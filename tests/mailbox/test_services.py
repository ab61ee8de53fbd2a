"""Every write to stored mail: marks, moves, Trash, deleting. The books are compared after each test."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from accounts import removal, tenancy
from accounts.models import MailAccount
from mailbox import services, signals
from mailbox.models import Attachment, Folder, Message, RawPart
from quotas.models import LedgerEntry, StorageMeter
from tests import factories
from tests.factories import deliver, letter


@pytest.fixture
def scope(acme):
    with tenancy.scope(acme.pk):
        yield


@pytest.fixture
def other(acme, alice) -> MailAccount:
    """Alice's second account."""
    return factories.connect(acme, alice, name="Alice at Work", email="alice@work.example")


def folder(account: MailAccount, role: str = Folder.Role.INBOX) -> Folder:
    return Folder.objects.get(account=account, role=role)


def counters(account: MailAccount, role: str = Folder.Role.INBOX) -> tuple[int, int, int]:
    found = folder(account, role)
    return found.messages_count, found.unread_count, found.size


def these(*ids: int):
    return Message.objects.filter(pk__in=ids)


def where(key: int) -> str:
    return Message.objects.select_related("folder").get(pk=key).folder.role


# ── Reading ─────────────────────────────────────────────────────────────────
def test_marking_read_and_unread_moves_the_folders_counter(account, scope):
    ids = deliver(account, *[letter(f"Letter {n}") for n in range(3)])
    assert counters(account)[:2] == (3, 3)
    assert services.set_read(these(*ids[:2]), True) == 2
    assert counters(account)[:2] == (3, 1)
    assert services.set_read(these(*ids), True) == 1, "only what changes is counted"
    assert services.set_read(these(ids[0]), False) == 1
    assert counters(account)[:2] == (3, 1)


def test_marking_across_accounts_counts_in_each_folder(account, other, scope):
    ids = deliver(account, letter("One")) + deliver(other, letter("Two"), letter("Three"))
    assert services.set_read(these(*ids), True) == 3
    assert counters(account)[1] == counters(other)[1] == 0


def test_stars_change_nothing_else(account, scope):
    [key] = deliver(account, letter())
    before = counters(account)
    assert services.set_starred(these(key), True) == 1
    assert Message.objects.get(pk=key).is_starred
    assert services.set_starred(these(key), False) == 1
    assert not Message.objects.get(pk=key).is_starred
    assert counters(account) == before


# ── Trash ───────────────────────────────────────────────────────────────────
def test_trash_and_back_again(account, scope):
    raws = [letter("Read", body="a" * 500), letter("Unread")]
    ids = deliver(account, *raws)
    services.set_read(these(ids[0]), True)
    size = sum(map(len, raws))
    assert services.trash(these(*ids)) == ids
    assert counters(account) == (0, 0, 0)
    assert counters(account, Folder.Role.TRASH) == (2, 1, size)
    assert services.put_back(these(*ids)) == 2
    assert counters(account) == (2, 1, size)
    assert counters(account, Folder.Role.TRASH) == (0, 0, 0)
    assert set(these(*ids).values_list("trashed_from", flat=True)) == {None}


def test_trash_keeps_space_taken(account, acme, scope):
    ids = deliver(account, letter())
    used = StorageMeter.objects.get(pk=acme.pk).used
    services.trash(these(*ids))
    assert StorageMeter.objects.get(pk=acme.pk).used == used > 0


def test_messages_go_back_to_where_each_was(account, scope):
    [received] = deliver(account, letter())
    [spam] = deliver(account, letter("Lottery"), role=Folder.Role.SPAM)
    services.trash(these(received, spam))
    assert services.put_back(these(received, spam)) == 2
    assert where(received) == Folder.Role.INBOX
    assert where(spam) == Folder.Role.SPAM


def test_without_an_origin_they_go_back_to_the_inbox(account, scope):
    [key] = deliver(account, letter())
    own = Folder.objects.create(organization_id=account.organization_id, account=account, name="Allotment")
    services.move(these(key), own)
    services.trash(these(key))
    own.delete()
    assert services.put_back(these(key)) == 1
    assert where(key) == Folder.Role.INBOX


def test_put_back_leaves_alone_what_is_not_in_trash(account, scope):
    [key] = deliver(account, letter(), role=Folder.Role.SENT)
    assert services.put_back(these(key)) == 0
    assert where(key) == Folder.Role.SENT


def test_trashing_twice_remembers_the_first_origin(account, scope):
    [key] = deliver(account, letter(), role=Folder.Role.SPAM)
    assert services.trash(these(key)) == [key]
    assert services.trash(these(key)) == []
    services.put_back(these(key))
    assert where(key) == Folder.Role.SPAM


def test_each_message_goes_to_the_trash_of_its_own_account(account, other, scope):
    ids = deliver(account, letter("One")) + deliver(other, letter("Two"))
    assert sorted(services.trash(these(*ids))) == sorted(ids)
    assert counters(account, Folder.Role.TRASH)[0] == counters(other, Folder.Role.TRASH)[0] == 1
    services.put_back(these(*ids))
    assert counters(account)[0] == counters(other)[0] == 1


def test_move_takes_only_messages_of_the_targets_account(account, other, scope):
    ids = deliver(account, letter("One")) + deliver(other, letter("Two"))
    assert services.move(these(*ids), folder(account, Folder.Role.SPAM)) == ids[:1]
    assert where(ids[1]) == Folder.Role.INBOX


def test_moving_out_of_trash_forgets_the_origin(account, scope):
    [key] = deliver(account, letter())
    services.trash(these(key))
    services.move(these(key), folder(account, Folder.Role.SPAM))
    assert Message.objects.get(pk=key).trashed_from is None


def test_spam_and_not_spam(account, other, scope):
    ids = deliver(account, letter("One")) + deliver(other, letter("Two"))
    assert sorted(services.move_to(these(*ids), Folder.Role.SPAM)) == sorted(ids)
    assert counters(account, Folder.Role.SPAM)[0] == counters(other, Folder.Role.SPAM)[0] == 1
    services.move_to(these(*ids), Folder.Role.INBOX)
    assert counters(account)[0] == counters(other)[0] == 1


# ── Deleting for good ───────────────────────────────────────────────────────
def test_discard_gives_the_space_back_and_writes_it_down(account, acme, scope):
    raws = [letter("Gone", body="x" * 2000), letter("Kept")]
    ids = deliver(account, *raws)
    assert services.discard(these(ids[0])) == 1
    assert StorageMeter.objects.get(pk=acme.pk).used == len(raws[1])
    assert counters(account) == (1, 1, len(raws[1]))
    entry = LedgerEntry.objects.latest("id")
    assert (entry.bytes, entry.messages, entry.account_id) == (-len(raws[0]), -1, account.pk)
    assert entry.reason == LedgerEntry.Reason.DISCARDED


def test_discard_leaves_nothing_behind(account, scope):
    picture = (
        b"From: a@b.example\r\nSubject: Two parts\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n"
        b"\r\nPDF\r\n--b--\r\n"
    )
    [key] = deliver(account, picture)
    assert Attachment.objects.filter(message=key).count() == 1
    services.discard(these(key))
    assert not Attachment.objects.filter(message=key).exists()
    assert not RawPart.objects.filter(message=key).exists()


def test_discard_of_nothing_writes_nothing(account, scope):
    before = LedgerEntry.objects.count()
    assert services.discard(these(10**9)) == 0
    assert LedgerEntry.objects.count() == before


def test_discard_across_accounts_books_each_account(account, other, scope):
    first, second = letter("One", body="1" * 100), letter("Two", body="2" * 900)
    ids = deliver(account, first) + deliver(other, second)
    assert services.discard(these(*ids)) == 2
    assert not these(*ids).exists()
    entries = LedgerEntry.objects.filter(reason=LedgerEntry.Reason.DISCARDED)
    assert {(entry.account_id, entry.bytes) for entry in entries} == {
        (account.pk, -len(first)),
        (other.pk, -len(second)),
    }


def test_the_apps_above_hear_of_it_before_the_rows_go(account, scope):
    heard = []

    def listen(sender, account, message_ids, **kwargs):
        heard.append((account.pk, message_ids, these(*message_ids).count()))

    ids = deliver(account, letter("One"), letter("Two"))
    signals.messages_discarded.connect(listen)
    try:
        services.discard(these(*ids))
    finally:
        signals.messages_discarded.disconnect(listen)
    assert heard == [(account.pk, ids, 2)]


def test_deleting_an_account_releases_all_its_mail(account, other, acme, alice, scope):
    deliver(account, letter("One"), letter("Two", body="z" * 5000))
    kept = letter("Three")
    deliver(other, kept)
    removal.remove(account, alice)
    assert StorageMeter.objects.get(pk=acme.pk).used == len(kept)
    assert LedgerEntry.objects.filter(reason=LedgerEntry.Reason.ACCOUNT_DELETED).count() == 1
    assert Message.objects.count() == RawPart.objects.count() == 1


# ── Raw bytes ───────────────────────────────────────────────────────────────
def test_raw_bytes_are_exactly_what_came(account, acme, scope):
    raw = b"Subject: odd\r\n\r\n\x00\xff bare\nlf, bare\rcr, dot at the end\r\n.\r\n" + bytes(range(256))
    [key] = deliver(account, raw)
    assert services.raw_bytes(Message.objects.get(pk=key)) == raw
    assert b"".join(services.stream_raw(acme.pk, key)) == raw


def test_streaming_a_message_that_is_gone_ends_at_once(acme, scope):
    assert list(services.stream_raw(acme.pk, 10**9)) == []


# ── Two at once ─────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_two_writers_on_the_same_messages_neither_deadlock_nor_miscount(account, acme):
    ids = deliver(account, *[letter(f"Letter {n}") for n in range(20)])
    start = threading.Barrier(4, timeout=30)
    failures: list[BaseException] = []

    def work(act):
        try:
            with tenancy.scope(acme.pk):
                start.wait()
                act()
        except BaseException as error:  # what a thread raises would be lost
            failures.append(error)
        finally:
            connection.close()

    acts = [
        lambda: services.set_read(these(*ids), True),
        lambda: services.trash(these(*ids[:15])),
        lambda: services.set_read(these(*reversed(ids)), False),
        lambda: services.discard(these(*ids[10:])),
    ]
    threads = [threading.Thread(target=work, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert failures == []
    with tenancy.scope(acme.pk):
        assert Message.objects.count() == 10
        assert counters(account, Folder.Role.TRASH)[0] == 10


def test_an_error_in_the_middle_undoes_everything(account, acme, scope):
    ids = deliver(account, letter())

    def refuse(sender, **kwargs):
        raise RuntimeError("no")

    signals.messages_discarded.connect(refuse)
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            services.discard(these(*ids))
    finally:
        signals.messages_discarded.disconnect(refuse)
    assert these(*ids).count() == 1
    assert counters(account)[0] == 1
