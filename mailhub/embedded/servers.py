"""The database and the broker of an instance that has none: PostgreSQL and Valkey from Python wheels.

A home folder (MAILHUB_HOME) has at most one server of each kind. They outlive the command that started
them and are reused by the next one; `stop()` ends them. What another process needs to reach them is in
`local.env` in the home. Import-safe before Django is set up.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from mailhub.embedded.home import LocalEnv, ServerFolder, home_folder
from mailhub.embedded.postgres import PostgresServer, database_answers
from mailhub.embedded.process import LOOPBACK, EmbeddedError, ServerUser, locked
from mailhub.embedded.valkey import ValkeyServer, broker_answers

__all__ = ["EmbeddedError", "Servers", "ensure", "remove", "running", "started_here", "stop"]

LOCK = "servers.lock"


class Servers(NamedTuple):
    """One answer for each server: was it started, stopped, or is it running."""

    database: bool
    broker: bool


_started_here: dict[Path, Servers] = {}


def ensure(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Servers:
    """Make the addresses in the home's `local.env` answer; returns which servers this call started.

    Does nothing for a server whose address the environment gives (DATABASE_URL, REDIS_URL). Safe to call
    at any time and from several processes at once. Raises EmbeddedError.
    """
    home = home or home_folder(environ)
    try:
        return _ensure(home, environ)
    except PermissionError as error:
        raise EmbeddedError(
            f"{error.filename or home} may not be used by this user. Run Mailhub as the user it belongs to, "
            "or set MAILHUB_HOME to a folder of your own."
        ) from error


def stop(home: Path | None = None) -> Servers:
    """End this home's servers, cleanly; returns which were running."""
    home = home or home_folder()
    if not home.exists():
        return Servers(False, False)
    with locked(home / LOCK):
        folder = ServerFolder(home).path
        return Servers(PostgresServer(folder).stop(), ValkeyServer(folder).stop())


def running(home: Path | None = None) -> Servers:
    """Which of this home's servers run now."""
    folder = ServerFolder(home or home_folder()).path
    return Servers(PostgresServer(folder).pid() is not None, ValkeyServer(folder).pid() is not None)


def started_here(home: Path | None = None) -> Servers:
    """Which of this home's servers this very process has started."""
    return _started_here.get(home or home_folder(), Servers(False, False))


def remove(home: Path | None = None) -> None:
    """End this home's servers and delete their data, passwords and keys: everything the instance knows."""
    home = home or home_folder()
    stop(home)
    folder = ServerFolder(home)
    shutil.rmtree(folder.path, ignore_errors=True)
    for path in (folder.record, home / "local.env", home / LOCK):
        path.unlink(missing_ok=True)


def _ensure(home: Path, environ: Mapping[str, str]) -> Servers:
    local = LocalEnv(home)
    ours = Servers(not local.is_given("DATABASE_URL", environ), not local.is_given("REDIS_URL", environ))
    if not any(ours) or (not local.missing(environ) and _all_answer(local, ours)):
        return Servers(False, False)
    # Others may pass through to the servers' folder (they run as another user when we are root), not look.
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    with locked(home / LOCK):
        local = LocalEnv(home)
        local.complete(environ)
        folder = ServerFolder(home)
        user = folder.prepare()
        started = Servers(
            ours.database and _ensure_database(local, folder, user),
            ours.broker and _ensure_broker(local, folder, user),
        )
    before = started_here(home)
    _started_here[home] = Servers(before.database or started.database, before.broker or started.broker)
    return started


def _all_answer(local: LocalEnv, ours: Servers) -> bool:
    broker = urlsplit(local.get("REDIS_URL"))
    return (not ours.database or _both_roles_answer(local)) and (not ours.broker or broker_answers(broker))


def _both_roles_answer(local: LocalEnv) -> bool:
    """Whether the runtime role and the owner of the tables can connect; a home of an earlier release has no owner."""
    return all(
        bool(address) and database_answers(urlsplit(address))
        for address in (local.get("DATABASE_URL"), local.get("DATABASE_OWNER_URL"))
    )


def _ensure_database(local: LocalEnv, folder: ServerFolder, user: ServerUser) -> bool:
    address = urlsplit(local.get("DATABASE_URL"))
    if not _is_ours(address) or _both_roles_answer(local):
        return False
    server, password = PostgresServer(folder.path), folder.superuser_password
    deadline = time.monotonic() + 60
    started = False
    while True:
        port = server.port()
        if port is None:
            port, started = server.start(address.port or 0, user, password), True
        if port != address.port:
            local.set_port("DATABASE_URL", port)
            local.set_port("DATABASE_OWNER_URL", port)
            address = urlsplit(local.get("DATABASE_URL"))
        try:
            server.provision(address, urlsplit(local.get("DATABASE_OWNER_URL")), password)
            return started
        except OSError as error:  # a server that ran already may be recovering, or shutting down
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL runs, but does not let Mailhub in: {error}") from error
            time.sleep(0.2)


def _ensure_broker(local: LocalEnv, folder: ServerFolder, user: ServerUser) -> bool:
    address = urlsplit(local.get("REDIS_URL"))
    if broker_answers(address) or not _is_ours(address):
        return False
    server = ValkeyServer(folder.path)
    server.stop()  # one that runs and does not answer to this password and port is of no use
    port = server.start(address, user)
    if port != address.port:
        local.set_port("REDIS_URL", port)
    return True


def _is_ours(address: SplitResult) -> bool:
    """A person may have put the address of another machine into local.env: that is not ours to start."""
    return address.hostname == LOOPBACK
