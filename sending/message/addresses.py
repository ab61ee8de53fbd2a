"""Mail addresses as they go out: domains in ASCII, and what counts as the same address."""

from __future__ import annotations

import re
from typing import Final

# RFC 5321, 4.5.3.1: 64 for the local part; 255 for the domain, and the resolver's limit is 253.
LOCAL_LIMIT: Final = 64
DOMAIN_LIMIT: Final = 253

# RFC 5321, 4.1.2: dot-atom or quoted string; letters beyond ASCII by RFC 6531, 3.3. No controls anywhere.
_ATEXT: Final = r"[^\x00-\x20\x7f-\xa0\"(),.:;<>@\[\\\]\u2028\u2029]+"
_LOCAL: Final = re.compile(rf'{_ATEXT}(?:\.{_ATEXT})*|"(?:[^\x00-\x1f\x7f-\xa0"\\]|\\[ -~])*"')
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LITERAL: Final = re.compile(r"\[[A-Za-z0-9:.]{2,60}\]", re.ASCII)
# Python's IDNA codec is that of 2003, which sends these four to another name than today's software does: mail
# would go to a stranger. Such a name can still be given in its xn-- form.
_DEVIATIONS: Final = frozenset("ßς\u200c\u200d")


class AddressError(ValueError):
    """What was given is no mail address that can be written to. The address is in neither str() nor repr()."""


def for_sending(address: str) -> str:
    """The address with its domain in ASCII and lower case (RFC 5891); the local part stays as it is.

    Raises AddressError.
    """
    local, at, domain = address.strip(" ").rpartition("@")
    if not at or len(local.encode("utf-8", "replace")) > LOCAL_LIMIT or not _LOCAL.fullmatch(local):
        raise AddressError("not an address")
    try:
        local.encode()
    except UnicodeEncodeError:
        raise AddressError("not an address") from None
    return f"{local}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """A domain in ASCII and lower case. Raises AddressError."""
    if _LITERAL.fullmatch(domain):
        return domain
    if _DEVIATIONS.intersection(domain) or len(domain) > DOMAIN_LIMIT:
        raise AddressError("not a domain")
    try:
        name = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise AddressError("not a domain") from None
    if len(name) > DOMAIN_LIMIT or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise AddressError("not a domain")
    return name


def key(address: str) -> str:
    """What addresses are compared by: two that only differ in case, or in how the domain is written, are one.

    Never raises: what is no address is compared as it is.
    """
    text = address.strip()
    local, at, domain = text.rpartition("@")
    try:
        return f"{local.casefold()}@{ascii_domain(domain)}" if at else text.casefold()
    except AddressError:
        return text.casefold()
