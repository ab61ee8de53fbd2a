"""The meter and its ledger: what is taken fits, what is given back is booked, plans set the limits."""

import pytest
from django.db import transaction

from accounts import tenancy
from quotas import services
from quotas.models import LedgerEntry, Plan, StorageMeter

pytestmark = pytest.mark.django_db


@pytest.fixture
def meter(acme):
    with tenancy.scope(acme.pk):
        StorageMeter.objects.filter(organization=acme).update(limit=1_000)
        yield StorageMeter.objects.get(organization=acme)
        # The mail these tests book does not exist; give it back, so that the books agree afterwards.
        left = services.ledger_total(acme.pk)
        messages = sum(LedgerEntry.objects.values_list("messages", flat=True))
        services.release(acme.pk, left, messages=messages, account_id=None)


def charge(acme, size, messages=1):
    services.charge(acme.pk, size, messages=messages, account_id=7)


def test_a_charge_moves_meter_and_ledger(acme, meter):
    charge(acme, 400, messages=3)
    meter.refresh_from_db()
    entry = LedgerEntry.objects.get()
    assert (meter.used, meter.free) == (400, 600)
    assert (entry.bytes, entry.messages, entry.account_id, entry.reason) == (400, 3, 7, "fetched")


def test_the_last_byte_fits_and_one_more_does_not(acme, meter):
    charge(acme, 1_000)
    with pytest.raises(services.OverQuota) as caught:
        charge(acme, 1)
    assert caught.value.wanted == 1
    assert services.ledger_total(acme.pk) == 1_000


def test_the_transaction_is_usable_after_a_refusal(acme, meter):
    with transaction.atomic():
        with pytest.raises(services.OverQuota):
            charge(acme, 1_001)
        charge(acme, 10)
    meter.refresh_from_db()
    assert meter.used == 10


def test_negative_charges_are_a_mistake_of_the_caller(acme, meter):
    with pytest.raises(ValueError):
        charge(acme, -1)


def test_release_gives_back(acme, meter):
    charge(acme, 700, messages=2)
    services.release(acme.pk, 300, messages=1, account_id=7)
    meter.refresh_from_db()
    assert meter.used == services.ledger_total(acme.pk) == 400


def test_a_smaller_plan_leaves_what_is_stored(acme, meter):
    charge(acme, 900)
    StorageMeter.objects.update(limit=500)
    meter.refresh_from_db()
    assert meter.free == 0
    with pytest.raises(services.OverQuota):
        charge(acme, 1)


def test_founding_starts_the_free_plan(acme):
    with tenancy.scope(acme.pk):
        free = Plan.objects.get(slug="free")
        assert acme.subscription.plan == free
        assert acme.storage_meter.limit == free.storage_bytes
    acme.refresh_from_db()
    assert (acme.mail_account_limit, acme.member_limit) == (free.mail_accounts, free.members)


def test_changing_the_plan_changes_every_limit(acme):
    pro = Plan.objects.get(slug="pro")
    with tenancy.scope(acme.pk):
        services.subscribe(acme, pro)
        assert StorageMeter.objects.get(organization=acme).limit == pro.storage_bytes
    acme.refresh_from_db()
    assert acme.member_limit == pro.members
