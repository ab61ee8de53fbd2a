"""Recipients as a person types them: read one by one, with what is wrong about each, and written again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailbox.mime.headers import Address
from sending.message.addresses import AddressError, for_sending

TYPED_LIMIT: Final = 20_000  # characters of one field

# Between commas, semicolons and line ends, unless they are in quotes or angles. Nothing is looked at twice, but for
# one quote that nobody has closed.
_PIECE: Final = re.compile(r'(?:"(?:[^"\\]++|\\.)*+"|<[^<>]*+>|[^,;\r\n])++', re.DOTALL)
_ANGLED: Final = re.compile(r'((?:"(?:[^"\\]++|\\.)*+"|[^<>"])*+)<([^<>]*)>\s*', re.DOTALL)
_QUOTED: Final = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_PLAIN_NAME: Final = re.compile(r"[\w.'’ -]+")


@dataclass(frozen=True, slots=True)
class TypedRecipients:
    """What one field says: whom, and the pieces that are no addresses, as they were typed."""

    people: tuple[Address, ...] = ()
    bad: tuple[str, ...] = ()


def read_recipients(text: str) -> TypedRecipients:
    """The recipients of one field."""
    people: list[Address] = []
    bad: list[str] = []
    for match in _PIECE.finditer(text):
        if piece := match[0].strip():
            person = _person(piece)
            if person is None:
                bad.append(piece)
            else:
                people.append(person)
    return TypedRecipients(tuple(people), tuple(bad))


def _person(piece: str) -> Address | None:
    angled = _ANGLED.fullmatch(piece)
    name, address = (angled[1], angled[2]) if angled else ("", piece)
    if quoted := _QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    name = name.strip()
    try:
        address = for_sending(address.strip())
    except AddressError:
        return None
    domain = address.rpartition("@")[2]
    # A name without a dot is one that only the writer's own network would know.
    if not name.isprintable() or not ("." in domain or domain.startswith("[")):
        return None
    return Address(name, address)


def write_recipients(people: Iterable[Address]) -> str:
    """The same as a person would type it; `read` understands it."""
    return ", ".join(map(_written, people))


def _written(person: Address) -> str:
    name = "".join(char for char in person.name if char.isprintable()).strip()
    if not name:
        return person.address
    if not _PLAIN_NAME.fullmatch(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{person.address}>"
