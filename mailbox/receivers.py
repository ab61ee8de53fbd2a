"""A mail account is a mailbox: its folders come and its mail goes with it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from accounts.models import MailAccount
from accounts.signals import mail_account_added, mail_account_emptying
from mailbox import services
from mailbox.models import Folder


@receiver(mail_account_added)
def make_folders(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> None:
    """Every mailbox starts with the same five folders."""
    roles = (Folder.Role.INBOX, Folder.Role.DRAFTS, Folder.Role.SENT, Folder.Role.SPAM, Folder.Role.TRASH)
    Folder.objects.bulk_create(
        Folder(organization_id=account.organization_id, account=account, role=role, position=position)
        for position, role in enumerate(roles)
    )


@receiver(mail_account_emptying)
def discard_mail(sender: type[MailAccount], account: MailAccount, **kwargs: Any) -> bool:
    """The account's mail goes with it, and its space comes back."""
    return services.discard_account(account)
