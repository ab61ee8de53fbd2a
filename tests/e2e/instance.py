"""A whole Mailhub as `make run` starts it: own home, own port, real web server, workers, clock and demo provider."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import threading
from email.message import EmailMessage
from pathlib import Path

import psycopg

from accounts.database_roles import signed
from mailhub import demo
from mailhub.demo.maildrop import with_crlf
from mailhub.embedded import servers
from mailhub.embedded.home import LocalEnv
from mailhub.embedded.process import LOOPBACK, free_port, wait_until
from mailhub.supervisor import end_leftovers

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 240
# What belongs to the instance that the tests themselves run on.
FOREIGN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "DEBUG",
    "PORT",
)


class Instance:
    """A running `manage.py up`. `start()` returns when it answers; `end()` stops it and removes its home."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.address = f"http://{LOOPBACK}:{self.port}"
        self.output = ""
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read)

    def start(self) -> None:
        """Start everything. Raises AssertionError with what it wrote when it does not get ready."""
        environ = {
            name: value
            for name, value in os.environ.items()
            if name not in FOREIGN and not name.startswith("MAILHUB_")
        }
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=environ | {"MAILHUB_HOME": str(self.home), "PORT": str(self.port), "DEMO": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader.start()
        wait_until(lambda: self._is_ready or self._process.poll() is not None, READY_SECONDS)
        assert self._is_ready, self.output

    def end(self) -> None:
        """Stop whatever runs, however far `start` came. Raises AssertionError when it had ended by itself."""
        process = self._process
        code = None if process is None else process.poll()
        if process is not None:
            # Not SIGINT, which a background job of a shell is born deaf to.
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)
            self._reader.join(timeout=10)
            process.stdout.close()
        end_leftovers(self.home)
        servers.remove(self.home)
        assert code is None, f"it ended by itself with code {code}:\n{self.output[-4000:]}"
        assert "Traceback" not in self.output, self.output[-8000:]

    @property
    def _is_ready(self) -> bool:
        return "Mailhub is ready" in self.output

    def _read(self) -> None:
        for line in self._process.stdout:
            self.output += line

    # ── The demo provider ───────────────────────────────────────────────────
    @property
    def provider(self) -> demo.Details:
        """Where the demo provider listens, and who has a mailbox there."""
        return demo.details(self.home)

    def letter(self, address: str, name: str) -> bytes:
        """The letter `name` in somebody's mailbox, as POP3 hands it out."""
        (path,) = (self.home / "demo" / "mail" / address).glob(f"*Z-{name}.eml")
        return with_crlf(path.read_bytes())

    def letters(self, address: str) -> list[bytes]:
        """All letters in somebody's mailbox, as POP3 hands them out."""
        return [
            with_crlf(path.read_bytes()) for path in (self.home / "demo" / "mail" / address).glob("*.eml")
        ]

    def count(self, address: str) -> int:
        """How many letters lie in somebody's mailbox."""
        return len(self.letters(address))

    def send(self, message: EmailMessage, to: str) -> None:
        """Hand mail in at the provider by SMTP, as any mail program would."""
        provider = self.provider
        box = provider.mailboxes[0]
        tls = ssl.create_default_context(cafile=self.home / "demo" / "ca.pem")
        with smtplib.SMTP_SSL(provider.host, provider.smtp_port, context=tls, timeout=20) as smtp:
            smtp.login(box.username, box.password)
            smtp.send_message(message, from_addr=box.address, to_addrs=[to])

    def let_time_pass(self, address: str) -> None:
        """The minutes until the next fetch of an account are over: the clock finds it due."""
        local = LocalEnv(self.home)
        with psycopg.connect(local.get("DATABASE_URL"), connect_timeout=10) as connection:
            opened = signed("system", local.get("SECRET_KEY"))
            connection.execute("SELECT set_config('mailhub.system', %s, true)", [opened])
            changed = connection.execute(
                "UPDATE fetching_fetchstate SET next_run_at = now() WHERE account_id IN"
                " (SELECT id FROM accounts_mailaccount WHERE email = %s)",
                [address],
            )
            assert changed.rowcount >= 1

    # ── Mailhub's own mail ──────────────────────────────────────────────────
    def link_for(self, address: str) -> str:
        """The link in the newest mail that Mailhub wrote to somebody, once a worker has sent it."""

        def links() -> list[str]:
            mails = sorted((self.home / "outbox").glob("*"), key=lambda path: path.stat().st_mtime_ns)
            texts = [mail for path in mails if f"To: {address}\n" in (mail := path.read_text())]
            return [
                found for text in texts for found in re.findall(rf"{re.escape(self.address)}\S+", text)[:1]
            ]

        assert wait_until(lambda: bool(links()), 60)
        return links()[-1]
