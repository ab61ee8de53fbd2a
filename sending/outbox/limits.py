"""How much may be sent: recipients of one message, and of all messages of an organization in 24 hours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from sending.models import OutgoingMessage, OutgoingRecipient

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Most providers take no more, and a letter to more people is a matter for a mailing list.
MESSAGE_RECIPIENTS: Final = 100
PERIOD: Final = timedelta(hours=24)


class TooMany(Exception):
    """More recipients than may be written to. Nothing was written; `sentence` and `remedy` are for the person."""

    def __init__(self, wanted: int, limit: int, sentence: _StrPromise, remedy: _StrPromise) -> None:
        super().__init__(f"{wanted} recipients, {limit} allowed")
        self.wanted, self.limit = wanted, limit
        self.sentence, self.remedy = sentence, remedy


def lock(organization_id: int) -> Organization:
    """The organization, so that two who send at once are counted one after the other; within a transaction."""
    # no_key: rows that point to the organization may be written meanwhile.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def used(organization_id: int) -> int:
    """Recipients of the last 24 hours. What was taken back does not count."""
    recipients = OutgoingRecipient.objects.filter(
        outgoing__organization=organization_id, outgoing__created_at__gt=Now() - PERIOD
    )
    return recipients.exclude(outgoing__state=OutgoingMessage.State.CANCELLED).count()


def check(organization: Organization, wanted: int) -> None:
    """Whether one more message with so many recipients may go. Raises TooMany."""
    if wanted > MESSAGE_RECIPIENTS:
        raise TooMany(
            wanted,
            MESSAGE_RECIPIENTS,
            _("A message can go to 100 recipients at most."),
            _("Take some of them out, or send several messages."),
        )
    if used(organization.pk) + wanted > organization.recipients_limit:
        raise TooMany(
            wanted,
            organization.recipients_limit,
            _("Your plan lets the organization write to no more recipients today."),
            _("Send it later, or ask for a larger plan; the message is kept as a draft."),
        )
