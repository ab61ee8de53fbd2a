"""New mail may get an away reply: never what lay at the provider when the account was connected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from accounts.models import MailAccount
from mailbox.models import Folder
from mailbox.signals import messages_stored
from sending import tasks
from sending.vacation import replies


@receiver(messages_stored)
def answer_while_away(
    sender: type[Folder],
    account: MailAccount,
    message_ids: Sequence[int],
    is_backlog: bool = False,
    **kwargs: Any,
) -> None:
    """One cheap query in the storing transaction; letters are looked at after it."""
    if not is_backlog and replies.is_wanted(account):
        tasks.answer_away.delay_on_commit(account.organization_id, list(message_ids))
