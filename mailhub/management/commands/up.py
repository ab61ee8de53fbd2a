"""`manage.py up` (`make run`): a whole instance in one terminal, from the database to the web server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from accounts.models import Organization
from mailhub import mail_files
from mailhub.embedded import servers
from mailhub.embedded.home import LocalEnv
from mailhub.embedded.process import LOOPBACK, port_answers, wait_until
from mailhub.supervisor import Child, Supervisor, end_leftovers, running_supervisor

READY_SECONDS = 120  # a start takes seconds, on a machine that has nothing else to do
# Threads wait for mail servers, so many fit into one process; what reckons (parsing, exports) gets few. How many
# fetch and send is a setting. Tests of a server take no more than 12 (accounts/servers/probes.py): the others are
# for Mailhub's own mail.
WORK_THREADS, TICK_THREADS, PROBE_THREADS = 4, 2, 16
WEB_WORKERS, WEB_THREADS = 2, 8
WEB_WORKER = "mailhub.web_worker.BufferedWorker"
SERVER_NAMES = {"database": "PostgreSQL", "broker": "Valkey"}


class Command(BaseCommand):
    """Starts servers, web, workers, clock and demo provider, and again what ends by itself; ends at Ctrl-C."""

    help = "Runs Mailhub on this machine until Ctrl-C. Port: PORT=8001; without the demo: DEMO=0."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--log-level", default="warning", help="of web server and workers")

    def handle(self, *args: Any, log_level: str, **options: Any) -> None:
        home = Path(settings.MAILHUB_HOME)
        self._log_level = log_level
        self._log_ins: list[str] = []
        self._refuse_a_second_start(home)
        was_left = end_leftovers(home)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        # After a killed run, its servers are ours to stop too: nobody else knows of them.
        ours = any(servers.started_here(home)) or was_left
        supervisor = Supervisor(home, self._line, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
        supervisor.register()
        try:
            self._require_port(patience=5 if was_left else 0)
            self._prepare()
            self._start(supervisor, home)
            self._greet(supervisor)
            reason = self._watch(supervisor, home)
        except KeyboardInterrupt:
            reason = ""
            self._line("Stopping …")
        finally:
            supervisor.stop()
            if ours:
                servers.stop(home)
        if reason:
            raise CommandError(f"{reason}\nAll was stopped.")

    def _refuse_a_second_start(self, home: Path) -> None:
        if (pid := running_supervisor(home)) is not None:
            raise CommandError(f"Mailhub already runs for {home} (process {pid}). `make stop` ends it.")

    def _require_port(self, patience: float) -> None:
        if not wait_until(lambda: not port_answers(settings.PORT), patience):
            other = f"make run PORT={settings.PORT + 1}"
            raise CommandError(f"Port {settings.PORT} is used by another program. Choose another: {other}")

    def _prepare(self) -> None:
        _migrate()
        _collect_static()
        connections.close_all()

    def _start(self, supervisor: Supervisor, home: Path) -> None:
        environ = os.environ | {"PORT": str(settings.PORT), "MAILHUB_HOME": str(home)}
        if os.environ.get("DEMO", "1") != "0":
            environ |= self._start_demo(supervisor, home, environ)
        for name, command in _programs(settings.PORT, self._log_level).items():
            supervisor.start(name, command, environ)

    def _start_demo(self, supervisor: Supervisor, home: Path, environ: dict[str, str]) -> dict[str, str]:
        """Start the demo provider unless this is somebody's own instance; returns what others need of it."""
        from mailhub import demo
        from mailhub.demo.people import log_ins

        is_new = not Organization.objects.exists()
        if not is_new and not (home / "demo").exists():
            return {}
        extra = demo.environment(home) | {"MAILHUB_DEMO_MAILBOX": _visitors_mailbox(home)}
        provider = supervisor.start("demo", _manage("demo_provider"), environ | extra)
        if not supervisor.wait_for_line(provider, "ready", READY_SECONDS):
            raise CommandError("The demo provider does not start: see above. DEMO=0 does without it.")
        if is_new:
            call_command("demo")
            connections.close_all()
        self._log_ins = ["Log in with e-mail address and password:", *log_ins(), ""]
        return extra

    def _greet(self, supervisor: Supervisor) -> None:
        """Wait until the web server answers, then say where."""
        address = f"http://{LOOPBACK}:{settings.PORT}/health/"
        ready = wait_until(lambda: supervisor.ended() is not None or _is_healthy(address), READY_SECONDS, 0.1)
        if (child := supervisor.ended()) is not None:
            raise CommandError(_last_words(child, ""))
        if not ready:
            raise CommandError(f"{address} does not answer after {READY_SECONDS} seconds.")
        lines = ["", f"Mailhub is ready: {settings.MAILHUB_URL}", "", *self._log_ins]
        if settings.EMAIL_BACKEND == mail_files.BACKEND:
            lines.append(
                f"Its own mail (confirmations, invitations) is written to {settings.EMAIL_FILE_PATH}"
            )
        self._line("\n".join([*lines, "Ctrl-C ends it.", ""]))

    def _watch(self, supervisor: Supervisor, home: Path) -> str:
        """Start again what ends by itself; returns why that is of no use any more."""
        wanted = servers.running(home)
        while True:
            if words := self._mend_servers(home, wanted):
                return words
            if (child := supervisor.ended()) is not None:
                code = child.process.returncode
                if not supervisor.restart(child):
                    return _last_words(child, " again and again")
                self._line(f"{child.name} ended with code {code} and is started again.")
            time.sleep(0.2)

    def _mend_servers(self, home: Path, wanted: servers.Servers) -> str:
        """Start this home's servers again if they have ended; returns why they cannot be, else ""."""
        up = servers.running(home)
        ended = [
            SERVER_NAMES[name] for name in wanted._fields if getattr(wanted, name) and not getattr(up, name)
        ]
        if not ended:
            return ""
        names = " and ".join(ended)
        self._line(f"{names} ended and is started again.")
        before = LocalEnv(home).lines
        try:
            servers.ensure(home)
        except servers.EmbeddedError as error:
            return f"{names} ended, and cannot be started again. {error}"
        if LocalEnv(home).lines != before:
            return f"{names} ended, and another program has its port by now. Start Mailhub again."
        return ""

    def _line(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def web_server(port: int, log_level: str) -> list[str]:
    """Arguments of Python for the web server; see `mailhub.web_worker` for its limits."""
    gunicorn = f"-m gunicorn mailhub.wsgi --preload --worker-class {WEB_WORKER} --workers {WEB_WORKERS}"
    gunicorn += f" --threads {WEB_THREADS} --bind {LOOPBACK}:{port} --log-level {log_level}"
    # The control socket would lie in the person's own home, one for all instances.
    return f"{gunicorn} --graceful-timeout 5 --no-control-socket".split()


def _programs(port: int, log_level: str) -> dict[str, list[str]]:
    """The command of each program, by the name it is shown under."""
    celery = "-m celery --app mailhub --quiet --skip-checks"
    worker = f"{celery} worker --pool threads --loglevel {log_level} --without-gossip --without-mingle"
    fetch_threads = settings.MAILHUB_FETCH_THREADS + settings.MAILHUB_FETCH_SLOW_THREADS
    send_threads = settings.MAILHUB_SEND_THREADS + settings.MAILHUB_SEND_SLOW_THREADS
    as_root = ["-W", "ignore:You're running the worker with superuser privileges"]
    commands = {
        "web": web_server(port, log_level),
        # A session that turns out to be slow stays where it is, on one of the threads that are kept for those.
        "fetch": [*as_root, *f"{worker} -Q fetch,fetch_slow -n fetch@%h -c {fetch_threads}".split()],
        "send": [*as_root, *f"{worker} -Q send -n send@%h -c {send_threads}".split()],
        "probe": [*as_root, *f"{worker} -Q probe,mail -n probe@%h -c {PROBE_THREADS}".split()],
        "ticks": [*as_root, *f"{worker} -Q ticks -n ticks@%h -c {TICK_THREADS}".split()],
        "work": [*as_root, *f"{worker} -Q work -n work@%h -c {WORK_THREADS}".split()],
        # Exactly one clock: two would order every fetch twice.
        "clock": f"{celery} beat --loglevel {log_level} --pidfile=".split(),
    }
    return {name: [sys.executable, *arguments] for name, arguments in commands.items()}


def _manage(command: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), command]


def _migrate() -> None:
    """In a process of its own, which connects as the role that owns the tables (mailhub/settings.py)."""
    command = [*_manage("migrate"), "--noinput", "--verbosity", "0"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise CommandError(f"The database could not be brought up to date:\n{done.stdout.strip()}")


def _last_words(child: Child, how_often: str) -> str:
    words = "".join(f"\n  {line}" for line in child.lines)
    return f"{child.name} ended with code {child.process.returncode}{how_often}. Its last words:{words}"


def _visitors_mailbox(home: Path) -> str:
    """The demo mailbox that the connect page offers, as JSON: the last one, which nobody has connected yet."""
    from mailhub import demo

    provider = demo.details(home)
    box = provider.mailboxes[-1]
    server = {"host": provider.host, "port": provider.pop3s_port, "encryption": "ssl"}
    server["smtp_port"] = provider.smtp_port
    login = {"username": box.username, "password": box.password}
    return json.dumps({"address": box.address, "name": box.name} | server | login)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:  # it has written why it is not well, and need not repeat that at once
        time.sleep(1)
        return False
    except OSError:
        return False


def _collect_static() -> None:
    """Run collectstatic, which takes seconds, only if a file has changed since the last time."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    root = Path(settings.STATIC_ROOT)
    stamp = root.with_name(f".{root.name}.stamp")
    if root.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=root.exists())
    stamp.write_text(digest.hexdigest())
