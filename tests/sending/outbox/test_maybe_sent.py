"""The moment nobody can know about: the dot is out, the answer is lost. Never again without the owner's word."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.outbox import outbox
from tests.sending.outgoing import (
    BOB,
    EVE,
    file_copies,
    fresh,
    in_sent,
    named,
    queue,
    recipients,
    send,
    states,
    wait_over,
)
from tests.servers.smtp import Faults

pytestmark = pytest.mark.django_db

# Whether the server has it is known to the server alone.
LOST = [
    pytest.param(Faults(lose_reply="DOT"), 1, id="taken"),
    pytest.param(Faults(drop_on="DOT"), 0, id="not taken"),
    pytest.param(Faults(lose_reply="DOT", reset=True), 1, id="taken, reset"),
    pytest.param(Faults(raw_on={"DOT": b"what?\r\n"}), 0, id="no reply"),
    pytest.param(Faults(raw_on={"DOT": b"25"}, drop_after="DOT"), 0, id="half a reply"),
]


def act(outgoing, name, **options):
    with tenancy.scope(outgoing.organization_id):
        return getattr(outbox, name)(outgoing, **options)


@pytest.mark.parametrize(("faults", "taken"), LOST)
def test_the_lost_reply_leaves_maybe_sent_and_nothing_is_sent_by_itself(ada, server, faults, taken):
    outgoing = queue(ada)
    server.faults = faults
    assert send(ada) == "unknown"
    server.wait_until_idle()
    assert len(server.accepted) == taken
    found = fresh(outgoing)
    assert (found.state, found.error_code, found.needs_owner) == ("unknown", "maybe_sent", True)
    assert states(outgoing) == {BOB: "unknown"}
    server.behave()
    wait_over(outgoing)
    assert send(ada) == "nothing"
    file_copies()
    assert in_sent(ada) == [], "not called sent before the server has accepted it"
    assert len(server.accepted) == taken


def test_the_owner_says_it_arrived(ada, server):
    outgoing = queue(ada)
    server.faults = Faults(lose_reply="DOT")
    send(ada)
    act(outgoing, "arrived")
    file_copies()
    assert fresh(outgoing).state == "accepted"
    assert len(in_sent(ada)) == len(server.accepted) == 1
    assert send(ada) == "nothing"


def test_the_owner_has_it_sent_again_to_those_alone_who_may_not_have_it(ada, server):
    never = "never@post.example"
    outgoing = queue(ada, BOB, EVE, never)
    server.faults = Faults(
        refuse={f"RCPT TO:<{EVE}>": "450 4.2.0 later", f"RCPT TO:<{never}>": "550 5.1.1 who?"},
        lose_reply="DOT",
    )
    assert send(ada) == "unknown"
    assert states(outgoing) == {BOB: "unknown", EVE: "refused_temporary", never: "refused"}
    assert recipients(outgoing)[never].code == 550
    server.behave()
    act(outgoing, "send_again", attempts=1)
    assert send(ada) == "accepted"
    assert states(outgoing) == {BOB: "accepted", EVE: "accepted", never: "refused"}
    assert fresh(outgoing).needs_owner, "one did not get it"
    assert (named(server.accepted, BOB), named(server.accepted, EVE)) == (2, 1)
    assert server.accepted[0].data == server.accepted[1].data, "the same bytes, so that people can tell"


def test_a_second_lost_reply_asks_again(ada, server):
    outgoing = queue(ada)
    server.faults = Faults(lose_reply="DOT")
    assert send(ada) == "unknown"
    act(outgoing, "send_again", attempts=1)
    assert send(ada) == "unknown"
    # The button of the page that was left open.
    with pytest.raises(outbox.TooLate):
        act(outgoing, "send_again", attempts=1)
    assert len(server.accepted) == 2
    assert send(ada) == "nothing"


def test_an_away_reply_that_was_maybe_sent_asks_nobody(ada, server):
    outgoing = queue(ada, kind="vacation")
    server.faults = Faults(lose_reply="DOT")
    assert send(ada) == "unknown"
    assert not fresh(outgoing).needs_owner
    with tenancy.scope(ada.organization_id):
        assert not outgoing.parts.exists()
    assert send(ada) == "nothing"
