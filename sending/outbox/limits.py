"""How much may be sent: recipients of one message, of all of an organization in 24 hours, and bytes that wait."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Q, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from sending.models import OutgoingMessage, OutgoingRecipient

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Most providers take no more, and a letter to more people is a matter for a mailing list.
MESSAGE_RECIPIENTS: Final = 100
PERIOD: Final = timedelta(hours=24)
# Messages of an account that are on their way or wait for a time, which no storage is charged for yet.
WAITING_BYTES: Final = 500_000_000


class TooMany(Exception):
    """More recipients than may be written to, or more bytes than may wait.

    Nothing was written; `sentence` and `remedy` are for the person.
    """

    def __init__(self, wanted: int, limit: int, sentence: _StrPromise, remedy: _StrPromise) -> None:
        super().__init__(f"{wanted} wanted, {limit} allowed")
        self.wanted, self.limit = wanted, limit
        self.sentence, self.remedy = sentence, remedy


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


def check_room(account_id: int, size: int) -> None:
    """Whether a message of so many bytes may wait in the outbox of an account. Raises TooMany."""
    moving = Q(state__in=("queued", "claimed", "handed_over", "refused_temporary")) | Q(needs_owner=True)
    kept = OutgoingMessage.objects.filter(moving | Q(copy__in=("waiting", "no_space")), account=account_id)
    held = (kept.aggregate(total=Sum("size"))["total"] or 0) + size
    if held > WAITING_BYTES:
        raise TooMany(
            held,
            WAITING_BYTES,
            _("The outbox of this account is full: 500 MB can wait there together."),
            _("Send it when some of that has gone; the message is kept as a draft."),
        )
