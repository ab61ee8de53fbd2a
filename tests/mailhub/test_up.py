"""`manage.py up`: everything starts, answers, and ends together, however the end comes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from accounts.servers import probes
from mailhub.embedded import servers
from mailhub.embedded.home import LocalEnv, ServerFolder
from mailhub.embedded.postgres import PostgresServer
from mailhub.embedded.process import command_line, free_port, port_answers, started_at, wait_until
from mailhub.embedded.valkey import ValkeyServer
from mailhub.management.commands import up
from mailhub.supervisor import STARTS, Supervisor, end_leftovers, running_supervisor, stop_running

ROOT = Path(__file__).resolve().parents[2]
whole = [pytest.mark.slow, pytest.mark.xdist_group("up")]


class Run:
    """A running `manage.py up` and what it has written."""

    def __init__(self, home: Path, port: int, demo: str) -> None:
        ours = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "MAILHUB_ENCRYPTION_KEYS")
        environ = {key: value for key, value in os.environ.items() if key not in ours}
        self.home, self.port = home, port
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=environ | {"MAILHUB_HOME": str(home), "PORT": str(port), "DEMO": demo},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line

    def wait_ready(self) -> None:
        wait_until(lambda: "Mailhub is ready" in self.output or self.process.poll() is not None, 240)
        assert "Mailhub is ready" in self.output, self.output

    def programs(self) -> dict[str, int]:
        """The processes this run has started, by a word of their command line."""
        words = ("gunicorn", "fetch@", "send@", "probe@", "ticks@", "work@", "beat")
        known = json.loads((self.home / "up.json").read_text())[1:]
        return {word: process["pid"] for word in words for process in known if word in process["command"]}

    def end(self) -> int:
        code = self.process.wait(timeout=120)
        self._reader.join(timeout=10)
        assert self.process.stdout
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("up") / "home"
    yield folder
    servers.remove(folder)


@pytest.fixture
def run_up(home: Path) -> Iterator[Callable[..., Run]]:
    """Start `up`; whatever a failed test leaves is ended."""
    runs: list[Run] = []

    def start(port: int | None = None, demo: str = "0") -> Run:
        runs.append(Run(home, port or free_port(), demo))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.end()
    end_leftovers(home)
    servers.stop(home)


def processes_of(home: Path) -> list[str]:
    """The command lines of all processes that have this home in their environment."""
    needle = f"MAILHUB_HOME={home}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and needle in (folder / "environ").read_bytes().split(b"\0"):
                found.append(command_line(int(folder.name)))
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
    return [command for command in found if command]


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def everything_ended(home: Path, port: int) -> bool:
    return not processes_of(home) and not port_answers(port) and not (home / "up.json").exists()


class TestWhole:
    pytestmark = whole

    def test_it_starts_answers_and_ends_at_ctrl_c(self, home: Path, run_up: Callable[..., Run]) -> None:
        run = run_up()
        run.wait_ready()
        assert f"http://127.0.0.1:{run.port}\n" in run.output
        assert str(home / "outbox") in run.output
        with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/health/", timeout=10) as answer:
            assert answer.status == 200
        assert set(run.programs()) == {"gunicorn", "fetch@", "send@", "probe@", "ticks@", "work@", "beat"}
        assert running_supervisor(home) == run.process.pid

        second = run_up()
        assert second.end() == 1
        assert "already runs" in second.output
        assert "make stop" in second.output

        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0, run.output
        assert everything_ended(home, run.port), processes_of(home)
        assert servers.running(home) == (False, False), "it had started the servers, so it stops them"
        assert "Traceback" not in run.output

    def test_a_later_start_repeats_nothing_and_leaves_running_servers_alone(
        self, home: Path, run_up: Callable[..., Run]
    ) -> None:
        servers.ensure(home, {})
        made = home / "static" / "staticfiles.json"
        before = made.stat().st_mtime_ns if made.exists() else None  # absent if this test runs alone
        run = run_up()
        run.wait_ready()
        assert before in (None, made.stat().st_mtime_ns)
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == 0
        assert everything_ended(home, run.port)
        assert servers.running(home) == (True, True), "somebody else had started them"

    def test_a_taken_port_is_named(self, home: Path, run_up: Callable[..., Run]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taker:
            port = taker.getsockname()[1]
            run = run_up(port)
            assert run.end() == 1
        assert f"Port {port} is used by another program" in run.output
        assert f"PORT={port + 1}" in run.output
        assert everything_ended(home, port)
        assert servers.running(home) == (False, False)

    def test_a_killed_run_does_not_block_the_next(self, home: Path, run_up: Callable[..., Run]) -> None:
        first = run_up()
        first.wait_ready()
        programs = first.programs()
        first.process.kill()
        first.end()
        second = run_up(first.port)
        second.wait_ready()
        assert not set(programs.values()) & set(second.programs().values())
        assert all(not command_line(pid) for pid in programs.values())
        second.process.send_signal(signal.SIGINT)
        assert second.end() == 0
        assert everything_ended(home, second.port)
        assert servers.running(home) == (False, False), "nobody else was left to stop the first run's servers"

    def test_what_is_killed_is_started_again(self, home: Path, run_up: Callable[..., Run]) -> None:
        run = run_up()
        run.wait_ready()
        worker = run.programs()["work@"]
        os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: run.programs().get("work@", worker) != worker, 60), run.output
        assert "work ended with code -9 and is started again" in run.output
        folder = ServerFolder(home).path
        for server in (PostgresServer(folder), ValkeyServer(folder)):
            pid = server.pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: server.pid() not in (None, pid), 60), run.output  # noqa: B023
            assert wait_until(lambda: healthy(run.port), 60), run.output
        assert "PostgreSQL ended and is started again" in run.output
        assert "Valkey ended and is started again" in run.output
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0, run.output
        assert everything_ended(home, run.port)

    def test_stopping_from_elsewhere_ends_it_too(self, home: Path, run_up: Callable[..., Run]) -> None:
        run = run_up()
        run.wait_ready()
        assert stop_running(home)
        assert run.end() == 0
        assert everything_ended(home, run.port)
        assert not stop_running(home)

    def test_a_new_instance_gets_the_demo_once(self, home: Path, run_up: Callable[..., Run]) -> None:
        for _start in ("first", "second"):
            run = run_up(demo="1")
            run.wait_ready()
            (login,) = (line for line in run.output.splitlines() if "alice@acme.example" in line)
            assert len(login.split()) > 2, "address, password and what she is"
            listening = re.search(r"ready pop3s=127\.0\.0\.1:(\d+) smtp=127\.0\.0\.1:(\d+)", run.output)
            assert listening, run.output
            assert all(port_answers(int(port)) for port in listening.groups())
            with psycopg.connect(LocalEnv(home).get("DATABASE_URL"), connect_timeout=5) as connection:
                assert connection.execute("SELECT count(*) FROM accounts_organization").fetchone() == (1,)
            run.process.send_signal(signal.SIGINT)
            assert run.end() == 0
            assert everything_ended(home, run.port)
            assert not any(port_answers(int(port)) for port in listening.groups())


SLEEPER = "import time; print('ready to sleep', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {DEAF!r}])
print(child.pid)
child.wait()
"""


def supervise(home: Path, *programs: str) -> tuple[Supervisor, list[str]]:
    lines: list[str] = []
    supervisor = Supervisor(home, lines.append)
    for number, program in enumerate(programs):
        supervisor.start(f"p{number}", [sys.executable, "-u", "-c", program], os.environ)
    return supervisor, lines


def test_output_appears_behind_the_name_and_the_last_lines_are_kept(tmp_path: Path) -> None:
    supervisor, lines = supervise(
        tmp_path, "for n in range(40): print('line', n)\nprint()\nraise SystemExit(3)"
    )
    child = supervisor.children[0]
    assert not supervisor.wait_for_line(child, "ready", 30), "it ended without saying so"
    assert child.reader
    child.reader.join(timeout=10)
    assert supervisor.ended() is child
    assert child.process.returncode == 3
    assert list(child.lines)[-2:] == ["line 39", ""]
    assert lines == [f"p0       | line {n}" for n in range(40)]
    supervisor.stop()


def test_a_program_is_waited_for_until_it_says_that_it_is_ready(tmp_path: Path) -> None:
    supervisor, _lines = supervise(tmp_path, SLEEPER)
    assert supervisor.wait_for_line(supervisor.children[0], "ready", 30)
    assert supervisor.ended() is None
    supervisor.stop()
    assert supervisor.children == []


def test_a_program_that_ends_again_and_again_is_given_up(tmp_path: Path) -> None:
    supervisor, lines = supervise(tmp_path, "print('hello'); raise SystemExit(3)")
    child = supervisor.children[0]
    for _again in range(STARTS - 1):
        child.process.wait(timeout=30)
        assert supervisor.ended() is child
        assert supervisor.restart(child)
    child.process.wait(timeout=30)
    assert not supervisor.restart(child)
    assert child.process.returncode == 3
    supervisor.stop()
    assert lines == ["p0       | hello"] * STARTS


def test_a_deaf_program_and_what_it_has_started_are_ended_all_the_same(tmp_path: Path) -> None:
    supervisor, _lines = supervise(tmp_path, PARENT)
    child = supervisor.children[0]
    assert supervisor.wait_for_line(child, "ready", 30)
    pids = child.process.pid, int(child.lines[0])
    supervisor.stop(grace=0.2)
    assert wait_until(lambda: not any(map(command_line, pids)), 10)


def test_only_our_own_leftovers_are_ended(tmp_path: Path) -> None:
    """A number in up.json may belong to a stranger by now."""
    strangers = [subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for stranger in strangers:
            assert stranger.stdout
            stranger.stdout.readline()
        other, ours = (
            {"pid": s.pid, "started_at": started_at(s.pid), "command": command_line(s.pid)} for s in strangers
        )
        dead = {"pid": 2**22 + 1, "started_at": "1", "command": "python manage.py up"}
        (tmp_path / "up.json").write_text(json.dumps([dead, other | {"started_at": "1"}, ours]))
        assert running_supervisor(tmp_path) is None
        assert end_leftovers(tmp_path, grace=10)
        assert strangers[1].wait(timeout=10) == -signal.SIGTERM
        assert strangers[0].poll() is None
        assert not end_leftovers(tmp_path)
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.communicate(timeout=10)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_every_queue_has_a_worker_and_there_is_one_clock() -> None:
    commands = up._programs(8000, "warning").values()
    served = {queue for command in commands if "-Q" in command for queue in option(command, "-Q").split(",")}
    assert served == {settings.CELERY_TASK_DEFAULT_QUEUE} | {
        route["queue"] for route in settings.CELERY_TASK_ROUTES.values()
    }
    assert sum("beat" in command for command in commands) == 1
    assert not any("-B" in command for command in commands), "a worker with a clock doubles every order"


def test_there_are_threads_for_all_sessions_that_may_be_claimed_and_for_slow_ones_besides() -> None:
    commands = up._programs(8000, "warning")
    threads = {name: int(option(command, "-c")) for name, command in commands.items() if "-c" in command}
    assert threads["fetch"] == settings.MAILHUB_FETCH_THREADS + settings.MAILHUB_FETCH_SLOW_THREADS
    assert threads["send"] == settings.MAILHUB_SEND_THREADS + settings.MAILHUB_SEND_SLOW_THREADS
    assert threads["probe"] > probes.AT_ONCE["everybody"], "room for Mailhub's own mail"


def test_ticks_have_a_worker_of_their_own() -> None:
    routes = settings.CELERY_TASK_ROUTES
    ticks = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["schedule"] < 60]
    assert len(ticks) >= 2
    assert {routes.get(task, {}).get("queue") for task in ticks} == {"ticks"}
    assert sorted(task for task, route in routes.items() if route["queue"] == "ticks") == sorted(ticks)
    assert option(up._programs(8000, "warning")["ticks"], "-Q") == "ticks"


def test_connection_tests_and_our_own_mail_wait_behind_nothing_that_is_fetched_or_sent() -> None:
    queues = {task: route["queue"] for task, route in settings.CELERY_TASK_ROUTES.items()}
    alone = {"probe", "mail", "ticks"}
    assert {queues[f"{app}.tasks.probe"] for app in ("fetching", "sending")} == {"probe"}
    assert {queues[f"{app}.tasks.tell_owner"] for app in ("fetching", "sending")} == {"mail"}
    for command in up._programs(8000, "warning").values():
        if "-Q" in command:
            served = set(option(command, "-Q").split(","))
            assert served <= alone or not served & alone


def test_static_files_are_collected_again_only_when_one_has_changed(
    tmp_path: Path, settings, monkeypatch
) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    collected = []
    monkeypatch.setattr(
        up,
        "call_command",
        lambda *words, **options: (collected.append(words), (tmp_path / "static").mkdir(exist_ok=True)),
    )
    up._collect_static()
    up._collect_static()
    assert collected == [("collectstatic",)]
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "another"}}
    up._collect_static()
    assert len(collected) == 2
