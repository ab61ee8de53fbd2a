"""Owners are written to when only they can help: once, not at once, and in their language."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F

from accounts import tenancy
from sending.models import OutgoingMessage, OutgoingServer
from sending.outbox import outbox, owner_notices
from tests.sending.outgoing import BOB, fresh, queue, send

pytestmark = pytest.mark.django_db


def let_minutes_pass(account, minutes=3):
    back = timedelta(minutes=minutes)
    with tenancy.scope(account.organization_id):
        OutgoingMessage.objects.update(finished_at=F("finished_at") - back, told_at=F("told_at") - back)
        OutgoingServer.objects.update(paused_since=F("paused_since") - back, told_at=F("told_at") - back)


def tell() -> int:
    """What the tick orders, done at once."""
    return sum(owner_notices.notify_owner(*pair) for pair in owner_notices.accounts_to_notify(100))


@pytest.fixture
def paused(ada, server):
    server.faults.refuse = {"AUTH": "535 5.7.8 wrong"}
    queue(ada)
    send(ada)
    return ada


def test_a_paused_outbox_is_told_once(paused):
    assert tell() == 0, "who looks at the page sees it there"
    let_minutes_pass(paused)
    assert (tell(), tell()) == (1, 0)
    (letter,) = mail.outbox
    assert letter.to == [paused.owner.email]
    assert letter.subject == f"Nothing goes out from {paused.name}: Mailhub needs you"
    assert f"/mail/{paused.pk}/outbox/" in letter.body
    assert "password" in letter.body


def test_paused_again_after_another_try_it_is_told_again(paused):
    let_minutes_pass(paused)
    tell()
    with tenancy.scope(paused.organization_id):
        outbox.resume(paused)
    assert tell() == 0
    send(paused)
    let_minutes_pass(paused)
    assert tell() == 1


def test_a_refused_message_is_told_once(ada, server):
    server.faults.refuse = {f"RCPT TO:<{BOB}>": "550 5.1.1 no such user"}
    with tenancy.scope(ada.organization_id):
        outgoing = queue(ada, BOB, letter={"subject": "Tea at five"})
    assert send(ada) == "refused"
    assert tell() == 0
    let_minutes_pass(ada)
    assert (tell(), tell()) == (1, 0)
    (letter,) = mail.outbox
    assert letter.subject == f"Not sent from {ada.name}"
    assert "- Tea at five\n" in letter.body
    with tenancy.scope(ada.organization_id):
        outbox.send_again(outgoing, attempts=1)
    send(ada)
    let_minutes_pass(ada)
    assert tell() == 0, "an account's owner hears of it once an hour"
    let_minutes_pass(ada, 60)
    assert tell() == 1


def test_what_was_maybe_sent_is_told(ada, server):
    server.faults.lose_reply = "DOT"
    outgoing = queue(ada)
    assert send(ada) == "unknown"
    let_minutes_pass(ada)
    assert tell() == 1
    (letter,) = mail.outbox
    assert fresh(outgoing).told_at is not None
    assert "maybe" in letter.body.lower()


def test_many_at_once_take_one_mail(ada, server, monkeypatch):
    monkeypatch.setattr(owner_notices, "NAMED", 2)
    server.faults.refuse = {"MAIL": "550 5.7.1 not you"}
    for number in range(5):
        queue(ada, letter={"subject": f"No {number}"})
        send(ada)
    let_minutes_pass(ada)
    assert tell() == 1
    body = mail.outbox[0].body
    assert "- No 0\n" in body
    assert "- No 1\n" in body
    assert "- No 2\n" not in body
    assert "And 3 more." in body


def test_what_the_owner_has_seen_to_is_not_told(ada, server):
    server.faults.refuse = {"MAIL": "550 5.7.1 not you"}
    outgoing = queue(ada)
    send(ada)
    with tenancy.scope(ada.organization_id):
        outbox.take_off(outgoing)
    let_minutes_pass(ada)
    assert tell() == 0


def test_what_arrived_is_not_told(ada, server):
    queue(ada)
    assert send(ada) == "accepted"
    let_minutes_pass(ada)
    assert tell() == 0


def test_in_the_language_of_the_owner(ada, server):
    ada.owner.language = "id"
    ada.owner.save()
    server.faults.lose_reply = "DOT"
    queue(ada)
    send(ada)
    let_minutes_pass(ada)
    tell()
    body = mail.outbox[0].body
    assert "Halo" in body
    assert "Maybe" not in body
