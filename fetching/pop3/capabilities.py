"""The reply to CAPA, read (RFC 2449, 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

MAX_CAPABILITIES: Final = 64  # real servers send about twelve


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server says it can do; unknown lines are ignored, and so is a garbled argument.

    `login_delay` is the pause in seconds that the server wants between two sessions, None if it wants none
    (RFC 2449, 6.5). `expire` is how many days it keeps messages, None for ever; 0 means that it deletes a
    message once it was retrieved (6.7). `utf8_user` allows UTF-8 in USER and PASS (RFC 6856, 2.2).
    """

    uidl: bool = False
    top: bool = False
    user: bool = False
    pipelining: bool = False
    stls: bool = False
    sasl: frozenset[str] = frozenset()
    login_delay: int | None = None
    expire: int | None = None
    resp_codes: bool = False
    auth_resp_code: bool = False
    utf8: bool = False
    utf8_user: bool = False

    @classmethod
    def parse(cls, lines: Iterable[bytes]) -> Self:
        """From the lines between +OK and the final dot; tags count in any case (RFC 2449, 3)."""
        found: dict[str, list[str]] = {}
        for line in lines:
            words = line.decode("ascii", "replace").upper().split()
            if words:
                found.setdefault(words[0], []).extend(words[1:])
        return cls(
            uidl="UIDL" in found,
            top="TOP" in found,
            user="USER" in found,
            pipelining="PIPELINING" in found,
            stls="STLS" in found,
            sasl=frozenset(found.get("SASL", ())),
            login_delay=_number(found.get("LOGIN-DELAY")),
            expire=_number(found.get("EXPIRE")),
            resp_codes="RESP-CODES" in found,
            auth_resp_code="AUTH-RESP-CODE" in found,
            utf8="UTF8" in found,
            utf8_user="USER" in found.get("UTF8", ()),
        )


def _number(arguments: list[str] | None) -> int | None:
    # "LOGIN-DELAY 900 USER" and "EXPIRE 0 USER" mean that it differs per user; before signing in the number
    # is then the largest, or smallest, of all (RFC 2449, 6.5 and 6.7). "EXPIRE NEVER" is None.
    if arguments and arguments[0].isascii() and arguments[0].isdigit() and len(arguments[0]) < 10:
        return int(arguments[0])
    return None
