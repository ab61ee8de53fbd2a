"""What new mail asks of sending: reports of what came back, copies from the provider's own Sent, away replies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from accounts.models import MailAccount
from mailbox.models import Folder
from mailbox.signals import messages_stored
from sending import new_mail_checks, tasks
from sending.bounces import processing
from sending.models import NewMailCheck
from sending.outbox import sent_copies
from sending.vacation import replies

Kind = NewMailCheck.Kind


@receiver(messages_stored)
def note_what_to_look_at(
    sender: type[Folder],
    account: MailAccount,
    message_ids: Sequence[int],
    is_backlog: bool = False,
    **kwargs: Any,
) -> None:
    """Three cheap queries in the storing transaction, and rows for what they find, which is looked at after it.

    An away reply never goes to what lay at the provider when the account was connected.
    """
    found = [(message, Kind.COPY) for _outgoing, message in sent_copies.handed_back(account, message_ids)]
    found += [(message, Kind.REPORT) for message in processing.reports_among(account, message_ids)]
    if not is_backlog and replies.is_wanted(account):
        found += [(message, Kind.AWAY) for message in message_ids]
    if found:
        ids = new_mail_checks.note(account, found)
        # Robust: what is stored is stored, though the broker be away; the clock finds the rows.
        look = partial(tasks.look_at_new_mail.delay, account.organization_id, ids)
        transaction.on_commit(look, robust=True)
