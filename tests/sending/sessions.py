"""What the tests of the SMTP client share: a message, an attempt to send it, and what is said of that."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, ServerAddress
from sending.smtp.client import Delivery, Envelope, Limits, Verdict, deliver, probe
from tests.servers.loopback import PATIENCE, LoopbackServer

USERNAME, PASSWORD = "ada@example.org", "correct horse"
BOB, EVE = "bob@post.example", "eve@post.example"
MESSAGE = b"From: ada@example.org\r\nTo: bob@post.example\r\nSubject: x\r\n\r\n.a dot\r\n..\r\nthe end\r\n"
# Nothing in these tests takes long, and nothing that hangs may hang for longer.
LIMITS = Limits(
    connect=PATIENCE,
    greeting=PATIENCE,
    command=PATIENCE,
    final_dot=PATIENCE,
    session=3 * PATIENCE,
    farewell=PATIENCE,
)


def allow(settings: Any, *servers: LoopbackServer) -> None:
    """Let these servers, which no stranger could name, be reached."""
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry for server in servers]


class Handed:
    """Counts the calls that say "now the dot goes out", and notes what the server had by then."""

    def __init__(self, server: Any) -> None:
        self.calls = 0
        self.said: list[str] = []
        self._server = server

    def __call__(self) -> None:
        self.calls += 1
        self.said = self._server.said("DOT") if hasattr(self._server, "said") else []


def send(
    settings: Any,
    server: Any,
    encryption: str = "plain",
    *,
    to: tuple[str, ...] = (BOB,),
    sender: str = USERNAME,
    message: bytes = MESSAGE,
    username: str = USERNAME,
    password: str | None = PASSWORD,
    limits: Limits = LIMITS,
    on_hand_over: Any = None,
    client_name: str = "client.example",
) -> tuple[Delivery, Handed]:
    """One attempt, and how often it said that it hands over; the password is in nothing that comes back."""
    allow(settings, server)
    handed = Handed(server)
    found = deliver(
        ServerAddress(server.host, server.port, encryption),
        None if password is None else Credentials(username, password),
        Envelope(sender, to),
        message,
        on_hand_over=on_hand_over or handed,
        limits=limits,
        client_name=client_name,
    )
    assert PASSWORD not in repr(found)
    assert found.error is None or PASSWORD not in found.error.server_text
    assert [each.address for each in found.recipients] == list(to)
    assert all((each.verdict is Verdict.ACCEPTED) == (not each.failure) for each in found.recipients)
    return found, handed


def probed(
    settings: Any,
    server: Any,
    encryption: str = "plain",
    *,
    code: str = "",
    sender: str = USERNAME,
    steps: list[Any] | None = None,
    **more: Any,
) -> tuple[list[str], MailError | None]:
    """The names of a probe's steps (all of them in `steps`), and the failure it ends with; it must be `code`."""
    allow(settings, server)
    steps = [] if steps is None else steps
    address = ServerAddress(server.host, server.port, encryption)
    options = {"limits": LIMITS, "client_name": "client.example"}
    credentials = Credentials(more.pop("username", USERNAME), more.pop("password", PASSWORD))
    error = None
    if code:
        with pytest.raises(MailError) as caught:
            probe(address, credentials, sender, on_step=steps.append, **{**options, **more})
        error = caught.value
        assert error.code == code
        assert PASSWORD not in repr(error) + error.server_text
    else:
        probe(address, credentials, sender, on_step=steps.append, **{**options, **more})
    assert all(step.seconds >= 0 for step in steps)
    return [step.name for step in steps], error
