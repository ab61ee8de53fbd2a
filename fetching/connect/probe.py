"""Testing an account's settings for fetching before they are saved; nothing is fetched (accounts/servers/probes.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from accounts.models import Membership
from accounts.servers import probes
from accounts.servers.probes import Probe
from accounts.servers.transport import Credentials, OnStep, ServerAddress
from fetching.models import FetchRules
from fetching.pop3.source import Pop3Source
from fetching.source import Limits

KIND: Final = "fetching"
# In order, as a person sees them; "secure" is skipped without encryption.
STEPS: Final = ("resolved", "connected", "secure", "greeting", "signed_in", "uidl", "listed")


def check(
    address: ServerAddress,
    credentials: Credentials,
    on_step: OnStep | None = None,
    *,
    need_uidl: bool = True,
) -> tuple[int, int]:
    """Sign in and list; returns (messages, bytes) waiting. Raises MailError. Changes nothing on the server."""
    source = Pop3Source.open(address, credentials, Limits(session=90), on_step)
    try:
        rows = source.listing(need_uidl=need_uidl).rows
        source.quit()
    finally:
        source.close()
    return len(rows), sum(row.size or 0 for row in rows)


def start(membership: Membership, settings: Mapping[str, Any]) -> str:
    """Keep the settings and return the id of their test; queue `tasks.probe` with it. Raises MailError: too many.

    `settings`: host, port, encryption, username, password, and whatever saving takes besides.
    """
    return probes.start(KIND, membership, settings)


def settings_of(probe_id: str, membership: Membership) -> dict[str, Any] | None:
    """The settings of one's own test; None when it expired or is somebody else's."""
    return probes.settings_of(KIND, probe_id, membership)


def result(probe_id: str, membership: Membership) -> Probe | None:
    """How one's own test stands; None when it expired or is somebody else's. It found `messages` and `bytes`."""
    return probes.result(KIND, probe_id, membership)


def forget(probe_id: str) -> None:
    """The settings were saved."""
    probes.forget(KIND, probe_id)


def run(probe_id: str) -> None:
    """Do the test, in a worker."""
    probes.run(KIND, probe_id, _check)


def _check(settings: Mapping[str, Any], on_step: OnStep) -> dict[str, int]:
    messages, size = check(
        ServerAddress(settings["host"], settings["port"], settings["encryption"]),
        Credentials(settings["username"], settings["password"]),
        on_step,
        # Mail that does not stay there need not be told apart (U3).
        need_uidl=settings.get("rules", {}).get("delete_policy") != FetchRules.Delete.AFTER_STORING,
    )
    return {"messages": messages, "bytes": size}
