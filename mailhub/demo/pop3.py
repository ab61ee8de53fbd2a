"""The POP3 server of the demo provider: RFC 1939 with CAPA, UIDL, TOP, pipelining and SASL PLAIN."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress

from mailhub.demo.maildrop import MailboxInUse, Maildrop, StoredMessage

log = logging.getLogger("mailhub.demo")

# A command is at most 255 octets (RFC 2449, 4); a SASL response may be longer (RFC 5034, 4).
LONGEST_LINE = 16 * 1024
MOST_REFUSED_PASSWORDS = 3

# RFC 2449, 6 for the first five, RFC 3206, 6 for AUTH-RESP-CODE.
CAPABILITIES = (
    b"TOP",
    b"UIDL",
    b"USER",
    b"PIPELINING",
    b"RESP-CODES",
    b"AUTH-RESP-CODE",
    b"SASL PLAIN",
    b"EXPIRE NEVER",
)

Authenticate = Callable[[str, str], str | None]
"""Takes a user name and a password; returns the mailbox's address, or None if they do not fit."""


Command = Callable[[bytes], Awaitable[bytes]]
"""Takes a command's argument, returns the whole answer; raises Refused."""


class Refused(Exception):
    """The command is answered with -ERR and this text."""


class Session:
    """One POP3 connection, from greeting to end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        maildrops: Mapping[str, Maildrop],
        authenticate: Authenticate,
        idle_seconds: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._maildrops = maildrops
        self._authenticate = authenticate
        self._idle_seconds = idle_seconds
        self._hold = ExitStack()
        self._username = ""
        self._refused_passwords = 0
        self._maildrop: Maildrop | None = None
        self._messages: list[StoredMessage] = []
        self._deleted: set[int] = set()
        self._open = True

    async def run(self) -> None:
        """Serve until QUIT, the client's departure or its silence. Only QUIT deletes (RFC 1939, 6)."""
        try:
            await self._send(b"+OK Post ready, take your time\r\n")
            while self._open and (line := await self._line()):
                await self._send(await self._answer(line))
        except (ConnectionError, TimeoutError):
            pass  # the client left or fell silent: nothing is deleted, nobody is there to be told
        finally:
            self._hold.close()
            self._writer.close()
            with suppress(ConnectionError, TimeoutError):
                await self._writer.wait_closed()

    async def _line(self) -> bytes:
        """Return the next command without its line end; empty at the end. Raises TimeoutError."""
        async with asyncio.timeout(self._idle_seconds):
            try:
                line = await self._reader.readline()
            except ValueError:  # longer than LONGEST_LINE: whatever follows is not a command any more
                self._open = False
                return b"TOOLONG"
        # A line that the client left unfinished is no command; an empty line is one, and wrong.
        return (line.rstrip(b"\r\n") or b"EMPTY") if line.endswith(b"\n") else b""

    async def _send(self, answer: bytes) -> None:
        self._writer.write(answer)
        async with asyncio.timeout(self._idle_seconds):
            await self._writer.drain()

    async def _answer(self, line: bytes) -> bytes:
        verb, _, argument = line.partition(b" ")
        command = self._commands().get(verb.upper())
        try:
            if command is None:
                raise Refused("this command is not known here, or not now")
            return await command(argument)
        except Refused as refusal:
            return b"-ERR " + str(refusal).encode() + b"\r\n"

    def _commands(self) -> Mapping[bytes, Command]:
        always: dict[bytes, Command] = {b"CAPA": self._capa, b"QUIT": self._quit}
        if self._maildrop is None:  # AUTHORIZATION state (RFC 1939, 4)
            return always | {b"USER": self._user, b"PASS": self._pass, b"AUTH": self._auth}
        return always | {  # TRANSACTION state (RFC 1939, 5)
            b"STAT": self._stat,
            b"LIST": self._list,
            b"UIDL": self._uidl,
            b"RETR": self._retr,
            b"TOP": self._top,
            b"DELE": self._dele,
            b"RSET": self._rset,
            b"NOOP": self._noop,
        }

    async def _capa(self, argument: bytes) -> bytes:
        return _multiline(b"Capabilities follow", b"".join(name + b"\r\n" for name in CAPABILITIES))

    async def _user(self, argument: bytes) -> bytes:
        # Also for a name that does not exist: nobody learns here who has a mailbox.
        self._username = _text(argument)
        return b"+OK Now the password\r\n"

    async def _pass(self, argument: bytes) -> bytes:
        if not self._username:
            raise Refused("say USER first")
        return self._sign_in(self._username, _text(argument))  # a password may hold spaces (RFC 1939, 7)

    async def _auth(self, argument: bytes) -> bytes:
        """SASL PLAIN, with or without an initial response (RFC 5034, 4, RFC 4616, 2)."""
        mechanism, _, response = argument.partition(b" ")
        if mechanism.upper() != b"PLAIN":
            raise Refused("only PLAIN is known here")
        if not response:
            await self._send(b"+ \r\n")
            response = await self._line()
        try:
            _, username, password = base64.b64decode(response, validate=True).split(b"\0")
        except (binascii.Error, ValueError):  # "*", with which a client gives up, ends here too
            raise Refused("this is not a PLAIN response") from None
        return self._sign_in(_text(username), _text(password))

    def _sign_in(self, username: str, password: str) -> bytes:
        address = self._authenticate(username, password)
        if address is None:
            self._username = ""
            self._refused_passwords += 1
            self._open = self._refused_passwords < MOST_REFUSED_PASSWORDS
            raise Refused("[AUTH] the user name or the password is wrong")
        maildrop = self._maildrops[address]
        try:
            self._messages = self._hold.enter_context(maildrop.locked())
        except MailboxInUse:
            raise Refused("[IN-USE] another session holds this mailbox, try again shortly") from None
        self._maildrop = maildrop
        log.debug("%s: %d messages offered", address, len(self._messages))
        return b"+OK %d messages\r\n" % len(self._messages)

    async def _stat(self, argument: bytes) -> bytes:
        left = [message.octets for _, message in self._left()]
        return b"+OK %d %d\r\n" % (len(left), sum(left))

    async def _list(self, argument: bytes) -> bytes:
        return self._listing(argument, lambda message: str(message.octets))

    async def _uidl(self, argument: bytes) -> bytes:
        return self._listing(argument, lambda message: message.unique_id)

    def _listing(self, argument: bytes, show: Callable[[StoredMessage], str]) -> bytes:
        if argument:
            number, message = self._message(argument)
            return f"+OK {number} {show(message)}\r\n".encode()
        return _multiline(
            b"", "".join(f"{number} {show(message)}\r\n" for number, message in self._left()).encode()
        )

    async def _retr(self, argument: bytes) -> bytes:
        _, message = self._message(argument)
        assert self._maildrop
        await asyncio.sleep(self._maildrop.pace)
        return _multiline(b"%d octets" % message.octets, _read(message))

    async def _top(self, argument: bytes) -> bytes:
        number, _, lines = argument.partition(b" ")
        if not lines.isdigit():
            raise Refused("TOP takes a message and a number of lines")
        _, message = self._message(number)
        return _multiline(b"Top follows", _beginning(_read(message), int(lines)))

    async def _dele(self, argument: bytes) -> bytes:
        number, _ = self._message(argument)
        self._deleted.add(number)
        return b"+OK Will be deleted when you say QUIT\r\n"

    async def _rset(self, argument: bytes) -> bytes:
        self._deleted.clear()
        return b"+OK Nothing will be deleted\r\n"

    async def _noop(self, argument: bytes) -> bytes:
        return b"+OK\r\n"

    async def _quit(self, argument: bytes) -> bytes:
        self._open = False
        if self._maildrop is not None:  # UPDATE state (RFC 1939, 6)
            try:
                self._maildrop.remove(self._messages[number - 1] for number in sorted(self._deleted))
            except OSError:
                raise Refused("[SYS/TEMP] some deleted messages could not be removed") from None
            log.debug("%s: %d messages deleted", self._maildrop.address, len(self._deleted))
        return b"+OK Until next time\r\n"

    def _left(self) -> list[tuple[int, StoredMessage]]:
        numbered = enumerate(self._messages, 1)
        return [(number, message) for number, message in numbered if number not in self._deleted]

    def _message(self, argument: bytes) -> tuple[int, StoredMessage]:
        number = int(argument) if argument.isdigit() and len(argument) < 10 else 0
        if not 1 <= number <= len(self._messages) or number in self._deleted:
            raise Refused("no such message")
        return number, self._messages[number - 1]


def _read(message: StoredMessage) -> bytes:
    try:
        return message.read()
    except OSError:
        raise Refused("[SYS/TEMP] this message cannot be read at the moment") from None


def _multiline(status: bytes, content: bytes) -> bytes:
    """A multi-line answer: lines that begin with a dot get a second one (RFC 1939, 3)."""
    if content.startswith(b"."):
        content = b"." + content
    return b"+OK " + status + b"\r\n" + content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _beginning(raw: bytes, lines: int) -> bytes:
    """The header, the blank line, and the first `lines` lines of the body (RFC 1939, 7, TOP)."""
    header, blank, body = raw.partition(b"\r\n\r\n")
    return header + blank + b"".join(body.splitlines(keepends=True)[:lines]) if blank else raw


def _text(argument: bytes) -> str:
    return argument.decode("utf-8", "replace")
