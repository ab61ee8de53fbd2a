"""The web server's worker: gunicorn looks after processes, waitress after clients, so that no slow one holds a thread.

Requests are read whole, and answers kept until they are taken, by one loop that waits for nobody; threads see only
requests that are complete. Every phase of a connection has an end: see the limits below, and docs/deployment.md.
"""

from __future__ import annotations

import resource
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

HEAD_SECONDS = 15  # for the header of a request, from its first byte
IDLE_SECONDS = 60  # between two requests, and before the first
FRESH_SECONDS = 2  # in which a worker that is to end still waits for the first request of a new connection
BODY_SECONDS = 30  # for a body or an answer, besides the time its bytes may take
SLOWEST = 8 * 1024  # bytes a second of a body or an answer
HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024 * 1024  # a form says better what is too large, so this is far above any of them
CONNECTIONS = 1_000  # of one process
FILES = 4 * CONNECTIONS
# What is in memory of one body or answer; the rest is in a temporary file.
MEMORY = 512 * 1024
NO_LINGER = struct.pack("ii", 1, 0)
# A thread never waits for a client to take its answer: the largest message fits.
ANSWER = 512 * 1024 * 1024


class TimedRequest(HTTPRequestParser):  # type: ignore[misc]
    """A request while it is received."""

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.since = time.monotonic()

    def is_late(self, now: float) -> bool:
        """Whether it takes longer than an honest client on a bad line needs."""
        if not self.headers_finished:
            return now > self.since + HEAD_SECONDS
        received: int = self.body_bytes_received
        return now > self.since + HEAD_SECONDS + BODY_SECONDS + received / SLOWEST


class TimedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose every phase ends: waiting, receiving, being answered (which threads do), sending."""

    parser_class = TimedRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.answered, self.owed, self.is_fresh, self.is_served = time.monotonic(), 0, True, False
        super().__init__(*args, **kwargs)

    def service(self) -> None:
        """Answer a request; from now on the answer is to be taken."""
        self.is_served = True
        super().service()
        self.answered, self.owed, self.is_fresh = time.monotonic(), self.total_outbufs_len, False
        self.is_served = False

    def is_late(self, now: float) -> bool:
        """Whether the client has had its time."""
        if self.requests or self.is_served:
            return False  # it waits for us, or its time has not begun yet
        if self.total_outbufs_len:
            return now > self.answered + BODY_SECONDS + self.owed / SLOWEST
        # A lock would be needed to look twice.
        request = self.request
        return now > self.answered + IDLE_SECONDS if request is None else request.is_late(now)


class TimedServer(TcpWSGIServer):  # type: ignore[misc]
    """The loop's listening side."""

    channel_class = TimedChannel

    def maintenance(self, now: float) -> None:
        """Waitress's own rule, which any byte now and then satisfies; see `close_late`."""

    def close_late(self) -> None:
        """Hang up on clients that have had their time, not waiting until they take what is still to be sent."""
        now = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_late(now):
                channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                channel.handle_close()

    def is_busy(self) -> bool:
        """Whether a client would miss something if this ended now; one that only might ask again would not."""
        young = time.monotonic() - FRESH_SECONDS
        return any(
            channel.requests
            or channel.total_outbufs_len
            or channel.request
            or (channel.is_fresh and channel.answered > young)
            for channel in self.active_channels.values()
        )


class BufferedWorker(Worker):  # type: ignore[misc]
    """Gunicorn's side: starts, tells the arbiter that it lives, ends when told to or after `max_requests`."""

    def run(self) -> None:
        """Serve until `alive` is false, then finish what has begun, for `graceful_timeout` seconds."""
        _allow_files()
        adjustments = Adjustments(
            threads=self.cfg.threads,
            connection_limit=CONNECTIONS,
            max_request_header_size=HEAD_LIMIT,
            max_request_body_size=BODY_LIMIT,
            inbuf_overflow=MEMORY,
            outbuf_overflow=MEMORY,
            outbuf_high_watermark=ANSWER,
            asyncore_use_poll=True,
            log_socket_errors=False,
            ident=None,
        )
        self.dispatcher = ThreadedTaskDispatcher()
        self.dispatcher.set_thread_count(self.cfg.threads)
        self.connections: dict[int, Any] = {}
        self.servers = [self._server(listener.sock, adjustments) for listener in self.sockets]
        while self.alive:
            self._turn(1)
        for server in self.servers:
            server.accepting = False
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end and any(server.is_busy() for server in self.servers):
            self._turn(0.1)
        self.dispatcher.shutdown(timeout=1)

    def _server(self, listener: Any, adjustments: Adjustments) -> TimedServer:
        info = (listener.family, listener.type, listener.proto, listener.getsockname())
        return TimedServer(
            self._application,
            self.connections,
            True,
            listener,
            dispatcher=self.dispatcher,
            adj=adjustments,
            bind_socket=False,
            sockinfo=info,
        )

    def _turn(self, seconds: float) -> None:
        self.notify()
        for server in self.servers:
            server.close_late()
        wasyncore.loop(timeout=seconds, use_poll=True, map=self.connections, count=1)

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False
        answer: Iterable[bytes] = self.wsgi(environ, start_response)
        return answer


def _allow_files() -> None:
    """A connection is a file, and so is each large body and answer; the usual 1,024 are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
