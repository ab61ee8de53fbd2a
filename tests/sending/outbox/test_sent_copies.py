"""The copy in Sent: the same bytes, charged, a state of its own; once, also when the provider hands sent mail back."""

from __future__ import annotations

import pytest

from accounts import tenancy
from mailbox import labels, services
from mailbox.models import Folder, Message
from quotas.models import StorageMeter
from sending import tasks
from sending.models import Draft, DraftFile, OutgoingMessage
from sending.outbox import outbox, retention, sent_copies
from tests import factories
from tests.sending.drafted import draft_row
from tests.sending.outgoing import change, checks, file_copies, fresh, in_sent, queue, send, states
from tests.servers.smtp import Faults

pytestmark = pytest.mark.django_db


def limit(account, free: int) -> None:
    with tenancy.scope(account.organization_id):
        meter = StorageMeter.objects.get()
        StorageMeter.objects.update(limit=meter.used + free)


def frozen(outgoing) -> bytes:
    with tenancy.scope(outgoing.organization_id):
        return outbox.raw_bytes(outgoing)


def all_of(account) -> list[Message]:
    with tenancy.scope(account.organization_id):
        return list(Message.objects.filter(account=account).select_related("folder").order_by("pk"))


# ── Filing ──────────────────────────────────────────────────────────────────
def test_without_space_the_copy_waits_and_the_message_is_not_sent_again(ada, server):
    (full,) = factories.deliver(ada, factories.letter(body="x" * 5000))
    limit(ada, 10)
    outgoing = queue(ada)
    raw = frozen(outgoing)
    assert send(ada) == "accepted"
    file_copies()
    found = fresh(outgoing)
    assert (found.state, found.copy, found.needs_owner) == ("accepted", "no_space", False)
    assert in_sent(ada) == []
    file_copies()
    assert fresh(outgoing).copy == "no_space"
    assert sent_copies.due_copies(10) == [], "nothing is tried while there is no space"

    with tenancy.scope(ada.organization_id):
        services.discard(Message.objects.filter(pk=full))
    assert len(sent_copies.due_copies(10)) == 1
    file_copies()
    (copy,) = in_sent(ada)
    with tenancy.scope(ada.organization_id):
        assert services.raw_bytes(copy) == raw
        assert not outgoing.parts.exists()
    assert (fresh(outgoing).copy, len(server.accepted)) == ("filed", 1)


def test_a_worker_that_died_between_sending_and_filing_loses_no_copy(ada):
    outgoing = queue(ada)
    send(ada)
    assert sent_copies.due_copies(10) == [(ada.organization_id, outgoing.pk)]
    for _ in range(3):  # and whoever files it again does it once
        sent_copies.file_copy(ada.organization_id, outgoing.pk)
    assert len(in_sent(ada)) == 1


def test_a_refused_message_has_no_copy(ada, server):
    queue(ada)
    server.faults = Faults(refuse={"DOT": "550 no"})
    assert send(ada) == "refused"
    assert sent_copies.due_copies(10) == []


def test_the_copy_may_be_deleted_and_the_message_is_still_known(ada):
    outgoing = queue(ada)
    send(ada)
    file_copies()
    with tenancy.scope(ada.organization_id):
        services.discard(Message.objects.filter(pk=in_sent(ada)[0].pk))
    assert (fresh(outgoing).sent_copy, fresh(outgoing).copy) == (None, "filed")
    assert sent_copies.due_copies(10) == []


def test_what_was_taken_back_is_forgotten_after_a_day(ada):
    outgoing, kept = queue(ada), queue(ada)
    with tenancy.scope(ada.organization_id):
        outbox.take_back(outgoing)
    retention.delete_expired()
    assert fresh(outgoing).state == "cancelled"
    change(outgoing, finished_at="2026-01-01T00:00Z")
    retention.delete_expired()
    with tenancy.scope(ada.organization_id):
        assert list(OutgoingMessage.objects.values_list("pk", flat=True)) == [kept.pk]


def test_drafts_that_nobody_wrote_into_go_after_a_day_by_the_clock(ada, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    old = {"created_at": "2026-01-01T00:00Z"}
    with tenancy.scope(ada.organization_id):
        for _ in range(5):
            draft_row(ada)
        Draft.objects.update(**old)
        kept = {draft_row(ada).pk, draft_row(ada, is_touched=True).pk}
        Draft.objects.filter(is_touched=True).update(**old)
    tasks.delete_expired()
    with tenancy.scope(ada.organization_id):
        assert set(Draft.objects.values_list("pk", flat=True)) == kept
        assert DraftFile.objects.count() == 2


# ── Handed back by the provider ─────────────────────────────────────────────
RECEIVED = b"Return-Path: <ada@example.org>\r\nReceived: from mailhub by smtp.example.org; Mon, 23 Nov 2026 09:42\r\n"


def hand_back(account, raw: bytes) -> int:
    (key,) = factories.deliver(account, raw)
    return key


def adopt(account, key: int) -> list[bool]:
    with tenancy.scope(account.organization_id):
        found = sent_copies.handed_back(account, [key])
    return [sent_copies.adopt_copy(account.organization_id, *pair) for pair in found]


@pytest.fixture
def sent(ada):
    """A sent message with its copy, and its bytes."""
    outgoing = queue(ada)
    raw = frozen(outgoing)
    send(ada)
    file_copies()
    return outgoing, raw


@pytest.mark.parametrize("more", [b"", RECEIVED], ids=["the same bytes", "more header lines"])
def test_a_sent_message_that_is_fetched_again_is_there_once(ada, sent, more):
    outgoing, raw = sent
    (ours,) = in_sent(ada)
    theirs = hand_back(ada, more + raw)
    assert adopt(ada, theirs) == [True]
    (kept,) = all_of(ada)
    # Theirs is kept: its row at the provider belongs to it, so nothing is deleted there (rule "when deleted here").
    assert (kept.pk, kept.folder.role, kept.is_read) == (theirs, "sent", True)
    assert kept.pk != ours.pk
    assert fresh(outgoing).sent_copy_id == theirs
    assert adopt(ada, theirs) == []


def test_it_takes_the_place_of_ours_with_all_that_was_done_to_it(ada, sent):
    outgoing, raw = sent
    with tenancy.scope(ada.organization_id):
        ours = Message.objects.filter(pk=fresh(outgoing).sent_copy_id)
        services.set_starred(ours, True)
        label = labels.create_label(ada, "Tea")
        labels.attach(label, [ours.get().pk])
        services.trash(ours)
    theirs = hand_back(ada, RECEIVED + raw)
    assert adopt(ada, theirs) == [True]
    (kept,) = all_of(ada)
    with tenancy.scope(ada.organization_id):
        assert [each.name for each in kept.labels.all()] == ["Tea"]
    assert (kept.is_starred, kept.folder.role) == (True, Folder.Role.TRASH)


def test_it_may_be_faster_than_our_copy(ada):
    outgoing = queue(ada)
    raw = frozen(outgoing)
    send(ada)
    theirs = hand_back(ada, RECEIVED + raw)
    assert adopt(ada, theirs) == [True]
    file_copies()
    (kept,) = all_of(ada)
    assert (kept.pk, kept.folder.role, fresh(outgoing).copy) == (theirs, "sent", "filed")
    with tenancy.scope(ada.organization_id):
        assert not outgoing.parts.exists()


def test_what_the_provider_has_in_sent_was_accepted(ada, server):
    outgoing = queue(ada)
    raw = frozen(outgoing)
    server.faults = Faults(lose_reply="DOT")
    assert send(ada) == "unknown"
    assert adopt(ada, hand_back(ada, RECEIVED + raw)) == [True]
    assert (fresh(outgoing).state, fresh(outgoing).needs_owner) == ("accepted", False)
    assert set(states(outgoing).values()) == {"accepted"}


@pytest.mark.parametrize(
    "change_it",
    [
        pytest.param(lambda raw: raw.replace(b"At five", b"At six"), id="another text"),
        pytest.param(
            lambda raw: raw.replace(b"<ada@example.org>", b"<eve@example.org>", 1), id="another From"
        ),
        pytest.param(lambda raw: b"Delivered-To: ada@example.org\r\n" + raw, id="delivered to the mailbox"),
        pytest.param(lambda raw: b"List-Id: Tea <tea.example.org>\r\n" + raw, id="from a list"),
    ],
)
def test_what_only_looks_like_it_stays_where_it_is(ada, sent, change_it):
    _, raw = sent
    theirs = hand_back(ada, change_it(raw))
    assert adopt(ada, theirs) == [False]
    assert [each.folder.role for each in all_of(ada)] == ["sent", "inbox"]


def test_a_letter_to_oneself_stays_in_the_inbox_too(ada):
    outgoing = queue(ada, ada.email)
    raw = frozen(outgoing)
    send(ada)
    file_copies()
    assert adopt(ada, hand_back(ada, RECEIVED + raw)) == [False]
    assert [each.folder.role for each in all_of(ada)] == ["sent", "inbox"]


def test_nobody_elses_mail_is_matched(acme, bob, ada, sent):
    _, raw = sent
    other = factories.connect(acme, bob, email="bob@example.org")
    theirs = hand_back(other, raw)
    assert adopt(other, theirs) == []


def test_new_mail_is_looked_at_after_the_commit(ada, sent, monkeypatch, django_capture_on_commit_callbacks):
    outgoing, raw = sent
    monkeypatch.setattr(tasks.look_at_new_mail, "delay", tasks.look_at_new_mail)
    with django_capture_on_commit_callbacks(execute=True):
        theirs = hand_back(ada, RECEIVED + raw)
        hand_back(ada, factories.letter("something else"))
        assert checks(ada) == [(theirs, "copy")]
        assert fresh(outgoing).sent_copy_id != theirs
    assert fresh(outgoing).sent_copy_id == theirs
    assert checks(ada) == []
    queue(ada)
    send(ada)
    file_copies()
    assert checks(ada) == [], "our own copy is none"
