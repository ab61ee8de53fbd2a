"""What the engine needs from a mail server of any protocol, and the small values that pass between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Protocol, Self

from accounts.servers.failures import MailError
from accounts.servers.transport import Clocks

# What TOP is asked for of a message: a header beyond it is not looked at.
HEADER_LIMIT: Final = 256 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Limits(Clocks):
    """How long and how much one session may take: seconds, and bytes. `greeting` bounds the whole greeting.

    `session` bounds signing in and listing, and then once more how long messages are asked for; one that is on its
    way and comes at `slowest` bytes a second may be waited for beyond that, until `longest` is over.
    """

    greeting: float = 30
    max_message: int = 150_000_000
    slowest: float = 8 * 1024
    longest: float = 2700

    @property
    def patience(self) -> float:
        """Seconds of silence while a server opens, lists or tidies a mailbox, which takes some of them minutes."""
        return 4 * self.command


class ListedMessage(NamedTuple):
    """One message as the server lists it.

    `number` holds for this session only. `uidl` is exact bytes, None where the server names none. `size` is
    in bytes, a hint that may be wrong (Exchange rounds it), None where it is not given.
    """

    number: int
    uidl: bytes | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """All messages on the server, in the server's order.

    `has_uidl` is False when the server cannot tell messages apart at all (not merely for single rows).
    `damaged` counts the rows that could not be read.
    """

    rows: list[ListedMessage]
    has_uidl: bool = True
    damaged: int = 0


@dataclass(slots=True)
class RetrievedMessage:
    """One message, or `error` with what the server said instead of it.

    A small message is in `data`; a large one in `file`, an open temporary file at its beginning. Close it
    (`with` or `close`) when done; for a small message that does nothing.
    """

    number: int
    size: int = 0
    data: bytes = field(default=b"", repr=False)
    file: BinaryIO | None = None
    error: MailError | None = None

    def head(self, size: int) -> bytes:
        """Its first bytes, before it is read."""
        if self.file is None:
            return self.data[:size]
        head = self.file.read(size)
        self.file.seek(0)
        return head

    def read(self) -> bytes:
        """The whole message; reading a file also closes it, so it can be read once."""
        if self.file is None:
            return self.data
        with self.file:
            return self.file.read()

    def close(self) -> None:
        """Let the temporary file go."""
        if self.file is not None:
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Source(Protocol):
    """An open, signed-in session with a mail server. Every method raises MailError and nothing else.

    After a MailError the session is over: only `quit` and `close` may still be called.
    """

    current: int | None
    """The message that is being read or deleted, None between two; after a failure, the one that may have caused it."""

    login_delay: int | None
    """The pause in seconds the server wants between two sessions, None if it wants none."""

    out_of_time: bool
    """Whether `retrieve`, `tops` or `delete` left the rest for another session, this one's time being nearly over."""

    @property
    def window(self) -> tuple[int, int]:
        """How many replies, and about how many bytes of them, may prove out of step together; one without pipelining.

        None of them can be relied on then (R21): a message is good once so many others have come after it. It may
        grow while a session lasts.
        """

    can_top: bool
    """Whether `top` and `tops` are worth trying: the server offers them, or does not say what it offers."""

    has_uidl: bool
    """The same of unique-ids; only `listing` finds out whether there really are any."""

    def listing(self, *, need_uidl: bool = True) -> Listing:
        """All messages; a server without unique-ids raises MailError("uidl_missing") if they are needed."""

    def last_uidl(self, number: int) -> bytes | None:
        """The unique-id of one message; None when the server refuses, or names none or another message's."""

    def stat(self) -> tuple[int | None, int | None]:
        """Number of messages and their total size in bytes; None for what the server does not say clearly."""

    def retrieve(self, numbers: Iterable[int]) -> Iterator[RetrievedMessage]:
        """The messages in the order asked for; one that the server refuses comes with `error`.

        Ends early when time is nearly over (`out_of_time`). May be left early too: what is under way is then
        thrown away before the next command.
        """

    def top(self, number: int, lines: int) -> RetrievedMessage:
        """Header and the first `lines` lines of the body; some servers send all of it anyway.

        Of what is far more than a header only the beginning comes back, as `data`; `size` is all there was.
        """

    def tops(self, numbers: Iterable[int], lines: int = 0) -> Iterator[RetrievedMessage]:
        """The same of many messages, in the manner of `retrieve`; each comes with `error` where `top` is refused."""

    def delete(self, numbers: Iterable[int]) -> list[int]:
        """Mark as deleted; returns the numbers the server acknowledged. Nothing is gone before `quit`."""

    def noop(self) -> None:
        """Keep the session alive."""

    def quit(self) -> bool:
        """End the session; True only if the server confirmed it, and with it every delete. Never raises."""

    def close(self) -> None:
        """Drop the line without ending the session, so that nothing is deleted.

        Never raises, and wakes another thread that waits for the server.
        """
