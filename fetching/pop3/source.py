"""A Source over POP3: the protocol of `fetching.pop3` on a `Transport`, with every failure as a MailError."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, Self

from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, OnStep, ServerAddress, StepClock, Transport
from fetching.pop3 import commands, refusals, session
from fetching.pop3.capabilities import Capabilities
from fetching.pop3.commands import Command
from fetching.pop3.dialogue import Dialogue
from fetching.pop3.events import Err, Event, Message, MessageChunk, MessageEnd, Ok, Sizes, Stat, UniqueIds
from fetching.pop3.steps import StepWatch
from fetching.source import HEADER_LIMIT, Limits, ListedMessage, Listing, RetrievedMessage

# How much may be asked for ahead: enough to keep a line of 50 ms busy, little enough to throw away when the
# session is left early.
WINDOW: Final = 64
# It opens as replies come fast: what is under way in a row is handed on late, and a slow server is not to seem dead.
FIRST_WINDOW: Final = 16
FAST_SECONDS: Final = 0.5  # from one refill to the next; far lines answer within it
WINDOW_BYTES: Final = 4 * 1024 * 1024
UNKNOWN_SIZE: Final = 64 * 1024
# Of what TOP brings; some servers send whole messages (R22).
KEPT_OF_TOP: Final = HEADER_LIMIT
# Asking for more stops when this share of the session is left: what is under way must still arrive, and QUIT.
RESERVE: Final = 0.1
FAREWELL_SECONDS: Final = 5.0


class Pop3Source:
    """A signed-in POP3 session; see `fetching.source.Source` for what its methods promise."""

    def __init__(
        self, dialogue: Dialogue, offered: Capabilities, clock: StepClock, *, pipelining: bool = True
    ) -> None:
        # Nothing at all is what is known of a server without CAPA.
        is_silent = offered == Capabilities()
        self.current: int | None = None
        self.login_delay = offered.login_delay
        self.can_top = offered.top or is_silent
        self.has_uidl = offered.uidl or is_silent
        self.out_of_time = False
        self._dialogue = dialogue
        self._clock = clock
        self._offered = offered
        is_pipelined = offered.pipelining and pipelining
        self._ahead = FIRST_WINDOW if is_pipelined else 1
        # What is asked for together, up to and with the reply that shows whether it was in step.
        self._until = (
            time.monotonic() + dialogue.transport.seconds_left
        )  # no more is asked for soon before this
        self._end = time.monotonic() + dialogue.limits.longest
        self._tops_are_whole = False  # seen so
        self._sizes: dict[int, int] = {}
        self._confirmed: bool | None = None  # what quit() found, None before it

    @classmethod
    def open(
        cls,
        address: ServerAddress,
        credentials: Credentials,
        limits: Limits,
        on_step: OnStep | None = None,
        *,
        pipelining: bool = True,
    ) -> Self:
        """Connect, secure and sign in.

        `pipelining=False` waits for each reply before the next command even where the server offers not to:
        for one that has been out of step before (R21).

        `on_step` hears of resolved, connected, secure (not without encryption), greeting and signed_in, in
        this order; later `listing` reports uidl and listed.
        """
        clock = StepClock(on_step)
        transport = Transport(
            address, limits, on_resolved=lambda found: clock.done("resolved", found), protocol="pop3"
        )
        clock.done("connected")
        try:
            dialogue = Dialogue(transport, credentials, limits)
            offered = session.open_session(dialogue, address.encryption, credentials, clock)
        except BaseException:
            transport.close()
            raise
        return cls(dialogue, offered, clock, pipelining=pipelining)

    # ── What is there ───────────────────────────────────────────────────────

    def listing(self, *, need_uidl: bool = True) -> Listing:
        """All messages by UIDL and LIST, in order of their numbers."""
        uidls: UniqueIds | None = None
        sizes = Sizes([])
        refused: list[Err] = []
        self._clock.lap()
        for _ in self._each([commands.uidl(), commands.list_sizes()]):
            match self._dialogue.reply():
                case UniqueIds() as uidls:
                    self._clock.done("uidl")
                case Sizes() as sizes:
                    pass
                case Err() as err if refusals.may_mean_empty(err) or self._cannot_uidl(err):
                    refused.append(err)
                case Err() as err:
                    raise self._refused(err)
        if refused and self._is_without_uidl(refused):
            if need_uidl:
                raise MailError("uidl_missing")
        elif uidls is None:
            uidls = UniqueIds([])
            self._clock.done("uidl")
        listing = _paired(uidls, sizes)
        self._sizes = {row.number: row.size for row in listing.rows if row.size is not None}
        self._clock.done("listed", f"{len(listing.rows)} {sum(self._sizes.values())}")
        # A server that takes minutes to open and list a mailbox has as long for its messages as any other.
        self._dialogue.transport.extend(self._dialogue.limits.session)
        self._until = time.monotonic() + self._dialogue.limits.session
        return listing

    def _is_without_uidl(self, refused: list[Err]) -> bool:
        """Whether UIDL is what the server lacks; raises MailError if it is LIST, or UIDL that it knows.

        Some servers say -ERR to both where there is nothing to list.
        """
        unclear = [err for err in refused if refusals.may_mean_empty(err)]
        if unclear and self.stat()[0] == 0:
            return len(unclear) < len(refused)
        for err in refused:
            if not self._cannot_uidl(err):
                raise self._refused(err)
        return bool(refused)

    def _cannot_uidl(self, err: Err) -> bool:
        # Refused although offered is a trouble of today, not a server that cannot.
        return err.command.name == "UIDL" and not self._offered.uidl and not refusals.is_about_session(err)

    def last_uidl(self, number: int) -> bytes | None:
        """The unique-id by UIDL with an argument."""
        self._dialogue.drain()
        match self._dialogue.ask(commands.uidl(number)):
            case UniqueIds(rows=[(answered, uidl)]) if answered == number:
                return uidl
        return None

    def stat(self) -> tuple[int | None, int | None]:
        """Number and size by STAT."""
        self._dialogue.drain()
        event = self._dialogue.ask(commands.stat())
        if isinstance(event, Err):
            if refusals.is_about_session(event):
                raise self._refused(event)
            return None, None  # nobody needs it who can list
        assert isinstance(event, Stat)
        return event.count, event.size

    def noop(self) -> None:
        """NOOP."""
        self._ask(commands.noop())

    # ── Messages ────────────────────────────────────────────────────────────

    def retrieve(self, numbers: Iterable[int]) -> Iterator[RetrievedMessage]:
        """Messages by RETR, pipelined where the server allows it."""
        order = list(numbers)
        steps = StepWatch(order, self._sizes) if self._ahead > 1 else None
        for place, command in enumerate(self._each(map(commands.retr, order), is_watched=True)):
            listed = self._sizes.get(command.number, 0)
            if listed > UNKNOWN_SIZE:
                self._wait_for_large(listed)
            message = self._message(command.number)
            if message.error is None and self._is_foreign(message, listed, steps, place):
                message.close()
                if steps is not None:
                    self._dialogue.broken = True
                    raise MailError("protocol_error")
                message = RetrievedMessage(command.number, error=MailError("protocol_error"))
            yield message

    def _is_foreign(
        self, message: RetrievedMessage, listed: int, steps: StepWatch | None, place: int
    ) -> bool:
        """Whether it begins with a status line that is none of its own, or is the answer to another command (R21)."""
        if steps is not None and steps.is_out_of_step(place, message.size):
            return True
        return message.size != listed and message.head(3).upper() == b"+OK"

    def _wait_for_large(self, size: int) -> None:
        # One that comes fast enough need not come within one session: else it never would (C2).
        seconds = size / self._dialogue.limits.slowest
        self._dialogue.transport.extend(min(seconds, self._end - time.monotonic()))

    def top(self, number: int, lines: int) -> RetrievedMessage:
        """The beginning of a message by TOP."""
        self._dialogue.drain()
        self._dialogue.send([commands.top(number, lines)])
        return self._beginning(number)

    def tops(self, numbers: Iterable[int], lines: int = 0) -> Iterator[RetrievedMessage]:
        """Beginnings by TOP, pipelined where the server allows it."""
        for command in self._each((commands.top(number, lines) for number in numbers), is_watched=True):
            yield self._beginning(command.number)

    def delete(self, numbers: Iterable[int]) -> list[int]:
        """Mark by DELE, pipelined where the server allows it."""
        acknowledged = []
        try:
            for command in self._each(map(commands.dele, numbers)):
                self.current = command.number
                if isinstance(self._dialogue.reply(), Ok):
                    acknowledged.append(command.number)
                self.current = None
        except MailError as error:
            if error.code == "protocol_error":
                self._say_farewell()
            raise
        return acknowledged

    def _message(self, number: int, keep: int | None = None) -> RetrievedMessage:
        """The reply that is due; with `keep` only its first bytes, without there is a file for a large one."""
        self.current = number
        event = self._dialogue.reply()
        match event:
            case Message():
                retrieved = RetrievedMessage(number, len(event.data), event.data[:keep])
            case Err():
                if refusals.ends_session(event):
                    self.current = None
                    raise self._refused(event)
                retrieved = RetrievedMessage(
                    number, error=MailError("message_withheld", self._dialogue.words(event))
                )
            case _ if keep is None:
                retrieved = self._spool(number, event)
            case _:
                retrieved = self._cut(number, event, keep)
        self.current = None
        return retrieved

    def _beginning(self, number: int) -> RetrievedMessage:
        retrieved = self._message(number, KEPT_OF_TOP)
        self._tops_are_whole |= retrieved.size > KEPT_OF_TOP
        return retrieved

    def _cut(self, number: int, event: Event, keep: int) -> RetrievedMessage:
        """The beginning of a reply that comes in pieces; the rest is read and thrown away."""
        kept = bytearray()
        while isinstance(event, MessageChunk):
            kept += event.data[: keep - len(kept)]
            event = self._dialogue.event()
        assert isinstance(event, MessageEnd)
        return RetrievedMessage(number, event.size, bytes(kept))

    def _spool(self, number: int, event: Event) -> RetrievedMessage:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the receiver closes it
        try:
            while isinstance(event, MessageChunk):
                file.write(event.data)
                event = self._dialogue.event()
            assert isinstance(event, MessageEnd)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return RetrievedMessage(number, event.size, file=file)

    @property
    def window(self) -> tuple[int, int]:
        """How many replies, and bytes of them, may prove out of step together (`fetching.source`)."""
        return (self._ahead + 2, 2 * WINDOW_BYTES) if self._ahead > 1 else (1, 0)

    def _each(self, wanted: Iterable[Command], *, is_watched: bool = False) -> Iterator[Command]:
        """Send the commands, as many ahead as allowed; yields each when its reply is the next to be read.

        With `is_watched` there are NOOPs among them, whose replies of one line show whether all are in step.
        """
        self._dialogue.drain()
        drained, rest, waiting, size = self._dialogue.drained, iter(wanted), deque[Command](), 0
        marks = [commands.noop()] if is_watched and self._ahead > 1 else []
        is_first, refilled = True, time.monotonic()
        while True:
            if not waiting or (len(waiting) <= self._ahead // 2 and size <= WINDOW_BYTES // 2):
                batch, size, has_ended = self._batch(rest, len(waiting), size)
                if batch and marks:
                    # Two at the end: a reply too many of several lines would take the place of one.
                    is_alone = is_first and has_ended and len(batch) == 1
                    batch = [
                        *([] if is_first else marks),
                        *batch,
                        *(2 * marks if has_ended and not is_alone else []),
                    ]
                if batch:
                    self._dialogue.send(batch)
                    now = time.monotonic()
                    if self._ahead > 1 and not is_first and now - refilled < FAST_SECONDS:
                        self._ahead = min(WINDOW, 2 * self._ahead)
                    refilled, is_first = now, False
                waiting += batch
            if not waiting:
                return
            command = waiting.popleft()
            if command.name == "NOOP":
                self._dialogue.reply()
                continue
            size -= self._cost(command)
            yield command
            if self._dialogue.drained != drained:
                raise RuntimeError("going on after another command has thrown the rest away")

    def _batch(self, rest: Iterator[Command], ahead: int, size: int) -> tuple[list[Command], int, bool]:
        """What fits into the window, the bytes that are then on their way, and whether no more will be asked for."""
        batch: list[Command] = []
        while ahead + len(batch) < self._ahead and size < WINDOW_BYTES:
            command = next(rest, None)
            if command is None:
                return batch, size, True
            if command.number and self._is_late():
                self.out_of_time = True
                return batch, size, True
            batch.append(command)
            size += self._cost(command)
        return batch, size, False

    def _cost(self, command: Command) -> int:
        if command.name == "RETR" or (command.name == "TOP" and self._tops_are_whole):
            return self._sizes.get(command.number, UNKNOWN_SIZE)
        return 0

    def _is_late(self) -> bool:
        return self._until - time.monotonic() < RESERVE * self._dialogue.limits.session

    # ── The end ─────────────────────────────────────────────────────────────

    def quit(self) -> bool:
        """QUIT, once; further calls return what the first one did."""
        if self._confirmed is None:
            self._confirmed = False
            if not self._dialogue.broken:
                with suppress(MailError):
                    self._dialogue.drain()
                    self._confirmed = isinstance(self._dialogue.ask(commands.quit_()), Ok)
            self.close()
        return self._confirmed

    def close(self) -> None:
        """Drop the line."""
        self._dialogue.broken = True
        self._dialogue.transport.close()

    def _say_farewell(self) -> None:
        """QUIT to a server out of step: what it acknowledged may go, or the mailbox would never shrink."""
        transport = self._dialogue.transport
        with suppress(MailError):
            transport.send(commands.quit_().line)
            transport.begin_reply(FAREWELL_SECONDS)
            while transport.receive():
                pass

    def _ask(self, command: Command) -> Event:
        self._dialogue.drain()
        event = self._dialogue.ask(command)
        if isinstance(event, Err):
            raise self._refused(event)
        return event

    def _refused(self, err: Err) -> MailError:
        return self._dialogue.refused(refusals.command(err), err)


def _paired(uidls: UniqueIds | None, sizes: Sizes) -> Listing:
    """UIDL and LIST put together by message number, never by position: either may leave rows out."""
    names = dict(uidls.rows) if uidls else {}
    if uidls and len(names) < len(uidls.rows):
        # Two names for one number: neither can be trusted.
        named = Counter(number for number, _ in uidls.rows)
        names = {number: uidl if named[number] == 1 else None for number, uidl in names.items()}
    bytes_of = dict(sizes.rows)
    rows = [
        ListedMessage(number, names.get(number), bytes_of.get(number))
        for number in sorted(names.keys() | bytes_of)
    ]
    return Listing(rows, uidls is not None, sizes.damaged + (uidls.damaged if uidls else 0))
