"""The outbox page, a message's own page, what the reader shows over a sent message, and what their buttons do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from sending import tasks
from sending.models import OutgoingMessage
from sending.outbox import status
from tests import factories
from tests.sending.outgoing import (
    BOB,
    EVE,
    PASSWORD,
    change,
    file_copies,
    fresh,
    in_sent,
    queue,
    send,
    server_of,
    states,
)
from tests.sending.pages import HTMX, text
from tests.servers.smtp import Faults

pytestmark = pytest.mark.django_db


def outbox_of(account) -> str:
    return f"/o/acme/mail/{account.pk}/outbox/"


def page_of(outgoing, what: str = "") -> str:
    return f"/o/acme/mail/outgoing/{outgoing.pk}/{what}"


@pytest.fixture
def ordered(monkeypatch):
    calls: list[tuple] = []
    monkeypatch.setattr(tasks.send_due, "apply_async", lambda args, countdown=None: calls.append(args))
    monkeypatch.setattr(tasks.send_due, "delay", lambda *args: calls.append(args))
    return calls


def read(client, address: str, **headers) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return text(answer.content.decode())


def act(press, client, outgoing, name: str, **fields):
    fields = {"attempts": str(fresh(outgoing).attempts), **fields}
    return press(client, page_of(outgoing, f"{name.replace('_', '-')}/"), fields)


def maybe_sent(ada, server, *to: str) -> OutgoingMessage:
    outgoing = queue(ada, *to)
    server.faults = Faults(lose_reply="DOT")
    assert send(ada) == "unknown"
    server.behave()
    return outgoing


# ── The list ────────────────────────────────────────────────────────────────
def test_an_empty_outbox_says_what_it_is_for(as_alice, ada):
    page = read(as_alice, outbox_of(ada))
    assert "Nothing is waiting" in page
    assert "hx-trigger" not in page.partition('id="outbox"')[2], "nothing will change by itself"


def test_what_waits_is_looked_at_again_in_seconds(as_alice, ada):
    queue(ada, BOB, EVE, letter={"subject": "Tea <b>"})
    page = read(as_alice, outbox_of(ada))
    assert "Tea &lt;b&gt;" in as_alice.get(outbox_of(ada)).content.decode()
    assert "It goes out in a moment." in page
    assert 'hx-trigger="load delay:2s"' in page
    assert "Take back" in page
    part = read(as_alice, outbox_of(ada), **HTMX, **{"HX-Target": "outbox"})
    assert "<html" not in part
    assert 'id="outbox"' in part


def test_a_scheduled_message_says_when_and_can_go_now(as_alice, ada, press, ordered):
    outgoing = queue(ada, due_at=timezone.now() + timedelta(days=2))
    page = read(as_alice, outbox_of(ada))
    assert "Scheduled" in page
    assert "Goes out:" in page
    assert 'delay:30s"' in page
    answer = act(press, as_alice, outgoing, "try_now")
    assert (answer.status_code, answer.url) == (302, outbox_of(ada))
    assert ordered == [(ada.organization_id, ada.pk)]
    assert send(ada) == "accepted"


def test_a_try_that_failed_says_why_and_when_the_next_one_is(as_alice, ada, server):
    outgoing = queue(ada)
    server.faults = Faults(drop_on="MAIL")
    send(ada)
    page = read(as_alice, outbox_of(ada))
    assert "The connection broke before the message was handed over." in page
    assert "Mailhub tries again by itself for a day. Nothing is lost." in page
    assert "Next try:" in page
    assert "Try now" in read(as_alice, page_of(outgoing))


def test_a_paused_outbox_says_why_and_can_be_tried_again(as_alice, ada, server, press, ordered):
    queue(ada)
    server.password = "another"
    send(ada)
    page = read(as_alice, outbox_of(ada))
    assert (
        "Nothing goes out from this account now. The server did not accept the user name and password."
        in page
    )
    assert f"/o/acme/settings/accounts/{ada.pk}/sending/" in page
    server.password = PASSWORD
    answer = press(as_alice, f"{outbox_of(ada)}resume/")
    assert answer.url == outbox_of(ada)
    assert ordered == [(ada.organization_id, ada.pk)]
    assert server_of(ada).paused_since is None
    assert send(ada) == "accepted"


def test_what_was_sent_or_is_none_of_a_person_is_not_in_it(as_alice, ada):
    queue(ada)
    send(ada)
    queue(ada, kind="vacation", letter={"subject": "I am away"})
    assert "Nothing is waiting" in read(as_alice, outbox_of(ada))


# ── Maybe sent ──────────────────────────────────────────────────────────────
def test_maybe_sent_asks_for_the_owners_word(as_alice, ada, server):
    outgoing = maybe_sent(ada, server, BOB, EVE)
    for page in (read(as_alice, outbox_of(ada)), read(as_alice, page_of(outgoing))):
        assert "Maybe sent" in page
        assert "did not say whether it took it: it may have been sent." in page
        assert "It arrived" in page
        assert "If it has arrived, 2 people get it twice." in page
        assert "Take back" not in page
        assert "load delay" not in page


def test_it_arrived(as_alice, ada, server, press, ordered):
    outgoing = maybe_sent(ada, server)
    answer = act(press, as_alice, outgoing, "arrived", alone="1")
    assert answer.url == page_of(outgoing)
    assert fresh(outgoing).state == "accepted"
    file_copies()
    assert len(in_sent(ada)) == 1
    assert send(ada) == "nothing"


def test_send_it_again(as_alice, ada, server, press, ordered):
    outgoing = maybe_sent(ada, server)
    act(press, as_alice, outgoing, "send_again")
    assert fresh(outgoing).state == "queued"
    assert ordered == [(ada.organization_id, ada.pk)]
    assert send(ada) == "accepted"
    assert len(server.accepted) == 2


@pytest.mark.parametrize("attempts", ["0", "", "x", "²", "9" * 30])
def test_a_button_of_an_old_page_sends_nothing(as_alice, ada, server, press, ordered, attempts):
    outgoing = maybe_sent(ada, server)
    act(press, as_alice, outgoing, "send_again", attempts=attempts)
    assert fresh(outgoing).state == "unknown"
    assert ordered == []
    assert "This message is no longer waiting." in read(as_alice, outbox_of(ada))


def test_two_clicks_are_one_decision(as_alice, ada, server, press, ordered):
    outgoing = maybe_sent(ada, server)
    for _ in range(2):
        act(press, as_alice, outgoing, "send_again", attempts="1")
    assert send(ada) == "accepted"
    assert send(ada) == "nothing"


# ── Refused, came back ──────────────────────────────────────────────────────
def test_a_message_that_one_did_not_get_stays_until_it_is_taken_off(as_alice, ada, server, press, ordered):
    outgoing = queue(ada, BOB, EVE)
    server.faults = Faults(refuse={f"RCPT TO:<{EVE}>": "550 5.1.1 no such user"})
    send(ada)
    file_copies()
    page = read(as_alice, page_of(outgoing))
    assert "Not to everybody" in page
    assert "The server takes no mail for this recipient." in page
    assert "Try 1 recipient again" in page
    act(press, as_alice, outgoing, "take_off")
    assert "Nothing is waiting" in read(as_alice, outbox_of(ada))
    assert "Not to everybody" in read(as_alice, page_of(outgoing)), "it is still known"


def test_who_refused_can_be_tried_again(as_alice, ada, server, press, ordered):
    outgoing = queue(ada, BOB, EVE)
    server.faults = Faults(refuse={f"RCPT TO:<{EVE}>": "550 5.1.1 no such user"})
    send(ada)
    server.behave()
    act(press, as_alice, outgoing, "send_again")
    assert send(ada) == "accepted"
    assert states(outgoing) == {BOB: "accepted", EVE: "accepted"}
    assert [letter.recipients for letter in server.accepted] == [(BOB,), (EVE,)]


def test_a_refused_message_says_so(as_alice, ada, server):
    outgoing = queue(ada)
    server.faults = Faults(refuse={"DOT": "554 5.7.1 spam"})
    send(ada)
    page = read(as_alice, page_of(outgoing))
    assert "Not sent" in page
    assert "The server refused this message." in page
    assert "Open as a draft" in page


def test_what_came_back_is_told_in_the_words_of_the_report(as_alice, ada):
    outgoing = queue(ada)
    send(ada)
    with tenancy.scope(ada.organization_id):
        outgoing.recipients.update(
            state="bounced", bounced_at=timezone.now(), text="550 <b>User</b> unknown", status="5.1.1"
        )
    change(outgoing, needs_owner=True)
    page = as_alice.get(page_of(outgoing)).content.decode()
    assert "Came back" in page
    assert "550 &lt;b&gt;User&lt;/b&gt; unknown" in page


def test_an_act_that_is_none_is_not_found(as_alice, ada, press):
    assert act(press, as_alice, queue(ada), "explode").status_code == 404


# ── The reader, the side panel, the banners ─────────────────────────────────
def test_the_reader_asks_only_for_messages_in_sent(as_alice, ada):
    outgoing = queue(ada)
    send(ada)
    file_copies()
    (copy,) = in_sent(ada)
    address = f"/o/acme/mail/message/{copy.pk}/"
    assert f'hx-get="{address}sending/"' in read(as_alice, address)
    part = read(as_alice, f"{address}sending/")
    assert "The server took it for everybody." in part
    assert page_of(outgoing) in part
    (other,) = factories.deliver(ada, factories.letter())
    assert "sending/" not in read(as_alice, f"/o/acme/mail/message/{other}/")
    assert as_alice.get(f"/o/acme/mail/message/{other}/sending/").status_code == 204


def test_the_side_panel_has_an_outbox_while_there_is_something_in_it(as_alice, ada):
    inbox = f"/o/acme/mail/{ada.pk}/"
    follow = as_alice.get(inbox, follow=True).content.decode()
    assert outbox_of(ada) not in follow
    queue(ada)
    page = as_alice.get(inbox, follow=True).content.decode()
    assert outbox_of(ada) in page
    assert "Open the outbox" not in page, "what goes its way needs nobody"
    send(ada)
    assert outbox_of(ada) not in as_alice.get(inbox, follow=True).content.decode()


def test_what_needs_its_owner_is_told_over_the_list(as_alice, ada, server):
    maybe_sent(ada, server)
    page = text(as_alice.get(f"/o/acme/mail/{ada.pk}/", follow=True).content.decode())
    assert "Box: 1 message was not sent to everybody, or maybe not." in page
    assert "Open the outbox" in page


def test_a_paused_outbox_is_told_over_the_list(as_alice, ada, server):
    queue(ada)
    server.password = "another"
    send(ada)
    page = text(as_alice.get(f"/o/acme/mail/{ada.pk}/", follow=True).content.decode())
    assert "Box: nothing goes out. </strong> The server did not accept the user name and password." in page


@pytest.mark.parametrize("state", OutgoingMessage.State.values)
def test_every_state_has_words(ada, state):
    outgoing = queue(ada)
    change(outgoing, state=state, error_code="message_refused" if state == "refused" else "")
    with tenancy.scope(ada.organization_id):
        shown = status.details_of(status.with_people(OutgoingMessage.objects.all()).get())
    assert str(shown.status.badge)
    assert shown.status.icon
    if state not in ("claimed", "handed_over"):
        assert str(shown.status.sentence)


# ── Taking back ─────────────────────────────────────────────────────────────
def take_back(press, client, outgoing):
    return press(client, page_of(outgoing, "take-back/"))


def test_what_waits_can_be_opened_again(as_alice, ada, press, server):
    outgoing = queue(ada, written={"subject": "Tea", "to": BOB, "text": "At five?", "is_plain": True})
    page = read(as_alice, outbox_of(ada))
    assert f'formaction="{page_of(outgoing, "take-back/")}"' in page
    answer = take_back(press, as_alice, outgoing)
    assert "/mail/write/" in answer.url
    assert "At five?" in read(as_alice, answer.url)
    assert fresh(outgoing).state == "cancelled"
    assert as_alice.get(page_of(outgoing)).status_code == 404
    assert send(ada) == "nothing"


def test_what_was_refused_can_be_opened_again(as_alice, ada, press, server):
    outgoing = queue(ada, written={"subject": "Tea", "to": BOB, "text": "At five?", "is_plain": True})
    server.faults = Faults(refuse={"DOT": "554 5.7.1 spam"})
    send(ada)
    assert "Open as a draft" in read(as_alice, outbox_of(ada))
    assert "At five?" in read(as_alice, take_back(press, as_alice, outgoing).url)


def test_what_was_maybe_sent_cannot(as_alice, ada, press, server):
    outgoing = maybe_sent(ada, server)
    answer = take_back(press, as_alice, outgoing)
    assert answer.url == page_of(outgoing)
    assert fresh(outgoing).state == "unknown"
