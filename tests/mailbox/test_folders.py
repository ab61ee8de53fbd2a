"""People's own folders: names, and where their messages go. The books are compared after each test."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from accounts import tenancy
from accounts.models import MailAccount
from mailbox import bulk_insert, folders, names, services
from mailbox.models import Folder, Message
from quotas import services as quotas
from tests import factories
from tests.factories import deliver, letter


@pytest.fixture
def scope(acme):
    with tenancy.scope(acme.pk):
        yield


@pytest.fixture
def receipts(account, scope) -> Folder:
    return folders.create_folder(account, "Receipts")


def folder(account: MailAccount, role: str = Folder.Role.INBOX) -> Folder:
    return Folder.objects.get(account=account, role=role)


def counters(found: Folder) -> tuple[int, int]:
    found.refresh_from_db()
    return found.messages_count, found.unread_count


def these(*ids: int):
    return Message.objects.filter(pk__in=ids)


# ── Names ───────────────────────────────────────────────────────────────────
def test_own_folders_stand_below_the_others_by_name(account, scope):
    for name in ("travel", "Bills", "apples"):
        folders.create_folder(account, name)
    found = [each.label for each in Folder.objects.filter(account=account)]
    assert found == ["Inbox", "Drafts", "Sent", "Spam", "Trash", "apples", "Bills", "travel"]


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        (" ", names.Blank),
        ("a\nb", names.Unprintable),
        ("a\x00b", names.Unprintable),
        ("x" * 61, names.TooLong),
        ("receipts", names.Taken),
        ("inbox", names.Reserved),
        ("Trash", names.Reserved),
        ("kotak masuk", names.Reserved),
    ],
)
@pytest.mark.parametrize("language", ["en", "id"])
def test_what_is_no_name_makes_and_renames_no_folder(account, receipts, name, refusal, language):
    travel = folders.create_folder(account, "Travel")
    with translation.override(language):
        with pytest.raises(refusal):
            folders.create_folder(account, name)
        with pytest.raises(refusal):
            folders.rename_folder(travel, name)
    own = Folder.objects.filter(role=Folder.Role.OWN).values_list("name", flat=True)
    assert list(own) == ["Receipts", "Travel"]


def test_a_folder_is_renamed(receipts):
    folders.rename_folder(receipts, "RECEIPTS 2026")
    folders.rename_folder(receipts, "Receipts 2026")
    receipts.refresh_from_db()
    assert receipts.label == "Receipts 2026"


def test_another_account_may_have_the_same_name(acme, alice, receipts):
    other = factories.connect(acme, alice, email="alice@work.example")
    assert folders.create_folder(other, "Receipts").account == other


def test_the_database_keeps_names_apart_too(account, receipts):
    with pytest.raises(IntegrityError, match="one_folder_of_each_name"), transaction.atomic():
        Folder.objects.create(organization=account.organization, account=account, name="RECEIPTS")


def test_an_account_has_so_many_folders(account, receipts, monkeypatch):
    monkeypatch.setattr(folders, "LIMIT", 1)
    with pytest.raises(names.TooMany):
        folders.create_folder(account, "Travel")


def test_folders_with_a_role_stay_as_they_are(account, scope):
    for role in set(Folder.Role) - {Folder.Role.OWN}:
        with pytest.raises(ValueError, match="stays as it is"):
            folders.rename_folder(folder(account, role), "Mine")
        with pytest.raises(ValueError, match="stays as it is"):
            folders.delete_folder(folder(account, role))


# ── Deleting ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("role", [Folder.Role.INBOX, Folder.Role.TRASH])
def test_a_deleted_folders_messages_are_kept(account, receipts, role):
    ids = deliver(account, letter("One"), letter("Two"), letter("Three"), letter("Stays"))
    services.move(these(*ids[:3]), receipts)
    services.set_read(these(ids[0]), True)
    before = counters(folder(account, role))
    assert folders.delete_folder(receipts, to=role) == 3
    after = counters(folder(account, role))
    assert (after[0] - before[0], after[1] - before[1]) == (3, 2)
    assert set(these(*ids[:3]).values_list("folder__role", flat=True)) == {role}
    assert not Folder.objects.filter(role=Folder.Role.OWN).exists()


def test_an_empty_folder_is_deleted(receipts):
    assert folders.delete_folder(receipts) == 0


def test_messages_do_not_go_elsewhere(receipts):
    with pytest.raises(ValueError, match="do not go to"):
        folders.delete_folder(receipts, to=Folder.Role.SENT)


def test_what_is_in_trash_from_a_folder_that_is_gone_is_put_back_into_the_inbox(account, receipts):
    early, late = deliver(account, letter("Early"), letter("Late"))
    services.move(these(early, late), receipts)
    services.trash(these(early))
    folders.delete_folder(receipts, to=Folder.Role.TRASH)
    services.put_back(these(early, late))
    assert set(these(early, late).values_list("folder__role", flat=True)) == {Folder.Role.INBOX}


@pytest.mark.django_db(transaction=True)
def test_what_is_stored_while_the_folder_is_deleted_is_not_lost(account):
    """The deleting waits for the fetch that has begun, and moves its messages too."""
    with tenancy.scope(account.organization_id):
        target = folders.create_folder(account, "Receipts")
    failures: list[BaseException] = []

    def delete():
        try:
            with tenancy.scope(account.organization_id):
                folders.delete_folder(target)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    incoming = bulk_insert.prepare(letter("While"))
    thread = threading.Thread(target=delete)
    with tenancy.scope(account.organization_id):
        bulk_insert.store(target, [incoming])
        quotas.charge(account.organization_id, incoming.size, messages=1, account_id=account.pk)
        thread.start()
        wait_for_a_waiting_lock()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert failures == []
    with tenancy.scope(account.organization_id):
        assert Message.objects.get().folder.role == Folder.Role.INBOX


def wait_for_a_waiting_lock() -> None:
    """Until another connection waits for one of ours."""
    with connection.cursor() as cursor:
        for _ in range(2_000):
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.005)")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waited")
