"""What must hold of an account whatever happened to its sessions, and how to let it come to rest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable

from django.db import connection

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import ledger, run
from fetching.models import FetchRun, FetchSettings, RemoteMessage
from mailbox.models import Message
from tests.conftest import check_books
from tests.fetching.fetched import fetch, rules_of, state_of, stored
from tests.servers.pop3 import MailboxServer, Session

Fetch = Callable[[MailAccount], run.Outcome]


def digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def deletes(account: MailAccount) -> bool:
    """Whether what is stored goes at the provider at once; after no days at all is at once too."""
    rules = rules_of(account)
    at_once = rules.delete_policy == FetchSettings.Delete.AFTER_DAYS and rules.delete_after_days == 0
    return at_once or rules.delete_policy == FetchSettings.Delete.AFTER_STORING


def kept_digests(account: MailAccount) -> set[bytes]:
    """Of all messages that are stored, by this thread's connection."""
    with tenancy.scope(account.organization_id):
        return {
            bytes(value) for value in Message.objects.filter(account=account).values_list("sha256", flat=True)
        }


class Watch:
    """Listens at the server: what may not be said before the messages are safe is noted in `wrong`.

    `safe` tells which messages are stored now; it is called in the server's threads.
    """

    def __init__(self, server: MailboxServer, safe: Callable[[], set[bytes]]) -> None:
        self.safe = safe
        self.wrong: list[str] = []
        self.deleted: set[bytes] = set()
        server.faults.on_command = self

    def __call__(self, session: Session, command: str) -> None:
        verb, _, number = command.partition(" ")
        if verb == "DELE":
            self._must_be_safe(session, command, [number])
            self.deleted.add(digest(session.letters[int(number) - 1].data))
        elif verb == "QUIT":
            # Some providers hide what was retrieved once QUIT is said, in keep mode too (R18).
            refused = {"RETR", *session.peer.said} & session.server.faults.err_on.keys()
            given = [line for line in session.peer.said if line.startswith("RETR") and "RETR" not in refused]
            self._must_be_safe(session, command, [line[5:] for line in given if line not in refused])

    def _must_be_safe(self, session: Session, command: str, numbers: Iterable[str]) -> None:
        digests = {digest(session.letters[int(number) - 1].data) for number in numbers}
        if digests and not digests <= self.safe():
            self.wrong.append(f"{command} after {session.peer.said}")


def committed_digests(account: MailAccount) -> set[bytes]:
    """As `kept_digests`, by a connection of its own: only what is committed."""
    try:
        return kept_digests(account)
    finally:
        connection.close()


def drain(account: MailAccount, fetch: Fetch = fetch, sessions: int = 12) -> None:
    """Fetch until two sessions in a row find nothing to do: one may hold deletes back for the next (U8)."""
    quiet = 0
    for _ in range(sessions):
        outcome = fetch(account)
        assert (outcome.state, outcome.error) == ("done", "")
        quiet = 0 if outcome.stored or outcome.deleted or outcome.more else quiet + 1
        if quiet == 2:
            return
    raise AssertionError(f"not at rest after {sessions} sessions")


def check_invariant(account: MailAccount, server: MailboxServer, watch: Watch, ever: Iterable[bytes]) -> None:
    """Everything the server ever had is here once, byte for byte; what was deleted there is safe; nothing is held.

    To be called after `drain`. Equal bytes under several identifiers are one message (U6).
    """
    server.wait_until_idle()
    expected = {digest(raw) for raw in ever}
    assert Counter(map(digest, stored(account))) == Counter(expected)
    assert kept_digests(account) == expected
    assert watch.wrong == []
    assert watch.deleted <= expected
    if deletes(account):
        assert server.messages == []
    else:
        assert server.said("DELE") == []
    with tenancy.scope(account.organization_id):
        there = RemoteMessage.objects.filter(account=account, missing_since=None)
        assert set(there.values_list("state", flat=True)) <= ledger.KEPT
        assert not FetchRun.objects.filter(account=account, state=FetchRun.State.RUNNING).exists()
    state = state_of(account)
    assert (state.lease_token, state.lease_until, state.status) == (None, None, "active")
    check_books()
