"""Whom a person writes with: suggestions made of the newest mail of their own accounts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from django.core.cache import cache

from accounts.models import Membership
from mailbox.models import Folder, Message
from sending.identities import identities
from sending.message import addresses
from sending.models import OutgoingRecipient

# Read from each inbox and each Sent: enough to know everybody one writes with now.
NEWEST: Final = 400
CACHED_SECONDS: Final = 300
SUGGESTED: Final = 8
# One that was written to is worth more than one that only wrote, which may be any shop.
_WRITTEN_TO: Final = 5

Contact = tuple[str, str]  # name, address


def suggest(membership: Membership, typed: str) -> list[Contact]:
    """Those with a name or an address that has a word beginning like `typed`, the likeliest first."""
    wanted = _plain(typed.strip())
    if not wanted:
        return []
    return [each for each in _known(membership) if _fits(each, wanted)][:SUGGESTED]


def forget(membership: Membership) -> None:
    """Somebody was written to: read anew the next time."""
    cache.delete(_key(membership))


def _key(membership: Membership) -> str:
    return f"contacts:{membership.organization_id}:{membership.user_id}"


def _known(membership: Membership) -> list[Contact]:
    found: list[Contact] | None = cache.get(_key(membership))
    if found is None:
        found = _ranked(membership)
        cache.set(_key(membership), found, CACHED_SECONDS)
    return [(name, address) for name, address in found]


def _ranked(membership: Membership) -> list[Contact]:
    own = identities.own_addresses(membership)
    scores: dict[str, float] = {}
    people: dict[str, Contact] = {}
    for name, address, score in _met(membership):
        key = addresses.key(address)
        if not address or key in own or "@" not in address:
            continue
        scores[key] = scores.get(key, 0) + score
        if key not in people or (name and not people[key][0]):
            people[key] = (name, address)
    return [people[key] for key in sorted(scores, key=lambda key: (-scores[key], key))]


def _met(membership: Membership) -> Iterator[tuple[str, str, float]]:
    """Everybody in the newest mail, the newest first, with what that counts."""
    folders = Folder.objects.visible_to(membership).filter(role__in=(Folder.Role.INBOX, Folder.Role.SENT))
    for folder, role in folders.values_list("pk", "role"):
        rows = Message.objects.filter(folder=folder).order_by("-sent_at", "-pk")
        if role == Folder.Role.SENT:
            for recipients in rows.values_list("recipients", flat=True)[:NEWEST]:
                for field in ("to", "cc"):
                    for each in recipients.get(field, []):
                        yield each["name"], each["address"], _WRITTEN_TO
        else:
            for name, address in rows.values_list("from_name", "from_address")[:NEWEST]:
                yield name, address, 1
    # What went out a moment ago is not in Sent yet, and blind copies never are.
    sent = OutgoingRecipient.objects.filter(
        outgoing__account__owner=membership.user_id, outgoing__organization=membership.organization_id
    )
    for name, address in sent.order_by("-pk").values_list("name", "address")[:NEWEST]:
        yield name, address, _WRITTEN_TO


def _fits(contact: Contact, wanted: str) -> bool:
    name, address = map(_plain, contact)
    local, _, domain = address.partition("@")
    words = [name, *name.split(), address, *local.replace("_", ".").replace("-", ".").split("."), domain]
    return any(word.startswith(wanted) for word in words)


def _plain(text: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
