"""A socket to a mail server under clocks, and the small values every mail client starts from.

A socket's own timeout starts again with every byte, so a server that sends (or takes) one now and then would
hold a worker for ever. Here every wait is cut to what is left of all clocks.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from accounts.servers import hosts
from accounts.servers.failures import MailError

BLOCK: Final = 256 * 1024
SENT_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the server is. `encryption` is "ssl" (TLS from the first byte), "starttls" or "plain" (none).

    `by_operator`: it comes from the settings of this Mailhub and not from a person (accounts/servers/hosts.py).
    """

    host: str
    port: int
    encryption: str
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in. The password is in no repr and never in an exception."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long things may take, in seconds, and how slowly they may go.

    `connect` bounds name, TCP and each TLS handshake, `command` the silence while something is due (and the
    time one block may take to be sent), `session` everything together. `rest` bounds what is left of a reply whose
    first byte has come: who takes long to answer may do so, who answers by the byte may not. A reply without a bound
    of its own that has been going on for `rate_window` seconds must bring `min_rate` bytes a second, averaged over each
    such window; so must what is sent.
    """

    connect: float = 20
    command: float = 60
    session: float = 480
    rest: float = 60
    min_rate: float = 1024
    rate_window: float = 60


class Step(NamedTuple):
    """One thing done with a server, for the connection test; `seconds` is what it took.

    `detail` is our own words or numbers only (an address, a TLS version), never the server's.
    """

    name: str
    seconds: float
    detail: str = ""


OnStep = Callable[[Step], None]


class StepClock:
    """Reports steps with the time since the last one."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last step, which ends here."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        return seconds

    def done(self, name: str, detail: str = "") -> None:
        """A step has just ended."""
        self.report(name, self.lap(), detail)

    def report(self, name: str, seconds: float, detail: str = "") -> None:
        """A step has ended, after so many seconds."""
        if self._on_step is not None:
            self._on_step(Step(name, seconds, detail))


class Transport:
    """One connection. Methods raise MailError: timeout, too_slow, connection_lost and those of `hosts`."""

    def __init__(
        self,
        address: ServerAddress,
        clocks: Clocks,
        on_resolved: Callable[[str], None] | None = None,
        *,
        protocol: str,
    ) -> None:
        """Connect, as `accounts.servers.hosts` allows `protocol` to; plain at first."""
        self._clocks = clocks
        self._deadline = time.monotonic() + clocks.session
        self._first_byte_by: float | None = None  # of a reply that may begin late
        self._host = address.host
        self._block = memoryview(bytearray(BLOCK))
        self._bound: float | None = None  # when the reply must be whole; None: the rate counts instead
        self._window_start = 0.0
        self._window_bytes = 0
        self._busy = threading.Lock()
        self.secure: ssl.SSLSocket | None = None
        self._socket: socket.socket = hosts.connect(
            address.host,
            address.port,
            timeout=self._left(clocks.connect),
            protocol=protocol,
            by_operator=address.by_operator,
            on_resolved=on_resolved,
        )

    def start_tls(self, within: float | None = None) -> None:
        """Go on inside TLS; the handshake may take `within` seconds, as long as connecting if None."""
        # On failure start_tls has closed the socket; there is no way back to the plain one.
        timeout = self._left(self._clocks.connect if within is None else within)
        self.secure = hosts.start_tls(self._socket, self._host, timeout=timeout)
        self._socket = self.secure

    @property
    def protection(self) -> str:
        """The TLS version and until when the certificate is valid, for the connection test; "" without TLS."""
        if self.secure is None:
            return ""
        version = (self.secure.version() or "TLS").replace("TLSv", "TLS ")
        expiry = hosts.certificate_expiry(self.secure)
        return f"{version}, {expiry:%Y-%m-%d}" if expiry else version

    # ── Out ─────────────────────────────────────────────────────────────────

    def send(self, data: bytes | memoryview) -> None:
        """All of it, in blocks, none of which may take longer than `command` or be slower than `min_rate`."""
        patience = min(self._clocks.command, SENT_BLOCK / self._clocks.min_rate)
        view = memoryview(data)
        for start in range(0, len(view), SENT_BLOCK):
            timeout = self._left(patience)
            try:
                with self._busy:
                    self._socket.settimeout(timeout)
                    self._socket.sendall(view[start : start + SENT_BLOCK])
            except TimeoutError as error:
                raise MailError("too_slow" if start else "timeout") from error
            except OSError as error:
                raise _lost(error) from error

    # ── In ──────────────────────────────────────────────────────────────────

    def begin_reply(self, within: float | None = None, *, silence: float | None = None) -> None:
        """A new reply is waited for from now on.

        `within` bounds all of it, in seconds, whatever the other clocks but the session's and `rest` say; without
        it neither silence nor slowness is borne for long, but a large reply may take its time. `silence`: how long
        its first byte may take, if longer than `command`.
        """
        now = time.monotonic()
        self._window_start, self._window_bytes = now, 0
        self._bound = None if within is None else now + within
        self._first_byte_by = None if silence is None else now + silence

    def extend(self, seconds: float) -> None:
        """Let the session last at least so many seconds from now."""
        self._deadline = max(self._deadline, time.monotonic() + seconds)

    def receive(self) -> memoryview:
        """What the server sent next, empty at its end; good until the next call."""
        timeout = self._patience()
        try:
            with self._busy:
                self._socket.settimeout(timeout)
                size = self._socket.recv_into(self._block)
                if size and self.secure is not None:
                    size = self._fill(size)
        except TimeoutError as error:
            raise self._impatient() from error
        except OSError as error:
            raise _lost(error) from error
        if self._first_byte_by is not None:
            self._first_byte_by, self._window_start = None, time.monotonic()
        if self._bound is not None and not self._window_bytes:
            self._bound = min(self._bound, time.monotonic() + self._clocks.rest)
        self._window_bytes += size
        return self._block[:size]

    def _fill(self, size: int) -> int:
        """Add what else has come to the `size` bytes in the block, without waiting; returns how many there are now.

        TLS hands over one record at a time, and servers write records of 4 KB: each would go through everything
        above on its own.
        """
        self._socket.settimeout(0)
        # What went wrong comes again when there is nothing else to hand over.
        with contextlib.suppress(OSError):
            while size < BLOCK and (more := self._socket.recv_into(self._block[size:])):
                size += more
        return size

    def _patience(self) -> float:
        """How many seconds the next wait may take; raises MailError when a clock has run out."""
        clocks, now = self._clocks, time.monotonic()
        left = self._deadline - now
        if self._bound is not None:
            left = min(left, self._bound - now)
        elif self._first_byte_by is not None:
            left = min(left, self._first_byte_by - now)
        else:
            left = min(left, clocks.command)
            window_left = self._window_start + clocks.rate_window - now
            if self._window_bytes < clocks.min_rate * clocks.rate_window:
                left = min(left, window_left)
            elif window_left <= 0:
                self._window_start, self._window_bytes = now, 0
        if left <= 0:
            raise self._impatient()
        return left

    def _impatient(self) -> MailError:
        # Bytes that came, but not enough of them, are what a timeout for silence would never have ended.
        return MailError("too_slow" if self._window_bytes else "timeout")

    def pending(self) -> memoryview | None:
        """What the server sent though nothing is due: None for nothing, empty for a closed line."""
        try:
            with self._busy:
                self._socket.settimeout(0)
                return self._block[: self._socket.recv_into(self._block)]
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError as error:
            raise _lost(error) from error

    # ── The end ─────────────────────────────────────────────────────────────

    @property
    def seconds_left(self) -> float:
        """Until the session's deadline."""
        return self._deadline - time.monotonic()

    def close(self) -> None:
        """Hang up; wakes a thread that waits in `receive`. Never raises."""
        with contextlib.suppress(OSError):
            # Not SSLSocket's own shutdown, which would pull the TLS object from under the waiting thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        # Only once that thread is out may the descriptor's number go to somebody else's connection.
        with self._busy, contextlib.suppress(OSError):
            self._socket.close()

    def _left(self, limit: float) -> float:
        left = min(limit, self.seconds_left)
        if left <= 0:
            raise MailError("timeout")
        return left


def _lost(error: OSError) -> MailError:
    return MailError("timeout" if isinstance(error, TimeoutError) else "connection_lost")
