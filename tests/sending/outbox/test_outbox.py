"""The outbox: frozen once, limited, taken back while nobody has it; what its owner decides."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.models import Organization
from mailbox.mime.parsing import parse
from sending.message.build import Address, ComposeError, compose
from sending.models import Identity, OutgoingMessage, OutgoingPart
from sending.outbox import limits, outbox, status
from tests.sending.outgoing import (
    BOB,
    EVE,
    change,
    file_copies,
    fresh,
    identity_of,
    letter_of,
    queue,
    send,
    sender,
    states,
)

pytestmark = pytest.mark.django_db


def test_what_is_queued_is_frozen_whole_and_blind_copies_are_only_in_the_envelope(ada):
    letter = letter_of(
        ada, BOB, cc=(Address("Eve", EVE),), bcc=(Address("", "m@post.example"), Address("", BOB.upper()))
    )
    with tenancy.scope(ada.organization_id):
        outgoing = outbox.queue(identity_of(ada), letter, key=uuid.uuid4(), written={"subject": "Tea"})
        raw = outbox.raw_bytes(outgoing)
        kinds = [(each.kind, each.address) for each in outgoing.recipients.all()]
    assert raw == compose(letter)
    assert kinds == [("to", BOB), ("cc", EVE), ("bcc", "m@post.example")]
    assert b"m@post.example" not in raw
    assert outgoing.message_id == parse(raw).message_id == letter.message_id
    assert (outgoing.subject, outgoing.size, outgoing.envelope_from) == ("Tea", len(raw), ada.email)
    assert (outgoing.state, outgoing.copy, outgoing.written) == ("queued", "none", {"subject": "Tea"})
    waits = outgoing.due_at - timezone.now()
    assert timedelta(seconds=8) < waits <= timedelta(seconds=outbox.UNDO_SECONDS)


def test_a_large_message_lies_in_parts_and_comes_out_whole(ada):
    text = "\n".join(str(number) * 9 for number in range(700_000))
    letter = letter_of(ada, text=text)
    with tenancy.scope(ada.organization_id):
        outgoing = outbox.queue(identity_of(ada), letter, key=uuid.uuid4())
        assert OutgoingPart.objects.filter(outgoing=outgoing).count() > 1
        assert outbox.raw_bytes(outgoing) == compose(letter)


def test_a_second_click_gives_the_message_that_is_there(ada):
    key = uuid.uuid4()
    first = queue(ada, key=key)
    assert queue(ada, EVE, key=key).pk == first.pk
    assert states(first) == {BOB: "waiting"}
    assert queue(ada, key=uuid.uuid4()).pk != first.pk


def test_a_click_that_comes_after_taking_back_does_not_send(ada):
    key = uuid.uuid4()
    outgoing = queue(ada, key=key)
    with tenancy.scope(ada.organization_id):
        outbox.take_back(outgoing)
    with pytest.raises(outbox.TooLate):
        queue(ada, key=key)


def test_nothing_is_queued_for_an_address_that_may_not_be_used(ada):
    with tenancy.scope(ada.organization_id):
        Identity.objects.update(is_login=False)
    with pytest.raises(outbox.NotUsable) as caught:
        queue(ada)
    assert "Nobody has shown yet" in str(caught.value.sentence)
    with tenancy.scope(ada.organization_id):
        assert not OutgoingMessage.objects.exists()


def test_nothing_is_queued_as_somebody_else_nor_to_what_is_no_address(ada):
    with pytest.raises(ValueError, match="somebody else"):
        queue(ada, letter={"sender": Address("Ada", "boss@example.org")})
    with pytest.raises(ComposeError):
        queue(ada, "bob@post.example\r\nBcc: x@y.example")


def test_bounces_go_to_an_address_that_the_server_has_accepted(ada):
    with tenancy.scope(ada.organization_id):
        own = identity_of(ada)
        alias = Identity(organization_id=ada.organization_id, account=ada, address="tea@example.org")
        assert outbox._envelope_from(own) == outbox._envelope_from(alias) == ada.email
        alias.is_login = True
        assert outbox._envelope_from(alias) == "tea@example.org"
        Identity.objects.update(is_login=False)
        alias.is_login = False
        assert outbox._envelope_from(alias) == "tea@example.org"


def test_an_away_reply_may_have_the_null_sender_and_waits_for_nothing(ada):
    outgoing = queue(ada, kind="vacation", due_at=None, null_sender=True)
    assert (outgoing.envelope_from, outgoing.kind) == ("", "vacation")
    assert outgoing.due_at <= timezone.now()


# ── Limits ──────────────────────────────────────────────────────────────────
def allow(account, recipients: int) -> None:
    Organization.objects.filter(pk=account.organization_id).update(recipients_limit=recipients)


def people(count: int, start: int = 0) -> list[str]:
    return [f"person{number}@post.example" for number in range(start, start + count)]


def test_one_message_goes_to_a_hundred_at_most(ada):
    allow(ada, 1000)
    queue(ada, *people(100))
    with pytest.raises(limits.TooMany) as caught:
        queue(ada, *people(101))
    assert "100 recipients" in str(caught.value.sentence)


def test_the_plan_limits_recipients_of_a_day_over_the_whole_organization(acme, bob, ada, server):
    allow(ada, 5)
    colleague = sender(acme, bob, server, email="bob@example.org")
    first = queue(ada, *people(3))
    queue(colleague, *people(2))
    for account in (ada, colleague):
        with pytest.raises(limits.TooMany) as caught:
            queue(account, "one@more.example")
    assert caught.value.limit == 5
    # The day goes by; or what was queued goes to nobody after all.
    change(first, created_at=timezone.now() - timedelta(hours=25))
    second = queue(ada, *people(3))
    with tenancy.scope(ada.organization_id):
        outbox.take_back(second)
        assert limits.used(ada.organization_id) == 2
    queue(ada, *people(3))


# ── Taking back ─────────────────────────────────────────────────────────────
def act(outgoing, name, **options):
    with tenancy.scope(outgoing.organization_id):
        return getattr(outbox, name)(outgoing, **options)


@pytest.mark.parametrize("state", ["queued", "refused_temporary", "refused"])
def test_what_nobody_has_can_be_taken_back(ada, state):
    outgoing = queue(ada, written={"to": BOB})
    change(outgoing, state=state, needs_owner=state == "refused")
    assert act(outgoing, "take_back") == {"to": BOB}
    found = fresh(outgoing)
    assert (found.state, found.needs_owner) == ("cancelled", False)
    with tenancy.scope(ada.organization_id):
        assert outbox.raw_bytes(outgoing), "the draft takes the files from it"
        assert not outbox.shown(OutgoingMessage.objects.all()).exists()


@pytest.mark.parametrize("state", ["claimed", "handed_over", "accepted", "unknown", "cancelled"])
def test_what_somebody_may_have_cannot(ada, state):
    outgoing = queue(ada)
    change(outgoing, state=state)
    with pytest.raises(outbox.TooLate):
        act(outgoing, "take_back")
    assert fresh(outgoing).state == state


@pytest.mark.parametrize("gone", ["accepted", "unknown", "bounced"])
def test_nor_what_one_of_its_recipients_has(ada, gone):
    outgoing = queue(ada, BOB, EVE)
    with tenancy.scope(ada.organization_id):
        outgoing.recipients.filter(address=EVE).update(state=gone)
    with pytest.raises(outbox.TooLate):
        act(outgoing, "take_back")


def test_a_scheduled_message_can_be_sent_now(ada):
    outgoing = queue(ada, due_at=timezone.now() + timedelta(days=3))
    act(outgoing, "try_now")
    assert fresh(outgoing).due_at <= timezone.now()
    change(outgoing, state="handed_over")
    with pytest.raises(outbox.TooLate):
        act(outgoing, "try_now")


# ── Maybe sent ──────────────────────────────────────────────────────────────
def maybe(ada, **recipient_states):
    outgoing = queue(ada, *(f"{name}@post.example" for name in recipient_states))
    change(outgoing, state="unknown", attempts=1, needs_owner=True, tried_since=timezone.now())
    with tenancy.scope(ada.organization_id):
        for name, state in recipient_states.items():
            outgoing.recipients.filter(address__startswith=name).update(state=state, failure="maybe_sent")
    return outgoing


def test_the_owner_knows_that_it_arrived(ada):
    outgoing = maybe(ada, bob="unknown", eve="accepted")
    act(outgoing, "arrived")
    found = fresh(outgoing)
    assert states(outgoing) == {BOB: "accepted", EVE: "accepted"}
    assert (found.state, found.copy, found.needs_owner) == ("accepted", "waiting", False)
    with pytest.raises(outbox.TooLate):
        act(outgoing, "arrived")


def test_who_was_refused_for_now_is_still_tried_when_it_arrived_for_others(ada):
    outgoing = maybe(ada, bob="unknown", eve="refused_temporary")
    act(outgoing, "arrived")
    assert states(outgoing) == {BOB: "accepted", EVE: "refused_temporary"}
    assert fresh(outgoing).state == "refused_temporary"


def test_the_owner_wants_it_sent_again(ada):
    outgoing = maybe(ada, bob="unknown", eve="accepted")
    act(outgoing, "send_again", attempts=1)
    found = fresh(outgoing)
    assert states(outgoing) == {BOB: "waiting", EVE: "accepted"}
    assert (found.state, found.needs_owner, found.tried_since) == ("queued", False, None)


def test_a_page_from_before_another_try_decides_nothing(ada):
    outgoing = maybe(ada, bob="unknown")
    change(outgoing, attempts=2)
    with pytest.raises(outbox.TooLate):
        act(outgoing, "send_again", attempts=1)
    assert fresh(outgoing).state == "unknown"


def test_a_refused_message_can_be_tried_again_or_taken_off(ada):
    outgoing = maybe(ada, bob="refused")
    change(outgoing, state="refused")
    act(outgoing, "send_again", attempts=1)
    assert states(outgoing) == {BOB: "waiting"}
    change(outgoing, state="refused", needs_owner=True)
    act(outgoing, "take_off")
    with tenancy.scope(ada.organization_id):
        assert not outbox.shown(OutgoingMessage.objects.all()).exists()
        assert not outgoing.parts.exists()
    with pytest.raises(outbox.TooLate):
        act(outgoing, "send_again", attempts=1)


def test_what_was_written_is_kept_only_as_long_as_it_can_be_opened_again(ada, server):
    """Sent and filed, or taken off: then it would be kept outside the storage that is charged, for ever."""
    sent, refused = queue(ada, written={"subject": "Tea"}), queue(ada, written={"subject": "Tea"})
    assert send(ada) == "accepted"
    assert fresh(sent).written == {"subject": "Tea"}
    file_copies()
    assert fresh(sent).written == {}
    server.faults.refuse = {"MAIL": "550 5.7.1 not you"}
    assert send(ada) == "refused"
    with tenancy.scope(ada.organization_id):
        assert status.details_of(status.with_people(OutgoingMessage.objects).get(pk=refused.pk)).can_take_back
        outbox.take_off(fresh(refused))
        assert not status.details_of(
            status.with_people(OutgoingMessage.objects).get(pk=refused.pk)
        ).can_take_back
        assert fresh(refused).written == {}
        with pytest.raises(outbox.TooLate):
            outbox.take_back(fresh(refused))


def test_what_waits_in_the_outbox_has_a_limit_of_bytes_and_what_has_gone_makes_room(ada, monkeypatch):
    first = queue(ada)
    monkeypatch.setattr(limits, "WAITING_BYTES", fresh(first).size * 3 // 2)
    with pytest.raises(limits.TooMany) as full:
        queue(ada)
    assert "500 MB" in str(full.value.sentence)
    send(ada)
    with pytest.raises(limits.TooMany):
        queue(ada)  # its copy is not filed yet
    file_copies()
    queue(ada)


def test_maybe_sent_cannot_be_put_out_of_sight_undecided(ada):
    outgoing = maybe(ada, bob="unknown")
    with pytest.raises(outbox.TooLate):
        act(outgoing, "take_off")
    assert fresh(outgoing).needs_owner
