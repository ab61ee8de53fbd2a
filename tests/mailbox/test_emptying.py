"""Emptying a folder: what is in it goes, what comes meanwhile stays, and a killed worker is followed by another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import tenancy
from mailbox import emptying, folders, services, signals, tasks
from mailbox.models import Folder, Message
from tests.factories import deliver, letter

pytestmark = pytest.mark.django_db


@pytest.fixture
def scope(acme):
    with tenancy.scope(acme.pk):
        yield


@pytest.fixture
def trash(account, monkeypatch, scope):
    """Five letters in Trash, two to a batch."""
    monkeypatch.setattr(services, "DISCARD_BATCH", 2)
    deliver(account, *[letter(f"Old {n}") for n in range(5)], role=Folder.Role.TRASH)
    return Folder.objects.get(account=account, role=Folder.Role.TRASH)


def these(*ids):
    return Message.objects.filter(pk__in=ids)


def subjects():
    return sorted(Message.objects.filter(folder__role=Folder.Role.TRASH).values_list("subject", flat=True))


def test_it_goes_in_batches_and_leaves_other_folders_alone(account, acme, trash):
    (kept,) = deliver(account, letter("Kept"))
    assert emptying.start(trash) == 3
    emptying.finish(acme.pk, trash.pk)
    assert subjects() == []
    assert these(kept).exists()
    trash.refresh_from_db()
    assert (trash.messages_count, trash.emptying_until, trash.emptying_upto) == (0, None, None)


def test_a_small_folder_is_empty_at_once(account, acme, scope):
    deliver(account, letter(), role=Folder.Role.TRASH)
    trash = Folder.objects.get(account=account, role=Folder.Role.TRASH)
    assert emptying.start(trash) == 0
    assert emptying.due(10) == []


def test_what_comes_meanwhile_stays_and_what_is_put_back_is_kept(account, acme, trash):
    own = folders.create_folder(account, "Receipts")
    rescued, late, filed = deliver(account, letter("Rescued"), letter("Late"), letter("Filed"))
    services.trash(these(rescued))
    services.move(these(filed), own)

    def meanwhile(sender, **kwargs):
        signals.messages_discarded.disconnect(meanwhile)
        services.put_back(these(rescued))
        services.trash(these(late))
        folders.delete_folder(own, to=Folder.Role.TRASH)

    signals.messages_discarded.connect(meanwhile)
    assert emptying.start(trash)
    deliver(account, letter("New"), role=Folder.Role.TRASH)
    emptying.finish(acme.pk, trash.pk)
    assert subjects() == ["Filed", "Late", "New"]
    assert Message.objects.get(pk=rescued).folder.role == Folder.Role.INBOX


def test_it_may_run_twice_and_for_a_folder_that_is_gone(acme, trash):
    emptying.start(trash)
    for key in (trash.pk, trash.pk, 10**9):
        emptying.finish(acme.pk, key)
    assert subjects() == []


def test_what_a_killed_worker_has_left_is_found_by_the_clock(acme, trash, monkeypatch):
    emptying.start(trash)
    assert emptying.due(10) == [], "somebody is at it"
    Folder.objects.filter(pk=trash.pk).update(emptying_until=Now() - timedelta(seconds=1))
    monkeypatch.setattr(tasks.empty_folder, "delay", tasks.empty_folder)
    tasks.resume_emptying()
    assert subjects() == []
    assert emptying.due(10) == []
