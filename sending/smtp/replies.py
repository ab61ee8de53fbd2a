"""Replies of one or several lines (RFC 5321, 4.2), read from bytes as they come.

Lines end with CRLF and nothing else. All lines of a reply carry the same code; one that does not is a server
out of step, and whatever it says next may belong to something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from sending.smtp.errors import RemoteProtocolError

MAX_LINE: Final = 4096  # 512 octets by RFC 5321, 4.5.3.1.5; endless ones are an attack
MAX_LINES: Final = 200  # EHLO brings about fifteen
MAX_TEXT: Final = 2000

# RFC 5321, 4.2: the first digit is 2 to 5, the second 0 to 5; servers have been seen with other second digits.
_LINE: Final = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])[ \t:;,]*")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered: a code, its lines without codes, and the enhanced code if there is one.

    `enhanced` is like "5.7.1" (RFC 2034), "" when there is none or when it contradicts the code.
    """

    code: int
    lines: tuple[str, ...] = field(default=("",), repr=False)
    enhanced: str = ""

    @property
    def text(self) -> str:
        """The words of all lines in one, as far as anybody would read them."""
        return " ".join(line.strip() for line in self.lines if line.strip())[:MAX_TEXT]

    @property
    def is_positive(self) -> bool:
        """2yz: done."""
        return self.code < 300

    @property
    def is_intermediate(self) -> bool:
        """3yz: go on."""
        return 300 <= self.code < 400

    @property
    def is_temporary(self) -> bool:
        """4yz: not now."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5yz: not this way."""
        return self.code >= 500


class ReplyReader:
    """Bytes from the server, cut into replies."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._scan = 0  # no line ends before it
        self._lines: list[str] = []
        self._code = 0

    def __len__(self) -> int:
        return len(self._data)

    @property
    def is_midway(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._data or self._lines)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Add what was received."""
        self._data += data

    def next(self) -> Reply | None:
        """Take one reply; None while it is not whole. Raises RemoteProtocolError for what is none."""
        while (line := self._line()) is not None:
            found = _LINE.fullmatch(line)
            if found is None:
                raise RemoteProtocolError("not a reply")
            code = int(found[1])
            if self._lines and code != self._code:
                raise RemoteProtocolError("a reply that changes its code")
            self._code = code
            self._lines.append((found[3] or b"").decode("utf-8", "replace"))
            if found[2] != b"-":
                lines, self._lines = self._lines, []
                return _reply(code, lines)
            if len(self._lines) > MAX_LINES:
                raise RemoteProtocolError("a reply without end")
        return None

    def _line(self) -> bytes | None:
        at = self._data.find(b"\n", self._scan)
        if (at if at >= 0 else len(self._data)) > MAX_LINE:
            raise RemoteProtocolError("line without end")
        if at < 0:
            self._scan = len(self._data)
            return None
        if at == 0 or self._data[at - 1] != 0x0D:
            raise RemoteProtocolError("line ended by LF alone")
        line = bytes(self._data[: at - 1])
        del self._data[: at + 1]
        self._scan = 0
        return line


def _reply(code: int, lines: list[str]) -> Reply:
    found = _ENHANCED.match(lines[-1]) or _ENHANCED.match(lines[0])
    if found is None or int(found[1]) != code // 100:
        return Reply(code, tuple(lines))
    enhanced = f"{found[1]}.{int(found[2])}.{int(found[3])}"
    return Reply(code, tuple(_without(line) for line in lines), enhanced)


def _without(line: str) -> str:
    # RFC 2034, 4: it is repeated on each line.
    found = _ENHANCED.match(line)
    return line[found.end() :] if found else line
