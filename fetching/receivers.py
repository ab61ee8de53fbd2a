"""What fetching does when accounts come, change, lose mail, or space becomes free."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.dispatch import receiver

from accounts.models import MailAccount
from accounts.signals import (
    mail_account_added,
    mail_account_changed,
    mail_account_deleting,
    mail_account_emptying,
)
from fetching.connect import services
from fetching.models import FetchSettings, FetchState, RemoteMessage
from fetching.scheduler import claims
from mailbox.models import Message
from mailbox.signals import messages_discarded

FORGET_BATCH = 5_000


@receiver(mail_account_added)
def start_fetching(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> None:
    """A new account is due at once."""
    services.start_account(account)


@receiver(mail_account_changed)
def fetch_again(sender: type[MailAccount], account: MailAccount, is_reach: bool, **kwargs: Any) -> None:
    """Settings were edited and tested: a disabled account starts again, a paused one stays paused."""
    if is_reach:
        state = FetchState.objects.get(account=account)
        services.follow_account_change(account, resumes=state.status != FetchState.Status.PAUSED)


@receiver(mail_account_deleting)
def stop_fetching(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> None:
    """A running fetch loses its lease, and there is none after it."""
    claims.pause(FetchState.objects.get(account=account))


@receiver(mail_account_emptying)
def forget_ledger(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> bool:
    """The ledger of a large mailbox does not go in one statement."""
    rows = RemoteMessage.objects.filter(account=account).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:FORGET_BATCH])
    RemoteMessage.objects.filter(pk__in=ids).delete()
    return len(ids) == FORGET_BATCH


@receiver(messages_discarded)
def use_free_space(sender: type[Message], account: MailAccount, **kwargs: Any) -> None:
    """Space became free: accounts of the organization that wait for it are due now."""
    waiting = FetchState.objects.filter(
        organization=account.organization_id, status=FetchState.Status.PAUSED_QUOTA
    )
    # In order, the account's own among them, for which more may follow (`delete_there_too`).
    states = FetchState.objects.filter(Q(pk__in=waiting) | Q(pk=account.pk)).order_by("pk")
    list(states.select_for_update(no_key=True))
    waiting.update(next_run_at=Now())


@receiver(messages_discarded)
def delete_there_too(sender: type[Message], account: MailAccount, **kwargs: Any) -> None:
    """Deleted here for good: with that rule the next fetch deletes at the provider, so it must list."""
    if FetchSettings.objects.filter(
        account=account, delete_policy=FetchSettings.Delete.WHEN_DELETED_HERE
    ).exists():
        FetchState.objects.filter(account=account).update(listed_at=None)
