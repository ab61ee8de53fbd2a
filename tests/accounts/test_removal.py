"""Removing a mail account: hidden at once, deleted in batches, whatever happens to the worker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from accounts import removal, tasks, tenancy
from accounts.models import AuditEvent, MailAccount
from fetching.models import FetchState, RemoteMessage
from fetching.scheduler import claims
from mailbox import services
from mailbox.models import Message
from quotas.models import LedgerEntry, StorageMeter
from sending.models import OutgoingMessage
from tests import factories
from tests.factories import deliver, letter
from tests.test_isolation import outgoing_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(account):
    """Alice's account with seven letters."""
    deliver(account, *[letter(f"Letter {number}") for number in range(7)])
    return account


def confirm(client, account):
    page = reverse("mail_account_delete", args=[account.organization.slug, account.pk])
    return client.post(page, {"confirm": account.email})


def test_a_removed_account_is_hidden_at_once_and_nothing_goes_on_in_it(acme, alice, full, as_alice):
    assert confirm(as_alice, full).status_code == 302
    membership = factories.membership(acme, alice)
    with tenancy.scope(acme.pk):
        assert not MailAccount.objects.visible_to(membership).exists()
        assert not MailAccount.objects.of_organization(membership).exists()
        assert not Message.objects.visible_to(membership).exists()
        assert Message.objects.count() == 7, "it goes later"
        assert FetchState.objects.get().next_run_at is None
    assert claims.claim_due(10) == []
    assert claims.claim_now(acme.pk, full.pk) is None
    mailbox = reverse("mail", args=[acme.slug])
    assert full.email not in as_alice.get(mailbox, follow=True).content.decode()


def test_it_goes_in_batches_and_a_killed_worker_is_followed_by_another(full, alice, monkeypatch):
    monkeypatch.setattr(services, "DISCARD_BATCH", 3)
    with tenancy.scope(full.organization_id):
        RemoteMessage.objects.create(
            organization_id=full.organization_id, account=full, uidl=b"1", state="stored"
        )
        removal.start(full, alice)
    assert removal._batch(full.organization_id, full.pk), "more is left"
    with tenancy.scope(full.organization_id):
        assert Message.objects.count() == 4
    assert removal.due(10) == [], "somebody is at it"
    with tenancy.scope(full.organization_id):
        MailAccount.objects.update(removing_until=Now() - timedelta(seconds=1))
    assert removal.due(10) == [(full.organization_id, full.pk)]
    ordered = []
    monkeypatch.setattr(tasks.finish_removal, "delay", lambda *ids: ordered.append(ids))
    tasks.resume_removals()
    for ids in ordered * 2:  # it may run twice
        tasks.finish_removal(*ids)
    with tenancy.scope(full.organization_id):
        assert not MailAccount.objects.exists()
        assert not RemoteMessage.objects.exists()
        assert StorageMeter.objects.get().used == 0
        reasons = set(LedgerEntry.objects.filter(bytes__lt=0).values_list("reason", flat=True))
        assert reasons == {LedgerEntry.Reason.ACCOUNT_DELETED}


def test_it_is_begun_once_and_another_account_opens_first(acme, alice, full):
    other = factories.connect(acme, alice, email="other@mail.example")
    with tenancy.scope(acme.pk):
        removal.start(full, alice)
        removal.start(full, alice)
        assert MailAccount.objects.get(is_default=True) == other
        assert AuditEvent.objects.filter(action="mail_account.deleted").count() == 1


def test_a_reply_from_another_account_outlives_the_letter_it_answers(acme, alice, full):
    other = factories.connect(acme, alice, email="other@mail.example")
    with tenancy.scope(acme.pk):
        answer = outgoing_row(other)
        OutgoingMessage.objects.filter(pk=answer.pk).update(answers=Message.objects.first())
        removal.remove(full, alice)
        assert OutgoingMessage.objects.get().answers is None


def test_the_account_goes_in_a_transaction_that_has_not_charged_storage(acme, alice, full):
    with tenancy.scope(acme.pk):
        removal.start(full, alice)
    assert removal._batch(acme.pk, full.pk), "the last of its mail"
    with tenancy.scope(acme.pk):
        assert not Message.objects.exists()
        assert MailAccount.objects.filter(pk=full.pk).exists(), "its row takes other locks than its mail"
    assert not removal._batch(acme.pk, full.pk)
    with tenancy.scope(acme.pk):
        assert not MailAccount.objects.filter(pk=full.pk).exists()
