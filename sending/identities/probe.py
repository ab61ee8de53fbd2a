"""Testing an account's settings for sending before they are saved; no message is sent (accounts/servers/probes.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from accounts.models import Membership
from accounts.servers import probes
from accounts.servers.probes import Probe
from accounts.servers.transport import Credentials, OnStep, ServerAddress
from sending.identities import servers
from sending.models import OutgoingServer
from sending.smtp import client

KIND: Final = "sending"
# In order, as a person sees them; "secure" is skipped without encryption, "signed_in" without a log-in.
STEPS: Final = ("resolved", "connected", "secure", "greeting", "signed_in", "sender", "finished")


def start(membership: Membership, settings: Mapping[str, Any]) -> str:
    """Keep the settings and return the id of their test; queue `tasks.probe` with it. Raises MailError: too many.

    `settings`: account, host, port, encryption, login, username, password (of whoever signs in, "" for nobody) and
    sender, the address that is offered.
    """
    return probes.start(KIND, membership, settings)


def settings_of(probe_id: str, membership: Membership) -> dict[str, Any] | None:
    """The settings of one's own test; None when it expired or is somebody else's."""
    return probes.settings_of(KIND, probe_id, membership)


def result(probe_id: str, membership: Membership) -> Probe | None:
    """How one's own test stands; None when it expired or is somebody else's."""
    return probes.result(KIND, probe_id, membership)


def forget(probe_id: str) -> None:
    """The settings were saved."""
    probes.forget(KIND, probe_id)


def run(probe_id: str) -> None:
    """Do the test, in a worker."""
    probes.run(KIND, probe_id, _check)


def _check(settings: Mapping[str, Any], on_step: OnStep) -> dict[str, int]:
    signs_in = settings["login"] != OutgoingServer.Login.NONE
    client.probe(
        ServerAddress(settings["host"], settings["port"], settings["encryption"]),
        Credentials(settings["username"], settings["password"]) if signs_in else None,
        settings["sender"],
        on_step=on_step,
        client_name=servers.client_name(),
    )
    return {}
