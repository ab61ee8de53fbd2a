"""The socket under clocks: what the clients of every protocol rely on."""

from __future__ import annotations

import threading
import time

import pytest

from accounts.servers.failures import MailError
from accounts.servers.transport import BLOCK, Clocks, Credentials, ServerAddress, StepClock, Transport
from tests.servers.loopback import PATIENCE
from tests.servers.scripted import ScriptedServer, drip_forever, drop, expect, reset, send, stall
from tests.servers.tls import make_ca

CLOCKS = Clocks(connect=PATIENCE, command=PATIENCE, session=PATIENCE)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def connect(settings, ca):
    """A transport to a test server; closed at the end."""
    opened = []
    settings.MAILHUB_MAIL_CA_FILE = str(ca.ca_file)

    def open_(server, clocks: Clocks = CLOCKS, protocol: str = "smtp") -> Transport:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        opened.append(Transport(ServerAddress(server.host, server.port, "plain"), clocks, protocol=protocol))
        return opened[-1]

    yield open_
    for transport in opened:
        transport.close()


def failing(code: str):
    return pytest.raises(MailError, match=f"^{code}$")


def test_bytes_go_both_ways(connect):
    with ScriptedServer([send(b"hello\r\n"), expect(b"hi"), send(b"bye\r\n")]) as server:
        transport = connect(server)
        transport.begin_reply()
        assert bytes(transport.receive()) == b"hello\r\n"
        transport.send(b"hi\r\n")
        transport.begin_reply(5)
        assert bytes(transport.receive()) == b"bye\r\n"
        transport.begin_reply()
        assert bytes(transport.receive()) == b""


def test_large_things_go_in_blocks(connect):
    got = []

    def read(peer) -> None:
        got.append(peer.read_line())

    with ScriptedServer([read, send(b"all\r\n")]) as server:
        transport = connect(server)
        transport.send(b"x" * (3 * BLOCK) + b"\r\n")
        transport.begin_reply()
        assert bytes(transport.receive()) == b"all\r\n"
    assert len(got[0]) == 3 * BLOCK


def test_inside_tls(connect, ca):
    with ScriptedServer([send(b"hello\r\n"), stall()], certificate=ca.issue("127.0.0.1")) as server:
        transport = connect(server)
        assert transport.protection == ""
        transport.start_tls()
        assert transport.protection.startswith("TLS 1.")
        transport.begin_reply()
        assert bytes(transport.receive()) == b"hello\r\n"
        assert transport.pending() is None


def test_a_bad_certificate(connect, ca):
    with ScriptedServer([stall()], certificate=ca.self_signed("127.0.0.1")) as server:
        transport = connect(server)
        with failing("certificate_self_signed"):
            transport.start_tls()
        assert transport.secure is None


def test_the_port_must_be_one_of_the_protocol(settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    with failing("port_not_allowed"):
        Transport(ServerAddress("mail.example.org", 995, "ssl"), CLOCKS, protocol="smtp")


# ── Clocks ──────────────────────────────────────────────────────────────────


def test_silence(connect):
    with ScriptedServer([stall()]) as server:
        transport = connect(server, Clocks(command=0.2, session=PATIENCE))
        transport.begin_reply()
        with failing("timeout"):
            transport.receive()


def test_a_bound_of_its_own_outlasts_the_ordinary_one(connect):
    later = [lambda peer: peer.stopping.wait(0.5), send(b"late\r\n"), stall()]
    with ScriptedServer(later) as server:
        transport = connect(server, Clocks(command=0.1, session=PATIENCE, rate_window=0.1))
        transport.begin_reply(PATIENCE)
        assert bytes(transport.receive()) == b"late\r\n"


def test_a_bound_is_for_the_whole_reply(connect):
    with ScriptedServer([drip_forever(b"x", 0.02)]) as server:
        transport = connect(server)
        transport.begin_reply(0.3)
        started = time.monotonic()
        with failing("too_slow"):
            while transport.receive():
                pass
        assert 0.25 < time.monotonic() - started < PATIENCE / 2


def test_a_reply_that_has_begun_must_be_whole_soon(connect):
    """Silence may last as long as the bound says; a reply by the byte may not."""
    clocks = Clocks(connect=PATIENCE, command=PATIENCE, session=PATIENCE, rest=0.3)
    with ScriptedServer([drip_forever(b"2", 0.02)]) as server:
        transport = connect(server, clocks)
        transport.begin_reply(PATIENCE)
        with failing("too_slow"):
            while transport.receive():
                pass


def test_the_next_reply_may_take_its_time_again(connect):
    clocks = Clocks(connect=PATIENCE, command=PATIENCE, session=PATIENCE, rest=0.3)
    again = threading.Event()
    with ScriptedServer(
        [send(b"1"), expect(b"go"), lambda peer: again.wait(0.5), send(b"2"), stall()]
    ) as server:
        transport = connect(server, clocks)
        transport.begin_reply(PATIENCE)
        assert bytes(transport.receive()) == b"1"
        transport.send(b"go\r\n")
        transport.begin_reply(PATIENCE)
        assert bytes(transport.receive()) == b"2"


def test_a_reply_without_a_bound_must_be_fast_enough(connect):
    with ScriptedServer([drip_forever(b"x", 0.02)]) as server:
        transport = connect(server, Clocks(session=PATIENCE, rate_window=0.3, min_rate=1e6))
        transport.begin_reply()
        with failing("too_slow"):
            while transport.receive():
                pass


def test_the_session_bounds_everything(connect):
    with ScriptedServer([stall()]) as server:
        transport = connect(server, Clocks(connect=PATIENCE, command=PATIENCE, session=0.3))
        assert 0 < transport.seconds_left <= 0.3
        transport.begin_reply(PATIENCE)
        with failing("timeout"):
            transport.receive()
        with failing("timeout"):
            transport.send(b"too late")


def test_a_peer_that_takes_nothing(connect):
    with ScriptedServer([lambda peer: peer.stopping.wait(PATIENCE)]) as server:
        transport = connect(server, Clocks(command=0.3, session=PATIENCE))
        with failing("too_slow"):
            transport.send(b"x" * 50_000_000)


# ── A line that breaks ──────────────────────────────────────────────────────


def test_a_line_that_is_reset(connect):
    with ScriptedServer([expect(b"go"), reset()]) as server:
        transport = connect(server)
        transport.send(b"go\r\n")
        transport.begin_reply()
        with failing("connection_lost"):
            transport.receive()


def test_what_came_unasked(connect):
    with ScriptedServer([send(b"hello\r\n"), expect(b"go"), send(b"bye\r\n"), drop()]) as server:
        transport = connect(server)
        transport.begin_reply()
        transport.receive()
        assert transport.pending() is None
        transport.send(b"go\r\n")
        server.wait_until_idle()
        assert bytes(transport.pending()) == b"bye\r\n"
        assert bytes(transport.pending()) == b""


def test_closing_wakes_a_thread_that_waits(connect):
    with ScriptedServer([send(b"ready\r\n"), stall()]) as server:
        transport = connect(server)
        transport.begin_reply()
        transport.receive()
        found, waiting = [], threading.Event()

        def read() -> None:
            waiting.set()
            transport.begin_reply()
            try:
                found.append(bytes(transport.receive()))
            except MailError as error:
                found.append(error.code)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert waiting.wait(PATIENCE)
        transport.close()
        thread.join(PATIENCE)
        assert found in ([b""], ["connection_lost"])


def test_steps_are_timed():
    steps = []
    clock = StepClock(steps.append)
    clock.done("one", "detail")
    lap = clock.lap()
    clock.report("two", lap)
    assert [(step.name, step.detail) for step in steps] == [("one", "detail"), ("two", "")]
    assert steps[1].seconds == lap >= 0
    StepClock(None).done("nobody listens")


def test_the_password_is_in_no_repr():
    assert "hunter2" not in repr(Credentials("ada", "hunter2"))
