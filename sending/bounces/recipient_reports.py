"""What a report says of one recipient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TEXT_LIMIT: Final = 500
RECIPIENTS_LIMIT: Final = 200

STATUS: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_REPLY: Final = re.compile(r"([245])\d\d(?!\d)")


class Action(StrEnum):
    """What became of the message for one recipient (RFC 3464, 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"  # still being tried: not a bounce
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """One recipient of a report. `address` is whom the message was sent to, where the report says so.

    `final_address` is where it ended after forwarding; both are "" in a notice that names nobody. `status` is like
    "5.1.1", "" when the report has none; `diagnostic` is what the last server said, cleaned, "" when the report does
    not say: nothing is made up.
    """

    address: str
    final_address: str
    action: Action
    status: str = ""
    diagnostic: str = ""
    remote: str = ""

    @property
    def is_bounce(self) -> bool:
        """Whether it will not arrive. A delay is none, and neither is a success."""
        return self.action is Action.FAILED

    @property
    def is_permanent(self) -> bool | None:
        """Whether trying again is useless; None when the report does not say."""
        digit = self.status[:1] or digit_of(self.diagnostic)
        return None if digit not in ("4", "5") else digit == "5"


def status_in(text: str) -> str:
    """The first enhanced code (RFC 3463) in a text, "" without one."""
    found = STATUS.search(text)
    return f"{found[1]}.{int(found[2])}.{int(found[3])}" if found else ""


def digit_of(diagnostic: str) -> str:
    """The class of a diagnostic that begins with a code: 2, 4 or 5; "" otherwise."""
    found = STATUS.match(diagnostic) or _REPLY.match(diagnostic)
    return found[1] if found else ""
