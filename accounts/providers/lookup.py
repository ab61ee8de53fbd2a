"""Provider presets: which provider an address belongs to, and how it wants to be reached."""

from __future__ import annotations

import re
from typing import Final

from accounts.providers.table import PROVIDERS, Provider

__all__ = ["PROVIDERS", "TILES", "Provider", "by_slug", "for_address", "is_known_host", "username_for"]

# What may follow the dot of "yahoo.*": com, fr, co.uk, com.br. Anything else would be a stranger's subdomain.
_COUNTRY: Final = re.compile(r"com|(?:(?:co|com)\.)?[a-z]{2}", re.ASCII)

_BY_SLUG: Final = {provider.slug: provider for provider in PROVIDERS}
_HOSTS: Final = {host for each in PROVIDERS for host in (each.pop_host, each.smtp_host) if host}
_BY_DOMAIN: Final = {domain: provider for provider in PROVIDERS for domain in provider.domains}


def by_slug(slug: str) -> Provider | None:
    """The preset with this slug, as stored in MailAccount.provider; None if there is none (any more)."""
    return _BY_SLUG.get(slug)


def for_address(email: str) -> Provider | None:
    """The preset whose domain the address has, connectable or not; None for domains nobody listed."""
    _local, at, domain = email.strip().lower().rpartition("@")
    if not at or "*" in domain:  # a typed star is no wildcard
        return None
    name, _dot, rest = domain.partition(".")
    if exact := _BY_DOMAIN.get(domain):
        return exact
    if (everywhere := _BY_DOMAIN.get(f"{name}.*")) and _COUNTRY.fullmatch(rest):
        return everywhere
    return _BY_DOMAIN.get(f"*.{rest}")


def is_known_host(host: str) -> bool:
    """Whether a preset fetches from or sends through this server (lower case)."""
    return host in _HOSTS


def username_for(provider: Provider, email: str) -> str:
    """The user name the provider's server expects for this address."""
    email = email.strip()
    return email.rpartition("@")[0] or email if provider.username_style == "local" else email


# The tiles of the connect page, in their order.
TILES: Final = tuple(
    _BY_SLUG[slug]
    for slug in (
        *("gmail", "outlook", "office365", "yahoo", "gmx", "web-de"),
        *("zoho", "fastmail", "t-online", "icloud", "proton", "other"),
    )
)
