"""When accounts come and change: their own sender address, and mail that waits for a mended password."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from accounts.models import MailAccount
from accounts.signals import mail_account_added, mail_account_changed
from sending.identities import identities, servers


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
