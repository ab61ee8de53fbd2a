"""The reply to EHLO, read (RFC 5321, 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

_LONGEST_NUMBER: Final = 19  # digits; RFC 1870, 4 allows 20


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server says it can do; unknown lines are ignored, and so is a garbled argument.

    `size` is the largest message in bytes, None when the server names no limit (RFC 1870, 3: so does 0);
    `has_size` says that it knows SIZE at all. `auth` holds mechanisms in upper case.
    """

    starttls: bool = False
    auth: frozenset[str] = frozenset()
    has_size: bool = False
    size: int | None = None
    eight_bit: bool = False
    utf8: bool = False
    pipelining: bool = False
    enhanced_codes: bool = False

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """From the lines of the reply, without codes; the first one greets and is passed over."""
        found: dict[str, list[str]] = {}
        for line in list(lines)[1:]:
            # "AUTH=PLAIN LOGIN" is the form from before RFC 2554; some servers still write both.
            words = line.upper().replace("AUTH=", "AUTH ").split()
            if words:
                found.setdefault(words[0], []).extend(words[1:])
        limits = [int(word) for word in found.get("SIZE", ()) if _is_number(word)]
        return cls(
            starttls="STARTTLS" in found,
            auth=frozenset(found.get("AUTH", ())),
            has_size="SIZE" in found,
            size=limits[0] if limits and limits[0] > 0 else None,
            eight_bit="8BITMIME" in found,
            utf8="SMTPUTF8" in found,
            pipelining="PIPELINING" in found,
            enhanced_codes="ENHANCEDSTATUSCODES" in found,
        )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= _LONGEST_NUMBER
