"""All that a session has to know of its account, taken over together with the claim in one statement."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from django.db import connection

from accounts import crypto, locks
from accounts.leases import LeaseLost, short_scope
from accounts.models import MailAccount
from accounts.servers.transport import Credentials, ServerAddress
from fetching.models import FetchRules
from fetching.scheduler import run_log
from fetching.scheduler.claims import RUN_LEASE_SECONDS, Claim

FULL_PASS_SECONDS = 3600

Delete = FetchRules.Delete


@dataclass(frozen=True, slots=True)
class MailboxSnapshot:
    """A mailbox as it was listed: number of messages, their size in bytes, identifier of the last; None for unknown.

    `digest` is of all identifiers and sizes (fetching/engine/diff.py).
    """

    messages: int | None = None
    size: int | None = None
    last_uidl: bytes | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class FetchJob:
    """One account as it was when its session began.

    `max_message` is in bytes, the smaller of the owner's and the plan's. `pipelining` is False for a server that was
    out of step lately, and for an account whose line broke while replies were under way in a row. `seen` is how the
    mailbox looked when nothing was left to do, None when that is not known or not to be relied on. `looks_cheaply`: so
    short a time ago that asking whether it still looks so may do. `run_id` is the session's row in the history, 0 with
    a cheap look: that needs none of its own.
    """

    claim: Claim
    address: ServerAddress
    credentials: Credentials
    provider: str
    generation: int
    delete_policy: str
    delete_after_days: int
    max_message: int
    messages_per_cycle: int | None
    first_fetch: str
    first_days: int
    newest_first: bool
    arrive_read: bool
    folder_id: int | None
    label_id: int | None
    is_first: bool
    is_full: bool
    skip_before: datetime | None
    pipelining: bool
    run_id: int
    seen: MailboxSnapshot | None
    looks_cheaply: bool

    @property
    def organization_id(self) -> int:
        """The tenant."""
        return self.claim.organization_id

    @property
    def account_id(self) -> int:
        """The mail account."""
        return self.claim.account_id

    @property
    def deletes(self) -> bool:
        """Whether this session may delete anything at the provider.

        Never under Gmail's `recent:` name, which shows the last thirty days again and again (U18).
        """
        return self.delete_policy != Delete.KEEP and not self.credentials.username.lower().startswith(
            "recent:"
        )


_TAKE = f"""
UPDATE fetching_fetchstate AS state
SET lease_until = statement_timestamp() + make_interval(secs => {RUN_LEASE_SECONDS}),
    last_started_at = statement_timestamp()
FROM accounts_mailaccount AS account
    JOIN fetching_fetchsettings AS rules ON rules.account_id = account.id
    JOIN accounts_organization AS organization ON organization.id = account.organization_id
WHERE state.account_id = %s AND state.lease_token = %s::uuid AND state.lease_until > statement_timestamp()
    AND account.id = state.account_id
RETURNING account.host, account.port, account.encryption, account.username, account.password, account.provider,
    account.generation, rules.delete_policy, rules.delete_after_days,
    least(coalesce(rules.max_message_bytes, organization.message_bytes_limit), organization.message_bytes_limit),
    rules.messages_per_cycle, rules.first_fetch, rules.first_days, rules.newest_first, rules.arrive_read,
    rules.folder_id, rules.label_id, NOT state.first_fetch_done, state.status = 'paused_quota', state.skip_before,
    NOT (coalesce(state.lockstep_until > statement_timestamp(), false)
        OR EXISTS (SELECT FROM fetching_mailserver WHERE host = state.server
            AND lockstep_until > statement_timestamp())),
    NOT EXISTS (SELECT FROM fetching_remotemessage AS remote WHERE remote.account_id = state.account_id
        AND remote.state = 'quarantined' AND NOT remote.state IN ('stored', 'delete_wanted', 'dele_sent', 'gone')
        AND (remote.retry_at IS NULL OR remote.retry_at <= statement_timestamp()) AND remote.missing_since IS NULL),
    state.listed_at > statement_timestamp() - make_interval(secs => {FULL_PASS_SECONDS}),
    state.seen_messages, state.seen_bytes, state.seen_uidl, state.seen_digest"""

_COLUMNS = [field.name for field in fields(FetchJob)][3:-3]  # in the order of the statement


def take_job(claim: Claim) -> FetchJob:
    """Turn a claim into a session's job; the lease runs from now. Raises LeaseLost."""
    with short_scope(claim.organization_id), connection.cursor() as cursor:
        locks.share(claim.account_id)
        cursor.execute(_TAKE, [claim.account_id, claim.token])
        row = cursor.fetchone()
        if row is None:
            raise LeaseLost
        host, port, encryption, username, password, *rest, is_all, is_recent, messages, size, uidl, digest = (
            row
        )
        # What was set aside and is to be asked for again is nowhere but in a listing that is compared.
        is_known = is_all and is_recent is not None and messages is not None
        looks_cheaply = is_known and is_recent
        place = crypto.place_of(MailAccount, "password", claim.account_id)
        run = 0 if looks_cheaply else run_log.start_run(claim.organization_id, claim.account_id)
    return FetchJob(
        claim=claim,
        address=ServerAddress(host, port, encryption),
        credentials=Credentials(username, crypto.decrypt(password, place) if password else ""),
        run_id=run,
        seen=MailboxSnapshot(messages, size, _bytes(uidl), _bytes(digest)) if is_known else None,
        looks_cheaply=looks_cheaply,
        **dict(zip(_COLUMNS, rest, strict=True)),
    )


def _bytes(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)
