"""A socket to a mail server under three clocks: the session's, the silence, and the least speed.

A socket's own timeout starts again with every byte, so a server that sends one now and then would hold a
worker for ever. Here every wait is cut to what is left of all three.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final

from accounts import hosts
from accounts.failures import MailError
from fetching.sources import Limits, ServerAddress

BLOCK: Final = 256 * 1024


class Transport:
    """One connection. Methods raise MailError: timeout, too_slow, connection_lost and those of `hosts`."""

    def __init__(self, address: ServerAddress, limits: Limits, on_resolved: Callable[[str], None]) -> None:
        """Connect, as `accounts.hosts` allows; plain at first."""
        self._limits = limits
        self._deadline = time.monotonic() + limits.session
        self._host = address.host
        self._block = memoryview(bytearray(BLOCK))
        self._reply_deadline = 0.0
        self._window_start = 0.0
        self._window_bytes = 0
        self._busy = threading.Lock()
        self.secure: ssl.SSLSocket | None = None
        self._socket: socket.socket = hosts.connect(
            address.host, address.port, timeout=self._left(limits.connect), on_resolved=on_resolved
        )

    def start_tls(self) -> None:
        """Go on inside TLS."""
        # On failure start_tls has closed the socket; there is no way back to the plain one.
        self.secure = hosts.start_tls(self._socket, self._host, timeout=self._left(self._limits.connect))
        self._socket = self.secure

    def send(self, data: bytes) -> None:
        """All of it."""
        timeout = self._left(self._limits.command)
        try:
            with self._busy:
                self._socket.settimeout(timeout)
                self._socket.sendall(data)
        except OSError as error:
            raise _lost(error) from error

    def begin_reply(self, within: float | None = None) -> None:
        """A new reply is waited for from now on; `within` bounds all of it, in seconds."""
        now = time.monotonic()
        self._window_start, self._window_bytes = now, 0
        self._reply_deadline = self._deadline if within is None else min(self._deadline, now + within)

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
        limits, now = self._limits, time.monotonic()
        left = min(limits.command, self._reply_deadline - now)
        window_left = self._window_start + limits.rate_window - now
        if self._window_bytes < limits.min_rate * limits.rate_window:
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
