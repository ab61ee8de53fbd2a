"""Secrets at rest: text encrypted under versioned keys, and the model field that stores it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
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


def encrypt(text: str) -> str:
    """The text as "key id:Fernet token", under the first key of MAILHUB_ENCRYPTION_KEYS."""
    keys = _keys()
    key_id = next(iter(keys))
    return f"{key_id}:{keys[key_id].encrypt(text.encode()).decode('ascii')}"


def decrypt(token: str) -> str:
    """The text of a token from `encrypt`. Raises UnknownKey or Undecipherable."""
    key_id, sealed = _split(token)
    key = _keys().get(key_id)
    if key is None:
        raise UnknownKey(key_id)
    try:
        return key.decrypt(sealed.encode("ascii")).decode()
    except (InvalidToken, UnicodeError):
        raise Undecipherable from None


def needs_rotation(token: str) -> bool:
    """Whether the token was made with another key than the first one. Raises Undecipherable."""
    return _split(token)[0] != next(iter(_keys()))


def rotate(token: str) -> str:
    """The same secret under the first key; a token that has it already comes back as it is.

    Raises UnknownKey or Undecipherable.
    """
    return encrypt(decrypt(token)) if needs_rotation(token) else token


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
        return decrypt(value) if isinstance(value, Sealed) else value

    # With __set__ this is a data descriptor; otherwise the instance's __dict__ would answer before __get__.
    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(TextField):
    """A text column whose content is encrypted at rest.

    Reading the attribute gives the text and raises UnknownKey or Undecipherable; `values()` gives the token.
    An untouched value is saved as the token it was. Empty text stays empty. No form, fixture or serializer
    takes it up by itself, and it cannot be searched: each encryption of the same text differs.
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

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        # Not getattr: that would decrypt and re-encrypt on every save of the row.
        return model_instance.__dict__.get(self.attname)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if not value or isinstance(value, Sealed) else encrypt(value)

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> type[Transform] | None:
        return None
