"""Profile, look, security, leaving, going into and founding organizations."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts import tasks, tenancy
from accounts.access import memberships_of
from accounts.models import MailAccount, Organization, Role, User
from tests import factories


def at(name: str, slug: str = "acme") -> str:
    return reverse(name, args=[slug])


def test_a_name_is_changed(as_alice, alice, acme):
    answer = as_alice.post(at("profile"), {"name": "Alice H."})
    assert answer.url == at("profile")
    alice.refresh_from_db()
    assert alice.name == "Alice H."
    assert b"Saved." in as_alice.get(answer.url).content


def test_a_refused_name_is_not_shown_as_taken(as_alice, alice, acme):
    page = as_alice.post(at("profile"), {"name": "x" * 151})
    assert page.context["form"].errors.keys() == {"name"}
    assert b"Alice Hartono" in page.content


def test_the_profile_lists_ones_own_organizations(as_alice, alice, acme, umbrella):
    factories.found("Hartono family", alice)
    page = as_alice.get(at("profile")).content
    assert b"Hartono family" in page
    assert b"Umbrella" not in page


def test_language_theme_and_time_zone_are_kept(as_alice, alice, acme):
    form = {"language": "id", "theme": "dark", "time_zone": "Asia/Jakarta"}
    assert as_alice.post(at("look"), form).url == at("look")
    alice.refresh_from_db()
    assert (alice.language, alice.theme, alice.time_zone) == ("id", "dark", "Asia/Jakarta")
    page = as_alice.get(at("look"))
    assert page["Content-Language"] == "id"
    assert b'<html lang="id" data-theme="dark">' in page.content


@pytest.mark.parametrize(
    "wrong", [{"language": "xx"}, {"theme": "neon"}, {"time_zone": "Middle/Earth"}, {"time_zone": ""}]
)
def test_nonsense_is_refused(as_alice, alice, acme, wrong):
    form = {"language": "id", "theme": "dark", "time_zone": "Asia/Jakarta", **wrong}
    page = as_alice.post(at("look"), form)
    assert page.context["form"].errors.keys() == wrong.keys()
    alice.refresh_from_db()
    assert (alice.language, alice.theme, alice.time_zone) == ("", "system", "UTC")


@pytest.mark.parametrize(
    ("name", "field", "value"), [("switch_theme", "theme", "light"), ("switch_language", "language", "id")]
)
def test_the_menu_switches_and_stays_on_the_page(as_alice, alice, acme, name, field, value):
    answer = as_alice.post(at(name), {field: value, "next": "/o/acme/settings/storage/?page=2"})
    assert answer.url == "/o/acme/settings/storage/?page=2"
    alice.refresh_from_db()
    assert getattr(alice, field) == value


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_the_menu_leads_nowhere_else(as_alice, acme, target):
    assert as_alice.post(at("switch_theme"), {"theme": "dark", "next": target}).url == at("look")


@pytest.mark.parametrize("name", ["switch_theme", "switch_language"])
def test_the_menu_ignores_nonsense_and_visits(as_alice, alice, acme, name):
    as_alice.post(at(name), {"theme": "neon", "language": "xx"})
    alice.refresh_from_db()
    assert (alice.theme, alice.language) == ("system", "")
    assert as_alice.get(at(name)).status_code == 405


def test_security_leads_to_password_and_address(as_alice, acme):
    page = as_alice.get(at("security")).content.decode()
    assert reverse("account_change_password") in page
    assert reverse("account_email") in page


def test_the_way_back_is_to_the_organization_one_came_from(as_alice, alice, acme):
    family = factories.found("Hartono family", alice)
    for organization in (acme, family):
        as_alice.get(at("security", organization.slug))
        page = as_alice.get(reverse("account_change_password")).content.decode()
        assert at("security", organization.slug) in page


def test_leaving_says_what_goes_along_and_takes_it(
    as_bob, bob, acme, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(tasks.finish_removal, "delay", tasks.finish_removal)
    gone = factories.connect(acme, bob, name="Bob's box", email="bob@post.example")
    factories.deliver(gone, factories.letter())
    page = as_bob.get(at("leave")).content.decode()
    assert "bob@post.example" in page
    assert "deleted" in page
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_bob.post(at("leave"))
    assert answer.url == reverse("home")
    assert memberships_of(bob) == []
    with tenancy.scope(acme.pk):
        assert not MailAccount.objects.exists()
    assert as_bob.get(answer.url).url == reverse("found")
    assert as_bob.get(at("profile")).status_code == 404


def test_without_mail_leaving_deletes_none(as_bob, acme):
    assert "no mail is deleted" in as_bob.get(at("leave")).content.decode()


def test_the_only_owner_is_told_to_find_another(as_alice, alice, acme):
    assert "only owner" in as_alice.get(at("leave")).content.decode()
    assert as_alice.post(at("leave")).url == at("leave")
    assert len(memberships_of(alice)) == 1


def test_going_into_an_organization_is_remembered(as_alice, alice, acme):
    factories.found("Hartono family", alice)
    assert as_alice.get(reverse("home")).url == "/o/acme/mail/"
    assert as_alice.get(at("organization", "hartono-family")).url == "/o/hartono-family/mail/"
    assert as_alice.get(reverse("home")).url == "/o/hartono-family/mail/"


def test_another_organization_is_founded(as_alice, alice, acme):
    answer = as_alice.post(reverse("found"), {"name": "Hartono family"})
    assert answer.url == at("organization", "hartono-family")
    assert {item.organization.slug: item.role for item in memberships_of(alice)} == {
        "acme": Role.OWNER,
        "hartono-family": Role.OWNER,
    }


def test_an_organization_needs_a_name(as_alice, acme):
    page = as_alice.post(reverse("found"), {"name": " "})
    assert page.context["form"].errors.keys() == {"name"}
    assert Organization.objects.count() == 1


def test_where_sign_up_is_closed_only_staff_found(as_alice, alice, acme, settings):
    settings.MAILHUB_SIGNUP_OPEN = False
    page = as_alice.post(reverse("found"), {"name": "Hartono family"})
    assert "Only the people who run this Mailhub" in page.content.decode()
    assert Organization.objects.count() == 1
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    as_alice.post(reverse("found"), {"name": "Hartono family"})
    assert Organization.objects.count() == 2


def test_founding_is_for_people_who_signed_in(client, db):
    assert reverse("account_login") in client.post(reverse("found"), {"name": "X"}).url
    assert not Organization.objects.exists()


@pytest.mark.parametrize("name", ["profile", "look", "security", "leave", "storage"])
def test_settings_are_closed_to_strangers(as_charlie, umbrella, acme, name):
    assert as_charlie.get(at(name)).status_code == 404


@pytest.mark.parametrize("name", ["profile", "look", "security", "storage"])
def test_settings_are_strict_about_script(as_alice, acme, account, name):
    page = as_alice.get(at(name))
    body = page.content.decode()
    assert " style=" not in body
    assert " onclick=" not in body
    assert "unsafe" not in page["Content-Security-Policy"]
