"""What of mail accounts has not gone out yet: said before they are deleted, because it is deleted with them.

What there is only the app knows that sends (`accounts.signals`). Without it nothing is unsent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts import signals
from accounts.models import MailAccount


@dataclass(frozen=True, slots=True)
class Unsent:
    """Messages of one sort: how many, and of some the subject and when they go out (None: at no time)."""

    count: int = 0
    named: Sequence[tuple[str, datetime | None]] = ()

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.count - len(self.named)


@dataclass(frozen=True, slots=True)
class UnsentMail:
    """What would be deleted unsent. `moving` are being handed to a server at this moment."""

    waiting: Unsent = field(default_factory=Unsent)
    refused: Unsent = field(default_factory=Unsent)
    maybe: Unsent = field(default_factory=Unsent)
    drafts: Unsent = field(default_factory=Unsent)
    moving: int = 0

    @property
    def total(self) -> int:
        """All of them; what a person has to agree to."""
        return self.moving + sum(each.count for each in (self.waiting, self.refused, self.maybe, self.drafts))


class NotConfirmed(Exception):
    """More is unsent than the person has agreed to lose, or something is on its way. Nothing was deleted."""


def unsent_of(accounts: Sequence[MailAccount]) -> UnsentMail:
    """What has not gone out from these accounts of one organization; within its scope."""
    answers: list[tuple[Any, Any]] = signals.unsent_mail_asked.send(MailAccount, accounts=accounts)
    return next((found for _receiver, found in answers), None) or UnsentMail()


def send_now(accounts: Sequence[MailAccount]) -> None:
    """Let all that waits in these accounts go out at once, whatever time was chosen for it."""
    signals.unsent_mail_wanted.send(MailAccount, accounts=accounts)


def check(accounts: Sequence[MailAccount], confirmed: int) -> None:
    """Whether these accounts may go when a person has agreed to lose so many messages. Raises NotConfirmed.

    The organization must be locked, or another one may be queued meanwhile.
    """
    found = unsent_of(accounts)
    if found.moving or found.total > confirmed:
        raise NotConfirmed
