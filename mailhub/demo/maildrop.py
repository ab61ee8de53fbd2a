"""A mailbox as a plain folder of .eml files, one a message, named so that the names sort by time."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# RFC 1939, 7: a unique id is 1 to 70 characters from 0x21 to 0x7E.
_UNIQUE_ID = re.compile(r"[\x21-\x7e]{1,70}")
_BARE_LF = re.compile(rb"(?<!\r)\n")


class MailboxInUse(Exception):
    """Another session holds the mailbox."""


@dataclass(frozen=True)
class StoredMessage:
    """One message as a session lists it. `octets` counts what `read` returns."""

    path: Path
    unique_id: str
    octets: int

    def read(self) -> bytes:
        """Return the message with CRLF line ends; raises OSError if its file has gone."""
        return with_crlf(self.path.read_bytes())


class Maildrop:
    """The messages of one address. `pace` is the time in seconds to take over each message handed out."""

    def __init__(self, address: str, folder: Path, pace: float = 0.0) -> None:
        self.address = address
        self.folder = folder
        self.pace = pace
        self._held = False

    def fill(self, letters: Mapping[str, bytes]) -> None:
        """Create the folder with `letters` (file name to raw bytes) in one step: it is never half full."""
        draft = self.folder.with_name(f".{self.folder.name}.{secrets.token_hex(4)}")
        draft.mkdir(mode=0o700, parents=True)
        for name, raw in letters.items():
            (draft / name).write_bytes(raw)
        draft.rename(self.folder)

    @contextmanager
    def locked(self) -> Iterator[list[StoredMessage]]:
        """Hold the mailbox for one session and give its messages; raises MailboxInUse (RFC 1939, 4)."""
        if self._held:
            raise MailboxInUse(self.address)
        self._held = True
        try:
            yield self.messages()
        finally:
            self._held = False

    def messages(self) -> list[StoredMessage]:
        """List the messages, oldest first. A file put here by hand counts as well, whatever its name."""
        found = sorted(path for path in self.folder.glob("*.eml") if not path.name.startswith("."))
        return [
            StoredMessage(path, _unique_id(path.name), len(with_crlf(path.read_bytes()))) for path in found
        ]

    def deliver(self, raw: bytes) -> Path:
        """Keep a new message. A session that is open does not see it: its numbers must not move."""
        return keep(self.folder, raw)

    def remove(self, messages: Iterable[StoredMessage]) -> None:
        """Delete messages for good; one that has already gone is as good as deleted."""
        for message in messages:
            message.path.unlink(missing_ok=True)


def keep(folder: Path, raw: bytes) -> Path:
    """Write `raw` into `folder` under a name that sorts by time and is never used again (RFC 1939, 7)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.eml"
    draft = folder / f".{name}"  # a name that is not listed, until the message is whole
    draft.write_bytes(with_crlf(raw))
    return draft.rename(folder / name)


def with_crlf(raw: bytes) -> bytes:
    """Return `raw` as it travels: each line, the last one too, ends with CRLF (RFC 1939, 3)."""
    raw = _BARE_LF.sub(b"\r\n", raw)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def _unique_id(name: str) -> str:
    return (
        name
        if _UNIQUE_ID.fullmatch(name)
        else hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    )
