"""What must hold when a soak has come to rest, looked up in the database and on the mail server."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import zstandard

from tests.servers.dovecot import Dovecot
from tools.bench.instance import Instance


def digest(raw: bytes) -> str:
    """Of a message as POP3 hands it out."""
    return hashlib.sha256(raw.replace(b"\n", b"\r\n")).hexdigest()


class Progress(NamedTuple):
    """How far all accounts are together."""

    stored: int
    gone: int
    leases: int
    expired: int


def progress(instance: Instance) -> Progress:
    """Messages stored, ledger rows that are gone at the server, leases held, and of these those that ran out."""
    (row,) = instance.execute(
        "SELECT (SELECT count(*) FROM mailbox_message),"
        " (SELECT count(*) FROM fetching_remotemessage WHERE state = 'gone'),"
        " (SELECT count(*) FROM fetching_fetchstate WHERE lease_token IS NOT NULL),"
        " (SELECT count(*) FROM fetching_fetchstate WHERE lease_until <= statement_timestamp())"
    )
    return Progress(*row)


def mailbox_violations(
    user: str, kept: Counter[str], ever: set[str], left: set[str], deletes: bool
) -> list[str]:
    """What is wrong with one mailbox: `kept` here, `ever` on the server, still `left` there."""
    found = []
    if missing := len(ever - kept.keys()):
        found.append(f"{user}: {missing} of {len(ever)} messages are not stored")
    if strange := len(kept.keys() - ever):
        found.append(f"{user}: {strange} stored messages were never on the server")
    if repeated := sum(count > 1 for count in kept.values()):
        found.append(f"{user}: {repeated} messages are stored more than once")
    if deletes and left:
        found.append(f"{user}: {len(left)} messages should have been deleted on the server")
    if not deletes and left != ever:
        found.append(f"{user}: {len(ever - left)} messages were deleted on the server, against the policy")
    if lost := len(ever - left - kept.keys()):
        found.append(f"{user}: {lost} messages are NOWHERE: deleted on the server and not stored")
    return found


class Soak:
    """The instance at rest, its server, and which account is whose mailbox."""

    def __init__(self, instance: Instance, server: Dovecot, users: Mapping[int, str]) -> None:
        self._instance, self._server, self._users = instance, server, users

    def violations(self, ever: Mapping[str, Collection[str]], deleting: Collection[str]) -> list[str]:
        """Everything that is not as it must be, in words."""
        found = []
        kept = self._kept()
        for account, user in self._users.items():
            left = {digest(raw) for raw in self._server.messages(user)}
            found += mailbox_violations(user, kept[account], set(ever[user]), left, user in deleting)
        return found + self._ledger(deleting) + self._books() + self._leases() + self._runs()

    def figures(self) -> dict[str, Any]:
        """What happened, in numbers."""
        runs = self._instance.execute("SELECT state, count(*) FROM fetching_fetchrun GROUP BY 1 ORDER BY 1")
        ((count, size),) = self._instance.execute(
            "SELECT count(*), coalesce(sum(size), 0)::bigint FROM mailbox_message"
        )
        ((gone,),) = self._instance.execute(
            "SELECT count(*) FROM fetching_remotemessage WHERE state = 'gone'"
        )
        return {"sessions": dict(runs), "stored": count, "bytes": size, "deleted": gone}

    def _kept(self) -> dict[int, Counter[str]]:
        """sha256 of each account's messages, of the very bytes that are kept."""
        parts: dict[tuple[int, int], bytes] = defaultdict(bytes)
        decompress = zstandard.ZstdDecompressor().decompress
        rows = self._instance.execute(
            "SELECT m.account_id, m.id, r.data FROM mailbox_message m"
            " LEFT JOIN mailbox_rawpart r ON r.message_id = m.id ORDER BY m.id, r.part"
        )
        for account, message, data in rows:
            parts[account, message] += b"" if data is None else decompress(data)
        kept: dict[int, Counter[str]] = defaultdict(Counter)
        for (account, _), raw in parts.items():
            kept[account][hashlib.sha256(raw).hexdigest()] += 1
        return kept

    def _ledger(self, deleting: Collection[str]) -> list[str]:
        rows = self._instance.execute(
            "SELECT account_id, state, count(*) FROM fetching_remotemessage GROUP BY 1, 2 ORDER BY 1, 2"
        )
        wanted = {account: "gone" if user in deleting else "stored" for account, user in self._users.items()}
        return [
            f"{self._users[account]}: {count} messages are left as {state!r}"
            for account, state, count in rows
            if state != wanted[account]
        ]

    def _books(self) -> list[str]:
        rows = self._instance.execute(
            "SELECT m.used, coalesce((SELECT sum(bytes) FROM quotas_ledgerentry l"
            "  WHERE l.organization_id = m.organization_id), 0)::bigint,"
            " coalesce((SELECT sum(size) FROM mailbox_message s"
            "  WHERE s.organization_id = m.organization_id), 0)::bigint FROM quotas_storagemeter m"
        )
        return [
            f"meter {meter}, ledger {ledger}, mail {mail} bytes"
            for meter, ledger, mail in rows
            if not meter == ledger == mail
        ]

    def _leases(self) -> list[str]:
        rows = self._instance.execute(
            "SELECT account_id, status, lease_token IS NOT NULL FROM fetching_fetchstate"
            " WHERE lease_token IS NOT NULL OR status <> 'active'"
        )
        return [
            f"{self._users[account]}: {status}{', lease still held' * is_held}"
            for account, status, is_held in rows
        ]

    def _runs(self) -> list[str]:
        rows = self._instance.execute(
            "SELECT account_id, state, error_code, count(*) FROM fetching_fetchrun"
            " WHERE state = 'running' OR error_code = 'internal' GROUP BY 1, 2, 3"
        )
        return [
            f"{self._users[account]}: {count} sessions {state} {error}"
            for account, state, error, count in rows
        ]
