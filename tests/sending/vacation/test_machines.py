"""Away replies and machines that answer: once, and never again."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.models import Identity
from sending.outbox import outbox
from sending.vacation.rules import Reason
from tests import factories
from tests.sending.outgoing import (
    send,
    sender,
)
from tests.sending.settled import prove
from tests.sending.vacation_accounts import (
    answered,
    go_away,
    letter,
    replies,
)

pytestmark = pytest.mark.django_db


def test_a_ticket_system_with_a_new_tag_for_each_ticket_is_answered_once(ada, server):
    go_away(ada)
    first = answered(ada, ticket(1))
    assert send(ada) == "accepted"
    for number in range(2, 10):
        confirmation = ticket(number, f"In-Reply-To: {first.message_id}")
        assert answered(ada, confirmation) is Reason.OWN_REPLY
        assert answered(ada, ticket(number)) is Reason.ANSWERED, "one that does not say what it answers"
    assert len(replies(ada)) == 1


def test_what_answers_an_away_reply_of_ones_other_account_gets_none(ada, acme, alice, server):
    other = sender(acme, alice, server, email="second@example.org")
    go_away(ada, other)
    first = answered(ada, letter())
    raw = letter(
        f"References: {first.message_id}", to="second@example.org", sender="x@b.example", path="<x@b.example>"
    )
    assert answered(other, raw) is Reason.OWN_REPLY


def test_the_reply_of_a_stranger_refers_to_nothing_of_ours(ada, umbrella, charlie, server):
    bert = sender(umbrella, charlie, server, email="bert@post.example")
    go_away(ada)
    go_away(bert)
    theirs = answered(bert, letter(to="bert@post.example"))
    assert not isinstance(answered(ada, letter(f"In-Reply-To: {theirs.message_id}")), Reason)


def test_a_mailbox_without_return_paths_is_not_silent_after_five_replies(ada):
    go_away(ada)
    for number in range(12):
        name = f"person{chr(97 + number)}@post.example"
        assert not isinstance(answered(ada, letter(sender=name, path=None)), Reason), number
    assert len(replies(ada)) == 12


@pytest.mark.parametrize("where", ["proof", "sign-in", "reply-to", "named for another account"])
def test_nobody_is_told_of_oneself(ada, acme, alice, where):
    go_away(ada)
    home = "ada@home.example"
    with tenancy.scope(ada.organization_id):
        if where == "reply-to":
            Identity.objects.filter(account=ada).update(reply_to=home)
        elif where == "sign-in":
            home = alice.email
    if where == "proof":
        prove(ada, home)
    if where == "named for another account":
        other = factories.connect(acme, alice, email="second@example.org")
        go_away(other, also_addresses=f"x@y.example\n{home}")
    assert answered(ada, letter(sender=home, path=f"<{home}>")) is Reason.OWN


def test_an_unconfirmed_address_for_replies_keeps_no_away_reply_back(ada):
    go_away(ada)
    with tenancy.scope(ada.organization_id):
        Identity.objects.filter(account=ada).update(reply_to="ada@elsewhere.example")
    reply = answered(ada, letter())
    assert b"\r\nReply-To:" not in raw_of(reply)


def ticket(number: int, *lines: str) -> bytes:
    desk = f"helpdesk+t{number}@tickets.example"
    return letter(*lines, sender=f"Helpdesk <{desk}>", path=f"<{desk}>")


def raw_of(outgoing) -> bytes:
    with tenancy.scope(outgoing.organization_id):
        return outbox.raw_bytes(outgoing)
