"""Mail addresses as they go out: domains in ASCII, and what counts as the same address."""

from __future__ import annotations

import re
from encodings.idna import nameprep
from typing import Final

# RFC 5321, 4.5.3.1: 64 for the local part; 255 for the domain, and the resolver's limit is 253.
LOCAL_LIMIT: Final = 64
DOMAIN_LIMIT: Final = 253

# RFC 5321, 4.1.2: dot-atom or quoted string; letters beyond ASCII by RFC 6531, 3.3. No controls anywhere.
_ATEXT: Final = r"[^\x00-\x20\x7f-\xa0\"(),.:;<>@\[\\\]\u2028\u2029]+"
_LOCAL: Final = re.compile(rf'{_ATEXT}(?:\.{_ATEXT})*|"(?:[^\x00-\x1f\x7f-\xa0"\\]|\\[ -~])*"')
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LITERAL: Final = re.compile(r"\[[A-Za-z0-9:.]{2,60}\]", re.ASCII)
# Python's IDNA codec is that of 2003, which sends these to another name than today's software does: mail would go
# to a stranger. The first two are letters like others since 2008 (RFC 5894, 7.2); where the joiners may stand takes
# the tables of RFC 5892, so such a name must be given in its xn-- form.
_LETTERS_SINCE_2008: Final = re.compile("([ßς]+)")
_JOINERS: Final = frozenset("\u200c\u200d")
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")  # RFC 3490, 3.1


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
    if _JOINERS.intersection(domain) or len(domain) > DOMAIN_LIMIT:
        raise AddressError("not a domain")
    try:
        name = ".".join(map(_ascii_label, _DOTS.split(domain))).lower()
    except UnicodeError:
        raise AddressError("not a domain") from None
    if len(name) > DOMAIN_LIMIT or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise AddressError("not a domain")
    return name


def _ascii_label(label: str) -> str:
    """One label in ASCII (RFC 5891, 5). Raises UnicodeError."""
    if label.startswith("-") or label.endswith("-"):
        raise UnicodeError("a label that begins or ends with a hyphen")
    if not _LETTERS_SINCE_2008.search(label):
        return label.encode("idna").decode("ascii")
    pieces = [
        piece if _LETTERS_SINCE_2008.fullmatch(piece) else nameprep(piece)
        for piece in _LETTERS_SINCE_2008.split(label)
    ]
    return f"xn--{''.join(pieces).encode('punycode').decode('ascii')}"


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
