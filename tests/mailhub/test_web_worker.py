"""The web server as it is started, and clients that take their time."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

from mailhub import web_worker
from mailhub.embedded.process import free_port, port_answers, wait_until
from mailhub.management.commands.up import web_server

pytestmark = pytest.mark.slow

SLOW_CLIENTS = 50
THREADS = 2
# Short limits, in the same code: no test waits for the real ones.
STARTER = """
import sys
from mailhub import web_worker
for name, value in {limits!r}.items():
    assert hasattr(web_worker, name)
    setattr(web_worker, name, value)
from gunicorn.app.wsgiapp import run
sys.exit(run())
"""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Server:
    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.port, self.process = port, process

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def get(self, path: str = "/", **options) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(options.pop("method", "GET"), path, **options)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())


def start(limits: dict[str, float], *more: str) -> Server:
    port = free_port()
    command = [
        *[sys.executable, "-c", STARTER.format(limits=limits), "tests.mailhub.web_application:application"],
        *["--worker-class", "mailhub.web_worker.BufferedWorker", "--workers", "1", "--threads", str(THREADS)],
        *["--bind", f"127.0.0.1:{port}", "--no-control-socket", "--graceful-timeout", "3", *more],
    ]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=os.environ)
    assert wait_until(lambda: port_answers(port), 30)
    return Server(port, process)


@pytest.fixture(scope="module")
def server():
    """With the limits of production."""
    found = start({})
    yield found
    found.end()


@pytest.fixture
def impatient():
    found = start({"HEAD_SECONDS": 1, "IDLE_SECONDS": 1, "BODY_SECONDS": 1, "SLOWEST": 100_000_000})
    yield found
    found.end()


HEAD = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
BEGINNINGS = {
    "silent": b"",
    "within the header": HEAD,
    "within the body": HEAD + b"\r\n" + b"x" * 500,
    "within a chunk": b"POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nxx",
    "waiting for a word": HEAD + b"Expect: 100-continue\r\n\r\n",
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_fifty_slow_clients_keep_nobody_waiting(server, beginning):
    slow = [server.connect() for _ in range(SLOW_CLIENTS)]
    try:
        for turn in range(3):
            for client in slow:
                client.sendall(beginning if turn == 0 else b"y")
            assert server.get().body.endswith(b"GET / 0")
    finally:
        for client in slow:
            client.close()


def test_fifty_clients_that_do_not_take_their_answer_keep_nobody_waiting(server):
    slow = [server.connect() for _ in range(SLOW_CLIENTS)]
    try:
        for client in slow:
            client.sendall(b"GET /large/8000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert server.get().body.endswith(b"GET / 0")
    finally:
        for client in slow:
            client.close()


def test_bodies_and_answers_come_whole(server):
    assert server.get("/form", method="POST", body=b"x" * 3_000_000).body.endswith(b"POST /form 3000000")
    chunked = server.get("/form", method="POST", body=iter([b"x" * 1000] * 30), encode_chunked=True)
    assert chunked.body.endswith(b" 30000")
    assert len(server.get("/large/30000000").body) == 30_000_000


def test_it_does_not_say_what_it_is(server):
    headers = server.get().headers
    assert "Server" not in headers
    assert "Via" not in headers


def test_what_is_too_large_is_refused(server):
    assert server.get(headers={"Cookie": "x" * 70_000}).status == 431
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000000\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_every_phase_of_a_request_has_an_end_however_busy_the_client_looks(impatient, beginning):
    """A byte now and then is activity, and must not be enough."""
    with impatient.connect() as client:
        client.sendall(beginning)
        ended = threading.Event()

        def dribble() -> None:
            while not ended.wait(0.2):
                try:
                    client.sendall(b"z" if beginning else b"\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            received = b"x"
            while received:  # until the server hangs up; the socket's own timeout fails the test
                received = client.recv(1000)
        except ConnectionError:
            pass
        finally:
            ended.set()
            thread.join()


def test_an_answer_that_is_not_taken_has_an_end(impatient):
    with impatient.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /large/20000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wait_until(lambda: _is_ended(impatient, client), 20)


def _is_ended(server: Server, client: socket.socket) -> bool:
    """Whether the server's half of the connection is gone, without taking a byte of the answer."""
    name = f"0100007F:{client.getsockname()[1]:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    states = [fields[3] for fields in lines if fields[2] == name]
    return "01" not in states  # TCP_ESTABLISHED


def test_a_worker_that_has_answered_its_share_is_replaced_and_nobody_notices():
    server = start({}, "--max-requests", "5")
    try:
        pids = {server.get().body.split()[0] for _ in range(15)}
        assert len(pids) >= 2
    finally:
        server.end()


def test_an_answer_under_way_is_finished_before_the_server_ends():
    server = start({})
    with server.connect() as client:
        client.sendall(b"GET /large/30000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        server.process.terminate()
        received = 0
        while piece := client.recv(1_000_000):
            received += len(piece)
        assert received > 30_000_000
    assert server.process.wait(20) == 0


def test_make_run_and_the_image_start_it():
    assert "mailhub.web_worker.BufferedWorker" in web_server(8000, "warning")
    assert '"mailhub.web_worker.BufferedWorker"' in (settings.BASE_DIR / "Dockerfile").read_text()
    assert web_worker.ANSWER > 150 * 1024 * 1024, "the largest message is downloaded without holding a thread"
