"""Who may change whom, and what a change takes along."""

from __future__ import annotations

import pytest

from accounts import members, removal, services, tenancy
from accounts.models import AuditEvent, MailAccount, Membership, Role
from mailbox.models import Message
from quotas.models import StorageMeter
from tests import factories


@pytest.fixture
def house(acme, alice, bob, charlie):
    """Alice owns, Bob is a member, Charlie an admin."""
    factories.join(acme, charlie, Role.ADMIN)
    with tenancy.scope(acme.pk):
        yield {
            item.user.email.split("@")[0]: item
            for item in Membership.objects.select_related("user", "organization")
        }


@pytest.mark.parametrize(
    ("actor", "member", "role"),
    [
        ("charlie", "alice", "member"),  # an admin demotes the owner
        ("charlie", "bob", "owner"),  # an admin makes an owner
        ("charlie", "charlie", "owner"),  # an admin makes himself owner
        ("bob", "charlie", "member"),  # a member demotes an admin
        ("bob", "bob", "admin"),  # a member raises himself
        ("alice", "bob", "emperor"),
        ("alice", "bob", ""),
    ],
)
def test_roles_nobody_may_give(house, actor, member, role):
    before = house[member].role
    with pytest.raises(members.NotAllowed):
        members.change_role(house[actor], house[member], role)
    assert Membership.objects.get(pk=house[member].pk).role == before


@pytest.mark.parametrize(
    ("actor", "member", "role"),
    [
        ("alice", "bob", "owner"),
        ("alice", "charlie", "member"),
        ("charlie", "bob", "admin"),
        ("charlie", "charlie", "member"),
    ],
)
def test_roles_that_may_be_given(house, actor, member, role):
    members.change_role(house[actor], house[member], role)
    assert Membership.objects.get(pk=house[member].pk).role == role
    event = AuditEvent.objects.latest("at")
    assert (event.action, event.actor, event.detail["role"]) == (
        "member.role_changed",
        house[actor].user,
        role,
    )


def test_the_last_owner_stays_owner(house):
    with pytest.raises(members.LastOwner):
        members.change_role(house["alice"], house["alice"], "member")
    with pytest.raises(members.LastOwner):
        members.remove(house["alice"], house["alice"])
    members.change_role(house["alice"], house["bob"], "owner")
    members.remove(house["alice"], house["alice"])
    assert not Membership.objects.filter(user=house["alice"].user).exists()


def test_a_stale_row_does_not_get_around_the_rule(house):
    """Two owners who demote each other at once: the second looks again after the lock."""
    members.change_role(house["alice"], house["bob"], "owner")
    stale = Membership.objects.select_related("user", "organization").get(pk=house["alice"].pk)
    members.change_role(house["bob"], house["bob"], "member")
    stale.role = "member"  # what an old page believed
    with pytest.raises(members.LastOwner):
        members.change_role(house["alice"], stale, "member")


@pytest.mark.parametrize(("actor", "member"), [("charlie", "alice"), ("bob", "charlie")])
def test_people_nobody_may_remove(house, actor, member):
    with pytest.raises(members.NotAllowed):
        members.remove(house[actor], house[member])


def test_everybody_else_may_leave(house):
    for name in ("bob", "charlie"):
        members.remove(house[name], house[name])
    assert [item.user for item in Membership.objects.all()] == [house["alice"].user]


def test_removing_a_person_removes_their_mail_and_frees_its_space(house, acme, alice, bob):
    gone = factories.connect(acme, bob, name="Bob's", email="bob@post.example")
    kept = factories.connect(acme, alice, name="Alice's", email="alice@post.example")
    for account in (gone, kept):
        factories.deliver(account, factories.letter(), factories.letter("Two"))
    used = StorageMeter.objects.get().used
    for account in members.remove(house["alice"], house["bob"]):
        removal.finish(acme.pk, account.pk)
    assert list(MailAccount.objects.all()) == [kept]
    assert set(Message.objects.values_list("account", flat=True)) == {kept.pk}
    assert StorageMeter.objects.get().used == used // 2
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {
        "mail_account.deleted",
        "member.removed",
    }


# ── What was true when the page was opened may no longer be ──────────────────
def test_a_demoted_owner_promotes_nobody(house):
    """The actor's role is read again under the lock, not taken from the page that was opened before."""
    members.change_role(house["alice"], house["bob"], "owner")
    stale = Membership.objects.select_related("user", "organization").get(pk=house["bob"].pk)
    members.change_role(house["alice"], house["bob"], "member")
    assert stale.role == "owner"
    for act in (
        lambda: members.change_role(stale, house["charlie"], "owner"),
        lambda: members.change_role(stale, stale, "owner"),
        lambda: members.remove(stale, house["charlie"]),
    ):
        with pytest.raises(members.NotAllowed):
            act()
    assert Membership.objects.get(pk=house["charlie"].pk).role == "admin"


def test_who_has_left_changes_and_invites_nobody(house, acme):
    stale = Membership.objects.select_related("user", "organization").get(pk=house["charlie"].pk)
    invitation = factories.invite(acme, house["alice"].user, "nadia@acme.example")[0]
    members.remove(house["alice"], house["charlie"])
    with pytest.raises(members.Gone):
        members.change_role(stale, house["bob"], "admin")
    with pytest.raises(members.Gone):
        members.withdraw(stale, invitation)
    with pytest.raises(services.NotAdmin):
        services.invite(stale, ["eve@acme.example"], "admin")


def test_who_is_no_admin_any_more_invites_nobody(house):
    stale = Membership.objects.select_related("user", "organization").get(pk=house["charlie"].pk)
    members.change_role(house["alice"], house["charlie"], "member")
    with pytest.raises(services.NotAdmin):
        services.invite(stale, ["eve@acme.example"], "admin")


def test_who_has_left_is_neither_changed_nor_removed_again(house):
    stale = Membership.objects.select_related("user", "organization").get(pk=house["bob"].pk)
    members.remove(house["alice"], house["bob"])
    for act in (
        lambda: members.change_role(house["alice"], stale, "admin"),
        lambda: members.remove(house["alice"], stale),
    ):
        with pytest.raises(members.Gone):
            act()
