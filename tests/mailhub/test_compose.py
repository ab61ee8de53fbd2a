"""The files for production say what the code needs: docker-compose.yml and Dockerfile against the settings.

No container can run in the tests, so that each part is tried as far as it goes without one: the settings are
loaded with the environment of the compose file, the commands are given to their programs, the database's
script runs against a real PostgreSQL.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml
from django.conf import settings

from mailhub.embedded import servers
from mailhub.embedded.home import ServerFolder, postgres_software, valkey_software
from mailhub.embedded.postgres import PostgresServer
from mailhub.embedded.process import server_user

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = ("migrate", "web", "fetch", "slow", "send", "probe", "ticks", "work", "beat")
GIVEN = {"MAILHUB_URL": "https://mail.example.com", "DEFAULT_FROM_EMAIL": "mail@example.com"}
SECRETS = {
    "secret_key": "0123456789" * 6,
    "encryption_keys": "k1:" + "A" * 43 + "=",
    "database_password": "database0password",
    "database_owner_password": "owner0password",
    "redis_password": "broker0password",
    "postgres_password": "superuser0password",
    "email_url": "smtp+tls://user:password@smtp.example.com:587",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [
        (line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in text.splitlines() if line.strip()
    ]


def variables(text: str) -> Iterator[tuple[str, str, str]]:
    """(name, operator, word) of every ${NAME:-word} and ${NAME:?word}."""
    yield from re.findall(r"(?<!\$)\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", text)


def interpolate(text: str) -> str:
    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        return GIVEN.get(name, word if operator == ":-" else "")

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def read_by_settings() -> dict[str, bool]:
    """The environment variables that settings.py reads; True where it has no default."""
    found = {}
    for node in ast.walk(ast.parse((ROOT / "mailhub" / "settings.py").read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "env"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            has_default = any(keyword.arg == "default" for keyword in node.keywords)
            name = node.args[0].value
            found[name] = found.get(name, True) and not has_default
    return found


def environment(compose: dict[str, Any]) -> dict[str, str]:
    return {name: interpolate(str(value)) for name, value in compose["x-app"]["environment"].items()}


def in_container(compose: dict[str, Any], program: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with the environment of the compose file instead of ours, and its secrets."""
    given = {"PATH": os.environ["PATH"], "MAILHUB_HOME": str(home)}
    given |= {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
    for name, value in environment(compose).items():
        if value.startswith("/run/secrets/"):
            file = home / value.rpartition("/")[2]
            file.write_text(SECRETS[file.name] + "\n")
            value = str(file)
        given[name] = value
    return subprocess.run(program, cwd=ROOT, env=given, capture_output=True, text=True, timeout=120)


def decoded(values: dict[Any, Any]) -> dict[str, str]:
    """What the client gave as bytes or as text, as text."""
    return {_text(key): _text(value) for key, value in values.items()}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_every_variable_of_the_application_is_one_that_settings_read(compose: dict[str, Any]) -> None:
    known = read_by_settings()
    assert "SECRET_KEY" in known
    names = compose["x-app"]["environment"]
    given = {name if name in known else name.removesuffix("_FILE") for name in names}
    assert given <= set(known)
    required = {name for name, is_required in known.items() if is_required}
    assert required == {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAILHUB_ENCRYPTION_KEYS"}
    assert required <= given


def test_every_secret_must_be_given_and_none_is_written_down(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    must = {name for name, operator, _word in variables(text) if operator == ":?"}
    assert must == set(GIVEN)
    for name, operator, word in variables(text):
        if operator == ":-":
            assert name not in GIVEN, f"{name} has the default {word!r}"
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|AUTH|EMAIL_URL", name):
                assert name.endswith("_FILE"), name
                assert str(value).removeprefix("/run/secrets/") in service["secrets"], name
    assert set(compose["secrets"]) == set(SECRETS)
    assert all(each["file"] == f"./secrets/{name}" for name, each in compose["secrets"].items())
    for ignored in (".gitignore", ".dockerignore"):
        assert re.search(r"^/?secrets/$", (ROOT / ignored).read_text(), re.M)


def test_only_migrations_know_the_role_that_owns_the_tables(compose: dict[str, Any]) -> None:
    services = compose["services"]
    knowing = [
        name for name, service in services.items() if "DATABASE_OWNER_URL" in service.get("environment", {})
    ]
    assert knowing == ["migrate"]


def test_the_settings_load_with_this_environment(compose: dict[str, Any], tmp_path: Path) -> None:
    names = [
        *(
            "MAILHUB_URL",
            "REDIS_URL",
            "EMAIL_HOST",
            "EMAIL_PORT",
            "EMAIL_USE_TLS",
            "DEFAULT_FROM_EMAIL",
            "DEBUG",
        ),
        *(
            "SESSION_COOKIE_SECURE",
            "MAILHUB_SIGNUP_OPEN",
            "MAILHUB_ALLOWED_MAIL_HOSTS",
            "MAILHUB_MAIL_CA_FILE",
        ),
    ]
    program = (
        "import json; from mailhub import settings as s;"
        "values = [s.DATABASES['default'][name] for name in ('HOST', 'USER', 'NAME', 'PASSWORD')];"
        f"print(json.dumps(values + [getattr(s, name) for name in {names}]))"
    )
    done = in_container(compose, [sys.executable, "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        *("postgres", "mailhub", "mailhub", "database0password", "https://mail.example.com"),
        *("redis://:broker0password@valkey:6379/0", "smtp.example.com", 587, True, "mail@example.com"),
        *(False, True, False, [], ""),
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://mail.example.com", ["mail.example.com", "127.0.0.1", "[::1]"]),
        ("http://127.0.0.1:8000", ["127.0.0.1", "127.0.0.1", "[::1]", "localhost"]),
    ],
)
def test_localhost_is_no_name_of_an_instance_in_production(
    compose: dict[str, Any], tmp_path: Path, url: str, expected: list[str]
) -> None:
    program = (
        f"import os; os.environ['MAILHUB_URL'] = '{url}';"
        "from mailhub import settings; print(settings.ALLOWED_HOSTS)"
    )
    done = in_container(compose, [sys.executable, "-c", program], tmp_path)
    assert done.stdout.strip() == str(expected), done.stderr


def test_every_service_is_watched_and_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "valkey", *APPLICATION}
    for name, service in services.items():
        if name == "web":  # the image's own, see below
            assert "healthcheck" not in service
        elif name == "migrate":
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"][0].startswith("CMD"), name
    for name in ("web", "fetch", "slow", "send", "probe", "ticks", "work", "beat"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "valkey": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
    assert services["beat"]["deploy"]["replicas"] == 1


def test_database_and_broker_are_reachable_from_inside_alone(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    gateway = compose["networks"]["outside"]["ipam"]["config"][0]["gateway"]
    assert environment(compose)["MAILHUB_TRUSTED_PROXIES"] == gateway, (
        "a proxy on this machine comes from there"
    )
    for name in ("postgres", "valkey"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["web"]["ports"])


def test_no_service_may_do_more_than_it_must(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
    adding = {
        name: service["cap_add"] for name, service in compose["services"].items() if "cap_add" in service
    }
    assert list(adding) == ["postgres"]


def test_the_engines_are_those_of_the_tests_to_the_last_number(
    compose: dict[str, Any], dockerfile: list[tuple[str, str]]
) -> None:
    for service, image, program in (
        ("postgres", "postgres:{}", postgres_software(server_user()) / "postgres"),
        ("valkey", "valkey/valkey:{}", valkey_software(server_user())),
    ):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"(\d+(?:\.\d+)+)", said)
        assert version
        assert compose["services"][service]["image"] == image.format(version[1])
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", dict(dockerfile)["FROM"])


def test_every_queue_has_a_worker(compose: dict[str, Any]) -> None:
    queues = {settings.CELERY_TASK_DEFAULT_QUEUE}
    queues |= {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    commands = [service.get("command", []) for service in compose["services"].values()]
    served = {
        queue
        for command in commands
        if "-Q" in command
        for queue in command[command.index("-Q") + 1].split(",")
    }
    assert served == queues


def test_there_are_threads_for_all_sessions_that_may_be_claimed(compose: dict[str, Any]) -> None:
    """Also for those that turn out to be slow while they last (docs/adr/0012)."""
    environ = {
        name: int(value) for name, value in compose["x-app"]["environment"].items() if "THREADS" in name
    }

    def threads(service: str) -> int:
        command = compose["services"][service]["command"]
        return int(command[command.index("-c") + 1])

    slow = environ["MAILHUB_FETCH_SLOW_THREADS"]
    assert threads("fetch") == environ["MAILHUB_FETCH_THREADS"] + slow
    assert threads("slow") == slow
    assert threads("send") == environ["MAILHUB_SEND_THREADS"] + environ["MAILHUB_SEND_SLOW_THREADS"]


@pytest.mark.parametrize("service", ["fetch", "slow", "send", "probe", "ticks", "work", "beat"])
def test_celery_understands_the_commands(compose: dict[str, Any], service: str, tmp_path: Path) -> None:
    """Every option is known to this version of Celery: with --help it only looks at them."""
    command = compose["services"][service]["command"]
    known = in_container(compose, [sys.executable, "-m", *command[:4], "--help"], tmp_path)
    assert known.returncode == 0, known.stderr
    for option in (word.split("=")[0] for word in command[4:] if re.match("--?[A-Za-z]", word)):
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", known.stdout), option


def test_the_web_command_is_understood(
    compose: dict[str, Any], dockerfile: list[tuple[str, str]], tmp_path: Path
) -> None:
    command = json.loads(next(words for name, words in dockerfile if name == "CMD"))
    assert command[0] == "gunicorn"
    done = in_container(compose, [sys.executable, "-m", *command, "--check-config"], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_image_does_not_run_as_root(dockerfile: list[tuple[str, str]]) -> None:
    names = [name for name, _words in dockerfile]
    assert ("USER", "mailhub") in dockerfile
    assert names.index("USER") < names.index("CMD")
    assert "HEALTHCHECK" in names
    install = next(words for name, words in dockerfile if name == "RUN" and "pip install" in words)
    assert "--require-hashes" in install
    assert install.endswith("-r requirements.txt")


def test_the_image_holds_no_data_and_no_key() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"var/", ".*"} <= set(ignored)


def test_the_static_files_can_be_collected_at_build(
    dockerfile: list[tuple[str, str]], tmp_path: Path
) -> None:
    step = next(words for name, words in dockerfile if name == "RUN" and "collectstatic" in words)
    given, _, command = step.partition("python manage.py ")
    environ = dict(word.split("=", 1) for word in given.split())
    kept = {"PATH": os.environ["PATH"], "MAILHUB_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", *command.split(), "--dry-run"],
        cwd=ROOT,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "local.env").exists(), "the build starts no server and makes no key"


@pytest.mark.xdist_group("servers")
def test_the_database_script_makes_a_role_without_powers(compose: dict[str, Any], tmp_path: Path) -> None:
    """The script of the postgres image runs against a real, empty cluster."""
    mounted = [volume for volume in compose["services"]["postgres"]["volumes"] if "postgres-init" in volume]
    assert mounted == ["./docker/postgres-init.sh:/docker-entrypoint-initdb.d/mailhub.sh:ro"]
    secret = tmp_path / "database_password"
    secret.write_text("it's 0dd\n")
    owner_secret = tmp_path / "database_owner_password"
    owner_secret.write_text("0dd too\n")
    home = tmp_path / "home"
    home.mkdir()
    folder = ServerFolder(home)
    try:
        user = folder.prepare()
        port = PostgresServer(folder.path).start(0, user, folder.superuser_password)
        subprocess.run(
            ["sh", "docker/postgres-init.sh"],
            cwd=ROOT,
            env={
                "PATH": f"{postgres_software(user)}:{os.environ['PATH']}",
                "PGHOST": "127.0.0.1",
                "PGPORT": str(port),
                "PGPASSWORD": folder.superuser_password,
                "POSTGRES_USER": "postgres",
                "APPLICATION_PASSWORD_FILE": str(secret),
                "OWNER_PASSWORD_FILE": str(owner_secret),
            },
            check=True,
            capture_output=True,
            timeout=60,
        )
        name = urlsplit(environment(compose)["DATABASE_URL"]).path.strip("/")
        login = {"host": "127.0.0.1", "port": port, "user": "mailhub", "password": "it's 0dd"}
        powers = "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        with psycopg.connect(**login, dbname=name) as connection:
            assert connection.execute(powers).fetchone() == (False, False, False, False)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE kept (n int)")
        owner = login | {"user": "mailhub_owner", "password": "0dd too"}
        with psycopg.connect(**owner, dbname=name) as connection:
            assert connection.execute(powers).fetchone() == (False, False, False, False)
            connection.execute("CREATE EXTENSION pg_trgm")
            connection.execute("CREATE TABLE kept (n int)")
    finally:
        servers.remove(home)
