"""Rotation of keys: every column of secrets there is, without losing one."""

from __future__ import annotations

import io
import json

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command

from accounts import crypto, tenancy
from accounts.crypto import EncryptedTextField, Sealed
from accounts.models import MailAccount
from mailhub.management.commands import rotate_keys
from sending.models import OutgoingServer
from tests import factories

NEW = f"k9:{Fernet.generate_key().decode()}"
COLUMNS = {"accounts.mailaccount.password", "accounts.systemmail.body", "sending.outgoingserver.password"}


def rotate() -> dict:
    out = io.StringIO()
    call_command("rotate_keys", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def two(acme, alice, account):
    other = factories.connect(acme, alice, name="Second", email="second@post.example", password="second one")
    with tenancy.scope(acme.pk):
        OutgoingServer.objects.create(
            organization=acme, account=account, login="own", password="outgoing one"
        )
    return account, other


def tokens() -> list[str]:
    with tenancy.system():
        return [
            *MailAccount.objects.order_by("pk").values_list("password", flat=True),
            *OutgoingServer.objects.values_list("password", flat=True),
        ]


def texts() -> list[str]:
    with tenancy.system():
        return [
            each.password for each in [*MailAccount.objects.order_by("pk"), *OutgoingServer.objects.all()]
        ]


def test_every_column_of_secrets_is_known():
    assert {f"{field.model._meta.label_lower}.{field.name}" for field in crypto.secret_fields()} == COLUMNS
    everywhere = [field for model in apps.get_models() for field in model._meta.get_fields()]
    assert len([field for field in everywhere if isinstance(field, EncryptedTextField)]) == len(COLUMNS)


@pytest.mark.parametrize("batch", [1, 500])
def test_all_secrets_move_to_the_first_key(two, settings, monkeypatch, batch):
    monkeypatch.setattr(rotate_keys, "BATCH", batch)
    settings.MAILHUB_ENCRYPTION_KEYS = [NEW, *settings.MAILHUB_ENCRYPTION_KEYS]
    answer = rotate()
    assert answer["error"] is None
    assert answer["columns"] == {
        "accounts.mailaccount.password": {"seen": 2, "changed": 2, "unreadable": 0},
        "accounts.systemmail.body": {"seen": 0, "changed": 0, "unreadable": 0},
        "sending.outgoingserver.password": {"seen": 1, "changed": 1, "unreadable": 0},
    }
    settings.MAILHUB_ENCRYPTION_KEYS = [NEW]
    assert texts() == ["secret", "second one", "outgoing one"]
    assert {counts["changed"] for counts in rotate()["columns"].values()} == {0}, (
        "the second time nothing is left"
    )


def test_tokens_of_former_versions_are_bound_to_their_rows(two, acme):
    with tenancy.scope(acme.pk):
        MailAccount.objects.filter(pk=two[0].pk).update(password=Sealed(crypto.encrypt("of old")))
    assert texts()[0] == "of old"
    assert rotate()["columns"]["accounts.mailaccount.password"]["changed"] == 1
    with tenancy.scope(acme.pk):
        MailAccount.objects.filter(pk=two[1].pk).update(password=Sealed(tokens()[0]))
        with pytest.raises(crypto.Undecipherable):
            _ = MailAccount.objects.get(pk=two[1].pk).password


def test_what_cannot_be_read_is_counted_and_left_alone(two, settings):
    before = tokens()
    settings.MAILHUB_ENCRYPTION_KEYS = [NEW]
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("rotate_keys", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["error"]["class"] == "unreadable"
    assert sum(counts["unreadable"] for counts in answer["columns"].values()) == 3
    assert tokens() == before
    assert "secret" not in out.getvalue().replace("secrets", "")


def test_a_password_saved_meanwhile_stays(two, acme, settings, monkeypatch):
    settings.MAILHUB_ENCRYPTION_KEYS = [NEW, *settings.MAILHUB_ENCRYPTION_KEYS]
    original = crypto.rotate

    def saved_meanwhile(token: str, place: str) -> str:
        if place.endswith(f":{two[1].pk}") and "mailaccount" in place:
            row = MailAccount.objects.get(pk=two[1].pk)
            row.password = "newer"
            row.save(update_fields=["password"])
        return original(token, place)

    monkeypatch.setattr(crypto, "rotate", saved_meanwhile)
    assert rotate()["columns"]["accounts.mailaccount.password"]["changed"] == 1
    assert texts()[1] == "newer"
