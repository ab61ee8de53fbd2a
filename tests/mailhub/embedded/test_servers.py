"""The embedded servers: they start once, are reused, survive killed holders, and give the right powers."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailhub.embedded import servers
from mailhub.embedded.home import LocalEnv, ServerFolder, home_folder
from mailhub.embedded.postgres import PostgresServer
from mailhub.embedded.process import EmbeddedError, command_line, locked, wait_until, write_private
from mailhub.embedded.valkey import ValkeyServer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("servers")]

BARE: dict[str, str] = {}  # an environment that gives no address


def outside(home: Path) -> dict[str, str]:
    """The environment of a child process: none of the addresses that this test run uses itself."""
    ours = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "MAILHUB_ENCRYPTION_KEYS")
    return {k: v for k, v in os.environ.items() if k not in ours} | {"MAILHUB_HOME": str(home)}


def connect(home: Path, role: str = "DATABASE_OWNER_URL") -> psycopg.Connection:
    return psycopg.connect(LocalEnv(home).get(role), connect_timeout=5, autocommit=True)


def postgres(home: Path) -> PostgresServer:
    return PostgresServer(ServerFolder(home).path)


def valkey(home: Path) -> ValkeyServer:
    return ValkeyServer(ServerFolder(home).path)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a home"  # with a space: paths go through a shell and two configuration files
    yield folder
    servers.remove(folder)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("started") / "home"
    assert servers.ensure(folder, BARE) == (True, True)
    yield folder
    servers.remove(folder)


def test_the_addresses_in_local_env_answer(started: Path) -> None:
    local = LocalEnv(started)
    with connect(started, "DATABASE_URL") as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == ("mailhub",) * 2
    with redis.Redis.from_url(local.get("REDIS_URL")) as client:
        assert client.ping()
    assert local.get("MAILHUB_ENCRYPTION_KEYS").startswith("k1:")
    assert len(local.get("SECRET_KEY")) >= 50
    assert servers.running(started) == (True, True)
    assert servers.started_here(started) == (True, True)


def test_a_second_call_changes_nothing(started: Path) -> None:
    before = (started / "local.env").read_bytes(), postgres(started).pid(), valkey(started).pid()
    assert servers.ensure(started, BARE) == (False, False)
    assert ((started / "local.env").read_bytes(), postgres(started).pid(), valkey(started).pid()) == before


def test_the_role_is_bound_by_row_level_security(started: Path) -> None:
    with connect(started) as connection:
        role = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolcreatedb"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert role == (False, False, False, False, True)
        connection.execute("CREATE TABLE secret (n int); INSERT INTO secret VALUES (1)")
        connection.execute("ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE secret FORCE ROW LEVEL SECURITY")
        assert connection.execute("SELECT * FROM secret").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE other SUPERUSER")


def test_the_runtime_role_makes_nothing(started: Path) -> None:
    with connect(started, "DATABASE_URL") as connection:
        powers = "rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolcreatedb"
        role = connection.execute(f"SELECT {powers} FROM pg_roles WHERE rolname = current_user").fetchone()
        assert role == (False, False, False, False, False)
        for statement in ("CREATE TABLE mine (n int)", "CREATE DATABASE mine", "SET ROLE mailhub_owner"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_home_of_an_earlier_release_gets_its_owner(home: Path) -> None:
    """There one role did both: its tables go to the owner."""
    servers.ensure(home, BARE)
    local = LocalEnv(home)
    with connect(home) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        connection.execute("ALTER TABLE kept OWNER TO mailhub_owner")
    superuser = ServerFolder(home).superuser_password
    with postgres(home)._as_superuser(superuser, "mailhub") as connection:
        connection.execute("ALTER TABLE kept OWNER TO mailhub")
        connection.execute("ALTER DATABASE mailhub OWNER TO mailhub")
    local.lines = [line for line in local.lines if not line.startswith("DATABASE_OWNER_URL")]
    local._write()
    servers.ensure(home, BARE)
    with connect(home) as connection:
        assert connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'kept'").fetchone() == (
            "mailhub_owner",
        )


def test_the_role_may_create_the_extensions_and_they_know_all_letters(started: Path) -> None:
    with connect(started) as connection:
        for extension in ("pg_trgm", "btree_gin", "unaccent"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")  # type: ignore[arg-type]
        row = connection.execute(
            "SELECT similarity('ПРИВЕТ', 'привет'), lower('ÉÜ'), unaccent('Été')"
        ).fetchone()
        assert row == (1.0, "éü", "Ete")
        order = connection.execute("SELECT x FROM unnest(ARRAY['b', 'é', 'B', 'a']) x ORDER BY x").fetchall()
        assert [x for (x,) in order] == ["B", "a", "b", "é"]


def test_the_database_is_durable_and_on_loopback_alone(started: Path) -> None:
    with connect(started) as connection:
        query = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
        names = ["fsync", "full_page_writes", "data_checksums", "listen_addresses", "max_connections"]
        assert dict(connection.execute(query, [names]).fetchall()) == {
            "fsync": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "listen_addresses": "127.0.0.1",
            "max_connections": "100",
        }


def test_nobody_comes_in_without_the_password(started: Path) -> None:
    local = LocalEnv(started)
    database, broker = urlsplit(local.get("DATABASE_URL")), urlsplit(local.get("REDIS_URL"))
    for user in ("mailhub", "postgres"):
        wrong = f"host=127.0.0.1 port={database.port} user={user} dbname=postgres password=wrong"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong, connect_timeout=5)
    for password in (None, "wrong"):
        client = redis.Redis(port=broker.port or 0, password=password, retry=Retry(NoBackoff(), 0))
        with client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_secrets_are_readable_by_their_owner_alone(started: Path) -> None:
    folder = ServerFolder(started)
    configuration = valkey(started).configuration
    for path in (started / "local.env", folder.record, configuration):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert folder.superuser_password
    assert folder.superuser_password not in (started / "local.env").read_text()
    local = LocalEnv(started)
    passwords = {urlsplit(local.get(key)).password for key in ("DATABASE_URL", "REDIS_URL")}
    shown = [command_line(pid) for pid in (postgres(started).pid(), valkey(started).pid()) if pid]
    shown.append(postgres(started).log.read_text())
    assert len(shown) == 3
    assert all(shown)
    for secret in [folder.superuser_password, *passwords]:
        assert secret
        assert not [text for text in shown if secret in text]


def test_the_broker_keeps_every_task_or_says_so(started: Path) -> None:
    with redis.Redis.from_url(LocalEnv(started).get("REDIS_URL"), decode_responses=True) as client:
        wanted = {
            "maxmemory-policy": "volatile-lru",
            "maxmemory": str(256 * 1024**2),
            "save": "",
            "appendonly": "no",
        }
        assert client.config_get(*wanted) == wanted


def test_addresses_in_the_environment_are_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    given = {"DATABASE_URL": "postgres://db.example/x", "REDIS_URL": "redis://cache.example/0"}
    assert servers.ensure(home, given) == (False, False)
    assert not home.exists()


def test_one_given_address_leaves_one_server_to_start(home: Path) -> None:
    assert servers.ensure(home, {"DATABASE_URL": "postgres://db.example/x"}) == (False, True)
    assert servers.running(home) == (False, True)
    assert LocalEnv(home).get("DATABASE_URL") == ""


def test_values_that_settings_copied_into_the_environment_are_not_taken_for_given(home: Path) -> None:
    home.mkdir()
    local = LocalEnv(home)
    local.complete({"REDIS_URL": "redis://cache.example/0"})
    copied = {"DATABASE_URL": local.get("DATABASE_URL"), "REDIS_URL": "redis://cache.example/0"}
    assert servers.ensure(home, copied) == (True, False)


def test_two_homes_run_side_by_side(started: Path, home: Path) -> None:
    assert servers.ensure(home, BARE) == (True, True)
    for key in ("DATABASE_URL", "REDIS_URL"):
        assert LocalEnv(home).get(key) != LocalEnv(started).get(key)
    assert servers.stop(home) == (True, True)
    assert servers.running(home) == (False, False)
    assert servers.running(started) == (True, True)
    connect(started).close()
    assert servers.stop(home) == (False, False)


def test_a_killed_holder_leaves_servers_that_are_reused(home: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from mailhub.embedded import servers; servers.ensure(); print('up', flush=True); input()",
        ],
        env=outside(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "up\n"
        holder.kill()
    pids = postgres(home).pid(), valkey(home).pid()
    assert all(pids)
    assert servers.ensure(home, BARE) == (False, False)
    assert (postgres(home).pid(), valkey(home).pid()) == pids


def test_killed_servers_are_started_again_and_nothing_is_lost(home: Path) -> None:
    servers.ensure(home, BARE)
    with connect(home) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    address = LocalEnv(home).get("DATABASE_URL")
    for pid in (postgres(home).pid(), valkey(home).pid()):
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda pid=pid: not command_line(pid), 10)  # type: ignore[misc]
    assert servers.ensure(home, BARE) == (True, True)
    assert LocalEnv(home).get("DATABASE_URL") == address
    with connect(home) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_a_stale_process_file_that_names_a_stranger_is_no_obstacle(home: Path) -> None:
    servers.ensure(home, BARE)
    database, broker = postgres(home), valkey(home)
    kept = (database.data / "postmaster.pid").read_text()
    servers.stop(home)
    stranger = str(os.getpid())  # alive, and not ours to end
    (database.data / "postmaster.pid").write_text("\n".join([stranger, *kept.splitlines()[1:]]) + "\n")
    (broker.folder / "valkey.pid").write_text(stranger)
    assert servers.running(home) == (False, False)
    assert servers.stop(home) == (False, False)
    assert servers.ensure(home, BARE) == (True, True)


def test_a_port_taken_by_somebody_else_is_left_to_them(home: Path) -> None:
    servers.ensure(home, BARE)
    before = LocalEnv(home)
    servers.stop(home)
    with socket.socket() as first, socket.socket() as second:
        for key, taker in (("DATABASE_URL", first), ("REDIS_URL", second)):
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taker.bind(("127.0.0.1", urlsplit(before.get(key)).port))
            taker.listen()
        assert servers.ensure(home, BARE) == (True, True)
        for key in ("DATABASE_URL", "REDIS_URL"):
            old, new = urlsplit(before.get(key)), urlsplit(LocalEnv(home).get(key))
            assert new.port != old.port
            assert (new.username, new.password, new.path) == (old.username, old.password, old.path)
        connect(home).close()


def test_many_first_starts_at_once_make_one_server(home: Path) -> None:
    command = [sys.executable, "-m", "mailhub", "start"]
    starters = [
        subprocess.Popen(
            command, env=outside(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(4)
    ]
    for starter in starters:
        output, _ = starter.communicate(timeout=120)
        assert (starter.returncode, output) == (0, "database: running\nbroker: running\n")
    assert servers.ensure(home, BARE) == (False, False)


def test_what_a_person_wrote_into_local_env_is_kept(home: Path) -> None:
    home.mkdir()
    (home / "local.env").write_text("# mine\nSECRET_KEY=chosen\nMAILHUB_URL=https://mail.example\n")
    servers.ensure(home, BARE)
    text = (home / "local.env").read_text()
    assert text.startswith("# mine\nSECRET_KEY=chosen\nMAILHUB_URL=https://mail.example\n")
    assert text.count("SECRET_KEY=") == 1


def test_a_lost_local_env_is_made_anew_for_the_database_that_is_there(home: Path) -> None:
    servers.ensure(home, BARE)
    with connect(home) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    (home / "local.env").unlink()
    assert servers.ensure(home, BARE) == (False, True)
    with connect(home) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_a_lost_superuser_password_is_told(home: Path) -> None:
    servers.ensure(home, BARE)
    folder = ServerFolder(home)
    write_private(folder.record, folder.record.read_text().replace(folder.superuser_password, "another"))
    (home / "local.env").unlink()
    with pytest.raises(EmbeddedError, match="another superuser password") as caught:
        servers.ensure(home, BARE)
    assert folder.superuser_password not in str(caught.value)


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    servers.ensure(home, BARE)
    servers.stop(home)
    with (postgres(home).data / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        servers.ensure(home, BARE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
def test_root_leaves_the_folders_above_as_they_are(tmp_path: Path) -> None:
    """A home below a private folder: the servers' data goes elsewhere, no mode is changed."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = private / "home"
    try:
        servers.ensure(home, BARE)
        folder = ServerFolder(home)
        assert private not in folder.path.parents
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert folder.path.stat().st_uid != 0
        servers.stop(home)
        assert servers.ensure(home, BARE) == (True, True)
        assert ServerFolder(home).path == folder.path
    finally:
        servers.remove(home)
    assert not folder.path.exists()


def test_a_port_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "local.env").write_text("A=1\nREDIS_URL=redis://:p%40ss@127.0.0.1/0\n# REDIS_URL=old\n")
    LocalEnv(tmp_path).set_port("REDIS_URL", 7)
    text = (tmp_path / "local.env").read_text()
    assert text.endswith("A=1\nREDIS_URL=redis://:p%40ss@127.0.0.1:7/0\n# REDIS_URL=old\n")


def test_a_lock_waits_only_so_long(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(EmbeddedError), locked(tmp_path / "lock", seconds=0.1):
        pytest.fail("two holders of one lock")


def test_the_home_folder(tmp_path: Path) -> None:
    assert home_folder({"MAILHUB_HOME": str(tmp_path / "x" / ".." / "y")}) == tmp_path / "y"
    assert home_folder(BARE).name == "var"
    assert (home_folder(BARE).parent / "manage.py").exists()
