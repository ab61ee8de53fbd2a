"""A session that breaks: lines that drop at every step, servers that fall silent or drip."""

from __future__ import annotations

import threading
import time

import pytest

from fetching.source import Limits
from tests.fetching.sessions import failing, session
from tests.servers.loopback import PATIENCE
from tests.servers.pop3 import CAPABILITIES, MailboxServer
from tests.servers.scripted import ScriptedServer, drip_forever, drop, expect, send, signed_in, stall

LOCK_STEP = [line for line in CAPABILITIES if line != "PIPELINING"]
MODES = pytest.mark.parametrize("capabilities", [CAPABILITIES, LOCK_STEP], ids=["pipelined", "lock-step"])


def letter(number: int) -> bytes:
    return b"Subject: letter %d\r\n\r\n.a line\r\n" % number


# ── C17: the line drops ─────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["UIDL", "LIST", "RETR 2", "DELE 1", "NOOP", "STAT"])
@MODES
def test_c17_at_every_step(settings, capabilities, command):
    server = MailboxServer([letter(n) for n in (1, 2, 3)], capabilities=capabilities, drop_on=command)
    with server, session(settings, server) as source:
        with failing("connection_lost"):
            source.listing()
            list(source.retrieve([1, 2, 3]))
            source.delete([1])
            source.noop()
            source.stat()
        assert source.current == {"RETR 2": 2, "DELE 1": 1}.get(command)
        assert source.quit() is False


@pytest.mark.parametrize("size", [0, 3, 20, 5_500_000])
def test_c17_within_a_message(settings, size):
    server = MailboxServer([letter(1), b"x" * 6_000_000], drop_within=("RETR 2", size))
    with server, session(settings, server) as source:
        found = source.retrieve([1, 2])
        assert next(found).data == letter(1)
        with failing("connection_lost"):
            next(found)
        assert source.current == 2


def test_a_farewell_to_the_idle_is_no_reply(settings):
    """Else the next message would look refused."""
    script = [*signed_in(), send(b"-ERR Disconnected for inactivity\r\n"), drop()]
    with ScriptedServer(script) as server, session(settings, server) as source:
        server.wait_until_idle()
        with failing("connection_lost"):
            list(source.retrieve([1]))
        assert source.quit() is False


def test_nothing_works_after_a_failure(settings):
    with MailboxServer([letter(1)], drop_on="STAT") as server, session(settings, server) as source:
        with failing("connection_lost"):
            source.stat()
        for use in (
            source.listing,
            source.noop,
            lambda: source.delete([1]),
            lambda: list(source.retrieve([1])),
        ):
            with failing("connection_lost"):
                use()


def test_closing_wakes_a_thread_that_waits(settings):
    with MailboxServer([letter(1)], stall_on="RETR") as server, session(settings, server) as source:
        asked, failures = threading.Event(), []
        server.faults.on_command = lambda _session, line: asked.set() if line.startswith("RETR") else None

        def read():
            with failing("connection_lost"):
                list(source.retrieve([1]))
            failures.append("lost")

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert asked.wait(PATIENCE)
        source.close()
        thread.join(PATIENCE)
        assert failures == ["lost"]


# ── C2: clocks ──────────────────────────────────────────────────────────────


def test_c2_silence(settings):
    limits = Limits(command=0.2, session=PATIENCE)
    with (
        MailboxServer([letter(1)], stall_on="RETR") as server,
        session(settings, server, limits=limits) as source,
    ):
        with failing("timeout"):
            list(source.retrieve([1]))
        assert source.quit() is False


@pytest.mark.parametrize(
    "reply", [b"+OK\r\nSubject: ", b"+OK\r\n" + b"x" * 4_500_000], ids=["small", "in pieces"]
)
def test_c2_a_message_that_drips(settings, reply):
    """Never silent for as long as `command` allows, and yet it ends."""
    limits = Limits(command=5, session=PATIENCE, rate_window=0.4, min_rate=1e7)
    script = [*signed_in(), expect(b"RETR 1"), send(reply), drip_forever(b"x" * 10, 0.02)]
    with ScriptedServer(script) as server, session(settings, server, limits=limits) as source:
        started = time.monotonic()
        with failing("too_slow"):
            list(source.retrieve([1]))
        assert time.monotonic() - started < 4


def test_c2_fast_enough_is_not_too_slow(settings):
    """A window that brought its bytes is followed by another, not by a failure."""
    limits = Limits(command=5, session=PATIENCE, rate_window=0.3, min_rate=10)
    script = [*signed_in(), expect(b"RETR 1"), send(b"+OK\r\n")]
    script += [lambda peer: peer.drip(b"x" * 80, 0.01), send(b"\r\n.\r\n"), stall()]
    with ScriptedServer(script) as server, session(settings, server, limits=limits) as source:
        (found,) = source.retrieve([1])
        assert found.size == 82


def test_c2_the_session_has_an_end(settings):
    limits = Limits(command=5, session=0.5)
    with (
        ScriptedServer([*signed_in(), expect(b"STAT"), stall()]) as server,
        session(settings, server, limits=limits) as source,
    ):
        started = time.monotonic()
        with failing("timeout"):
            source.stat()
        assert time.monotonic() - started < 4


def pause(seconds: float):
    """A step of a script: say nothing for so long."""
    return lambda peer: peer.stopping.wait(seconds)


LISTED = [
    expect(b"UIDL"),
    send(b"+OK\r\n1 a\r\n.\r\n"),
    expect(b"LIST"),
    send(b"+OK\r\n1 200000\r\n.\r\n"),
]


@pytest.mark.parametrize("step", ["PASS", "UIDL", "LIST", "QUIT"])
def test_c2_a_mailbox_that_takes_long_to_open_list_or_tidy(settings, step):
    """One silence longer than any other command is allowed."""
    limits = Limits(command=0.2, session=PATIENCE)
    server = MailboxServer([letter(1)], capabilities=["USER", "UIDL"])
    server.faults.on_command = lambda peer_session, said: (
        said.startswith(step) and peer_session.peer.stopping.wait(0.4)
    )
    with server, session(settings, server, limits=limits) as source:
        assert len(source.listing().rows) == 1
        assert source.delete([1]) == [1]
        assert source.quit()


def test_c2_a_listing_that_has_begun_must_go_on(settings):
    limits = Limits(command=0.2, session=PATIENCE)
    script = [*signed_in(), expect(b"UIDL"), pause(0.4), send(b"+OK\r\n1 a\r\n"), stall()]
    with (
        ScriptedServer(script) as server,
        session(settings, server, limits=limits) as source,
        failing("too_slow"),
    ):
        source.listing()


LARGE = [
    expect(b"RETR 1"),
    send(b"+OK\r\n" + b"x" * 100_000),
    pause(0.8),
    send(b"x" * 99_998 + b"\r\n.\r\n"),
]


@pytest.mark.parametrize(("slowest", "comes"), [(50_000, True), (1_000_000, False)])
def test_c2_a_large_message_may_outlast_the_session_if_it_comes_fast_enough(settings, slowest, comes):
    limits = Limits(command=PATIENCE, session=0.6, slowest=slowest)
    with (
        ScriptedServer([*signed_in(), *LISTED, *LARGE, stall()]) as server,
        session(settings, server, limits=limits) as source,
    ):
        source.listing()
        if comes:
            (found,) = source.retrieve([1])
            assert found.size == 200_000
        else:
            with failing("too_slow"):
                list(source.retrieve([1]))


def test_c2_even_a_large_message_has_an_end(settings):
    limits = Limits(command=PATIENCE, session=0.3, slowest=1, longest=0.5)
    with (
        ScriptedServer([*signed_in(), *LISTED, *LARGE[:2], stall()]) as server,
        session(settings, server, limits=limits) as source,
    ):
        source.listing()
        with failing("too_slow"):
            list(source.retrieve([1]))
