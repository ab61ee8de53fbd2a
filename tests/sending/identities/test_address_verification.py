"""Codes that prove an address: what they are good for, for how long, and that nobody is flooded with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail as outgoing
from django.core.cache import cache
from django.utils import timezone

from accounts import tenancy
from sending import tasks
from sending.identities import address_verification
from sending.identities.address_verification import NotWritable, TooMany, TooSoon, UsedUp, WrongCode
from sending.models import AddressProof
from tests import factories
from tests.sending.settled import prove

ADDRESS = "info@shop.example"


@pytest.fixture
def member(acme, alice):
    return factories.membership(acme, alice)


@pytest.fixture
def clock(time_machine):
    """A day that begins at six, so that minutes do not cross midnight."""
    time_machine.move_to("2026-11-23T06:00:00Z", tick=False)
    return time_machine


def order(member, address: str = ADDRESS) -> AddressProof:
    with tenancy.scope(member.organization_id):
        return address_verification.start_verification(member, address)


def mailed(member, address: str = ADDRESS) -> str:
    """A code as the mail brings it."""
    proof = order(member, address)
    tasks.send_code(member.organization_id, proof.pk, "en")
    body = outgoing.outbox[-1].body
    return next(line.strip() for line in body.splitlines() if line.startswith("    "))


def confirm(member, code: str, address: str = ADDRESS) -> address_verification.ProofError | None:
    with tenancy.scope(member.organization_id):
        return address_verification.confirm(member, address, code)


def is_proven(member, address: str = ADDRESS) -> bool:
    with tenancy.scope(member.organization_id):
        return address_verification.is_proven(member, address)


def wrong(code: str) -> str:
    return f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"


# ── The code ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("typed", [str, lambda code: code.replace(" ", ""), lambda code: f" {code}\n"])
def test_the_right_code_proves_the_address(member, typed):
    code = mailed(member)
    assert not is_proven(member)
    assert confirm(member, typed(code)) is None
    assert is_proven(member)
    assert is_proven(member, "INFO@Shop.Example")
    assert not is_proven(member, "info@shop.example.evil.example")


def test_only_a_hash_is_kept_and_it_is_good_for_one_address(member):
    code = mailed(member).replace(" ", "")
    other = mailed(member, "other@shop.example")
    with tenancy.scope(member.organization_id):
        row = AddressProof.objects.get(address=ADDRESS)
        assert code not in "".join(str(value) for value in vars(row).values())
        AddressProof.objects.filter(address="other@shop.example").update(code_hash=row.code_hash)
    assert isinstance(
        confirm(member, code if code != other else wrong(code), "other@shop.example"), WrongCode
    )


def test_a_code_is_good_once(member):
    code = mailed(member)
    confirm(member, code)
    assert isinstance(confirm(member, code), UsedUp)
    assert is_proven(member)


def test_a_code_is_good_for_half_an_hour(member, clock):
    code = mailed(member)
    clock.shift(timedelta(minutes=address_verification.MINUTES, seconds=1))
    assert isinstance(confirm(member, code), UsedUp)
    assert not is_proven(member)


def test_a_code_has_five_tries_and_the_right_one_is_too_late_then(member):
    code = mailed(member)
    for left in range(address_verification.TRIES - 1, 0, -1):
        error = confirm(member, wrong(code))
        assert isinstance(error, WrongCode)
        assert f" {left} " in str(error.sentence)
    assert isinstance(confirm(member, wrong(code)), UsedUp)
    assert isinstance(confirm(member, code), UsedUp)
    assert not is_proven(member)


@pytest.mark.parametrize(
    "typed", ["", "0", "1234567890" * 500, "\x00" * 6, "１２３４５６", "١٢٣٤٥٦", "abc def"]
)
def test_nonsense_is_a_wrong_try(member, typed):
    mailed(member)
    assert isinstance(confirm(member, typed), WrongCode)


def test_without_a_code_nothing_is_confirmed(member):
    assert isinstance(confirm(member, "000000"), UsedUp)
    order(member)  # the worker has not made it yet
    for typed in ("", "000000"):
        assert isinstance(confirm(member, typed), UsedUp)


def test_a_new_code_ends_the_old_one(member, clock):
    old = mailed(member)
    clock.shift(timedelta(seconds=address_verification.PAUSE_SECONDS + 1))
    proof = order(member)
    assert isinstance(confirm(member, old), UsedUp)
    tasks.send_code(member.organization_id, proof.pk, "en")
    assert len(outgoing.outbox) == 2


def test_another_persons_code_is_of_no_use(member, acme, bob):
    code = mailed(member)
    assert isinstance(confirm(factories.membership(acme, bob), code), UsedUp)
    assert not is_proven(factories.membership(acme, bob))


def test_a_proof_counts_in_its_organization_only(acme, umbrella, alice, account):
    elsewhere = factories.join(umbrella, alice)
    prove(account, ADDRESS)
    assert is_proven(factories.membership(acme, alice))
    with tenancy.scope(umbrella.pk):
        assert not address_verification.is_proven(elsewhere, ADDRESS)


# ── The mail ────────────────────────────────────────────────────────────────
def test_a_task_that_runs_twice_writes_once(member):
    proof = order(member)
    for _ in range(2):
        tasks.send_code(member.organization_id, proof.pk, "en")
    assert len(outgoing.outbox) == 1


def test_the_mail_says_who_asks_and_where(member, acme, alice, settings):
    settings.MAILHUB_URL = "https://hub.example"
    code = mailed(member)
    (message,) = outgoing.outbox
    assert message.to == [ADDRESS]
    for words in ("Alice Hartono", alice.email, "“Acme”", ADDRESS, code, "30 minutes"):
        assert words in message.body
    assert f"https://hub.example/o/{acme.slug}/settings/addresses/" in message.body
    assert "If it was not you" in message.body
    assert code.replace(" ", "") not in message.subject


def test_the_mail_is_in_the_askers_language(member, monkeypatch):
    from tests.accounts.test_mail import languages

    seen = languages(monkeypatch)
    proof = order(member)
    tasks.send_code(member.organization_id, proof.pk, "id")
    assert seen == ["id"]


def test_names_bring_a_stranger_no_links_and_no_headers(acme, alice, member):
    alice.name = "Win at http://evil.example/now\r\nBcc: all@evil.example"
    alice.save()
    acme.name = "www.evil.example " + "x" * 83
    acme.save()
    mailed(member)
    (message,) = outgoing.outbox
    assert message.recipients() == [ADDRESS]
    assert "evil.example" not in message.body
    assert "http://evil" not in message.body
    assert "x" * 80 not in message.body


# ── Not too many ────────────────────────────────────────────────────────────
def test_one_a_minute(member, clock):
    order(member)
    with pytest.raises(TooSoon):
        order(member)
    with pytest.raises(TooSoon):
        order(member, "INFO@shop.example")
    order(member, "other@shop.example")
    clock.shift(timedelta(seconds=address_verification.PAUSE_SECONDS + 1))
    order(member)


def test_five_a_day(member, clock):
    for _ in range(address_verification.A_DAY):
        order(member)
        clock.shift(timedelta(minutes=2))
    with pytest.raises(TooMany):
        order(member)
    clock.shift(timedelta(days=1))
    order(member)


@pytest.mark.parametrize("spelling", ["in.fo@shop.example", "info+1@shop.example", "INFO+x.y@Shop.example"])
def test_a_mailbox_is_not_flooded_by_other_spellings_nor_by_other_tenants(
    member, umbrella, charlie, monkeypatch, spelling
):
    monkeypatch.setitem(address_verification.DAILY, "mailbox", 2)
    order(member)
    order(member, "inf.o@shop.example")
    with pytest.raises(TooMany):
        order(member, spelling)
    stranger = factories.membership(umbrella, charlie)
    with pytest.raises(TooMany):
        order(stranger, spelling)
    order(stranger, "else@shop.example")


def test_a_person_writes_to_so_many_mailboxes_a_day_in_all_organizations(
    member, umbrella, alice, monkeypatch
):
    monkeypatch.setitem(address_verification.DAILY, "person", 2)
    elsewhere = factories.join(umbrella, alice)
    order(member, "one@shop.example")
    order(elsewhere, "two@shop.example")
    for who in (member, elsewhere):
        with pytest.raises(TooMany):
            order(who, "three@shop.example")


def test_an_organization_writes_to_so_many_a_day(member, acme, bob, monkeypatch):
    monkeypatch.setitem(address_verification.DAILY, "organization", 1)
    order(member, "one@shop.example")
    with pytest.raises(TooMany):
        order(factories.membership(acme, bob), "two@shop.example")


def test_what_was_refused_left_no_row(member, monkeypatch):
    monkeypatch.setitem(address_verification.DAILY, "person", 0)
    with pytest.raises(TooMany):
        order(member)
    with tenancy.scope(member.organization_id):
        assert not AddressProof.objects.exists()


def test_no_limit_is_kept_by_an_address_in_the_cache(member):
    """Keys are hashes: whoever reads the cache learns no addresses."""
    order(member)
    assert not [key for key in cache._cache.get_client(None).keys("*codes*") if b"shop" in key]


# ── Odd addresses ───────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b@c.example",
        "info@shop.example\nBcc: all@evil.example",
        "info\r\n@shop.example",
        "info@shop.example\x00",
        "in\x00fo@shop.example",
        '"a b"@shop.example',
        "info@[127.0.0.1]",
        "root@localhost",
        "jürgen@shop.example",
        "\u212aim@shop.example",
        "info@stra\u200dsse.example",
        "a@b.example, c@d.example",
        "info@shop..example",
        f"{'x' * 65}@shop.example",
    ],
)
def test_what_cannot_be_written_to_is_not_written_to(member, address):
    with pytest.raises(NotWritable):
        order(member, address)
    assert isinstance(confirm(member, "000000", address), UsedUp)


def test_a_domain_beyond_ascii_is_written_to_in_ascii(member):
    code = mailed(member, "info@bücher.example")
    assert outgoing.outbox[-1].to == ["info@xn--bcher-kva.example"]
    confirm(member, code, "info@BÜCHER.example")
    assert is_proven(member, "info@xn--bcher-kva.example")


def test_time_zones_do_not_give_a_second_day(member, clock):
    with timezone.override("Asia/Jakarta"):
        for _ in range(address_verification.A_DAY):
            order(member)
            clock.shift(timedelta(minutes=2))
        clock.shift(timedelta(hours=12))  # another date in Jakarta, the same in UTC
        with pytest.raises(TooMany):
            order(member)
