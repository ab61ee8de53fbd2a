"""A demo provider to talk to: in a thread of its own, on free ports, over mailboxes that a test filled."""

from __future__ import annotations

import asyncio
import contextlib
import poplib
import smtplib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from mailhub import demo
from mailhub.demo.provider import Provider
from mailhub.demo.state import MAILBOXES

ALICE, SHOP = (address for address, _, _ in MAILBOXES)
# What a client meets besides good manners: line ends, dots, bytes above 127, no last line end.
AWKWARD = {
    "01-dots.eml": b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nend\r\n",
    "02-bytes.eml": b"Subject: \xf6\xe4\r\n\r\n" + bytes(range(14, 256)) + b"\r\n",
    "03-unix.eml": b"Subject: unix\n\nbare line feeds\n.and a dot\nno end",
    "04-empty-body.eml": b"Subject: nothing\r\n\r\n",
    "05-long.eml": b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
}


class Running:
    """A provider in a thread of its own, on free ports, with a small mailbox for Alice."""

    def __init__(self, home: Path, **options) -> None:
        self.home = home
        self.details = demo.details(home)
        self.alice, self.shop = self.details.mailboxes
        self.tls = ssl.create_default_context(cafile=home / "demo" / "ca.pem")
        self._options = {"ports": (0, 0), "pace": 0} | options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Provider(self.home, **self._options) as provider:
            self.pop3_port, self.smtp_port = (int(place.rpartition(":")[2]) for place in provider.listening)
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    @contextlib.contextmanager
    def connected(self) -> Iterator[poplib.POP3_SSL]:
        client = poplib.POP3_SSL("127.0.0.1", self.pop3_port, context=self.tls, timeout=20)
        try:
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def signed_in(self, box: demo.DemoMailbox | None = None) -> Iterator[poplib.POP3_SSL]:
        box = box or self.alice
        with self.connected() as client:
            client.user(box.username)
            client.pass_(box.password)
            yield client

    @contextlib.contextmanager
    def submission(self, box: demo.DemoMailbox | None = None) -> Iterator[smtplib.SMTP_SSL]:
        box = box or self.alice
        client = smtplib.SMTP_SSL("127.0.0.1", self.smtp_port, context=self.tls, timeout=20)
        with client:
            client.login(box.username, box.password)
            yield client

    def files(self, box: demo.DemoMailbox | None = None) -> list[str]:
        folder = self.home / "demo" / "mail" / (box or self.alice).address
        return sorted(path.name for path in folder.iterdir())


def retrieved(client: poplib.POP3, number: int) -> bytes:
    """The message as it travelled: poplib itself would mend line ends, and refuses lines above 2048 bytes."""
    client._shortcmd(f"RETR {number}")
    raw = b""
    while (line := client.file.readline()) != b".\r\n":
        assert line.endswith(b"\r\n")
        raw += line.removeprefix(b".")
    return raw
