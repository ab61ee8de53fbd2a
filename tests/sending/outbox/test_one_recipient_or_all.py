"""What one message or one recipient meets stops neither the other recipients nor the account."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.message.build import Address
from sending.models import Identity
from sending.outbox import outbox
from sending.outbox.outbox import NotUsable
from tests.sending.outgoing import BOB, EVE, fresh, queue, recipients, send, server_of, states, wait_over
from tests.servers.smtp import Faults

pytestmark = pytest.mark.django_db(transaction=True)

ZOE = "zoe@post.example"


@pytest.mark.parametrize(
    ("when", "line"),
    [
        ("DOT", "550 5.7.26 Unauthenticated email is not accepted due to the DMARC policy"),
        ("RCPT", "550 5.7.133 authentication required; sender was not authenticated"),
        ("MAIL", "550 5.1.0 Sender domain account expired at registrar"),
        ("RCPT", "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org"),
        ("RCPT", "504 5.5.2 <[127.0.0.1]>: Helo command rejected: need fully-qualified hostname"),
    ],
)
def test_the_next_message_goes_though_one_was_refused(ada, server, when, line):
    first, second = queue(ada), queue(ada, EVE)
    server.faults = Faults(refuse={when: line})
    assert send(ada) == "refused"
    assert fresh(first).needs_owner
    assert (server_of(ada).paused_since, server_of(ada).not_before) == (None, None)
    server.behave()
    assert send(ada) == "accepted"
    assert fresh(second).state == "accepted"


def test_a_quota_of_the_provider_is_waited_for(ada, server):
    outgoing = queue(ada)
    server.faults = Faults(
        refuse={"DOT": "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"}
    )
    assert send(ada) == "refused_temporary"
    assert (fresh(outgoing).error_code, server_of(ada).paused_since) == ("sending_limit", None)
    assert server_of(ada).not_before is not None


@pytest.mark.parametrize(
    "fault",
    [
        {"refuse": {f"RCPT TO:<{EVE}>": "421 Recipient not in route list"}},
        {"drop_on": f"RCPT TO:<{EVE}>"},
    ],
    ids=["421", "hangs up"],
)
def test_a_server_that_leaves_at_one_recipient_gets_the_others_first(ada, server, fault):
    outgoing = queue(ada, BOB, EVE, ZOE)
    server.faults = Faults(**fault)
    assert send(ada) in ("queued", "refused_temporary")
    tries = 0
    while server.accepted == []:
        let_be(ada, outgoing)
        send(ada)
        tries += 1
    assert tries == 1
    assert server.accepted[0].recipients == (BOB, ZOE)
    assert {address for address, state in states(outgoing).items() if state == "accepted"} == {BOB, ZOE}
    let_be(ada, outgoing)
    server.behave()
    assert send(ada) == "accepted"
    assert [letter.recipients for letter in server.accepted] == [(BOB, ZOE), (EVE,)]
    assert recipients(outgoing)[EVE].failure == ""


def test_several_at_whom_it_leaves_take_turns(ada, server):
    outgoing = queue(ada, BOB, EVE, ZOE)
    both = {f"RCPT TO:<{address}>": "421 bye" for address in (BOB, EVE)}
    server.faults = Faults(refuse=both)
    for _ in range(8):
        server.faults = Faults(refuse=both)
        send(ada)
        let_be(ada, outgoing)
    asked = server.said("RCPT")
    assert server.accepted[0].recipients == (ZOE,)
    assert min(asked.count(f"RCPT TO:<{address}>") for address in (BOB, EVE)) >= 3


def test_one_that_is_refused_for_now_does_not_starve_the_one_at_whom_it_leaves(ada, server):
    outgoing = queue(ada, BOB, EVE)
    refuse = {f"RCPT TO:<{BOB}>": "450 4.2.0 later", f"RCPT TO:<{EVE}>": "421 bye"}
    for _ in range(6):
        server.faults = Faults(refuse=refuse)
        assert send(ada) == "refused_temporary"
        let_be(ada, outgoing)
    for address in (BOB, EVE):
        assert server.said("RCPT").count(f"RCPT TO:<{address}>") >= 2


def let_be(account, outgoing) -> None:
    wait_over(outgoing)
    with tenancy.scope(account.organization_id):
        type(server_of(account)).objects.filter(account=account).update(not_before=None)


# ── Where replies go ────────────────────────────────────────────────────────


def test_an_unconfirmed_address_for_replies_stops_no_mail_that_was_frozen_without_it(ada, server):
    outgoing = queue(ada)
    reply_to(ada, "elsewhere@private.example")
    assert send(ada) == "accepted"
    assert fresh(outgoing).state == "accepted"


def test_but_none_is_frozen_that_asks_for_replies_there(ada, server):
    reply_to(ada, "elsewhere@private.example")
    with pytest.raises(NotUsable):
        queue(ada, letter={"reply_to": (Address("", "elsewhere@private.example"),)})
    assert queue(ada).state == "queued", "an away reply, say, asks for none"


def test_nor_is_what_was_frozen_with_an_address_that_may_be_used_no_more(ada, server):
    own = {"reply_to": (Address("", ada.email),)}
    outgoing = queue(ada, letter=own)
    with tenancy.scope(ada.organization_id):
        assert b"\r\nReply-To: " in outbox.raw_bytes(outgoing)
        Identity.objects.filter(account=ada).update(is_login=False)
    assert send(ada) == "refused"


def reply_to(account, address: str) -> None:
    with tenancy.scope(account.organization_id):
        Identity.objects.filter(account=account).update(reply_to=address)
