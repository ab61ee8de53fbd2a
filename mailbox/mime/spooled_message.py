"""Messages too large to hold: their bytes in a file, read a window at a time, and their compressed parts in another."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import BinaryIO, Protocol, overload

WINDOW = 1024 * 1024


class Raw(Protocol):
    """What reading a message needs of its bytes: `bytes` have it, and `Spooled`."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice, /) -> bytes: ...

    def find(self, wanted: bytes, start: int, end: int, /) -> int: ...


class Spooled:
    """A message in a file, which must stay open and as it is; only a window of it is in memory."""

    def __init__(self, file: BinaryIO) -> None:
        file.flush()
        self._file = file.fileno()
        self._size = os.fstat(self._file).st_size
        self._window, self._at = b"", 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice, /) -> bytes:
        start, stop, _ = where.indices(self._size)
        if start < self._at or stop > self._at + len(self._window):
            if stop - start > WINDOW:
                return os.pread(self._file, stop - start, start)
            self._look(start, stop - start)
        return self._window[start - self._at : max(0, stop - self._at)]

    def find(self, wanted: bytes, start: int, end: int, /) -> int:
        """Like that of bytes."""
        end = min(end, self._size)
        while start + len(wanted) <= end:
            if start < self._at or start + len(wanted) > self._at + len(self._window):
                self._look(start, len(wanted))
            found = self._window.find(wanted, start - self._at, end - self._at)
            if found >= 0:
                return self._at + found
            # What is wanted may begin in this window and end in the next.
            start = self._at + len(self._window) - len(wanted) + 1
        return -1

    def _look(self, start: int, least: int) -> None:
        self._window, self._at = os.pread(self._file, max(WINDOW, least), start), start


class SpooledParts(Sequence[bytes]):
    """Parts in a temporary file that goes away with the last reference; each is read when it is asked for."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the next line
        weakref.finalize(self, self._file.close)
        self._ends = [0]

    def append(self, data: bytes) -> None:
        """Add a part; all of them before the first is read."""
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # counts from the end too, and knows where it is
        self._file.seek(self._ends[index])
        return self._file.read(self._ends[index + 1] - self._ends[index])
