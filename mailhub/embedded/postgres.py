"""PostgreSQL from a wheel: create the cluster, start and stop the server, create the application's role."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote

from mailhub.embedded.home import postgres_software
from mailhub.embedded.process import (
    LOOPBACK,
    EmbeddedError,
    ServerUser,
    command_line,
    end,
    free_port,
    port_answers,
    tail,
    write_private,
)

if TYPE_CHECKING:
    import psycopg  # imported where used: a command with servers of its own should not wait for it

SUPERUSER = "postgres"
LOG_LIMIT = 20 * 2**20
# The rest is PostgreSQL's own default; above all `fsync`, `full_page_writes` and data checksums stay on.
OPTIONS = {
    "listen_addresses": LOOPBACK,
    # TCP only: the path of a socket has a length limit that a deep home would exceed.
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# The builtin provider sorts by code point, the same on every machine and through every system upgrade,
# and knows upper and lower case of all scripts; people's order (case, accents) is asked for in the query.
# lc_ctype matters to pg_trgm alone: with "C" it takes only ASCII for letters, so that a name in Cyrillic
# has no trigrams. A system without C.UTF-8 gets "C" all the same, rather than nothing.
CTYPES = ("C.UTF-8", "C")


class PostgresServer:
    """The PostgreSQL server of one home: `postgres/` and `postgres.log` in the folder of its servers."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "postgres"
        self.log = folder / "postgres.log"
        self._pid_file = self.data / "postmaster.pid"

    def pid(self) -> int | None:
        """The running server's process, only if it really is the server of this folder."""
        pid = self._line(0)
        return pid if pid and f"-D {self.data} " in command_line(pid) + " " else None

    def port(self) -> int | None:
        """The port of the running server."""
        return self._line(3) if self.pid() else None

    def start(self, port: int, user: ServerUser, superuser_password: str) -> int:
        """Start on `port`, or another one if that is 0 or taken by another program; returns it when ready.

        Raises EmbeddedError with the end of the server's log.
        """
        programs = postgres_software(user)
        if not self.data.exists():
            self._create(programs, user, superuser_password)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.unlink()
        if not self.pid():
            # Left by a killed server. PostgreSQL would refuse to start if its number belongs to some other
            # process by now, which is the rule rather than the exception in containers.
            self._pid_file.unlink(missing_ok=True)
        deadline = time.monotonic() + 30
        while True:
            port = free_port() if not port or port_answers(port) else port
            if self._launch(programs, port, user):
                return port
            reason = tail(self.log)
            if "could not bind" in reason:
                port = free_port()
            elif "shared memory" not in reason:
                break
            # else the children of a killed server are about to notice that it is gone
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        raise EmbeddedError(f"PostgreSQL does not start. The end of {self.log}:\n{reason}")

    def stop(self) -> bool:
        """Fast shutdown: open transactions are rolled back, everything is written; False if not running."""
        if (pid := self.pid()) is None:
            return False
        signals = [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)]
        end(pid, signals, alive=lambda: self.pid() == pid or bool(command_line(pid)))
        return True

    def provision(self, runtime: SplitResult, owner: SplitResult, superuser_password: str) -> None:
        """Make the two roles and the database that these addresses name.

        The owner has the database and its tables (so it may create trusted extensions) and may create others (for
        tests). The runtime role owns nothing. Neither is superuser or can bypass row-level security. Tables that the
        runtime role had made in an earlier release go to the owner. Raises ConnectionError while the server is not
        ready, EmbeddedError if it refuses the superuser's password.
        """
        from psycopg import sql

        name = unquote(runtime.path.lstrip("/"))
        with self._as_superuser(superuser_password) as connection:
            _make_role(connection, runtime, "NOCREATEDB")
            _make_role(connection, owner, "CREATEDB")
            database, role = sql.Identifier(name), sql.Identifier(unquote(owner.username or ""))
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            verb = sql.SQL("ALTER DATABASE {} OWNER TO {}" if known else "CREATE DATABASE {} OWNER {}")
            connection.execute(verb.format(database, role))
        if known:
            with self._as_superuser(superuser_password, name) as connection:
                old = sql.Identifier(unquote(runtime.username or ""))
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(old, role))

    def _as_superuser(self, password: str, database: str = "postgres") -> psycopg.Connection:
        import psycopg

        try:
            return psycopg.connect(
                host=LOOPBACK,
                port=self.port() or 0,
                user=SUPERUSER,
                password=password,
                dbname=database,
                sslmode="disable",
                connect_timeout=10,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise EmbeddedError(
                    f"The database in {self.data} was made with another superuser password than the one in "
                    "servers.json of its home. Put that file back, or move the data away to start anew."
                ) from None
            raise ConnectionError(str(error)) from error

    def _create(self, programs: Path, user: ServerUser, superuser_password: str) -> None:
        """Run initdb beside the final place, so that a killed one leaves no half cluster there."""
        draft = self.data.with_name("postgres.new")
        password_file = self.data.with_name("superuser.tmp")
        user.run(["rm", "-rf", draft])
        write_private(password_file, superuser_password, user)
        command: list[str | Path] = [programs / "initdb", "-D", draft, "-U", SUPERUSER, "-E", "UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        try:
            for ctype in CTYPES:
                done = user.run([*command, f"--lc-ctype={ctype}"])
                if done.returncode == 0:
                    draft.rename(self.data)
                    return
            raise EmbeddedError(f"PostgreSQL's initdb failed:\n{done.stderr}")
        finally:
            password_file.unlink(missing_ok=True)

    def _launch(self, programs: Path, port: int, user: ServerUser) -> bool:
        """Start through pg_ctl, which leaves no child of ours behind and waits until the server is ready."""
        options = " ".join(f"-c {key}='{value}'" for key, value in (OPTIONS | {"port": str(port)}).items())
        command: list[str | Path] = [programs / "pg_ctl", "start", "-D", self.data, "-l", self.log]
        return user.run([*command, "-o", options, "-w", "-t", "60"]).returncode == 0

    def _line(self, number: int) -> int | None:
        """A number from postmaster.pid, which holds the process on line 0 and the port on line 3."""
        try:
            return int(self._pid_file.read_text().splitlines()[number])
        except (FileNotFoundError, IndexError, ValueError):
            return None


def _make_role(connection: psycopg.Connection, address: SplitResult, may: str) -> None:
    from psycopg import sql

    # Scrambled here: a clear password could reach the server's log.
    secret = connection.pgconn.encrypt_password(
        unquote(address.password or "").encode(), (address.username or "").encode(), b"scram-sha-256"
    )
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [address.username])
    verb = sql.SQL("ALTER" if known.fetchone() else "CREATE")
    attributes = sql.SQL(f"LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION {may} PASSWORD")
    role = sql.Identifier(unquote(address.username or ""))
    connection.execute(
        sql.SQL("{} ROLE {} {} {}").format(verb, role, attributes, sql.Literal(secret.decode()))
    )


def database_answers(address: SplitResult) -> bool:
    """Whether a connection with the application's own role and password succeeds."""
    import psycopg

    try:
        psycopg.connect(
            host=address.hostname,
            port=address.port,
            user=unquote(address.username or ""),
            password=unquote(address.password or ""),
            dbname=unquote(address.path.lstrip("/")),
            sslmode="disable",
            connect_timeout=2,
        ).close()
    except psycopg.OperationalError:
        return False
    return True
