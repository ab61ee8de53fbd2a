"""aiosmtpd on loopback: a peer that somebody else wrote."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.loopback import PATIENCE
from tests.servers.tls import Certificate


class RealServer:
    """Takes mail from one person; `accepted` are (sender, recipients, bytes). `with` starts and stops it."""

    host = "127.0.0.1"
    username, password = "ada@example.org", "correct horse"

    def __init__(self, encryption: str, certificate: Certificate | None, **options: Any) -> None:
        self.encryption = encryption
        self._context = certificate.server_context() if certificate else None
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="aiosmtpd")
        self._connections: list[SMTP] = []
        self.accepted: list[tuple[str, list[str], bytes]] = []
        self.unknown = {"nobody@post.example"}
        self.port = 0

    @property
    def entry(self) -> str:
        """For MAILHUB_ALLOWED_MAIL_HOSTS."""
        return f"{self.host}:{self.port}"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.accepted.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 OK"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, secret: LoginPassword
    ) -> AuthResult:
        right = (self.username.encode(), self.password.encode())
        return AuthResult(success=(secret.login, secret.password) == right, handled=False)

    def _protocol(self) -> SMTP:
        context = self._context if self.encryption == "starttls" else None
        connection = SMTP(
            self,
            hostname="mail.test",
            authenticator=self._authenticate,
            auth_require_tls=self.encryption == "starttls",
            require_starttls=self.encryption == "starttls",
            tls_context=context,
            **self._options,
        )
        self._connections.append(connection)
        return connection

    async def _listen(self) -> asyncio.Server:
        context = self._context if self.encryption == "ssl" else None
        return await self._loop.create_server(self._protocol, self.host, 0, ssl=context)

    async def _stop(self) -> None:
        self._server.close()
        for connection in self._connections:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
