"""Mail that Mailhub itself writes."""

from __future__ import annotations

import re

import pytest
from django.core import mail as outgoing
from django.utils import translation

from accounts import mail, tenancy
from accounts.models import Invitation, MailAccount
from accounts.servers.failures import describe
from tests import factories


def row(organization, inviter, email="nadia@acme.example") -> Invitation:
    """An invitation as the mail's writer gets it; nothing of it is kept."""
    return Invitation(organization=organization, invited_by=inviter, email=email)


def languages(monkeypatch) -> list[str]:
    """In which language each mail's template was rendered."""
    seen: list[str] = []
    render = mail.render_to_string

    def spy(*args, **kwargs):
        seen.append(translation.get_language())
        return render(*args, **kwargs)

    monkeypatch.setattr(mail, "render_to_string", spy)
    return seen


def test_an_invitation_carries_its_link(acme, alice, settings):
    settings.MAILHUB_URL = "https://hub.example"
    mail.invitation(row(acme, alice), "KEY")
    (message,) = outgoing.outbox
    assert message.to == ["nadia@acme.example"]
    assert message.subject == "Alice Hartono invites you to Acme"
    assert f"https://hub.example/invitation/{acme.pk}/KEY/" in message.body
    assert "7 days" in message.body


@pytest.mark.parametrize(
    ("reader", "inviter", "language"), [("id", "en", "id"), ("", "id", "id"), ("en", "id", "en")]
)
def test_an_invitation_is_in_the_readers_language_else_the_inviters(
    acme, alice, charlie, monkeypatch, reader, inviter, language
):
    charlie.language, alice.language = reader, inviter
    charlie.save()
    seen = languages(monkeypatch)
    mail.invitation(row(acme, alice, charlie.email), "KEY")
    assert seen == [language]


def test_names_are_neither_headers_nor_markup(acme, alice):
    acme.name = "Acme\r\nBcc: everybody@acme.example\r\n<b>&"
    mail.invitation(row(acme, alice), "KEY")
    (message,) = outgoing.outbox
    assert message.recipients() == ["nadia@acme.example"]
    assert "\n" not in message.subject
    assert "<b>&" in message.body


@pytest.mark.parametrize(
    "name",
    [
        "Win https://evil.example/now",
        "Open evil.example now",
        "www.evil.example",
        "evil。example",  # an ideographic full stop, which browsers take for a dot
        "ｅｖｉｌ．ｅｘａｍｐｌｅ",
        "ev\u200bil.example\u202e",
        "boss@evil.example",
        "https:\\\\evil.example",
    ],
)
def test_a_name_is_no_link_in_mail_to_strangers(acme, alice, settings, name):
    settings.MAILHUB_URL = "https://hub.example"
    alice.name = acme.name = name
    mail.invitation(row(acme, alice), "KEY")
    (message,) = outgoing.outbox
    text = message.body.replace(f"https://hub.example/invitation/{acme.pk}/KEY/", "")
    for written in (text, message.subject):
        assert not re.search(r"\S[.:。．@][^\s.,]", written), written
        assert not re.search(r"[\u200b\u202e]|//", written)


def test_a_stopped_account_is_told_to_its_owner(acme, alice, account, monkeypatch):
    alice.language = "id"
    alice.save()
    with tenancy.scope(acme.pk):
        row = MailAccount.objects.select_related("owner", "organization").get(pk=account.pk)
    seen = languages(monkeypatch)
    mail.account_needs_you(row, describe("authentication_failed"))
    (message,) = outgoing.outbox
    assert message.to == [alice.email]
    assert account.email in message.body
    assert f"/o/acme/settings/accounts/{account.pk}/" in message.body
    assert seen == ["id"]


def test_a_stopped_accounts_mail_says_what_is_so_and_what_to_do(acme, alice, account):
    with tenancy.scope(acme.pk):
        row = MailAccount.objects.select_related("owner", "organization").get(pk=account.pk)
    mail.account_needs_you(row, describe("authentication_failed"))
    (message,) = outgoing.outbox
    failure = describe("authentication_failed")
    assert f"{failure.sentence} {failure.remedy}" in message.body
    assert factories.PASSWORD not in message.body
    assert row.password not in message.body.replace("password", "")
