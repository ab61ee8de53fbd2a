"""Settings from the environment, each also from a file: NAME is read where NAME_FILE says, as containers want."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import environ
from environ.fileaware_mapping import FileAwareMapping


class _Values(FileAwareMapping):  # type: ignore[misc]
    """Editors end files with a line end, which is never part of a value."""

    def __getitem__(self, key: str) -> str:
        value = str(super().__getitem__(key))
        return value.strip() if self.env.get(f"{key}_FILE") else value


class Env(environ.Env):  # type: ignore[misc]
    """`environ.Env` that also reads files."""

    ENVIRON = _Values()


def with_password(address: str, password: str) -> str:
    """The address of a server with a password that was given apart from it."""
    if not password:
        return address
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(
        netloc=f"{quote(parts.username or '', safe='')}:{quote(password, safe='')}@{host}"
    ).geturl()
