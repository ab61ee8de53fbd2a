"""What new mail says of sent mail: reports of what came back, and copies from the provider's own Sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from accounts.models import MailAccount
from mailbox.models import Folder
from mailbox.signals import messages_stored
from sending import tasks
from sending.bounces import processing
from sending.outbox import sent_copies


@receiver(messages_stored)
def look_for_what_was_sent(
    sender: type[Folder], account: MailAccount, message_ids: Sequence[int], **kwargs: Any
) -> None:
    """Two cheap queries in the storing transaction; what they find is looked at after it."""
    for outgoing, message in sent_copies.handed_back(account, message_ids):
        tasks.adopt_copy.delay_on_commit(account.organization_id, outgoing, message)
    for message in processing.reports_among(account, message_ids):
        tasks.note_report.delay_on_commit(account.organization_id, message)
