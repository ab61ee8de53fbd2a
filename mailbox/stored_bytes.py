"""A stored message as bytes that are read when they are asked for: never more of it in memory than two parts."""

from __future__ import annotations

from accounts import tenancy
from mailbox import bulk_insert
from mailbox.models import Message, RawPart

PARTS_HELD = 2  # what is looked for may begin in one and end in the next


class StoredBytes:
    """The raw bytes of one message, for `mailbox.mime` (a `spooled_message.Raw`).

    Each part is read in a scope of its own, so that it can be used after the request's has ended.
    """

    def __init__(self, message: Message) -> None:
        self._organization, self._message, self._size = message.organization_id, message.pk, message.size
        self._held: dict[int, bytes] = {}

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice, /) -> bytes:
        start, stop, _ = where.indices(self._size)
        size = bulk_insert.PART_BYTES
        pieces = [
            self._part(part)[max(start - part * size, 0) : stop - part * size]
            for part in range(start // size, -(-stop // size))
        ]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def find(self, wanted: bytes, start: int, end: int, /) -> int:
        """Like that of bytes."""
        end, size = min(end, self._size), bulk_insert.PART_BYTES
        while start + len(wanted) <= end:
            begin = start // size * size
            data = self._part(start // size)
            found = data.find(wanted, start - begin, end - begin)
            if found >= 0:
                return begin + found
            # What is wanted may begin in this part and end in the next.
            across = max(start, begin + size - len(wanted) + 1)
            found = self[across : min(begin + size + len(wanted) - 1, end)].find(wanted)
            if found >= 0:
                return across + found
            start = begin + size
        return -1

    def _part(self, number: int) -> bytes:
        if number not in self._held:
            with tenancy.scope(self._organization):
                rows = RawPart.objects.filter(message=self._message, part=number)
                data = rows.values_list("data", flat=True).get()
            while len(self._held) >= PARTS_HELD:
                del self._held[next(iter(self._held))]
            self._held[number] = bulk_insert.restore([data])
        return self._held[number]
