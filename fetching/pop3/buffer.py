"""Received bytes, cut into lines and multi-line bodies without looking at any byte twice.

Two rules hold the file together. `_scan` is where the next search begins: nothing of interest starts before
it. And a body begins *at the CRLF of its status line*, so that "CRLF . CRLF" and "CRLF . ." need no special
case for an empty message or a first line that begins with a dot.
"""

from __future__ import annotations

import re
from typing import Final

from fetching.pop3.errors import RemoteProtocolError

# Status lines are at most 512 octets (RFC 2449, 4); real ones are sometimes longer, endless ones are an
# attack.
MAX_LINE: Final = 64 * 1024

_CRLF: Final = b"\r\n"
_END: Final = b"\r\n.\r\n"
_DOT_LINE: Final = re.compile(rb"\r\n\.")
# Stuffed dots of one piece that are remembered one by one; a message of nothing else must not fill the memory.
_MANY: Final = 1000


class ReceiveBuffer:
    """Bytes from the server that no event has taken yet."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._start = 0
        self._scan = 0
        self._dots: list[int] = []  # where a dot is to be left out of the body, counted from _start
        self._dense = False  # there are too many to remember
        self._skip = 0  # what of the body at _start is the status line's CRLF

    def __len__(self) -> int:
        return len(self._data) - self._start

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Add what was received."""
        if self._start:
            # Cheap: bytearray moves its beginning, not its bytes. Once per block, never once per message.
            del self._data[: self._start]
            self._scan -= self._start
            self._start = 0
        self._data += data

    def clear(self) -> None:
        """Forget what was received and not taken."""
        self._start = self._scan = len(self._data)

    def read_line(self) -> bytes | None:
        """Take one line, without its CRLF; None when there is no whole one yet.

        Raises RemoteProtocolError for a line without end and for a bare LF, which two programs could read in
        two ways (RFC 1939, 3 knows CRLF only).
        """
        data, start = self._data, self._start
        at = data.find(b"\n", self._scan)
        length = (at if at >= 0 else len(data)) - start
        if length > MAX_LINE:
            raise RemoteProtocolError("line without end")
        if at < 0:
            self._scan = len(data)
            return None
        if length == 0 or data[at - 1] != 0x0D:
            raise RemoteProtocolError("line ended by LF alone")
        self._start = self._scan = at + 1
        return bytes(data[start : at - 1])

    # ── Multi-line bodies ───────────────────────────────────────────────────

    def begin_body(self) -> None:
        """What follows the line just read is a body. To be called before anything is appended."""
        self._start -= len(_CRLF)
        self._scan = self._start
        self._skip = len(_CRLF)
        self._dots, self._dense = [], False

    def read_body(self) -> bytes | None:
        """Take the whole body, un-dot-stuffed, with its last CRLF; None when its end is not here yet."""
        end = self._find_end()
        return None if end < 0 else self._take(end + len(_CRLF), end + len(_END))

    def read_piece(self) -> tuple[bytes, bool]:
        """Take as much of the body as is surely not its end, un-dot-stuffed; True when that was all of it."""
        end = self._find_end()
        if end >= 0:
            return self._take(end + len(_CRLF), end + len(_END)), True
        # Leave a CR in the last four bytes: "CRLF . CRLF" or "CRLF . ." may begin there.
        tail = self._data.find(b"\r", max(self._start, len(self._data) - 4))
        cut = tail if tail >= 0 else len(self._data)
        return self._take(cut, cut), False

    def read_lines(self) -> tuple[list[bytes], bool]:
        """Take the whole lines of the body that are here; True when they were the last.

        Raises RemoteProtocolError for a line above MAX_LINE.
        """
        fresh = self._scan
        end = self._find_end()
        done = end >= 0
        # Lines before `fresh` have been taken, so an incomplete long line is not searched again and again.
        last = end if done else self._data.rfind(_CRLF, max(self._start, fresh - 1))
        if not done and len(self._data) - max(last, self._start) > MAX_LINE + 2 * len(_CRLF):
            raise RemoteProtocolError("line without end")
        if last <= self._start:
            if done:
                self._start = self._scan = end + len(_END)
            return [], done
        # The last line's CRLF stays, since it opens what follows; or it goes with the final dot.
        lines = self._take(last, end + len(_END) if done else last).split(_CRLF)
        if not done:
            self._skip = len(_CRLF)
        if max(map(len, lines)) > MAX_LINE:
            raise RemoteProtocolError("line without end")
        return lines, done

    def _take(self, stop: int, resume: int) -> bytes:
        """The body up to `stop`; the buffer goes on at `resume`."""
        start = self._start
        with memoryview(self._data) as view:
            # A server that forgot to stuff ".x" sent what it meant; RFC 1939, 3 would strip that dot.
            if self._dense:
                text = view[start:stop].tobytes().replace(b"\r\n..", b"\r\n.")[self._skip :]
            elif self._dots:
                cuts = [dot + start for dot in self._dots if dot + start < stop]
                starts = [start + self._skip, *(cut + 1 for cut in cuts)]
                text = b"".join([view[begin:end] for begin, end in zip(starts, [*cuts, stop], strict=True)])
                self._dots = [dot + start - resume for dot in self._dots[len(cuts) :]]
            else:
                text = view[start + self._skip : stop].tobytes()
        self._skip = max(0, self._skip - (stop - start))
        self._start = resume
        self._scan = max(self._scan, resume)
        return text

    def _find_end(self) -> int:
        """Where the body's last CRLF is, -1 while unknown.

        Looks for any line that begins with a dot, so that one search tells both where the end is and what is to
        be un-stuffed.
        """
        data = self._data
        if not self._dense:
            for line in _DOT_LINE.finditer(data, self._scan):
                at = line.start()
                rest = data[at + 3 : at + 5]
                if rest[:1] == b".":
                    self._dots.append(at + 2 - self._start)
                elif _CRLF.startswith(rest):
                    self._scan = at
                    return at if rest == _CRLF else -1  # it may become the end
                if len(self._dots) > _MANY:
                    self._scan, self._dense = at, True
                    break
        if not self._dense:
            self._scan = max(self._scan, len(data) - 2)
            return -1
        at = data.find(_END, self._scan)
        if at < 0:
            self._scan = max(self._scan, len(data) - 4)
        return at
