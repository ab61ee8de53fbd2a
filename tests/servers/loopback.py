"""What the test servers share: a listener on a free loopback port, one thread a connection, a clean end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from types import TracebackType
from typing import Self

from tests.servers.tls import Certificate

PATIENCE = 20  # seconds, for what happens at once unless a test is broken


class Gone(Exception):
    """The client hung up, or the server is being stopped."""


class Peer:
    """One client as the server sees it. `said` is what it said, secrets left out by those who fill it."""

    def __init__(self, sock: socket.socket, stopping: threading.Event, segment: int) -> None:
        self.socket = sock
        self.stopping = stopping
        self.segment = segment
        self.said: list[str] = []
        self.secure = False
        self._received = b""
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_line(self) -> bytes:
        """The client's next line without its CRLF."""
        while b"\r\n" not in self._received:
            try:
                block = self.socket.recv(65536)
            except OSError as error:
                raise Gone from error
            if not block:
                raise Gone
            self._received += block
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    @property
    def waiting(self) -> int:
        """How many lines the client has sent without waiting for a reply."""
        return self._received.count(b"\r\n")

    def send(self, data: bytes) -> None:
        """All of it; in segments when the server was told so."""
        size = self.segment or len(data) or 1
        try:
            for start in range(0, len(data), size):
                self.socket.sendall(data[start : start + size])
        except OSError as error:
            raise Gone from error

    def drip(self, data: bytes, pause: float) -> None:
        """One byte, a pause, one byte; until done, the client left or the server stops."""
        for byte in data:
            self.send(bytes([byte]))
            if self.stopping.wait(pause):
                raise Gone

    def stall(self) -> None:
        """Say nothing until the client hangs up."""
        while True:
            self.read_line()

    def start_tls(self, certificate: Certificate) -> None:
        """Go on inside TLS; what was received before it is thrown away (RFC 2595, 4)."""
        self._received = b""
        try:
            self.socket = certificate.server_context().wrap_socket(self.socket, server_side=True)
        except OSError as error:
            raise Gone from error
        self.secure = True

    def reset(self) -> None:
        """Hang up by RST, as a crashed server does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise Gone

    def close(self) -> None:
        """Hang up; also wakes a thread that reads from this client."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class LoopbackServer:
    """`with` starts and stops it. `certificate` means TLS from the first byte.

    `segment` is how many bytes go out in one segment, 0 for no limit. What a session's thread raises, other
    than Gone, is raised again at the end of the `with` block, so that a script that was not followed fails
    its test.
    """

    host = "127.0.0.1"

    def __init__(self, *, certificate: Certificate | None = None, segment: int = 0) -> None:
        self.certificate = certificate
        self.segment = segment
        self.peers: list[Peer] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self, peer: Peer) -> None:
        """One session, in its own thread."""
        raise NotImplementedError

    @property
    def entry(self) -> str:
        """For MAILHUB_ALLOWED_MAIL_HOSTS."""
        return f"{self.host}:{self.port}"

    @property
    def transcripts(self) -> list[list[str]]:
        """What the clients said, a list for each connection."""
        return [list(peer.said) for peer in self.peers]

    def said(self, verb: str = "") -> list[str]:
        """All commands that begin with a verb, over all connections."""
        return [line for peer in self.peers for line in peer.said if line.startswith(verb)]

    def wait_until_idle(self) -> None:
        """Until every session so far is over, so that what it did can be looked at."""
        for thread in self._threads[1:]:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a session does not end"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # close alone would not wake the accepting thread
        self._listener.close()
        with self._lock:
            for peer in self.peers:
                peer.close()
        for thread in self._threads:
            thread.join(PATIENCE)
        if error is None:
            assert not any(thread.is_alive() for thread in self._threads), "a server thread does not end"
            if self._errors:
                raise self._errors[0]

    def _start(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True, name=type(self).__name__)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                peer = Peer(sock, self._stopping, self.segment)
                self.peers.append(peer)
                self._start(self._session, peer)

    def _session(self, peer: Peer) -> None:
        try:
            if self.certificate is not None:
                peer.start_tls(self.certificate)
            self.serve(peer)
        except (Gone, ssl.SSLError):
            pass
        except BaseException as error:
            if not self._stopping.is_set():
                self._errors.append(error)
        finally:
            peer.close()
