"""Testing an account's settings before they are saved: a task talks to the server, the page polls its steps.

The settings (with the password, encrypted) wait in the cache under a random id. Saving takes them from there, so
what is saved is exactly what was tested, and nothing is stored of a test that failed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.cache import cache

from accounts import crypto
from accounts.failures import MailError
from accounts.models import Membership
from fetching.models import FetchRules
from fetching.pop3_source import Pop3Source
from fetching.sources import Credentials, Limits, ServerAddress, Step

# In order, as a person sees them; "secure" is skipped without encryption.
STEPS = ("resolved", "connected", "secure", "greeting", "signed_in", "uidl", "listed")
KEEP_SECONDS = 1800
# Tests an hour. By target across all tenants: nobody sprays passwords, or scans, through us.
HOURLY = {"person": 30, "organization": 100, "target": 60}


@dataclass(slots=True)
class Probe:
    """How a test stands: `state` is waiting, running, passed or failed; sizes in bytes, times in seconds."""

    state: str = "waiting"
    steps: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    bytes: int = 0
    error: str = ""
    server_text: str = ""
    seconds: float = 0.0


def check(
    address: ServerAddress,
    credentials: Credentials,
    on_step: Callable[[Step], None] | None = None,
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
    """Keep the settings for the test and return its id; queue `tasks.probe` with it. Raises MailError when too many."""
    # A mailbox, not a spelling: another port or other letters of its name must not buy more tries.
    target = f"{settings['host']} {settings['username']}".casefold()
    for kind, name in (
        ("person", membership.user_id),
        ("organization", membership.organization_id),
        ("target", target),
    ):
        _count(kind, str(name))
    probe_id = secrets.token_urlsafe(24)
    owner = f"{membership.organization_id}:{membership.user_id}"
    cache.set(
        f"probe:{probe_id}:settings", crypto.encrypt(json.dumps({"owner": owner, **settings})), KEEP_SECONDS
    )
    _write(probe_id, Probe())
    return probe_id


def _count(kind: str, name: str) -> None:
    key = f"probes:{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}:{int(time.time()) // 3600}"
    cache.add(key, 0, 3600)
    if cache.incr(key) > HOURLY[kind]:
        raise MailError("too_many_tests")


def settings_of(probe_id: str, membership: Membership) -> dict[str, Any] | None:
    """The settings of one's own test; None when it expired or is somebody else's."""
    kept = _settings(probe_id)
    if kept is None or kept.pop("owner") != f"{membership.organization_id}:{membership.user_id}":
        return None
    return kept


def result(probe_id: str, membership: Membership) -> Probe | None:
    """How one's own test stands; None when it expired or is somebody else's."""
    if settings_of(probe_id, membership) is None:
        return None
    kept = cache.get(f"probe:{probe_id}")
    return Probe(**kept) if kept else None


def forget(probe_id: str) -> None:
    """The account was saved: drop the settings."""
    cache.delete_many([f"probe:{probe_id}", f"probe:{probe_id}:settings"])


def run(probe_id: str) -> None:
    """Do the test (in a worker) and write every step as it happens."""
    settings = _settings(probe_id)
    if settings is None:
        return
    probe, started = Probe(state="running"), time.monotonic()
    _write(probe_id, probe)

    def note(step: Step) -> None:
        probe.steps.append({"name": step.name, "seconds": round(step.seconds, 3), "detail": step.detail})
        _write(probe_id, probe)

    try:
        probe.messages, probe.bytes = check(
            ServerAddress(settings["host"], settings["port"], settings["encryption"]),
            Credentials(settings["username"], settings["password"]),
            note,
            # Mail that does not stay there need not be told apart (U3).
            need_uidl=settings.get("rules", {}).get("delete_policy") != FetchRules.Delete.AFTER_STORING,
        )
        probe.state = "passed"
    except MailError as error:
        probe.state, probe.error, probe.server_text = "failed", error.code, error.server_text
    probe.seconds = round(time.monotonic() - started, 3)
    _write(probe_id, probe)


def _settings(probe_id: str) -> dict[str, Any] | None:
    kept = cache.get(f"probe:{probe_id}:settings")
    return None if kept is None else dict(json.loads(crypto.decrypt(kept)))


def _write(probe_id: str, probe: Probe) -> None:
    cache.set(f"probe:{probe_id}", asdict(probe), KEEP_SECONDS)
