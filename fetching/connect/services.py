"""Writes of more than one row: fetch settings, an organization's defaults, another try for mail that is not here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from accounts import locks
from accounts.models import MailAccount, Membership, User
from accounts.providers import lookup
from accounts.services import record
from fetching.models import FetchDefaults, FetchRules, FetchSettings, FetchState, MailServer, RemoteMessage
from fetching.models.servers import CONNECTIONS
from fetching.models.settings import RULES
from fetching.scheduler import claims

State = RemoteMessage.State
# What a person may have fetched after all. What has vanished comes by itself if it is ever listed again.
RETRIABLE = (State.QUARANTINED, State.SHORT, State.SKIPPED)


def start_account(account: MailAccount) -> None:
    """A new account: settings as its organization wishes, due at once."""
    defaults = FetchDefaults.objects.filter(organization=account.organization_id).first()
    rules = {name: getattr(defaults or FetchSettings(), name) for name in RULES}
    least = account.organization.fetch_minutes_limit
    rules["interval_minutes"] = max(rules["interval_minutes"], least)
    FetchSettings.objects.create(organization_id=account.organization_id, account=account, **rules)
    FetchState.objects.create(
        organization_id=account.organization_id,
        account=account,
        interval_seconds=rules["interval_minutes"] * 60,
        **_reach(account),
    )


def follow_account_change(account: MailAccount, *, resumes: bool) -> None:
    """The account's server or password was changed and tested: a stopped account starts again."""
    FetchState.objects.filter(account=account).update(
        listed_at=None, not_before=None, is_slow=True, **_reach(account)
    )
    if resumes:
        claims.resume(account.pk)


def _reach(account: MailAccount) -> dict[str, Any]:
    """Where the account's sessions are counted, and which remote mailbox is theirs."""
    server = f"{account.host.lower()}:{account.port}"
    provider = lookup.by_slug(account.provider) if account.provider else None
    connections = provider.connections if provider else CONNECTIONS
    MailServer.objects.get_or_create(host=server, defaults={"connections": connections})
    name = account.username.strip().lower().removeprefix("recent:")
    mailbox = hashlib.sha256(f"{account.host.lower()}\0{name}".encode()).digest()
    return {"server": server, "mailbox": mailbox}


def change_settings(account: MailAccount, actor: User, values: Mapping[str, Any]) -> None:
    """Change fetch settings. A running session that might delete by the old rule stops before it does.

    Values are checked by the form; the plan's limits are applied where they matter, so that they hold later too.
    """
    with transaction.atomic():
        locks.share(account.pk)
        settings = FetchSettings.objects.select_for_update().get(account=account)
        changed = {name: value for name, value in values.items() if getattr(settings, name) != value}
        if not changed:
            return
        for name, value in changed.items():
            setattr(settings, name, value)
        settings.save(update_fields=list(changed))
        if changed.keys() & {"delete_policy", "delete_after_days"}:
            MailAccount.objects.filter(pk=account.pk).update(generation=F("generation") + 1)
        _apply(account, settings, changed)
        record(
            account.organization_id, actor, "fetch_settings.changed", account.email, fields=sorted(changed)
        )


def _apply(account: MailAccount, settings: FetchSettings, changed: Mapping[str, Any]) -> None:
    state = FetchState.objects.filter(account=account)
    state.update(listed_at=None)
    if "interval_minutes" in changed or "is_adaptive" in changed:
        minutes = max(settings.interval_minutes, account.organization.fetch_minutes_limit)
        state.update(interval_seconds=minutes * 60)
        # Sooner takes effect now; later only from the next fetch on.
        state.filter(status=FetchState.Status.ACTIVE, next_run_at__gt=Now()).update(next_run_at=Now())
    if changed.keys() & {"first_fetch", "first_days"}:
        _want_older(account, settings)


def _want_older(account: MailAccount, settings: FetchSettings) -> None:
    """What was passed over as too old is judged again by what is asked for now; nothing that is here goes."""
    if settings.first_fetch == FetchRules.First.ONLY_NEW:
        return
    FetchState.objects.filter(account=account).update(skip_before=None, first_fetch_done=False)
    claims.look_again(account.pk)
    RemoteMessage.objects.filter(account=account, state=State.SKIPPED).update(state=State.LISTED)


def change_defaults(membership: Membership, values: Mapping[str, Any]) -> None:
    """What the organization's new accounts begin with; accounts that exist keep theirs."""
    with transaction.atomic():
        FetchDefaults.objects.update_or_create(organization=membership.organization, defaults=dict(values))
        record(membership.organization_id, membership.user, "fetch_defaults.changed", fields=sorted(values))


def retry(account: MailAccount, rows: QuerySet[RemoteMessage]) -> int:
    """Another try for messages that were set aside or passed over, at the next fetch; returns how many."""
    with transaction.atomic():
        locks.share(account.pk)
        # The state before the ledger's rows, as every fetch does.
        if rows.filter(account=account, state__in=RETRIABLE).exists():
            claims.look_again(account.pk)
        return rows.filter(account=account, state__in=RETRIABLE).update(
            state=State.LISTED, failures=0, retry_at=None, error_code="", error_text=""
        )
