"""Signing up, confirming the address, signing in and out, forgotten and changed passwords."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.access import memberships_of
from accounts.models import AuditEvent, Organization, Role, User
from quotas.models import StorageMeter, Subscription
from tests.factories import PASSWORD

SIGNUP = {
    "name": "Dewi Anggraini",
    "organization": "Rumah Padang",
    "email": "Dewi@Rumah.example",
    "password1": "tiga ekor kucing",
    "time_zone": "Asia/Jakarta",
}


def link_in(message) -> str:
    """The path of the one link in a mail."""
    (url,) = re.findall(r"https?://\S+", message.body)
    return "/" + url.split("/", 3)[3]


@pytest.fixture
def visitor(db) -> Client:
    return Client()


def test_signing_up_founds_an_organization_and_sends_a_link(visitor):
    answer = visitor.post(reverse("account_signup"), SIGNUP)
    assert answer.url == reverse("account_email_verification_sent")
    dewi = User.objects.get(email="dewi@rumah.example")
    assert (dewi.name, dewi.time_zone) == ("Dewi Anggraini", "Asia/Jakarta")
    assert dewi.check_password(SIGNUP["password1"])
    (membership,) = memberships_of(dewi)
    assert (membership.role, membership.organization.slug) == (Role.OWNER, "rumah-padang")
    with tenancy.scope(membership.organization_id):
        assert Subscription.objects.get().plan.slug == "free"
        assert StorageMeter.objects.get().limit > 0
        assert AuditEvent.objects.get().action == "organization.founded"
    assert len(mail.outbox) == 1
    assert mail.outbox[0].to == ["dewi@rumah.example"]
    assert SIGNUP["password1"] not in mail.outbox[0].body


def test_the_link_confirms_the_address_and_signs_in(visitor):
    visitor.post(reverse("account_signup"), SIGNUP)
    assert not get_user(visitor).is_authenticated
    link = link_in(mail.outbox[0])
    page = visitor.get(link)
    # Mail scanners open links: looking must not confirm.
    assert not EmailAddress.objects.get().verified
    assert b"dewi@rumah.example" in page.content
    visitor.post(link)
    assert EmailAddress.objects.get().verified
    assert get_user(visitor).email == "dewi@rumah.example"
    assert visitor.get(reverse("home")).url == "/o/rumah-padang/mail/"


def test_without_the_link_nobody_gets_in(visitor):
    visitor.post(reverse("account_signup"), SIGNUP)
    answer = visitor.post(
        reverse("account_login"), {"login": SIGNUP["email"], "password": SIGNUP["password1"]}
    )
    assert answer.url == reverse("account_email_verification_sent")
    assert not get_user(visitor).is_authenticated


def test_a_used_or_foreign_link_says_so(visitor):
    page = visitor.get(reverse("account_confirm_email", args=["rubbish"]))
    assert b"no longer good" in page.content


@pytest.mark.parametrize("field", ["name", "organization", "email", "password1"])
def test_every_field_is_asked_for(visitor, field):
    page = visitor.post(reverse("account_signup"), {**SIGNUP, field: ""})
    assert page.context["form"].errors.keys() == {field}
    assert not User.objects.exists()
    assert not Organization.objects.exists()


@pytest.mark.parametrize("password", ["kucing", "12345678901", "qwertyuiop", "dewi@rumah.example"])
def test_weak_passwords_are_refused(visitor, password):
    page = visitor.post(reverse("account_signup"), {**SIGNUP, "password1": password})
    assert page.context["form"].errors.keys() == {"password1"}
    assert password.encode() not in page.content or password == "dewi@rumah.example"


def test_an_unknown_time_zone_becomes_utc(visitor):
    visitor.post(reverse("account_signup"), {**SIGNUP, "time_zone": "Middle/Earth"})
    assert User.objects.get().time_zone == "UTC"


def test_a_known_address_looks_the_same_and_gets_a_mail(visitor, alice):
    answer = visitor.post(reverse("account_signup"), {**SIGNUP, "email": alice.email})
    assert answer.url == reverse("account_email_verification_sent")
    assert not Organization.objects.exists()
    assert reverse("account_reset_password") in mail.outbox[0].body
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert alice.name == "Alice Hartono"


def test_a_failed_founding_leaves_no_person_behind(visitor, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no plan")

    monkeypatch.setattr("accounts.services.found_organization", fail)
    with pytest.raises(RuntimeError):
        visitor.post(reverse("account_signup"), SIGNUP)
    assert not User.objects.exists()


def test_where_sign_up_is_closed_nobody_is_taken_in(visitor, settings):
    settings.MAILHUB_SIGNUP_OPEN = False
    assert b"invitation" in visitor.get(reverse("account_signup")).content
    visitor.post(reverse("account_signup"), SIGNUP)
    assert not User.objects.exists()
    assert reverse("account_signup").encode() not in visitor.get(reverse("account_login")).content


def test_the_sign_in_page_leads_to_signing_up(visitor):
    assert reverse("account_signup").encode() in visitor.get(reverse("account_login")).content


def test_signing_in_does_not_care_about_case(visitor, alice, acme):
    answer = visitor.post(reverse("account_login"), {"login": "ALICE@acme.example", "password": PASSWORD})
    assert answer.url == reverse("home")
    assert get_user(visitor) == alice


def test_the_device_is_forgotten_unless_asked_to_remember(visitor, alice):
    visitor.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    assert visitor.session.get_expire_at_browser_close()
    visitor.post(reverse("account_logout"))
    visitor.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD, "remember": "on"})
    assert not visitor.session.get_expire_at_browser_close()


def test_a_wrong_password_and_an_unknown_address_look_alike(visitor, alice):
    pages = [
        visitor.post(reverse("account_login"), {"login": login, "password": "wrong"})
        for login in (alice.email, "nobody@acme.example")
    ]
    words = [page.context["form"].non_field_errors() for page in pages]
    assert words[0] == words[1] == ["The e-mail address and password do not match. Check both and try again."]


def test_guessing_passwords_is_stopped(visitor, alice):
    for _ in range(12):
        page = visitor.post(reverse("account_login"), {"login": alice.email, "password": "guess"})
    answer = visitor.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    assert answer.status_code in (200, 429)
    assert not get_user(visitor).is_authenticated
    assert b"Too many attempts" in page.content


def test_a_switched_off_person_does_not_get_in(visitor, alice):
    alice.is_active = False
    alice.save()
    answer = visitor.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    assert answer.url == reverse("account_inactive")
    assert b"switched off" in visitor.get(answer.url).content
    assert not get_user(visitor).is_authenticated


def test_signing_out_takes_a_post(as_alice):
    page = as_alice.get(reverse("account_logout"))
    assert get_user(as_alice).is_authenticated
    assert b"alice@acme.example" in page.content
    as_alice.post(reverse("account_logout"))
    assert not get_user(as_alice).is_authenticated


def test_a_forgotten_password_is_chosen_anew(visitor, alice):
    answer = visitor.post(reverse("account_reset_password"), {"email": alice.email})
    assert answer.url == reverse("account_reset_password_done")
    assert visitor.get(answer.url).status_code == 200
    first = visitor.get(link_in(mail.outbox[0]))
    assert "set-password" in first.url  # the key does not stay in the address
    page = visitor.get(first.url)
    assert b"password2" in page.content
    visitor.post(first.url, {"password1": "empat ekor kucing", "password2": "empat ekor kucing"})
    alice.refresh_from_db()
    assert alice.check_password("empat ekor kucing")
    again = Client().get(link_in(mail.outbox[0]))
    assert b"no longer good" in again.content


def test_a_forgotten_unknown_address_looks_the_same(visitor):
    answer = visitor.post(reverse("account_reset_password"), {"email": "nobody@acme.example"})
    assert answer.url == reverse("account_reset_password_done")
    assert "nobody@acme.example" in mail.outbox[0].body


def test_changing_the_password_leads_back_to_the_settings(as_alice, alice, acme):
    old, new = PASSWORD, "lima ekor kucing"
    form = {"oldpassword": old, "password1": new, "password2": new}
    answer = as_alice.post(reverse("account_change_password"), form)
    assert answer.url == reverse("security", args=["acme"])
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert get_user(as_alice) == alice  # still signed in here
    page = as_alice.post(reverse("account_change_password"), form)
    assert page.context["form"].errors["oldpassword"] == [
        "This is not your current password. Check it and try again."
    ]


def test_changing_the_address_waits_for_its_proof(as_alice, alice, acme):
    as_alice.post(reverse("account_email"), {"email": "alice@new.example", "action_add": ""})
    alice.refresh_from_db()
    assert alice.email == "alice@acme.example"
    page = as_alice.get(reverse("account_email"))
    assert b"alice@new.example" in page.content
    assert mail.outbox[0].to == ["alice@new.example"]
    as_alice.post(link_in(mail.outbox[0]))
    alice.refresh_from_db()
    assert alice.email == "alice@new.example"


def test_a_wanted_address_can_be_given_up(as_alice, alice, acme):
    as_alice.post(reverse("account_email"), {"email": "alice@new.example", "action_add": ""})
    as_alice.post(reverse("account_email"), {"email": "alice@new.example", "action_remove": ""})
    as_alice.post(link_in(mail.outbox[0]))
    alice.refresh_from_db()
    assert alice.email == "alice@acme.example"


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_doors_are_strict_about_script(visitor, name):
    page = visitor.get(reverse(name))
    assert "unsafe" not in page["Content-Security-Policy"]
    body = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", body)


def test_a_reader_gets_the_browsers_language(visitor):
    page = visitor.get(reverse("account_login"), HTTP_ACCEPT_LANGUAGE="id")
    assert page["Content-Language"] == "id"
    assert b'<html lang="id"' in page.content
