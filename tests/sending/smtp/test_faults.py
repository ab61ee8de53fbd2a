"""A line that breaks: safe to try again up to the final dot, unknown after it, and never anything else."""

from __future__ import annotations

import threading
import time

import pytest

from sending.smtp.client import Limits, Phase, Verdict
from tests.sending.sessions import BOB, EVE, LIMITS, MESSAGE, send
from tests.servers.loopback import PATIENCE
from tests.servers.scripted import ScriptedServer, drip_forever, exchange, expect, stall
from tests.servers.scripted import send as say
from tests.servers.smtp import SubmissionServer

LARGE = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 100_000


def outcome(found) -> tuple:
    return found.verdict, found.error.code, [each.verdict for each in found.recipients]


NOT_SENT = (Verdict.NOT_SENT, "sending_interrupted", [Verdict.NOT_SENT] * 2)
MAYBE = (Verdict.UNKNOWN, "maybe_sent", [Verdict.UNKNOWN] * 2)
RESET = pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])


def quick(**changes: float) -> Limits:
    kept = {"connect": PATIENCE, "greeting": PATIENCE, "command": PATIENCE, "session": 3 * PATIENCE}
    return Limits(**{**kept, "final_dot": PATIENCE, "farewell": PATIENCE, **changes})


# ── Before the dot: nothing was sent ────────────────────────────────────────


@RESET
@pytest.mark.parametrize("fault", ["drop_on", "lose_reply"])
@pytest.mark.parametrize(
    ("command", "phase"),
    [
        ("GREETING", Phase.CONNECTED),
        ("EHLO", Phase.CONNECTED),
        ("MAIL", Phase.SIGNED_IN),
        (f"RCPT TO:<{BOB}>", Phase.SIGNED_IN),
        (f"RCPT TO:<{EVE}>", Phase.SIGNED_IN),
    ],
)
def test_sent_the_line_drops_before_the_message(settings, command, phase, fault, reset):
    with SubmissionServer(**{fault: command}, reset=reset) as server:
        found, handed = send(settings, server, to=(BOB, EVE))
    assert outcome(found) == NOT_SENT
    # A line that is reset at once may not even look like one.
    assert found.phase is phase or (command == "GREETING" and reset and found.phase is Phase.STARTED)
    assert handed.calls == 0
    assert server.accepted == []


@RESET
@pytest.mark.parametrize("command", [f"RCPT TO:<{EVE}>", "MAIL"])
def test_sent_the_line_drops_after_an_answer(settings, command, reset):
    with SubmissionServer(drop_after=command, reset=reset) as server:
        found, handed = send(settings, server, to=(BOB, EVE))
    assert outcome(found) == NOT_SENT
    assert handed.calls == 0


@RESET
@pytest.mark.parametrize("size", [0, 1_000_000])
def test_sent_the_line_drops_within_the_message(settings, size, reset):
    with SubmissionServer(drop_within_data=size, reset=reset) as server:
        found, handed = send(settings, server, to=(BOB, EVE), message=LARGE)
    assert outcome(found) == NOT_SENT
    assert (found.phase, handed.calls) == (Phase.DATA_STARTED, 0)
    assert server.accepted == []


def test_sent_a_refused_recipient_stays_refused_when_the_line_drops(settings):
    refuse = {f"RCPT TO:<{EVE}>": "550 5.1.1 unknown"}
    with SubmissionServer(refuse=refuse, drop_within_data=0) as server:
        found, _ = send(settings, server, to=(BOB, EVE), message=LARGE)
    assert [each.verdict for each in found.recipients] == [Verdict.NOT_SENT, Verdict.PERMANENT]


def test_sent_the_callers_own_trouble_before_the_dot(settings):
    """The row could not be written: then the message must not go out."""

    def fail() -> None:
        raise RuntimeError("no database")

    with SubmissionServer() as server:
        with pytest.raises(RuntimeError, match="no database"):
            send(settings, server, on_hand_over=fail)
        server.wait_until_idle()
    assert server.accepted == []
    assert server.parts == [MESSAGE]


@pytest.mark.parametrize(
    "line", [b"552 5.3.4 Message too big\r\n", b"451 4.3.0 disk full\r\n", b"421 bye\r\n"]
)
def test_sent_refused_while_it_was_still_going_out(settings, line):
    with SubmissionServer(early=line) as server:
        found, handed = send(settings, server, to=(BOB, EVE), message=LARGE)
    expected = Verdict.PERMANENT if line.startswith(b"5") else Verdict.TEMPORARY
    assert handed.calls == 0
    assert server.accepted == []
    # A line closed at once may take the words with it; then it is merely interrupted.
    if found.answer is None:
        assert outcome(found) == NOT_SENT
    else:
        assert (found.verdict, found.answer.code) == (expected, int(line[:3]))
        assert found.phase is Phase.DATA_STARTED


def test_sent_an_early_refusal_is_read_when_it_is_there(settings):
    """The server goes on reading, as the better ones do."""
    told = threading.Event()

    def refuse_then_read(peer) -> None:
        peer.send(b"552 5.3.4 Message too big\r\n")
        told.set()
        peer.stall()

    script = [*signed_in(), expect(b"DATA"), say(b"354 go\r\n"), refuse_then_read]
    with ScriptedServer(script) as server:
        found, handed = send(settings, server, message=LARGE, password=None)
    assert told.is_set()
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.PERMANENT, "too_large_to_send", 0)


def signed_in() -> list:
    """The usual beginning of a script, up to the recipients; no password is asked for."""
    return [
        say(b"220 hi\r\n"),
        exchange((b"EHLO .*", b"250 x\r\n"), (b"MAIL .*", b"250 ok\r\n"), (b"RCPT .*", b"250 ok\r\n")),
    ]


@pytest.mark.parametrize("reply", [b"250 what a message\r\n", b"hello\r\n"])
@pytest.mark.parametrize("size", [1, 100_000], ids=["small", "large"])
def test_sent_a_verdict_that_was_there_before_the_message(settings, reply, size):
    """In one block with the 354: read after the dot it would pass for the verdict on a message nobody took."""
    message = b"Subject: x\r\n\r\n" + b"y\r\n" * size
    with ScriptedServer([*signed_in(), expect(b"DATA"), say(b"354 go\r\n" + reply), stall()]) as server:
        found, handed = send(settings, server, message=message, password=None)
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.NOT_SENT, "protocol_error", 0)


def test_sent_an_idle_server_says_goodbye_instead_of_an_answer(settings):
    script = [say(b"220 hi\r\n"), exchange((b"EHLO .*", b"250 x\r\n421 4.4.2 idle\r\n"))]
    with ScriptedServer(script) as server:
        found, _ = send(settings, server, password=None)
    assert found.verdict is Verdict.NOT_SENT
    assert found.error.code in ("smtp_busy", "sending_interrupted")


# ── After the dot: nobody knows ─────────────────────────────────────────────


@RESET
@pytest.mark.parametrize(("fault", "taken"), [("drop_on", 0), ("lose_reply", 1)])
def test_sent_the_reply_to_the_dot_is_lost(settings, fault, taken, reset):
    """Whether the server has it cannot be told from here: both look the same."""
    with SubmissionServer(**{fault: "DOT"}, reset=reset) as server:
        found, handed = send(settings, server, to=(BOB, EVE))
    assert outcome(found) == MAYBE
    assert (found.phase, handed.calls, found.answer) == (Phase.HANDED_OVER, 1, None)
    assert len(server.accepted) == taken


def test_sent_a_refused_recipient_is_known_even_then(settings):
    refuse = {f"RCPT TO:<{EVE}>": "550 5.1.1 unknown"}
    with SubmissionServer(refuse=refuse, drop_on="DOT") as server:
        found, _ = send(settings, server, to=(BOB, EVE))
    assert [each.verdict for each in found.recipients] == [Verdict.UNKNOWN, Verdict.PERMANENT]


@pytest.mark.parametrize("reply", [b"250 o", b"hm\r\n", b"250-a\r\n251 b\r\n", b"354 more\r\n", b"250 ok\n"])
def test_sent_half_a_reply_to_the_dot_is_none(settings, reply):
    with SubmissionServer(raw_on={"DOT": reply}, drop_on="NEXT") as server:
        server.faults.on_command = lambda session, line: None
        found, _ = send(settings, server, to=(BOB, EVE), limits=quick(final_dot=0.3))
    assert outcome(found) == MAYBE


def test_sent_no_reply_to_the_dot(settings):
    limits = quick(final_dot=0.3)
    with SubmissionServer(stall_on="DOT") as server:
        started = time.monotonic()
        found, _ = send(settings, server, to=(BOB, EVE), limits=limits)
        assert time.monotonic() - started < PATIENCE / 2
    assert outcome(found) == MAYBE


def test_sent_a_server_that_drips_its_verdict(settings):
    script = [*signed_in(), expect(b"DATA"), say(b"354 go\r\n")]
    script += [expect(b".*")] * 7 + [expect(rb"\."), drip_forever(b"2", 0.02)]
    with ScriptedServer(script) as server:
        found, _ = send(settings, server, password=None, limits=quick(final_dot=0.4))
    assert (found.verdict, found.error.code) == (Verdict.UNKNOWN, "maybe_sent")


def test_sent_a_server_that_feeds_lines_for_its_verdict(settings):
    """`250-` and again `250-`: ten minutes are for a server that is silent, not for one that never ends (C2)."""
    script = [*signed_in(), expect(b"DATA"), say(b"354 go\r\n")]
    script += [expect(b".*")] * 7 + [expect(rb"\."), drip_forever(b"250-one moment\r\n", 0.05)]
    with ScriptedServer(script) as server:
        found, _ = send(settings, server, password=None, limits=quick(final_dot=PATIENCE, rest=0.4))
    assert (found.verdict, found.error.code) == (Verdict.UNKNOWN, "maybe_sent")


@pytest.mark.parametrize("told", [b"220-wait\r\n", b"2"], ids=["lines", "bytes"])
def test_before_the_dot_a_reply_without_end_sends_nothing(settings, told):
    with ScriptedServer([drip_forever(told, 0.05)]) as server:
        found, _ = send(settings, server, password=None, limits=quick(greeting=PATIENCE, rest=0.4))
    assert (found.verdict, found.error.code) == (Verdict.NOT_SENT, "sending_too_slow")


def test_sent_a_slow_verdict_is_waited_for(settings):
    """The time for an ordinary reply does not end the wait for this one (RFC 5321, 4.5.3.2.6)."""

    def later(session, line: str) -> None:
        if line.startswith("DATA"):
            session.server.faults.raw_on = {"DOT": b"250-wait\r\n"}
            threading.Timer(0.6, session.peer.send, (b"250 done\r\n",)).start()

    with SubmissionServer(on_command=later) as server:
        found, _ = send(settings, server, limits=quick(command=0.3))
    assert found.verdict is Verdict.ACCEPTED


def test_sent_nothing_is_handed_over_when_there_is_no_time_for_the_verdict(settings):
    with SubmissionServer() as server:
        found, handed = send(settings, server, limits=quick(session=10, final_dot=11))
        server.wait_until_idle()
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.NOT_SENT, "sending_too_slow", 0)
    assert server.accepted == []


# ── After the verdict: it is known ──────────────────────────────────────────


@RESET
@pytest.mark.parametrize(
    "fault",
    [
        {"drop_on": "QUIT"},
        {"refuse": {"QUIT": "500 no"}},
        {"raw_on": {"QUIT": b"???\r\n"}},
        {"drop_after": "DOT"},
    ],
)
def test_sent_whatever_happens_to_quit(settings, fault, reset):
    with SubmissionServer(**fault, reset=reset) as server:
        found, handed = send(settings, server)
    assert (found.verdict, found.error, handed.calls) == (Verdict.ACCEPTED, None, 1)
    assert len(server.accepted) == 1


def test_sent_quit_is_not_waited_for(settings):
    with SubmissionServer(stall_on="QUIT") as server:
        started = time.monotonic()
        found, _ = send(settings, server, limits=quick(farewell=0.2))
        assert time.monotonic() - started < PATIENCE / 2
    assert found.verdict is Verdict.ACCEPTED


# ── Clocks ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
def test_sent_silence(settings, command):
    with SubmissionServer(stall_on=command) as server:
        found, handed = send(settings, server, limits=quick(command=0.2))
    assert (found.verdict, found.error.code, handed.calls) == (Verdict.NOT_SENT, "timeout", 0)


def test_sent_a_server_that_takes_nothing(settings):
    """Its window is full and stays so."""
    script = [*signed_in(), expect(b"DATA"), say(b"354 go\r\n"), lambda peer: peer.stopping.wait(PATIENCE)]
    with ScriptedServer(script) as server:
        found, handed = send(settings, server, message=LARGE * 3, password=None, limits=quick(command=0.4))
    assert (found.verdict, handed.calls) == (Verdict.NOT_SENT, 0)
    assert found.error.code in ("sending_too_slow", "timeout")
    assert LIMITS.command == PATIENCE


def test_sent_the_session_has_an_end_while_sending(settings):
    script = [*signed_in(), expect(b"DATA"), say(b"354 go\r\n"), stall()]
    with ScriptedServer(script) as server:
        found, handed = send(
            settings, server, password=None, limits=quick(session=1.0, final_dot=0.9, command=0.9)
        )
    # Either there was time for the dot, or not: in no case is it called sent.
    assert found.verdict in (Verdict.UNKNOWN, Verdict.NOT_SENT)
    assert (found.verdict is Verdict.UNKNOWN) == (handed.calls == 1)
