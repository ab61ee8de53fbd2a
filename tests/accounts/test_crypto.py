"""Secrets at rest: versioned keys, rotation, and a field that gives the text only to who asks for it."""

from __future__ import annotations

import pickle
import traceback

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models.functions import Length
from django.forms.models import model_to_dict, modelform_factory
from django.test.utils import isolate_apps, register_lookup

from accounts.crypto import EncryptedTextField, Sealed, Undecipherable, UnknownKey, decrypt, encrypt, rotate

SECRET = "correct horse — ba\u0301ttery 🐎 \x00"
OLD, NEW = f"k1:{Fernet.generate_key().decode()}", f"k2:{Fernet.generate_key().decode()}"


@pytest.fixture(autouse=True)
def keys(settings):
    settings.MAILHUB_ENCRYPTION_KEYS = [OLD]
    return settings


# ── Tokens ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", [SECRET, "", "x", "p" * 100_000])
def test_a_text_comes_back_as_it_was(text):
    token = encrypt(text)
    assert token.startswith("k1:")
    assert token.isascii()
    assert decrypt(token) == text


def test_the_same_text_never_looks_the_same_twice():
    assert encrypt(SECRET) != encrypt(SECRET)


def test_the_first_key_encrypts_and_the_others_still_decrypt(keys):
    token = encrypt(SECRET)
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(token) == SECRET
    assert encrypt(SECRET).startswith("k2:")


@pytest.mark.parametrize("place", ["", "vault.vault.password:7"])
def test_rotation_moves_a_token_to_the_first_key(keys, place):
    token = encrypt(SECRET, place)
    assert rotate(token, place) == token
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW, OLD]
    moved = rotate(token, place)
    assert moved.startswith("k2:")
    assert rotate(moved, place) == moved
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW]
    assert decrypt(moved, place) == SECRET


@pytest.mark.parametrize(
    "elsewhere", ["", "vault.vault.password:70", "vault.vault.passwor:7", "vault.other.password:7"]
)
def test_a_token_is_no_secret_in_another_place(elsewhere):
    token = encrypt(SECRET, "vault.vault.password:7")
    assert decrypt(token, "vault.vault.password:7") == SECRET
    for read in (decrypt, rotate):
        with pytest.raises(Undecipherable):
            read(token, elsewhere)


def test_a_token_of_former_versions_is_read_anywhere_and_bound_by_rotation():
    token, place = encrypt(SECRET), "vault.vault.password:7"
    assert decrypt(token, place) == SECRET
    bound = rotate(token, place)
    assert bound.startswith("k1:")
    assert decrypt(bound, place) == SECRET
    with pytest.raises(Undecipherable):
        decrypt(bound, "vault.vault.password:8")


@pytest.mark.parametrize("read", [decrypt, rotate])
def test_a_key_that_was_taken_away_is_named(keys, read):
    token = encrypt(SECRET)
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(UnknownKey) as caught:
        read(token)
    assert caught.value.key_id == "k1"
    assert str(caught.value) == "MAILHUB_ENCRYPTION_KEYS has no key 'k1'"
    assert pickle.loads(pickle.dumps(caught.value)).key_id == "k1"


def test_another_key_under_the_same_id_does_not_pass(keys):
    token = encrypt(SECRET)
    keys.MAILHUB_ENCRYPTION_KEYS = [f"k1:{Fernet.generate_key().decode()}"]
    with pytest.raises(Undecipherable):
        decrypt(token)


def test_a_changed_token_is_refused():
    key_id, _, sealed = encrypt(SECRET).partition(":")
    middle = len(sealed) // 2
    for damaged in (
        sealed[:-5],
        sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :],
    ):
        with pytest.raises(Undecipherable):
            decrypt(f"{key_id}:{damaged}")


@pytest.mark.parametrize(
    "text", ["hunter2", "my:password", "", ":", "k1:", "k1:gAé", "a b:gAAAA", "k1:gAAAAA"]
)
def test_text_that_was_never_encrypted_is_refused_and_not_repeated(text):
    for read in (decrypt, rotate):
        with pytest.raises(Undecipherable) as caught:
            read(text)
        shown = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value)
        assert "my" not in shown
        assert "hunter2" not in shown


@pytest.mark.parametrize(
    "entries",
    [
        [],
        ["no-colon"],
        [":" + OLD.partition(":")[2]],
        ["white space:" + OLD.partition(":")[2]],
        ["k1:c2VjcmV0LXNlY3JldA=="],
        ["k1:not base64 — at all"],
        [OLD, OLD],
    ],
)
def test_a_wrong_setting_is_reported_without_its_keys(keys, entries):
    keys.MAILHUB_ENCRYPTION_KEYS = entries
    with pytest.raises(ImproperlyConfigured) as caught:
        encrypt("x")
    shown = "".join(traceback.format_exception(caught.value))
    assert "MAILHUB_ENCRYPTION_KEYS" in str(caught.value)
    for entry in entries:
        assert entry.partition(":")[2] == "" or entry.partition(":")[2] not in shown


def test_the_secret_key_of_django_plays_no_part(keys):
    token = encrypt(SECRET)
    keys.SECRET_KEY = "another one"
    assert decrypt(token) == SECRET


# ── The model field ─────────────────────────────────────────────────────────


@pytest.fixture
def vault():
    with isolate_apps():

        class Vault(models.Model):
            name = models.CharField(max_length=20)
            password = EncryptedTextField("password", blank=True)

            class Meta:
                app_label = "vault"

            def __str__(self):
                return self.name

        yield Vault


@pytest.fixture
def stored(vault, db):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = scratch, public")
    with connection.schema_editor() as editor:
        editor.create_model(vault)
    vault.objects.create(name="one", password=SECRET)
    return vault


def place():
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM vault_vault")
        return f"vault.vault.password:{cursor.fetchone()[0]}"


def column():
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM vault_vault")
        return cursor.fetchone()[0]


def test_the_database_holds_a_token_and_the_attribute_the_text(stored):
    assert decrypt(column(), place()) == SECRET
    assert SECRET not in column()
    assert stored.objects.get().password == SECRET


def test_loading_a_row_decrypts_nothing(stored, keys):
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW]
    row = stored.objects.get()
    assert row.name == "one"
    assert SECRET not in repr(row.__dict__)
    with pytest.raises(UnknownKey):
        _ = row.password


def test_values_give_the_token(stored):
    assert stored.objects.values_list("password", flat=True).get() == column()


def test_saving_a_row_leaves_an_untouched_token_alone(stored):
    before = column()
    row = stored.objects.get()
    assert row.password == SECRET
    row.name = "two"
    row.save()
    assert column() == before
    row.password = "changed"
    row.save()
    assert decrypt(column(), place()) == "changed"


def test_what_cannot_know_the_row_writes_nothing(stored):
    before, row = column(), stored.objects.get()
    row.password = "changed"
    for write in (
        lambda: stored.objects.bulk_update([row], ["password"]),
        lambda: stored.objects.update(password="changed"),
        lambda: stored.objects.bulk_create([stored(name="three", password="changed")]),
    ):
        with pytest.raises(TypeError), transaction.atomic():
            write()
    assert column() == before


def test_a_token_copied_to_another_row_is_not_read_there(stored):
    mine, other = stored.objects.get(), stored.objects.create(name="two", password="another")
    token = stored.objects.filter(pk=mine.pk).values_list("password", flat=True).get()
    stored.objects.filter(pk=other.pk).update(password=Sealed(token))
    with pytest.raises(Undecipherable):
        _ = stored.objects.get(pk=other.pk).password
    assert stored.objects.get(pk=mine.pk).password == SECRET


def test_a_new_row_is_bound_from_the_start_however_it_is_saved(vault, stored):
    made = [vault(name="saved", password="x"), vault(name="with id", password="x", pk=900)]
    for row in made:
        row.save()
    assert [stored.objects.get(pk=row.pk).password for row in made] == ["x", "x"]
    assert made[0].pk < 900


def test_a_deferred_or_refreshed_value_is_the_text_too(stored):
    assert stored.objects.defer("password").get().password == SECRET
    row, same = stored.objects.get(), stored.objects.get()
    same.password = "newer"
    same.save()
    row.refresh_from_db()
    assert row.password == "newer"


def test_empty_text_needs_no_key(stored, keys):
    keys.MAILHUB_ENCRYPTION_KEYS = []
    stored.objects.update(password="")
    assert column() == ""
    assert stored.objects.get().password == ""


def test_a_token_can_be_rotated_in_place(stored, keys):
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW, OLD]
    token = stored.objects.values_list("password", flat=True).get()
    stored.objects.update(password=Sealed(rotate(token, place())))
    keys.MAILHUB_ENCRYPTION_KEYS = [NEW]
    assert stored.objects.get().password == SECRET


def test_it_cannot_be_searched(vault):
    with register_lookup(models.TextField, Length):
        for lookup in ("password", "password__contains", "password__in", "password__length__gt"):
            with pytest.raises(FieldError):
                str(vault.objects.filter(**{lookup: 5}).query)
    assert "IS NULL" in str(vault.objects.filter(password__isnull=True).query)


def test_it_is_in_no_form_fixture_or_repr(vault):
    row = vault(name="one", password=SECRET)
    assert "password" not in model_to_dict(row)
    assert "password" not in modelform_factory(vault, fields="__all__").base_fields
    assert "password" not in serializers.serialize("json", [row])
    assert SECRET not in repr(row)


def test_migrations_can_write_the_field_down():
    field = EncryptedTextField("password", blank=True)
    name, path, args, kwargs = field.deconstruct()
    assert (path, args, kwargs) == (
        "accounts.crypto.EncryptedTextField",
        [],
        {"verbose_name": "password", "blank": True},
    )
    again = EncryptedTextField(*args, **kwargs)
    assert not again.editable
    assert not again.serialize
    assert "accounts.crypto.EncryptedTextField" in MigrationWriter.serialize(field)[0]
