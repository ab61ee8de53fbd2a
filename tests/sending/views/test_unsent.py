"""What has not gone out is counted and named before its account goes, and may go out first; nothing is lost unasked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts import members, removal, tenancy, unsent
from accounts.models import MailAccount, Membership
from sending import tasks
from sending.models import Draft, OutgoingMessage
from sending.outbox import outbox
from tests import factories
from tests.sending.drafted import draft_row, pictured
from tests.sending.outgoing import change, claim, fresh, queue, send, sender
from tests.sending.pages import text

pytestmark = pytest.mark.django_db


def at(name: str, *args: object) -> str:
    return reverse(name, args=["acme", *args])


@pytest.fixture
def ordered(monkeypatch):
    calls = []
    monkeypatch.setattr(tasks.send_due, "apply_async", lambda args, countdown=None: calls.append(args))
    return calls


@pytest.fixture
def full(ada, server):
    """An account with one message of each sort, and one that waits for its time."""
    server.faults.refuse = {"MAIL": "550 5.7.1 not you"}
    queue(ada, letter={"subject": "Refused letter"})
    assert send(ada) == "refused"
    server.faults.refuse = {}
    server.faults.lose_reply = "DOT"
    queue(ada, letter={"subject": "Maybe letter"})
    assert send(ada) == "unknown"
    server.faults.lose_reply = ""
    with tenancy.scope(ada.organization_id):
        draft_row(ada, subject="Half a letter", is_touched=True)
        draft_row(ada, subject="Only opened")
    queue(ada, due_at=timezone.now() + timedelta(days=3), letter={"subject": "Birthday"})
    return ada


def delete(client, account, **data):
    return client.post(at("mail_account_delete", account.pk), {"confirm": account.email, **data})


def is_there(account) -> bool:
    with tenancy.scope(account.organization_id):
        return MailAccount.objects.filter(pk=account.pk, removing_until=None).exists()


# ── Deleting an account ─────────────────────────────────────────────────────
def test_the_page_counts_and_names_what_would_never_go_out(as_alice, full):
    page = text(as_alice.get(at("mail_account_delete", full.pk)).text)
    for words in (
        "1 message waits to be sent and would never go out:",
        "Birthday",
        "1 message was refused and is nowhere else:",
        "Refused letter",
        "1 message was maybe sent:",
        "Maybe letter",
        "1 draft:",
        "Half a letter",
        "Send what waits now",
        "Delete it, unsent",
    ):
        assert words in page
    assert "Only opened" not in page


def test_an_account_with_nothing_unsent_asks_nothing_more(as_alice, ada):
    assert "unsent" not in as_alice.get(at("mail_account_delete", ada.pk)).text
    assert delete(as_alice, ada).status_code == 302
    assert not is_there(ada)


def test_it_is_not_deleted_unless_that_is_agreed_to(as_alice, full):
    for data in ({}, {"unsent": "3"}, {"unsent": "yes"}, {"unsent": "-9"}):
        answer = delete(as_alice, full, **data)
        assert answer.status_code == 422
        assert "Say what is to become of it. Nothing was deleted." in text(answer.text)
        assert is_there(full)
    assert delete(as_alice, full, unsent="4").status_code == 302
    assert not is_there(full)


def test_what_was_scheduled_after_the_page_was_read_is_not_lost(as_alice, full):
    queue(full, due_at=timezone.now() + timedelta(days=1), letter={"subject": "Another"})
    answer = delete(as_alice, full, unsent="4")
    assert answer.status_code == 422
    assert "Another" in answer.text
    assert is_there(full)


def test_what_waits_can_go_out_first(as_alice, full, server, ordered, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_alice.post(at("mail_account_delete", full.pk), {"act": "send_now"})
    assert answer["Location"] == at("outbox", full.pk)
    assert is_there(full)
    assert ordered == [(full.organization_id, full.pk)]
    with tenancy.scope(full.organization_id):
        outgoing = OutgoingMessage.objects.get(subject="Birthday")
    assert outgoing.due_at <= timezone.now()
    assert send(full) == "accepted"
    assert "wait" not in unsent_words(as_alice, full)


def unsent_words(client, account) -> str:
    return text(client.get(at("mail_account_delete", account.pk)).text).partition("never go out")[1]


def test_while_a_message_is_being_sent_nothing_is_deleted(as_alice, ada):
    outgoing = queue(ada)
    assert claim(ada) is not None
    answer = delete(as_alice, ada, unsent="1")
    assert answer.status_code == 422
    assert "is being sent at this moment. Nothing was deleted; try again in a minute." in text(answer.text)
    assert is_there(ada)
    change(outgoing, state="queued", claim_token=None, claimed_until=None)
    assert delete(as_alice, ada, unsent="1").status_code == 302


def test_away_replies_and_what_has_gone_are_nothing_to_ask_about(as_alice, ada, server):
    queue(ada)
    assert send(ada) == "accepted"
    queue(ada, kind="vacation", due_at=timezone.now() + timedelta(hours=1))
    assert delete(as_alice, ada).status_code == 302


def test_whoever_deletes_by_the_service_must_have_asked(alice, full):
    with tenancy.scope(full.organization_id), pytest.raises(unsent.NotConfirmed):
        removal.start(full, alice, unsent_confirmed=0)
    assert is_there(full)


def test_many_are_counted_and_some_are_named(as_alice, ada):
    for number in range(13):
        queue(ada, due_at=timezone.now() + timedelta(hours=1 + number), letter={"subject": f"No {number}."})
    page = text(as_alice.get(at("mail_account_delete", ada.pk)).text)
    assert "13 messages wait to be sent" in page
    assert "No 9." in page
    assert "No 10." not in page
    assert "and 3 more" in page


def test_what_was_answered_from_another_account_does_not_keep_an_account(as_alice, acme, alice, ada, server):
    """A draft, and a message that was sent, refer to a letter that goes."""
    other = sender(acme, alice, server, email="eve@example.org")
    (letter,) = factories.deliver(other, pictured())
    with tenancy.scope(acme.pk):
        draft = draft_row(ada, original_id=letter, is_touched=True)
    outgoing = queue(ada)
    change(outgoing, answers_id=letter)
    assert delete(as_alice, other).status_code == 302
    removal.finish(acme.pk, other.pk)
    connection.check_constraints()
    with tenancy.scope(acme.pk):
        assert Draft.objects.get(pk=draft.pk).original_id is None
        assert fresh(outgoing).answers_id is None


# ── Leaving, and being removed ──────────────────────────────────────────────
@pytest.fixture
def bobs(acme, bob, server):
    account = sender(acme, bob, server, email="bob@example.org")
    queue(account, due_at=timezone.now() + timedelta(days=3), letter={"subject": "Private matter"})
    with tenancy.scope(acme.pk):
        draft_row(account, subject="Secret plan", is_touched=True)
    return account


def test_who_leaves_is_told_and_asked(as_bob, acme, bobs, ordered, django_capture_on_commit_callbacks):
    page = text(as_bob.get(at("leave")).text)
    assert "Private matter" in page
    assert "Secret plan" in page
    assert as_bob.post(at("leave")).status_code == 422
    assert is_there(bobs)
    with django_capture_on_commit_callbacks(execute=True):
        assert as_bob.post(at("leave"), {"act": "send_now"})["Location"] == at("leave")
    assert ordered == [(acme.pk, bobs.pk)]
    assert is_there(bobs)
    assert as_bob.post(at("leave"), {"unsent": "2"}).status_code == 302
    assert not is_there(bobs)


def test_an_admin_is_told_how_many_and_not_which(as_alice, acme, bob, bobs):
    row = factories.membership(acme, bob)
    page = text(as_alice.get(at("member_remove", row.pk)).text)
    assert "1 message waits to be sent" in page
    assert "1 draft" in page
    for secret in ("Private matter", "Secret plan", "Send what waits now"):
        assert secret not in page
    assert as_alice.post(at("member_remove", row.pk)).status_code == 422
    assert is_there(bobs)
    assert as_alice.post(at("member_remove", row.pk), {"unsent": "2"})["Location"] == at("people")
    assert not is_there(bobs)


def test_members_are_not_removed_by_the_service_unasked(acme, alice, bob, bobs):
    actor, member = factories.membership(acme, alice), factories.membership(acme, bob)
    with tenancy.scope(acme.pk):
        with pytest.raises(unsent.NotConfirmed):
            members.remove(actor, member)
        outbox.take_back(OutgoingMessage.objects.get())
        members.remove(actor, member, unsent_confirmed=1)
        assert not Membership.objects.filter(user=bob).exists()
