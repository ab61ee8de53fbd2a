"""Tests of settings that are not saved yet: a task talks to the server, the page polls its steps.

The settings (with the password, encrypted) wait in the cache under a random id. Saving takes them from there, so
what is saved is exactly what was tested, and nothing is stored of a test that failed. `kind` keeps tests of different
things apart: what was tested for one is never saved as another.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from django.core.cache import cache

from accounts import crypto
from accounts.models import Membership
from accounts.providers import lookup
from accounts.servers.failures import MailError
from accounts.servers.transport import OnStep, Step

KEEP_SECONDS: Final = 1800
# Tests at a time, so that those at servers which never end keep nobody else's waiting: the worker has more threads.
AT_ONCE: Final = {"organization": 4, "everybody": 12}
# Whoever is killed leaves a place to run out: longer than a test waits and takes.
PLACE_SECONDS: Final = 240
# Tests an hour. By target (one mailbox) and host across all tenants: nobody sprays passwords, or scans, through us.
HOURLY: Final = {"person": 30, "organization": 100, "target": 60, "host": 200}
# Of one address, whatever names lead there: whoever owns a domain can make as many of them as they like.
HOURLY_ADDRESS: Final = 400
# A provider that many people have must not be closed to all of them by the tests of some.
KNOWN_HOST_FACTOR: Final = 20


@dataclass(slots=True)
class Probe:
    """How a test stands: `state` is waiting, running, passed or failed; times in seconds. `found`: numbers by name."""

    state: str = "waiting"
    steps: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    error: str = ""
    server_text: str = ""
    seconds: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("passed", "failed")


def is_id(text: str) -> bool:
    """Whether the text can be the id of a test: it becomes part of a cache key."""
    return re.fullmatch(r"[\w-]{1,64}", text, re.ASCII) is not None


def start(kind: str, membership: Membership, settings: Mapping[str, Any]) -> str:
    """Keep the settings for the test and return its id; queue a task with it that calls `run`.

    Raises MailError when there were too many, or too many are running.
    """
    probe_id = secrets.token_urlsafe(24)
    places = _take_places(membership.organization_id, probe_id)
    try:
        _count_all(membership, settings)
    except MailError:
        _leave(places, probe_id)
        raise
    kept = json.dumps({"owner": _owner(membership), "places": places, **settings})
    cache.set(_key(kind, probe_id, "settings"), crypto.encrypt(kept), KEEP_SECONDS)
    write(kind, probe_id, Probe())
    return probe_id


def _take_places(organization_id: int, probe_id: str) -> list[str]:
    """The cache keys of the places the test holds while it waits and runs. Raises MailError."""
    taken: list[str] = []
    for name, value in (("organization", str(organization_id)), ("everybody", "")):
        keys = (f"probes:running:{name}:{value}:{number}" for number in range(AT_ONCE[name]))
        key = next((key for key in keys if cache.add(key, probe_id, PLACE_SECONDS)), None)
        if key is None:
            _leave(taken, probe_id)
            raise MailError("too_many_tests")
        taken.append(key)
    return taken


def _leave(places: Iterable[str], probe_id: str) -> None:
    # One that has run out may be somebody else's by now.
    cache.delete_many([key for key, holder in cache.get_many(places).items() if holder == probe_id])


def _count_all(membership: Membership, settings: Mapping[str, Any]) -> None:
    # A mailbox, not a spelling: another port or other letters of its name must not buy more tries.
    host = str(settings["host"]).casefold()
    target = f"{host} {settings['username'].casefold()}"
    for name, value in (
        ("person", membership.user_id),
        ("organization", membership.organization_id),
        ("target", target),
    ):
        _count(name, str(value), HOURLY[name])
    _count("host", host, HOURLY["host"] * (KNOWN_HOST_FACTOR if lookup.is_known_host(host) else 1))


def _count(name: str, value: str, limit: int) -> None:
    key = f"probes:{name}:{hashlib.sha256(value.encode()).hexdigest()[:32]}:{int(time.time()) // 3600}"
    cache.add(key, 0, 3600)
    if cache.incr(key) > limit:
        raise MailError("too_many_tests")


def settings_of(kind: str, probe_id: str, membership: Membership) -> dict[str, Any] | None:
    """The settings of one's own test; None when it expired or is somebody else's."""
    kept = _settings(kind, probe_id)
    if kept is None or kept.pop("owner") != _owner(membership):
        return None
    del kept["places"]
    return kept


def result(kind: str, probe_id: str, membership: Membership) -> Probe | None:
    """How one's own test stands; None when it expired or is somebody else's."""
    if settings_of(kind, probe_id, membership) is None:
        return None
    kept = cache.get(_key(kind, probe_id, "state"))
    return Probe(**kept) if kept else None


def forget(kind: str, probe_id: str) -> None:
    """The settings were saved: drop them here."""
    cache.delete_many([_key(kind, probe_id, "settings"), _key(kind, probe_id, "state")])


def run(kind: str, probe_id: str, check: Callable[[dict[str, Any], OnStep], dict[str, int]]) -> None:
    """Do the test (in a worker), writing every step as it happens.

    `check` returns what it found, and raises MailError when it fails.
    """
    settings = _settings(kind, probe_id)
    if settings is None:
        return
    try:
        _run(kind, probe_id, check, settings)
    finally:
        _leave(settings["places"], probe_id)


def _run(
    kind: str,
    probe_id: str,
    check: Callable[[dict[str, Any], OnStep], dict[str, int]],
    settings: dict[str, Any],
) -> None:
    probe, started = Probe(state="running"), time.monotonic()
    write(kind, probe_id, probe)

    is_known = lookup.is_known_host(settings["host"].casefold())

    def note(step: Step) -> None:
        # Before the first byte goes there (hosts.connect).
        if step.name == "resolved" and not is_known:
            _count("address", step.detail, HOURLY_ADDRESS)
        probe.steps.append({"name": step.name, "seconds": round(step.seconds, 3), "detail": step.detail})
        write(kind, probe_id, probe)

    try:
        probe.found = check(settings, note)
        probe.state = "passed"
    except MailError as error:
        probe.state, probe.error, probe.server_text = "failed", error.code, error.server_text
    probe.seconds = round(time.monotonic() - started, 3)
    write(kind, probe_id, probe)


def write(kind: str, probe_id: str, probe: Probe) -> None:
    """Keep how a test stands."""
    cache.set(_key(kind, probe_id, "state"), asdict(probe), KEEP_SECONDS)


def _settings(kind: str, probe_id: str) -> dict[str, Any] | None:
    kept = cache.get(_key(kind, probe_id, "settings")) if is_id(probe_id) else None
    return None if kept is None else dict(json.loads(crypto.decrypt(kept)))


def _key(kind: str, probe_id: str, what: str) -> str:
    return f"probe:{kind}:{probe_id}:{what}"


def _owner(membership: Membership) -> str:
    return f"{membership.organization_id}:{membership.user_id}"
