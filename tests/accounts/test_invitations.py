"""An invitation, from the mail to the membership."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import invitations, services, tenancy
from accounts.access import memberships_of
from accounts.models import Invitation, Organization, Role, User
from tests import factories
from tests.conftest import signed_in
from tests.factories import PASSWORD

NEW = "nadia@acme.example"


def invited(organization, inviter, email=NEW, role=Role.MEMBER):
    """An invitation and the path of its link."""
    invitation, key = factories.invite(organization, inviter, email, role)
    return invitation, reverse("invitation", args=[organization.pk, key])


def roles(user) -> dict[str, str]:
    return {item.organization.slug: item.role for item in memberships_of(user)}


@pytest.fixture
def visitor(db) -> Client:
    return Client()


def test_a_new_person_joins_without_a_second_proof(acme, alice, visitor):
    _invitation, link = invited(acme, alice, role=Role.ADMIN)
    page = visitor.get(link)
    assert b"Alice Hartono invites you to Acme" in page.content
    assert reverse("account_signup").encode() in page.content
    form = visitor.get(reverse("account_signup")).context["form"]
    assert "organization" not in form.fields
    answer = visitor.post(
        reverse("account_signup"),
        {"name": "Nadia", "password1": "tiga ekor kucing", "time_zone": "Asia/Jakarta"},
    )
    nadia = User.objects.get(email=NEW)
    assert get_user(visitor) == nadia
    assert answer.url == reverse("home")
    assert visitor.get(answer.url).url == "/o/acme/mail/"
    assert roles(nadia) == {"acme": "admin"}
    assert EmailAddress.objects.get(user=nadia).verified
    assert mail.outbox == []
    assert Organization.objects.count() == 1


def test_the_invited_address_cannot_be_swapped(acme, alice, visitor):
    _invitation, link = invited(acme, alice)
    visitor.get(link)
    form = {"name": "Eve", "email": "eve@evil.example", "password1": "tiga ekor kucing"}
    visitor.post(reverse("account_signup"), form)
    assert not User.objects.filter(email="eve@evil.example").exists()
    assert roles(User.objects.get(email=NEW)) == {"acme": "member"}


def test_an_invitation_opens_a_closed_instance(acme, alice, visitor, settings):
    settings.MAILHUB_SIGNUP_OPEN = False
    _invitation, link = invited(acme, alice)
    assert "form" not in visitor.get(reverse("account_signup")).context
    visitor.get(link)
    assert "form" in visitor.get(reverse("account_signup")).context


def test_a_known_person_joins_by_signing_in(acme, umbrella, alice, charlie, visitor):
    _invitation, link = invited(acme, alice, charlie.email)
    page = visitor.get(link)
    assert reverse("account_login").encode() in page.content
    visitor.post(reverse("account_login"), {"login": charlie.email, "password": PASSWORD})
    assert roles(charlie) == {"acme": "member", "umbrella": "owner"}
    assert visitor.get(reverse("home")).url == "/o/acme/mail/"


def test_signing_in_as_somebody_else_accepts_nothing(acme, umbrella, alice, charlie, visitor):
    invitation, link = invited(acme, alice)
    visitor.get(link)
    visitor.post(reverse("account_login"), {"login": charlie.email, "password": PASSWORD})
    assert roles(charlie) == {"umbrella": "owner"}
    page = visitor.get(reverse("profile", args=["umbrella"]))
    assert f"The invitation to Acme is for {NEW}" in page.content.decode()
    with tenancy.scope(acme.pk):
        invitation.refresh_from_db()
    assert invitation.is_open


def test_a_signed_in_person_joins_with_one_button(acme, umbrella, alice, charlie, as_charlie):
    _invitation, link = invited(acme, alice, charlie.email)
    as_charlie.get(link)
    assert roles(charlie) == {"umbrella": "owner"}  # looking changes nothing
    answer = as_charlie.post(link)
    assert answer.url == "/o/acme/"
    assert roles(charlie) == {"acme": "member", "umbrella": "owner"}


def test_the_wrong_signed_in_person_is_told_what_to_do(acme, umbrella, alice, charlie, as_charlie):
    _invitation, link = invited(acme, alice)
    for page in (as_charlie.get(link), as_charlie.post(link)):
        assert NEW in page.content.decode()
        assert charlie.email in page.content.decode()
        assert reverse("account_logout").encode() in page.content
    assert roles(charlie) == {"umbrella": "owner"}


def test_signing_out_there_leads_back_to_the_invitation(acme, umbrella, alice, as_charlie):
    _invitation, link = invited(acme, alice)
    assert as_charlie.post(reverse("account_logout"), {"next": link}).url == link


def test_a_link_works_once(acme, umbrella, alice, charlie, as_charlie):
    _invitation, link = invited(acme, alice, charlie.email)
    as_charlie.post(link)
    assert as_charlie.get(link).status_code == 404


def test_used_expired_withdrawn_and_invented_links_look_alike(acme, umbrella, alice, visitor):
    expired, link = invited(acme, alice)
    with tenancy.scope(acme.pk):
        Invitation.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    withdrawn, second = invited(acme, alice, "other@acme.example")
    with tenancy.scope(acme.pk):
        withdrawn.delete()
    _good, third = invited(acme, alice, "third@acme.example")
    in_another_house = third.replace(f"/{acme.pk}/", f"/{umbrella.pk}/")
    invented = [reverse("invitation", args=[number, "x"]) for number in (acme.pk, 10**6, 10**30)]
    pages = [visitor.get(path) for path in (link, second, in_another_house, *invented)]
    assert {page.status_code for page in pages} == {404}
    assert all(b"no longer good" in page.content for page in pages)


def test_a_withdrawn_invitation_no_longer_lets_in(acme, alice, visitor, settings):
    settings.MAILHUB_SIGNUP_OPEN = False
    invitation, link = invited(acme, alice)
    visitor.get(link)
    with tenancy.scope(acme.pk):
        invitation.delete()
    visitor.post(reverse("account_signup"), {"name": "Nadia", "password1": "tiga ekor kucing"})
    assert not User.objects.filter(email=NEW).exists()


def test_withdrawn_while_the_form_is_open_is_told_calmly(acme, alice, visitor, monkeypatch):
    _invitation, link = invited(acme, alice)
    visitor.get(link)

    def too_late(*args):
        raise services.InvitationError

    monkeypatch.setattr(invitations, "accept", too_late)
    page = visitor.post(reverse("account_signup"), {"name": "Nadia", "password1": "tiga ekor kucing"})
    assert page.status_code == 404
    assert b"no longer good" in page.content
    assert not User.objects.filter(email=NEW).exists()


def test_the_key_is_kept_nowhere(acme, alice, visitor):
    _invitation, link = invited(acme, alice)
    visitor.get(link)
    key = link.rstrip("/").rsplit("/", 1)[1]
    assert key not in str(dict(visitor.session))
    with tenancy.scope(acme.pk):
        assert key not in str(Invitation.objects.values_list())
    assert "no-store" in visitor.get(link)["Cache-Control"]


def test_people_of_two_houses_are_found_by_their_own_link(acme, umbrella, alice, charlie, visitor):
    _first, link = invited(acme, alice)
    _second, other = invited(umbrella, charlie)
    assert b"Acme" in visitor.get(link).content
    assert b"Umbrella" in visitor.get(other).content
    visitor.post(reverse("account_signup"), {"name": "Nadia", "password1": "tiga ekor kucing"})
    assert roles(User.objects.get(email=NEW)) == {"umbrella": "member"}  # the one opened last


def test_a_member_who_follows_an_old_invitation_keeps_the_role(acme, alice, bob):
    _invitation, link = invited(acme, alice, bob.email, Role.ADMIN)
    signed_in(bob).post(link)
    assert roles(bob) == {"acme": "member"}
