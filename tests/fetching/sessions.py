"""What the tests of Pop3Source share: opening a session with a test server, and what went wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, ServerAddress
from fetching.pop3.source import Pop3Source
from fetching.source import Limits
from tests.servers.loopback import PATIENCE, LoopbackServer

USERNAME, PASSWORD = "ada@example.org", "correct horse"
# Nothing in these tests takes long, and nothing that hangs may hang for longer.
LIMITS = Limits(connect=PATIENCE, greeting=PATIENCE, command=PATIENCE, session=PATIENCE)


def allow(settings: Any, *servers: LoopbackServer) -> None:
    """Let these servers, which no stranger could name, be reached."""
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry for server in servers]


@contextlib.contextmanager
def session(
    settings: Any,
    server: LoopbackServer,
    encryption: str = "plain",
    *,
    username: str = USERNAME,
    password: str = PASSWORD,
    limits: Limits = LIMITS,
    on_step: Any = None,
    pipelining: bool = True,
) -> Iterator[Pop3Source]:
    """A signed-in session; the line is dropped at the end."""
    allow(settings, server)
    address = ServerAddress(server.host, server.port, encryption)
    source = Pop3Source.open(address, Credentials(username, password), limits, on_step, pipelining=pipelining)
    try:
        yield source
    finally:
        source.close()


@contextlib.contextmanager
def failing(code: str) -> Iterator[Any]:
    """Like pytest.raises, for a MailError of this code; the password must not be in it."""
    with pytest.raises(MailError) as caught:
        yield caught
    assert caught.value.code == code
    text = repr(caught.value) + str(caught.value) + caught.value.server_text
    assert PASSWORD not in text


def refused(
    settings: Any, server: LoopbackServer, encryption: str = "plain", *, code: str, **more: Any
) -> MailError:
    """The failure that opening a session ends with."""
    with failing(code) as caught, session(settings, server, encryption, **more):
        pass
    return caught.value
