"""The people page: inviting, roles, removing."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts import services, tasks, tenancy
from accounts.access import memberships_of
from accounts.models import Invitation, MailAccount, Membership, Organization, Role, User
from tests import factories
from tests.conftest import signed_in


def at(name: str, *args: object) -> str:
    return reverse(name, args=["acme", *args])


def rows(model, organization, **filters):
    with tenancy.scope(organization.pk):
        return list(model.objects.filter(**filters).order_by("pk"))


@pytest.fixture
def post(as_alice, monkeypatch, django_capture_on_commit_callbacks):
    """Posts as Alice and lets what follows the commit happen."""
    monkeypatch.setattr(tasks.mail_invitation, "delay", tasks.mail_invitation)

    def send(path, data=None):
        with django_capture_on_commit_callbacks(execute=True):
            return as_alice.post(path, data or {})

    return send


def test_everybody_and_every_open_invitation_is_listed(as_alice, alice, acme, umbrella, account):
    with tenancy.scope(acme.pk):
        services.invite(factories.membership(acme, alice), ["nadia@acme.example"], Role.ADMIN)
        services.invite(factories.membership(acme, alice), ["late@acme.example"], Role.MEMBER)
        Invitation.objects.filter(email="late@acme.example").update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
    page = as_alice.get(at("people"))
    body = page.content.decode()
    for words in (
        "Alice Hartono",
        "Bob Santoso",
        "nadia@acme.example",
        "late@acme.example",
        "Invited",
        "Expired",
    ):
        assert words in body
    assert "Charlie" not in body
    # Two members and the invitation that still counts.
    assert page.context["places"] == 3
    assert {person.membership.user.name: person.accounts for person in page.context["people"]} == {
        "Alice Hartono": 1,
        "Bob Santoso": 0,
    }


def test_people_are_found_by_name_and_address(as_alice, acme):
    for words in ("santoso", "BOB@"):
        page = as_alice.get(at("people"), {"q": words})
        assert [person.membership.user.name for person in page.context["people"]] == ["Bob Santoso"]
    assert "Nobody here is called “zzz”" in as_alice.get(at("people"), {"q": "zzz"}).content.decode()


def test_the_people_page_does_not_ask_for_each_person(as_alice, alice, acme, django_assert_max_num_queries):
    for _ in range(20):
        factories.join(acme, factories.UserFactory())
    with django_assert_max_num_queries(30):
        as_alice.get(at("people"))


def test_an_invitation_is_mailed_after_the_commit(as_alice, post, acme):
    as_alice.post(at("invite"), {"emails": "early@acme.example", "role": "member"})
    assert mail.outbox == []  # nothing is committed yet
    answer = post(at("invite"), {"emails": "Nadia@Acme.example", "role": "admin"})
    assert answer.url == at("people")
    (invitation,) = rows(Invitation, acme, email="nadia@acme.example")
    assert invitation.role == Role.ADMIN
    assert mail.outbox[-1].to == ["nadia@acme.example"]
    assert f"/invitation/{acme.pk}/" in mail.outbox[-1].body
    assert "Invitation sent to nadia@acme.example." in as_alice.get(at("people")).content.decode()


def test_several_are_invited_at_once_each_once(post, acme):
    post(at("invite"), {"emails": "a@x.example, b@x.example;c@x.example\nA@x.example", "role": "member"})
    assert [row.email for row in rows(Invitation, acme)] == ["a@x.example", "b@x.example", "c@x.example"]
    assert len(mail.outbox) == 3


@pytest.mark.parametrize(
    ("emails", "words"),
    [
        (
            "nadia@acme.example, yusuf@acme",
            "“yusuf@acme” is not a full address. Nobody has been invited yet.",
        ),
        ("nadia@acme.example, bob@acme.example", "bob@acme.example is already in this organization."),
        ("", "This field is required."),
        (" , ;", "Enter at least one address."),
        (", ".join(f"p{n}@x.example" for n in range(51)), "Invite at most 50 people at once."),
    ],
)
def test_all_or_nobody_is_invited(post, acme, emails, words):
    page = post(at("invite"), {"emails": emails, "role": "member"})
    assert page.status_code == 422
    assert words in page.content.decode()
    assert rows(Invitation, acme) == []
    assert mail.outbox == []


def test_nobody_is_invited_as_owner(post, acme):
    page = post(at("invite"), {"emails": "nadia@acme.example", "role": "owner"})
    assert page.context["form"].errors.keys() == {"role"}
    assert rows(Invitation, acme) == []


def test_a_full_plan_says_so_and_invites_nobody(post, acme):
    Organization.objects.filter(pk=acme.pk).update(member_limit=3)
    page = post(at("invite"), {"emails": "a@x.example b@x.example", "role": "member"})
    assert "room for 3 people" in page.content.decode()
    assert rows(Invitation, acme) == []
    assert mail.outbox == []


def test_an_invitation_is_sent_again_with_a_new_link(post, acme):
    post(at("invite"), {"emails": "nadia@acme.example", "role": "admin"})
    (first,) = rows(Invitation, acme)
    post(at("invitation_resend", first.pk))
    (second,) = rows(Invitation, acme)
    assert second.role == Role.ADMIN
    assert second.key_hash != first.key_hash
    assert len(mail.outbox) == 2
    assert mail.outbox[0].body != mail.outbox[1].body


def test_an_invitation_is_withdrawn(as_alice, post, acme):
    post(at("invite"), {"emails": "nadia@acme.example", "role": "member"})
    (invitation,) = rows(Invitation, acme)
    post(at("invitation_withdraw", invitation.pk))
    assert rows(Invitation, acme) == []
    link = next(word for word in mail.outbox[0].body.split() if "/invitation/" in word)
    assert as_alice.get("/" + link.split("/", 3)[3]).status_code == 404


def test_an_accepted_invitation_can_be_neither_withdrawn_nor_sent_again(post, alice, bob, acme):
    with tenancy.scope(acme.pk):
        (invitation,) = services.invite(factories.membership(acme, alice), [bob.email], Role.MEMBER)
        services.accept_invitation(invitation, bob)
    for name in ("invitation_withdraw", "invitation_resend"):
        assert post(at(name, invitation.pk)).status_code == 404


def test_mail_that_cannot_be_sent_costs_neither_page_nor_key(post, acme, settings, caplog, monkeypatch):
    settings.EMAIL_BACKEND = "tests.nowhere.Backend"
    keys = []
    new_key = Invitation.new_key
    monkeypatch.setattr(Invitation, "new_key", staticmethod(lambda: keys.append(new_key()) or keys[-1]))
    with caplog.at_level(logging.DEBUG):
        assert post(at("invite"), {"emails": "nadia@acme.example", "role": "member"}).url == at("people")
    assert keys[-1] not in caplog.text
    assert "has not gone out" in caplog.text


def test_a_role_is_given(as_alice, bob, acme):
    (row,) = rows(Membership, acme, user=bob)
    assert as_alice.post(at("member_role", row.pk), {"role": "admin"}).url == at("people")
    assert "Bob Santoso is now: Admin." in as_alice.get(at("people")).content.decode()
    assert memberships_of(bob)[0].role == Role.ADMIN


def test_the_last_owner_cannot_step_down(as_alice, alice, acme):
    (row,) = rows(Membership, acme, user=alice)
    as_alice.post(at("member_role", row.pk), {"role": "member"})
    assert "Make somebody else an owner first." in as_alice.get(at("people")).content.decode()
    assert memberships_of(alice)[0].role == Role.OWNER


def test_an_owner_who_steps_down_is_led_out_of_the_console(as_alice, alice, bob, acme):
    (mine,), (his,) = rows(Membership, acme, user=alice), rows(Membership, acme, user=bob)
    as_alice.post(at("member_role", his.pk), {"role": "owner"})
    assert as_alice.post(at("member_role", mine.pk), {"role": "member"}).url == at("mail")


def test_an_admin_cannot_touch_an_owner(bob, alice, acme):
    (mine,), (his,) = rows(Membership, acme, user=alice), rows(Membership, acme, user=bob)
    with tenancy.scope(acme.pk):
        Membership.objects.filter(pk=his.pk).update(role=Role.ADMIN)
    as_bob = signed_in(bob)
    page = as_bob.get(at("people"))
    choices = {person.membership.user.name: person for person in page.context["people"]}
    assert choices["Alice Hartono"].roles == []
    assert not choices["Alice Hartono"].may_remove
    assert [value for value, _label in choices["Bob Santoso"].roles] == ["admin", "member"]
    as_bob.post(at("member_role", mine.pk), {"role": "member"})
    as_bob.post(at("member_remove", mine.pk))
    assert memberships_of(alice)[0].role == Role.OWNER


def test_removing_asks_first_and_says_what_goes_along(
    as_alice, bob, acme, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(tasks.finish_removal, "delay", tasks.finish_removal)
    factories.connect(acme, bob, name="Bob's box", email="bob@post.example")
    (row,) = rows(Membership, acme, user=bob)
    page = as_alice.get(at("member_remove", row.pk)).content.decode()
    assert "bob@post.example" in page
    assert len(memberships_of(bob)) == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert as_alice.post(at("member_remove", row.pk)).url == at("people")
    assert memberships_of(bob) == []
    assert rows(MailAccount, acme) == []
    assert User.objects.filter(pk=bob.pk).exists()  # the person stays, elsewhere


def test_removing_oneself_is_leaving(as_alice, alice, acme):
    (row,) = rows(Membership, acme, user=alice)
    assert as_alice.get(at("member_remove", row.pk)).url == at("leave")


@pytest.mark.parametrize("name", ["member_role", "member_remove"])
def test_members_of_another_house_are_out_of_reach(as_alice, acme, umbrella, charlie, name):
    (row,) = rows(Membership, umbrella, user=charlie)
    assert as_alice.post(at(name, row.pk), {"role": "member"}).status_code == 404
    assert memberships_of(charlie)[0].role == Role.OWNER


@pytest.mark.parametrize("name", ["people", "console", "console_accounts"])
@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_the_console_is_for_admins(request, acme, umbrella, name, who):
    client = signed_in(request.getfixturevalue(who))
    assert client.get(at(name)).status_code == 404


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_only_admins_invite(request, acme, umbrella, who):
    client = signed_in(request.getfixturevalue(who))
    assert client.post(at("invite"), {"emails": "x@x.example", "role": "member"}).status_code == 404
    assert rows(Invitation, acme) == []


@pytest.mark.parametrize("name", ["invite", "member_role", "invitation_resend", "invitation_withdraw"])
def test_changes_take_a_post(as_alice, acme, name):
    assert as_alice.get(at(name, *([] if name == "invite" else [1]))).status_code == 405
