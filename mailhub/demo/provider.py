"""Runs the demo provider: one POP3 and one SMTP server on loopback, over the same mailboxes."""

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

from aiosmtpd.smtp import SMTP

from mailhub.demo.maildrop import Maildrop
from mailhub.demo.pop3 import LONGEST_LINE, Session
from mailhub.demo.smtp import Submission, protocol
from mailhub.demo.state import demo_folder, details

# RFC 1939, 3: an auto-logout timer must be at least ten minutes.
IDLE_SECONDS = 600.0


class Provider:
    """The two servers; `async with` starts and stops them.

    `pace` (seconds) overrides how long each mailbox takes over a message, `ports` where to listen (POP3,
    SMTP; 0 chooses a free one), `now` the moment from which the letters are dated. Entering raises OSError if
    a port is taken.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        pace: float | None = None,
        ports: tuple[int, int] | None = None,
        now: datetime | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._details = details(home)
        self._folder = demo_folder(home)
        self._ports = ports or (self._details.pop3s_port, self._details.smtp_port)
        self._idle_seconds = idle_seconds
        self._sessions: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._submissions: WeakSet[SMTP] = WeakSet()
        self._servers: list[asyncio.Server] = []
        self._passwords = {box.username: box.password for box in self._details.mailboxes}
        self._maildrops = {
            box.address: Maildrop(
                box.address, self._folder / "mail" / box.address, box.pace if pace is None else pace
            )
            for box in self._details.mailboxes
        }
        self._fill(now or datetime.now(UTC))

    async def __aenter__(self) -> Provider:
        loop = asyncio.get_running_loop()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self._folder / "server.pem")
        submission = Submission(self._maildrops, self._folder / "sent")
        host, (pop3s_port, smtp_port) = self._details.host, self._ports

        def smtp() -> SMTP:
            self._submissions.add(connection := protocol(submission, self._authenticate))
            return connection

        try:
            pop3 = await asyncio.start_server(self._pop3, host, pop3s_port, ssl=tls, limit=LONGEST_LINE)
            self._servers.append(pop3)
            self._servers.append(await loop.create_server(smtp, host, smtp_port, ssl=tls))
        except OSError:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    @property
    def listening(self) -> tuple[str, str]:
        """Where POP3 and SMTP listen, each as host:port."""
        pop3s, smtp = ("{}:{}".format(*server.sockets[0].getsockname()) for server in self._servers)
        return pop3s, smtp

    def _fill(self, now: datetime) -> None:
        empty = [drop for drop in self._maildrops.values() if not drop.folder.exists()]
        if empty:
            # Only at the first start: later ones are spared the writing of sixty letters.
            from mailhub.demo.letters import build

            letters = build(now)
            for maildrop in empty:
                maildrop.fill(letters[maildrop.address])

    def _authenticate(self, username: str, password: str) -> str | None:
        address = username.strip().lower()
        right = self._passwords.get(address, "")
        fits = hmac.compare_digest(right.encode(), password.encode())
        return address if right and fits else None

    async def _pop3(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._sessions[task] = writer
        try:
            await Session(reader, writer, self._maildrops, self._authenticate, self._idle_seconds).run()
        finally:
            del self._sessions[task]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        # Cut off rather than closed: a client that does not answer a polite end of TLS would hold up ours.
        for writer in self._sessions.values():
            _abort(writer.transport)
        for connection in self._submissions:
            if isinstance(connection.transport, asyncio.Transport):
                _abort(connection.transport)
        await asyncio.gather(*self._sessions, return_exceptions=True)


def _abort(transport: asyncio.WriteTransport) -> None:
    # Python 3.11.2 (Debian 12's) stumbles over a TLS transport that has ended by itself.
    with suppress(AttributeError):
        transport.abort()


def quiet_libraries() -> None:
    """Keep aiosmtpd, which logs each command, and asyncio's notes on aborted handshakes out of the log."""
    for name in ("mail.log", "asyncio"):
        logging.getLogger(name).setLevel(logging.ERROR)
