"""Secrets at rest: text encrypted under versioned keys, and the model field that stores it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models
from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Expression
    from django.db.models.lookups import Lookup, Transform

    TextField = models.TextField[str, str]
else:
    TextField = models.TextField  # takes no parameters at run time

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_FERNET_VERSION = "gA"  # base64 of the version byte 0x80 that begins every Fernet token
_NO_ROW = "a secret is bound to its row: save the instance"
# Begins the sealed bytes of a secret that is bound to its place. No secret begins so: passwords hold no NUL.
_BOUND = b"\x00bound\x00"


class CryptoError(Exception):
    """A stored secret cannot be read. Neither the text nor the token is ever part of the message."""


class UnknownKey(CryptoError):
    """The token was made with a key that MAILHUB_ENCRYPTION_KEYS no longer lists; `key_id` says which."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id

    def __str__(self) -> str:
        return f"MAILHUB_ENCRYPTION_KEYS has no key {self.key_id!r}"


class Undecipherable(CryptoError):
    """The token is damaged, was never one, or was made with another key of the same id."""

    def __str__(self) -> str:
        return "a stored secret cannot be decrypted"


# ── Tokens ──────────────────────────────────────────────────────────────────


def encrypt(text: str, place: str = "") -> str:
    """The text as "key id:Fernet token", under the first key of MAILHUB_ENCRYPTION_KEYS.

    With `place` ("app.model.field:id") it can be read for that place alone: copied into another row it is no secret.
    """
    keys = _keys()
    key_id = next(iter(keys))
    sealed = text.encode()
    if place:
        sealed = _BOUND + place.encode() + b"\x00" + sealed
    return f"{key_id}:{keys[key_id].encrypt(sealed).decode('ascii')}"


def decrypt(token: str, place: str = "") -> str:
    """The text of a token from `encrypt`. Raises UnknownKey or Undecipherable.

    A token without a place, as they were made once, is read anywhere, until `rotate` has bound it.
    """
    return _open(token, place)[0]


def _open(token: str, place: str) -> tuple[str, bool]:
    """The text, and whether it was bound to the place."""
    key_id, sealed = _split(token)
    key = _keys().get(key_id)
    if key is None:
        raise UnknownKey(key_id)
    try:
        content = key.decrypt(sealed.encode("ascii"))
        if not content.startswith(_BOUND):
            return content.decode(), False
        bound_to, _nul, text = content.removeprefix(_BOUND).partition(b"\x00")
        if bound_to != place.encode():
            raise Undecipherable
        return text.decode(), True
    except (InvalidToken, UnicodeError):
        raise Undecipherable from None


def rotate(token: str, place: str = "") -> str:
    """The same secret under the first key and bound to its place; one that is so already comes back as it is.

    Raises UnknownKey or Undecipherable.
    """
    text, is_bound = _open(token, place)
    is_newest = _split(token)[0] == next(iter(_keys()))
    return token if is_newest and is_bound == bool(place) else encrypt(text, place)


def _split(token: str) -> tuple[str, str]:
    key_id, _colon, sealed = token.partition(":")
    # Text that was stored in the clear by mistake must not come out again as the name of a key.
    if not _KEY_ID.fullmatch(key_id) or not sealed.startswith(_FERNET_VERSION):
        raise Undecipherable
    return key_id, sealed


def _keys() -> dict[str, Fernet]:
    """The keys by id, in the order of the setting. Raises ImproperlyConfigured, which never shows a key."""
    keys: dict[str, Fernet] = {}
    for position, entry in enumerate(settings.MAILHUB_ENCRYPTION_KEYS, start=1):
        key_id, _colon, key = entry.strip().partition(":")
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            _misconfigured(f"entry {position} needs an id of its own before the colon")
        try:
            keys[key_id] = Fernet(key)
        except ValueError:
            _misconfigured(f"entry {position} is not a Fernet key")
    if not keys:
        _misconfigured("there must be at least one id:key entry")
    return keys


def _misconfigured(why: str) -> NoReturn:
    raise ImproperlyConfigured(f"MAILHUB_ENCRYPTION_KEYS: {why}") from None


# ── The model field ─────────────────────────────────────────────────────────


class Sealed(str):
    """A token as it lies in the database. What `values()` and an untouched instance hold; never the text."""

    __slots__ = ()


class _Unsealing(DeferredAttribute):
    """Decrypts when the attribute is read, not when the row is loaded.

    A page that lists accounts decrypts nothing, still opens when a key is missing, and has no password in its
    variables for an error report to show.
    """

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is None or not isinstance(value, Sealed):
            return value
        return decrypt(value, place_of(self.field.model, self.field.name, instance.pk))

    # With __set__ this is a data descriptor; otherwise the instance's __dict__ would answer before __get__.
    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


def _name_the_row(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """Give a new row its id before it is written, since its secrets are bound to that."""
    if instance.pk is None:
        with connections[using].cursor() as cursor:
            table, column = sender._meta.db_table, sender._meta.pk.column
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, %s))", [f'"{table}"', column])
            instance.pk = cursor.fetchone()[0]


def place_of(model: type[models.Model], field: str, pk: Any) -> str:
    """What the secret in one column of one row is bound to; see `encrypt`."""
    return f"{model._meta.label_lower}.{field}:{pk}"


def secret_fields() -> list[EncryptedTextField]:
    """Every column of secrets there is, of all models."""
    return [
        field
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


class EncryptedTextField(TextField):
    """A text column whose content is encrypted at rest, each bound to its row.

    Reading the attribute gives the text and raises UnknownKey or Undecipherable; `values()` gives the token.
    An untouched value is saved as the token it was, another only by `save`. Empty text stays empty. No form,
    fixture or serializer takes it up by itself, and it cannot be searched: each encryption differs.
    """

    descriptor_class = _Unsealing

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        kwargs["serialize"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        kwargs.pop("serialize", None)
        return name, path, list(args), kwargs

    def from_db_value(
        self, value: str | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> Sealed | str | None:
        return Sealed(value) if value else value

    def contribute_to_class(self, cls: type[models.Model], name: str, *args: Any, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, *args, **kwargs)
        if not cls._meta.abstract:
            models.signals.pre_save.connect(
                _name_the_row, sender=cls, dispatch_uid=f"crypto:{cls._meta.label}"
            )

    def place(self, pk: Any) -> str:
        """What a secret of this column is bound to; see `encrypt`."""
        return place_of(self.model, self.name, pk)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        # Not getattr: that would decrypt and re-encrypt on every save of the row.
        value = model_instance.__dict__.get(self.attname)
        if not value or isinstance(value, Sealed):
            return value
        if model_instance.pk is None:
            raise TypeError(_NO_ROW)  # bulk_create: the row gets its id from the database
        return Sealed(encrypt(str(value), self.place(model_instance.pk)))

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value and not isinstance(value, Sealed):
            raise TypeError(_NO_ROW)  # update and bulk_update: which row it is for is not known here
        return value

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> type[Transform] | None:
        return None
