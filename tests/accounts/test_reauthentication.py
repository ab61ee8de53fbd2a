"""What a borrowed session must not do: the password is asked for again, and the old address is told."""

from __future__ import annotations

import time

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.access import memberships_of
from accounts.models import MailAccount, Membership, Role, User
from tests import factories
from tests.accounts.test_signup import link_in
from tests.conftest import signed_in
from tests.factories import PASSWORD

NEW = "alice@new.example"
ASK = reverse("account_reauthenticate")


@pytest.fixture
def borrowed(alice, acme, account) -> Client:
    """A browser in which Alice signed in some time ago; her password is not known there."""
    return signed_in(alice, confirmed=False)


def member(user: User, organization) -> Membership:
    with tenancy.scope(organization.pk):
        return Membership.objects.get(user=user, organization=organization)


def confirm(client: Client, answer) -> str:
    """Type the password in where the answer leads; returns where that leads on."""
    return client.post(answer.url, {"password": PASSWORD, "next": answer.url.partition("next=")[2]})


ACTS = {
    "address": lambda org, box, bob: (reverse("account_email"), {"email": NEW, "action_add": ""}),
    "mail account": lambda org, box, bob: (
        reverse("mail_account_delete", args=[org.slug, box.pk]),
        {"confirm": box.email},
    ),
    "leaving": lambda org, box, bob: (reverse("leave", args=[org.slug]), {}),
    "removing": lambda org, box, bob: (reverse("member_remove", args=[org.slug, member(bob, org).pk]), {}),
    "owner": lambda org, box, bob: (
        reverse("member_role", args=[org.slug, member(bob, org).pk]),
        {"role": "owner"},
    ),
}


def state(acme) -> tuple:
    with tenancy.scope(acme.pk):
        roles = sorted(Membership.objects.values_list("user__email", "role"))
        accounts = list(MailAccount.objects.filter(removing_until=None).values_list("email", flat=True))
    return roles, accounts, sorted(EmailAddress.objects.values_list("email", flat=True))


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_taken_away_without_the_password(borrowed, acme, account, bob, act):
    if act == "leaving":
        member(bob, acme)
        with tenancy.scope(acme.pk):
            Membership.objects.filter(user=bob).update(role=Role.OWNER)
    path, form = ACTS[act](acme, account, bob)
    before = state(acme)
    answer = borrowed.post(path, form)
    assert answer.status_code == 302
    assert answer.url.startswith(ASK)
    assert state(acme) == before
    assert mail.outbox == []
    # A wrong password changes nothing; the right one, and what was asked for happens by itself.
    wrong = borrowed.post(answer.url, {"password": "guess"})
    assert wrong.context["form"].errors["password"]
    assert state(acme) == before
    borrowed.post(answer.url, {"password": PASSWORD})
    assert state(acme) != before


def test_an_owner_is_not_demoted_without_the_password(borrowed, acme, bob):
    with tenancy.scope(acme.pk):
        Membership.objects.filter(user=bob).update(role=Role.OWNER)
    path = reverse("member_role", args=[acme.slug, member(bob, acme).pk])
    assert borrowed.post(path, {"role": "member"}).url.startswith(ASK)
    assert member(bob, acme).role == Role.OWNER


def test_other_roles_and_looking_need_no_password(borrowed, acme, account, bob):
    path = reverse("member_role", args=[acme.slug, member(bob, acme).pk])
    assert borrowed.post(path, {"role": "admin"}).url == reverse("people", args=["acme"])
    for name in ("leave", "security"):
        assert borrowed.get(reverse(name, args=["acme"])).status_code == 200
    assert borrowed.get(reverse("account_email")).status_code == 200


def test_the_password_counts_for_five_minutes(borrowed, acme, account, monkeypatch):
    path, form = ACTS["address"](acme, account, None)
    borrowed.post(borrowed.post(path, form).url, {"password": PASSWORD})
    assert "reauthenticate" not in borrowed.post(path, {"email": NEW, "action_remove": ""}).url
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 301)
    assert borrowed.post(path, form).url.startswith(ASK)


def test_a_stranger_is_not_asked_but_not_let_in(acme, umbrella, account, charlie):
    stranger = signed_in(charlie, confirmed=False)
    assert stranger.post(reverse("leave", args=["acme"])).status_code == 404
    assert len(memberships_of(charlie)) == 1


def test_guessing_the_password_again_is_stopped(borrowed, acme, account):
    answer = borrowed.post(*ACTS["address"](acme, account, None))
    codes = [borrowed.post(answer.url, {"password": f"guess {n}"}).status_code for n in range(12)]
    assert codes[-1] == 429


@pytest.mark.parametrize("name", ["account_email", "account_set_password"])
def test_without_a_password_one_comes_by_mail(borrowed, alice, acme, name):
    alice.set_unusable_password()
    alice.save()
    borrowed.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    form = {"email": NEW, "action_add": "", "password1": "tiga ekor kucing", "password2": "tiga ekor kucing"}
    assert borrowed.post(reverse(name), form).url == reverse("account_reset_password")
    alice.refresh_from_db()
    assert not alice.has_usable_password()
    assert not EmailAddress.objects.filter(email=NEW).exists()


# ── Told to the address that counted before ─────────────────────────────────
def test_a_wanted_address_is_told_to_the_old_one_before_it_counts(as_alice, alice, acme):
    as_alice.post(reverse("account_email"), {"email": NEW, "action_add": ""})
    link, notice = mail.outbox
    assert (link.to, notice.to) == ([NEW], [alice.email])
    assert NEW in notice.body
    assert reverse("account_reset_password") in notice.body
    assert "confirm-email" not in notice.body


def test_a_new_address_is_told_to_the_old_one_and_ends_other_sessions(as_alice, alice, acme):
    elsewhere = signed_in(alice)
    assert elsewhere.get(reverse("profile", args=["acme"])).status_code == 200
    as_alice.post(reverse("account_email"), {"email": NEW, "action_add": ""})
    link = link_in(mail.outbox[0])
    mail.outbox.clear()
    as_alice.post(link)
    alice.refresh_from_db()
    assert alice.email == NEW
    (notice,) = mail.outbox
    assert notice.to == ["alice@acme.example"]
    assert NEW in notice.body
    assert "alice@acme.example" in notice.body
    assert as_alice.get(reverse("profile", args=["acme"])).status_code == 200, "this session goes on"
    assert not get_user(elsewhere).is_authenticated


def test_a_link_opened_elsewhere_ends_all_sessions(as_alice, alice, acme):
    as_alice.post(reverse("account_email"), {"email": NEW, "action_add": ""})
    Client().post(link_in(mail.outbox[0]))
    alice.refresh_from_db()
    assert alice.email == NEW
    assert not get_user(as_alice).is_authenticated


def test_a_new_password_is_told_and_ends_other_sessions(as_alice, alice, acme):
    elsewhere = signed_in(alice)
    new = "lima ekor kucing"
    as_alice.post(
        reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new}
    )
    (notice,) = mail.outbox
    assert notice.to == [alice.email]
    assert "password" in notice.subject
    assert new not in notice.body
    assert get_user(as_alice) == alice
    assert not get_user(elsewhere).is_authenticated


def test_a_password_chosen_by_link_is_told_and_ends_all_sessions(as_alice, alice):
    visitor = Client()
    visitor.post(reverse("account_reset_password"), {"email": alice.email})
    first = visitor.get(link_in(mail.outbox.pop()))
    visitor.post(first.url, {"password1": "empat ekor kucing", "password2": "empat ekor kucing"})
    (notice,) = mail.outbox
    assert notice.to == [alice.email]
    assert not get_user(as_alice).is_authenticated


def test_notices_are_in_the_persons_language_and_time(alice, acme, monkeypatch):
    from django.utils import timezone, translation

    from accounts import adapter

    alice.language, alice.time_zone = "id", "Asia/Jakarta"
    alice.save()
    seen = []
    render = adapter.DefaultAccountAdapter.render_mail

    def spy(self, prefix, *args, **kwargs):
        seen.append((prefix, translation.get_language(), str(timezone.get_current_timezone())))
        return render(self, prefix, *args, **kwargs)

    monkeypatch.setattr(adapter.DefaultAccountAdapter, "render_mail", spy)
    visitor = Client(headers={"accept-language": "en"})
    visitor.post(reverse("account_reset_password"), {"email": alice.email})
    first = visitor.get(link_in(mail.outbox[0]))
    visitor.post(first.url, {"password1": "empat ekor kucing", "password2": "empat ekor kucing"})
    assert seen[-1] == ("account/email/password_reset", "id", "Asia/Jakarta")


class Away(BaseEmailBackend):
    """A mail server that is not there."""

    def send_messages(self, messages):
        raise ConnectionRefusedError("no mail server")


def test_a_mail_server_that_is_away_does_not_undo_a_new_password(as_alice, alice, acme, settings, caplog):
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    new = "lima ekor kucing"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    answer = as_alice.post(reverse("account_change_password"), form)
    assert answer.url == reverse("security", args=["acme"])
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert "password_changed" in caplog.text
    assert alice.email not in caplog.text


def test_signing_up_tells_nobody_of_a_change(db):
    form = {
        "name": "Dewi",
        "organization": "Rumah",
        "email": "dewi@rumah.example",
        "password1": "tiga ekor kucing",
    }
    visitor = Client()
    visitor.post(reverse("account_signup"), form)
    visitor.post(link_in(mail.outbox[0]))
    assert len(mail.outbox) == 1
    assert get_user(visitor).email == "dewi@rumah.example"


def test_what_is_needed_rarely_is_asked_for_where_it_is_needed():
    """Second factors and tokens take `reauthentication.required`; a new page that removes must be listed here."""
    from django.urls import resolve

    for path in ("/o/x/settings/leave/", "/o/x/console/people/1/remove/", "/accounts/email/"):
        names = []
        view = resolve(path).func
        while view is not None:
            names.append(view.__code__.co_name if hasattr(view, "__code__") else "")
            view = getattr(view, "__wrapped__", None)
        assert "asked" in names, path


def test_the_confirmation_is_a_page_of_ours(borrowed, acme, account):
    page = borrowed.get(borrowed.post(*ACTS["address"](acme, account, None)).url)
    assert page.status_code == 200
    assert b"Confirm that it is you" in page.content
    assert factories.PASSWORD.encode() not in page.content
