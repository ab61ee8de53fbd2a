"""A Mailhub of its own in a temporary home: the real database and broker, driven from outside as operators do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from accounts.database_roles import signed
from mailhub.embedded.home import LocalEnv, ServerFolder
from mailhub.embedded.postgres import PostgresServer
from mailhub.embedded.valkey import ValkeyServer
from tools.bench.peers import Box
from tools.bench.processes import Failed, tree_cpu

ROOT = Path(__file__).resolve().parents[2]
OWNER = "bench@mail.example"
# What a person's shell, or the tests' runner, may hold for another instance.
FOREIGN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "DEBUG",
    "PORT",
    "DEMO",
)


@dataclass(frozen=True)
class Session:
    """One session of the engine as `inside` measured it, and the process around it."""

    wall: float
    cpu: float
    memory: float
    stored: int
    listed: int
    process_wall: float
    process_cpu: float


class Instance:
    """`start()` makes the database; `stop()` ends it. Files go with the temporary folder that `home` lies in."""

    def __init__(self, home: Path, *, reachable: Sequence[str], ca_file: Path) -> None:
        self.home = home
        foreign = {name for name in os.environ if name in FOREIGN or name.startswith("MAILHUB_")}
        self.environ = {name: value for name, value in os.environ.items() if name not in foreign} | {
            "MAILHUB_HOME": str(home),
            "MAILHUB_ALLOWED_MAIL_HOSTS": ",".join(reachable),
            "MAILHUB_MAIL_CA_FILE": str(ca_file),
            # pytest sets another one.
            "DJANGO_SETTINGS_MODULE": "mailhub.settings",
        }
        self.slug = ""

    def start(self) -> None:
        """Make the tables and one organization on the largest plan."""
        self._manage("migrate", "--verbosity", "0")
        self.slug = self.found("Bench")

    def found(self, name: str) -> str:
        """One more organization on the largest plan; its slug."""
        created = self._manage("create_organization", name, "--owner", OWNER, "--plan", "pro")
        return str(json.loads(created)["slug"])

    def stop(self) -> None:
        """End this home's servers and remove what they kept elsewhere."""
        self._run([sys.executable, "-m", "mailhub", "remove"])

    def connect(
        self, boxes: Sequence[Box], *, slug: str = "", due: bool = False, delete: Sequence[bool] = ()
    ) -> list[int]:
        """A new mail account for each mailbox; returns their ids. Not `due`: the clock leaves them alone."""
        rows = [
            {
                "email": f"{box.user}@mail.example",
                "name": box.user,
                "host": box.host,
                "port": box.port,
                "encryption": "ssl" if box.tls else "plain",
                "username": box.user,
                "password": box.password,
                "rules": {"delete_policy": "after_storing"} if delete and delete[place] else {},
            }
            for place, box in enumerate(boxes)
        ]
        # By stdin: passwords are never arguments.
        (ids,) = self.inside("connect", slug or self.slug, OWNER, feed=json.dumps(rows))
        if not due:
            self.execute("UPDATE fetching_fetchstate SET next_run_at = now() + interval '1 day'")
        return list(ids)

    def fetch(self, account: int, *, times: int = 1, how: str = "any") -> list[Session]:
        """`times` rounds of sessions until nothing more waits, one after the other in one process."""
        before, started = os.times(), time.perf_counter()
        rows = self.inside("fetch", str(account), "--times", str(times), "--how", how)
        wall, after = time.perf_counter() - started, os.times()
        spent = (after.children_user + after.children_system) - (
            before.children_user + before.children_system
        )
        return [Session(**row, process_wall=wall, process_cpu=spent) for row in rows]

    def inside(self, *arguments: str, feed: str = "") -> list[Any]:
        """Run `tools.bench.inside` in this instance; the objects it prints, a line each."""
        output = self._run([sys.executable, "-m", "tools.bench.inside", *arguments], feed=feed)
        return [json.loads(line) for line in output.splitlines()]

    def program(self, *arguments: str) -> list[str]:
        """The command of one of our long-running programs."""
        return [
            sys.executable,
            "-W",
            "ignore:You're running the worker with superuser privileges",
            "-m",
            *arguments,
        ]

    # ── Below the product ───────────────────────────────────────────────────
    def execute(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """One statement in the application's role that sees every organization; its rows."""
        with self._connection() as connection, connection.transaction():
            opened = signed("system", LocalEnv(self.home).get("SECRET_KEY"))
            connection.execute("SELECT set_config('mailhub.system', %s, true)", [opened])
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def maintain(self, command: str) -> None:
        """VACUUM and the like, which want no transaction around them, and the owner of the tables."""
        with self._connection("DATABASE_OWNER_URL") as connection:
            connection.autocommit = True
            connection.execute(command)

    @contextmanager
    def _connection(self, role: str = "DATABASE_URL") -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(LocalEnv(self.home).get(role), connect_timeout=10) as connection:
            yield connection

    def server_cpu(self) -> dict[str, float]:
        """CPU seconds so far of the database and of the broker."""
        folder = ServerFolder(self.home).path
        found = {"PostgreSQL": PostgresServer(folder).pid(), "Valkey": ValkeyServer(folder).pid()}
        return {name: tree_cpu(pid) for name, pid in found.items() if pid is not None}

    def database_version(self) -> str:
        """Of PostgreSQL."""
        return str(self.execute("SHOW server_version")[0][0])

    def _manage(self, *arguments: str) -> str:
        return self._run([sys.executable, str(ROOT / "manage.py"), *arguments])

    def _run(self, command: Sequence[str], feed: str = "") -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, input=feed, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failed(
                f"{' '.join(command[1:4])} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
            )
        return done.stdout
