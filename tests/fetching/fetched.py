"""What the engine's tests share: fetch an account, and look at what came of it."""

from __future__ import annotations

from accounts import services as account_services
from accounts import tenancy
from accounts.models import MailAccount
from fetching.connect.services import change_settings
from fetching.engine import run
from fetching.models import FetchSettings, FetchState, RemoteMessage
from fetching.protocols import open_source
from fetching.scheduler import claims
from fetching.source import Limits
from mailbox import services
from mailbox.models import Message
from quotas.models import StorageMeter
from tests import factories

QUICK = Limits(connect=5, greeting=5, command=5, session=30)
LETTERS = [factories.letter(f"Letter {number}", body=f"{number}\r\n.dot\r\n" * 20) for number in range(5)]


def fetch(account: MailAccount) -> run.Outcome:
    claim = claims.claim_now(account.organization_id, account.pk)
    assert claim is not None
    return run.fetch(claim, open_source, limits=QUICK)


def stored(account: MailAccount) -> list[bytes]:
    """The raw bytes of all kept messages, in the order they were stored."""
    with tenancy.scope(account.organization_id):
        return [
            services.raw_bytes(message) for message in Message.objects.filter(account=account).order_by("pk")
        ]


def states(account: MailAccount) -> list[str]:
    with tenancy.scope(account.organization_id):
        return list(
            RemoteMessage.objects.filter(account=account).order_by("pk").values_list("state", flat=True)
        )


def state_of(account: MailAccount) -> FetchState:
    with tenancy.scope(account.organization_id):
        return FetchState.objects.get(account=account)


def set_limit(account: MailAccount, limit: int) -> None:
    with tenancy.scope(account.organization_id):
        StorageMeter.objects.update(limit=limit)


def edit(account: MailAccount, **fields) -> None:
    if fields.pop("delete_from_server", False):
        set_rules(account, delete_policy="after_storing")
    with tenancy.scope(account.organization_id):
        account_services.change_mail_account(MailAccount.objects.get(pk=account.pk), account.owner, fields)


def set_rules(account: MailAccount, **rules) -> None:
    """Change fetch settings."""
    with tenancy.scope(account.organization_id):
        change_settings(MailAccount.objects.get(pk=account.pk), account.owner, rules)


def rules_of(account: MailAccount) -> FetchSettings:
    with tenancy.scope(account.organization_id):
        return FetchSettings.objects.get(account=account)
