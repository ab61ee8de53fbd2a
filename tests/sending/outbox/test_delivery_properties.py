"""Whatever servers, workers and people do in whatever order: nobody gets a message twice without the owner's word.

And it is never lost without a trace: it has gone, or it will be tried, or its owner is asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import tenancy
from accounts.models import MailAccount
from mailbox import services
from sending.models import OutgoingMessage, OutgoingServer
from sending.outbox import claims, outbox
from tests.conftest import check_books
from tests.sending.outgoing import (
    carry,
    change,
    claims_run_out,
    file_copies,
    fresh,
    in_sent,
    named,
    queue,
    send,
    sender,
    states,
    wait_over,
)
from tests.servers.smtp import Faults, SubmissionServer

pytestmark = pytest.mark.django_db

PEOPLE = [f"{name}@post.example" for name in ("bob", "eve", "dan")]


class Killed(BaseException):
    """The worker is dead: nothing after this is done."""


@dataclass
class Try:
    """One try: what the server does wrong, and where the worker dies."""

    faults: Faults = field(default_factory=Faults)
    dies: str = ""


@dataclass
class Decision:
    """What the owner does, if it is offered."""

    act: str


verbs = st.sampled_from(["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "DOT", "QUIT"])
rcpt = st.sampled_from([f"RCPT TO:<{address}>" for address in PEOPLE])
commands = st.one_of(verbs, rcpt, st.just("DOT"))
temporary = st.sampled_from(
    ["421 4.3.2 closing", "450 4.2.0 later", "451 4.3.0 greylisted", "452 4.5.3 too many"]
)
permanent = st.sampled_from(["550 5.1.1 no such user", "554 5.7.1 no", "552 5.2.2 full", "535 5.7.8 wrong"])
refusals = st.dictionaries(rcpt, st.one_of(temporary, permanent), max_size=2)
# The moment that matters most comes most: the server has it, and its answer is lost.
lost = st.builds(Faults, refuse=refusals, lose_reply=st.just("DOT"), reset=st.booleans())
fine = st.builds(Faults)
faults = st.one_of(
    fine,
    lost,
    st.builds(Faults, refuse=refusals),
    st.builds(Faults, refuse=refusals, drop_on=commands, reset=st.booleans()),
    lost,
    st.builds(Faults, refuse=refusals, drop_after=commands),
    st.builds(Faults, refuse=refusals, drop_within_data=st.integers(0, 400)),
    st.builds(Faults, refuse=st.dictionaries(commands, st.one_of(temporary, permanent), max_size=2)),
    st.builds(Faults, early=st.sampled_from([b"452 4.3.1 full\r\n", b"554 5.7.1 no\r\n"])),
    st.builds(Faults, raw_on=st.dictionaries(verbs, st.just(b"what?\r\n"), max_size=1)),
)
deaths = st.sampled_from(["claimed", "handing over", "handed over", "answered", "answered", "written down"])
steps = st.one_of(
    st.builds(Try, faults),
    st.builds(Try, st.one_of(fine, faults), deaths),
    st.builds(Try, fine),
    st.builds(
        Decision, st.sampled_from(["arrived", "send_again", "send_again", "take_back", "try_now", "take_off"])
    ),
)


class Life:
    """One message, one server, one owner."""

    def __init__(self, account: MailAccount, server: SubmissionServer, people: list[str]) -> None:
        self.account, self.server, self.people = account, server, people
        self.outgoing = queue(account, *people)
        with tenancy.scope(account.organization_id):
            self.raw = outbox.raw_bytes(self.outgoing)
        self.words: Counter[str] = Counter()  # decisions to send again, for each recipient who might have it
        self.believed: set[str] = set()  # who has it, as the owner says
        self.depth = len(connection.savepoint_ids)

    def step(self, step: Try | Decision) -> None:
        if isinstance(step, Decision):
            self.decide(step.act)
        else:
            self.attempt(step)
        self.check()

    # ── What happens ────────────────────────────────────────────────────────

    def attempt(self, one: Try) -> None:
        self.let_time_pass()
        self.server.faults = one.faults

        def carried(way, envelope, message, on_hand_over, on_end):
            assert len(connection.savepoint_ids) == self.depth, "a transaction spans the network"
            assert message == self.raw
            if one.dies == "claimed":
                raise Killed

            def hand_over():
                if one.dies == "handing over":
                    raise Killed
                on_hand_over()
                assert fresh(self.outgoing).state == "handed_over"
                if one.dies == "handed over":
                    raise Killed

            def end(found):
                if one.dies == "answered":
                    raise Killed
                on_end(found)
                if one.dies == "written down":
                    raise Killed

            found = carry(way, envelope, message, hand_over, end)
            if one.dies == "answered":
                raise Killed
            return found

        try:
            send(self.account, carried)
        except Killed:
            self.server.wait_until_idle()
            if one.dies != "written down":
                claims_run_out(self.account)
        self.server.wait_until_idle()
        file_copies()

    def let_time_pass(self) -> None:
        found = fresh(self.outgoing)
        if found.state in ("queued", "refused_temporary"):
            wait_over(self.outgoing)
        with tenancy.scope(self.account.organization_id):
            outbox.resume(self.account)
            OutgoingServer.objects.update(not_before=None)
        claims.expire()

    def decide(self, act: str) -> None:
        before = states(self.outgoing)
        options = {"attempts": fresh(self.outgoing).attempts} if act == "send_again" else {}
        try:
            with tenancy.scope(self.account.organization_id):
                getattr(outbox, act)(self.outgoing, **options)
        except outbox.TooLate:
            return
        maybe = [address for address, state in before.items() if state == "unknown"]
        if act == "send_again":
            self.words.update(maybe)
        elif act == "arrived":
            self.believed.update(maybe)

    # ── What must hold ──────────────────────────────────────────────────────

    def check(self) -> None:
        found, now = fresh(self.outgoing), states(self.outgoing)
        assert found.error_code != "internal"
        assert {letter.data for letter in self.server.accepted} <= {self.raw}
        for address in self.people:
            assert named(self.server.accepted, address) <= 1 + self.words[address], (
                "twice, and nobody said so"
            )
            if now[address] == "accepted":
                assert named(self.server.accepted, address) or address in self.believed, (
                    "called sent, and was not"
                )
        if found.state == "refused":
            assert not any(
                named(self.server.accepted, address) > self.words[address] for address in self.people
            )
        self.check_that_nothing_is_lost(found, now)
        check_books()

    def check_that_nothing_is_lost(self, found: OutgoingMessage, now: dict[str, str]) -> None:
        assert found.state not in ("claimed", "handed_over")
        if found.state == "unknown":
            assert found.needs_owner
            assert "unknown" in now.values()
        elif found.state == "accepted":
            assert set(now.values()) <= {"accepted", "refused"}
        elif found.state in ("queued", "refused_temporary"):
            assert set(now.values()) & {"waiting", "refused_temporary"}
            with tenancy.scope(self.account.organization_id):
                assert outbox.raw_bytes(self.outgoing) == self.raw
        has_gone = "accepted" in now.values()
        assert len(in_sent(self.account)) <= 1
        if has_gone and found.state != "unknown":
            file_copies()
            (copy,) = in_sent(self.account)
            with tenancy.scope(self.account.organization_id):
                assert services.raw_bytes(copy) == self.raw

    def come_to_rest(self) -> None:
        """The faults are over, and the owner looks at the server before deciding."""
        for _ in range(6):
            found = fresh(self.outgoing)
            if found.state == "unknown":
                maybe = [address for address, state in states(self.outgoing).items() if state == "unknown"]
                has_them = all(named(self.server.accepted, address) for address in maybe)
                self.decide("arrived" if has_them else "send_again")
            elif found.state not in ("queued", "refused_temporary"):
                break
            self.step(Try())
        assert fresh(self.outgoing).state in ("accepted", "refused", "cancelled")


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True),
    course=st.lists(steps, min_size=2, max_size=7),
)
def test_any_course_of_faults_and_decisions(acme, alice, settings, people, course):
    with SubmissionServer() as server, transaction.atomic():
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        life = Life(sender(acme, alice, server), server, people)
        for step in course:
            life.step(step)
        server.behave()
        change(life.outgoing, tried_since=None)
        life.come_to_rest()
        if fresh(life.outgoing).state != "cancelled":
            for address, state in states(life.outgoing).items():
                assert named(server.accepted, address) or address in life.believed or state == "refused"
        transaction.set_rollback(True)
