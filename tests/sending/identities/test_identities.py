"""Which sender addresses there are, which may be used and why others may not, and what changes them."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts import removal, services, tenancy
from sending.identities import identities, servers
from sending.identities.identities import IdentityError, Obstacle
from sending.models import Identity, OutgoingServer
from tests import factories
from tests.sending.settled import identities_of, prove, relay, settle

OTHER = "info@shop.example"


@pytest.fixture(autouse=True)
def scope(acme):
    """Everything here happens inside Acme."""
    with tenancy.scope(acme.pk):
        yield


@pytest.fixture
def member(acme, alice):
    return factories.membership(acme, alice)


@pytest.fixture
def own(account) -> Identity:
    (identity,) = identities_of(account)
    return identity


def fresh(identity: Identity) -> Identity:
    return Identity.objects.select_related("account").get(pk=identity.pk)


# ── A new account ───────────────────────────────────────────────────────────
def test_a_new_account_has_its_own_address(acme, alice):
    account = factories.connect(
        acme, alice, email="Ada@Post.example", from_name="Ada L.", reply_to="desk@post.example"
    )
    (own,) = identities_of(account)
    assert (own.address, own.name, own.reply_to) == ("Ada@post.example", "Ada L.", "desk@post.example")
    assert (own.is_default, own.is_login) == (True, False)
    assert identities.is_own(own)


def test_another_sender_address_becomes_a_second_one(acme, alice):
    account = factories.connect(acme, alice, email="ada@post.example", from_name="Ada", from_address=OTHER)
    own, other = identities_of(account)
    assert (own.address, other.address) == ("ada@post.example", OTHER)
    assert (own.is_default, other.is_default) == (True, False)
    assert other.name == "Ada"
    assert not identities.is_own(other)


@pytest.mark.parametrize("same", ["ada@post.example", "ADA@Post.Example"])
def test_the_same_address_written_twice_is_one_and_needs_no_address_for_replies(acme, alice, same):
    account = factories.connect(acme, alice, email="ada@post.example", from_address=same, reply_to=same)
    (own,) = identities_of(account)
    assert own.reply_to == ""


def test_a_domain_beyond_ascii_is_kept_as_it_goes_out(acme, alice):
    account = factories.connect(acme, alice, email="ada@bücher.example")
    (own,) = identities_of(account)
    assert own.address == "ada@xn--bcher-kva.example"
    assert identities.is_own(own)


def test_a_domain_that_cannot_go_out_stops_nobody_from_fetching(acme, alice):
    account = factories.connect(acme, alice, email="ada@bü\u200dcher.example")
    (own,) = identities_of(account)
    assert own.address == "ada@bü\u200dcher.example"
    prove(account, "ada@xn--bcher-kva.example")
    settle(account)
    assert identities.obstacle(own) is Obstacle.UNPROVEN


def test_an_edited_address_may_be_sent_from_too(account, alice, own):
    services.change_mail_account(account, alice, {"email": "new@post.example"})
    first, second = identities_of(account)
    assert [first.address, second.address] == ["alice@post.example", "new@post.example"]
    assert identities.is_own(second)
    assert not identities.is_own(first)
    services.change_mail_account(account, alice, {"email": "alice@post.example"})
    assert len(identities_of(account)) == 2


# ── Which may be used ───────────────────────────────────────────────────────
def test_nothing_is_usable_before_sending_is_settled(member, account, own):
    prove(account, own.address)
    assert identities.usable(member) == []
    assert identities.obstacle(own) is Obstacle.NOT_SET_UP
    assert identities.why_not(own)
    assert identities.can_send([account]) == set()
    assert identities.default_for(account) == own


def test_a_server_that_was_never_tested_is_not_settled(account, own):
    prove(account, own.address)
    settle(account, tested_at=None)
    assert identities.obstacle(fresh(own)) is Obstacle.NOT_SET_UP


def test_signing_in_proves_an_address(member, account, own):
    settle(account)
    assert identities.obstacle(fresh(own)) is Obstacle.UNPROVEN
    settle(account, is_login=True)
    assert identities.usable(member) == [own]
    assert identities.why_not(fresh(own)) == ""
    assert identities.can_send([account]) == {account.pk}


def test_a_code_proves_an_address_however_it_is_spelled(member, account, own):
    settle(account)
    prove(account, "ALICE@post.example")
    assert identities.usable(member) == [own]


def test_the_address_one_signs_in_with_is_proven(acme, alice, member):
    account = factories.connect(acme, alice, email=alice.email)
    settle(account)
    assert [each.address for each in identities.usable(member)] == [alice.email]
    alice.emailaddress_set.update(verified=False)
    assert identities.usable(member) == []


def test_somebody_elses_proof_counts_for_nobody_else(account, bob, own):
    settle(account)
    prove(account, own.address, user=bob)
    assert identities.obstacle(fresh(own)) is Obstacle.UNPROVEN


def test_cards_say_where_sending_is_not_as_it_should_be(acme, alice, member, account):
    other, third = (factories.connect(acme, alice, email=f"box{n}@post.example") for n in range(2))
    assert identities.notes([account, other]) == {
        account.pk: identities.CANNOT_SEND,
        other.pk: identities.CANNOT_SEND,
    }
    for each in (account, other):
        settle(each, is_login=True)
    OutgoingServer.objects.filter(pk=other.pk).update(paused_since=timezone.now())
    found = identities.notes([account, other, third])
    assert found == {other.pk: identities.SIGN_IN_REFUSED, third.pk: identities.CANNOT_SEND}


def test_letters_that_look_like_others_prove_nothing(acme, alice, member):
    """The Kelvin sign becomes a k when case is ignored, but its mailbox is another one."""
    account = factories.connect(acme, alice, email="\u212aim@post.example")
    settle(account)
    prove(account, "kim@post.example")
    assert identities.usable(member) == []


def test_the_relay_takes_proven_addresses_only(settings, member, account, own):
    relay(settings)
    settle(account, is_custom=False, tested_at=None, is_login=True)  # what a server of one's own has said
    assert identities.obstacle(fresh(own)) is Obstacle.UNPROVEN
    prove(account, own.address)
    assert identities.usable(member) == [own]


def test_a_relay_that_is_gone_sends_nothing(account, own):
    settle(account, is_custom=False, tested_at=None)
    prove(account, own.address)
    assert identities.obstacle(fresh(own)) is Obstacle.NO_RELAY


def test_a_refused_password_keeps_nobody_from_writing(account, own, member):
    """What waits goes out when it is mended."""
    server = settle(account, is_login=True)
    OutgoingServer.objects.filter(pk=server.pk).update(paused_since=server.tested_at)
    assert identities.usable(member) == [own]


# ── Where replies go ────────────────────────────────────────────────────────
def test_another_address_for_replies_must_be_proven_too(account, alice, own):
    settle(account, is_login=True)
    identities.change(own, alice, name="Alice", reply_to=OTHER)
    assert identities.obstacle(fresh(own)) is Obstacle.REPLY_UNPROVEN
    prove(account, OTHER)
    assert identities.obstacle(fresh(own)) is None


def test_an_alias_may_be_answered_at_the_account_itself(settings, account, alice, own):
    alias = identities.add(account, alice, address=OTHER, reply_to=own.address)
    settle(account)
    prove(account, OTHER)
    own.is_login = True
    own.save()
    assert identities.obstacle(fresh(alias)) is None
    relay(settings)
    settle(account, is_custom=False, is_login=True)
    assert identities.obstacle(fresh(alias)) is Obstacle.REPLY_UNPROVEN


def test_an_address_is_not_its_own_address_for_replies(account, alice, own):
    identities.change(own, alice, name="Alice", reply_to="ALICE@post.example")
    assert fresh(own).reply_to == ""


# ── The default ─────────────────────────────────────────────────────────────
def test_the_default_is_one_that_may_be_used(account, alice, own):
    alias = identities.add(account, alice, address=OTHER)
    settle(account)
    prove(account, OTHER)
    assert identities.default_for(account) == alias
    prove(account, own.address)
    assert identities.default_for(account) == own
    identities.make_default(alias)
    assert identities.default_for(account) == alias
    assert [each.is_default for each in identities_of(account)] == [False, True]


def test_an_account_without_addresses_has_no_default(account):
    Identity.objects.all().delete()
    assert identities.default_for(account) is None


# ── Own addresses ───────────────────────────────────────────────────────────
def test_own_addresses_are_of_all_accounts_however_written(acme, alice, bob, member, account):
    factories.connect(acme, alice, email="Two@Post.example", username="two-login@post.example")
    factories.connect(acme, bob, email="bob@post.example")
    identities.add(account, alice, address="Alias@BÜCHER.example")
    assert identities.own_addresses(member) == {
        "alice@post.example",
        "two@post.example",
        "two-login@post.example",
        "alias@xn--bcher-kva.example",
    }


def test_usable_ones_come_in_the_order_of_accounts_their_default_first(acme, alice, member, account):
    second = factories.connect(acme, alice, email="two@post.example")
    alias = identities.add(second, alice, address=OTHER)
    identities.make_default(alias)
    for each in (account, second):
        settle(each, is_login=True)
    found = [identity.address for identity in identities.usable(member)]
    assert found == ["alice@post.example", OTHER, "two@post.example"]


# ── Changes ─────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("again", [OTHER, "INFO@shop.example", "info@Shop.Example"])
def test_an_address_is_added_once(account, alice, again):
    identities.add(account, alice, address=OTHER)
    with pytest.raises(IdentityError) as caught:
        identities.add(account, alice, address=again)
    assert "already" in str(caught.value.sentence)


def test_there_is_an_end_to_addresses(account, alice, monkeypatch):
    monkeypatch.setattr(identities, "LIMIT", 2)
    identities.add(account, alice, address=OTHER)
    with pytest.raises(IdentityError):
        identities.add(account, alice, address="more@shop.example")


def test_removing_the_default_gives_it_back_to_the_own_address(account, alice, own):
    alias = identities.add(account, alice, address=OTHER)
    identities.make_default(alias)
    identities.remove(fresh(alias), alice)
    (left,) = identities_of(account)
    assert (left, left.is_default) == (own, True)


def test_the_own_address_stays(account, alice, own):
    with pytest.raises(IdentityError):
        identities.remove(own, alice)
    assert identities_of(account) == [own]


def test_deleting_the_account_takes_its_addresses_and_server_along(account, alice):
    settle(account)
    removal.remove(account, alice)
    assert not Identity.objects.exists()
    assert not OutgoingServer.objects.exists()


# ── One password for both directions ────────────────────────────────────────
def paused(account, **values) -> OutgoingServer:
    server = settle(account, is_login=True, **values)
    rows = OutgoingServer.objects.filter(pk=server.pk)
    rows.update(paused_since=server.tested_at, error_code="sending_login_failed", error_text="no")
    return rows.get()


def state(server: OutgoingServer) -> tuple:
    server.refresh_from_db()
    return server.paused_since is None, server.error_code, server.error_text


def test_a_mended_password_for_fetching_lets_mail_out_again(account, alice):
    server = paused(account)
    services.change_mail_account(account, alice, {"password": "right now"})
    assert state(server) == (True, "", "")
    assert servers.route_of(account).credentials.password == "right now"


@pytest.mark.parametrize("values", [{"login": "own", "username": "ada"}, {"login": "none"}])
def test_a_password_of_its_own_is_mended_on_its_own(account, alice, values):
    server = paused(account, **values)
    services.change_mail_account(account, alice, {"password": "right now"})
    assert state(server) == (False, "sending_login_failed", "no")


def test_a_new_name_for_the_account_mends_nothing(account, alice):
    server = paused(account)
    services.change_mail_account(account, alice, {"name": "Else"})
    assert not state(server)[0]


def test_somebody_elses_password_for_fetching_goes_to_no_server_that_has_not_seen_it(account, alice, member):
    """Else a new provider's password would be shown to the old provider's server."""
    server = settle(account, is_login=True, username=account.username)
    services.change_mail_account(account, alice, {"password": "new"})
    assert servers.is_set_up(OutgoingServer.objects.get(pk=server.pk))
    services.change_mail_account(account, alice, {"username": "else", "host": "pop.else.example"})
    assert not servers.is_set_up(OutgoingServer.objects.get(pk=server.pk))
    assert identities.usable(member) == []


def test_another_user_name_for_fetching_no_longer_proves_the_address(acme, alice):
    account = factories.connect(acme, alice, email="ada@post.example", username="ada@post.example")
    settle(account, host="smtp.hoster.example", is_login=True)
    services.change_mail_account(account, alice, {"username": "ada@post.example", "password": "new"})
    (own,) = identities_of(account)
    assert own.is_login
    services.change_mail_account(account, alice, {"username": "eve@post.example"})
    (own,) = identities_of(account)
    assert not own.is_login
