"""How often, in a day, people may make Mailhub write to others, and how many organizations they may found.

Counted in the cache: a count that is lost is no harm, and no row is locked for it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from typing import Final

from django.core.cache import cache

# Invitations a day, sending again included: over all organizations for the person and for the mailbox they go to.
INVITATIONS: Final = {"person": 100, "organization": 200, "mailbox": 3}
# Organizations that a person may found a day, and own at once.
FOUNDED_A_DAY: Final = 5
OWNED: Final = 20


class TooMany(Exception):
    """No more of it today; `kind` says whose limit it is, `name` whose."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind)
        self.kind, self.name = kind, name


def count_invitations(person: int, organization: int, addresses: Sequence[str]) -> None:
    """Count one invitation to each address, all or none. Raises TooMany."""
    wanted = [("person", str(person), len(addresses)), ("organization", str(organization), len(addresses))]
    wanted += [("mailbox", address, 1) for address in addresses]
    taken: list[tuple[str, int]] = []
    for kind, name, number in wanted:
        key = _key(f"invitations:{kind}", mailbox(name) if kind == "mailbox" else name)
        taken.append((key, number))
        if _add(key, number) > INVITATIONS[kind]:
            for counted, much in taken:
                cache.decr(counted, much)
            raise TooMany(kind, name)


def count_founding(person: int) -> None:
    """Count one more organization of a person. Raises TooMany."""
    if _add(_key("founded", str(person)), 1) > FOUNDED_A_DAY:
        raise TooMany("person", str(person))


def mailbox(address: str) -> str:
    """Where mail to an address may end up: many providers ignore dots and what follows a plus."""
    local, _at, domain = address.strip().lower().rpartition("@")
    return f"{re.sub(r'[+].*|[.]', '', local)}@{domain}"


def _key(kind: str, name: str) -> str:
    return f"{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}:{int(time.time()) // 86400}"


def _add(key: str, number: int) -> int:
    cache.add(key, 0, 86400)
    return cache.incr(key, number)
