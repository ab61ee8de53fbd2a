"""When accounts come, change and go: their sender address, mail that waits for a mended password, what is unsent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Now
from django.dispatch import receiver

from accounts.models import MailAccount
from accounts.signals import (
    mail_account_added,
    mail_account_changed,
    mail_account_deleting,
    unsent_mail_asked,
    unsent_mail_wanted,
)
from accounts.unsent import UnsentMail
from sending import tasks
from sending.identities import identities, servers
from sending.models import OutgoingServer
from sending.outbox import unsent


@receiver(mail_account_added)
def own_address(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> None:
    """A new account can be written from, once that is settled and proven."""
    identities.start_account(account)


@receiver(mail_account_changed)
def follow(sender: type[MailAccount], account: MailAccount, is_reach: bool, **kwargs: Any) -> None:
    """The address may be another one; a password that works again for fetching works for sending."""
    identities.keep_own(account)
    if is_reach:
        servers.resume(account)


@receiver(unsent_mail_asked)
def tell_unsent(sender: type[MailAccount], accounts: Sequence[MailAccount], **kwargs: Any) -> UnsentMail:
    """What would be deleted unsent with these accounts."""
    return unsent.unsent_of(accounts)


@receiver(unsent_mail_wanted)
def send_unsent(sender: type[MailAccount], accounts: Sequence[MailAccount], **kwargs: Any) -> None:
    """What waits goes out at once."""
    for outgoing in unsent.send_now(accounts):
        tasks.schedule_sending(outgoing)


@receiver(mail_account_deleting)
def stop_sending(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> None:
    """Nothing that waits in its outbox is taken up any more."""
    OutgoingServer.objects.filter(account=account, paused_since=None).update(
        paused_since=Now(), told_at=Now()
    )
