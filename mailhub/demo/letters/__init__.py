"""The letters in the demo's mailboxes: sixty, in six languages, dated back from the first start."""

from __future__ import annotations

from datetime import datetime

from mailhub.demo.letters import customers, errands, family, friends, oddities, trade, work
from mailhub.demo.letters.writing import Desk, Letter


def build(now: datetime) -> dict[str, dict[str, bytes]]:
    """Return each mailbox's letters: address to file name to raw bytes, the same bytes for the same `now`."""
    alice = Desk(now, "Alice Hartono <alice.hartono@post.example>")
    shop = Desk(now, "Toko Kertas <sales@toko.example>")
    return {
        alice.address: _by_name(
            [letter for room in (family, friends, errands, work, oddities) for letter in room.letters(alice)]
        ),
        shop.address: _by_name([letter for room in (customers, trade) for letter in room.letters(shop)]),
    }


def _by_name(letters: list[Letter]) -> dict[str, bytes]:
    return {letter.name: letter.raw for letter in sorted(letters, key=lambda letter: letter.name)}
