"""Away replies with real rows: who gets one, how often, as whom, and what never does."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import close_old_connections
from django.utils import timezone

from accounts import tenancy
from accounts.models import AuditEvent
from mailbox.mime.parsing import parse
from sending import new_mail_checks, tasks
from sending.identities import identities
from sending.message.build import ComposeError
from sending.models import Identity, OutgoingServer, VacationReply, VacationSent
from sending.outbox import outbox
from sending.vacation import replies as vacation_replies
from sending.vacation.rules import Reason
from tests import factories
from tests.sending.outgoing import (
    BOB,
    checks,
    claim,
    fresh,
    look_at_new_mail,
    queue,
    recipients,
    send,
)
from tests.sending.settled import prove, relay
from tests.sending.vacation.samples import SAMPLES
from tests.sending.vacation_accounts import (
    TEXT,
    age,
    answer,
    answered,
    arrive,
    go_away,
    letter,
    now_text,
    replies,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def raw_of(outgoing) -> bytes:
    with tenancy.scope(outgoing.organization_id):
        return outbox.raw_bytes(outgoing)


# ── One reply ───────────────────────────────────────────────────────────────
def test_a_letter_is_answered_by_what_is_sent_as_the_account(ada, server):
    go_away(ada)
    message = arrive(ada, letter())
    reply = answer(message)
    assert list(recipients(reply)) == [BOB]
    assert (reply.kind, reply.answers_id, reply.envelope_from) == ("vacation", message.pk, ada.email)
    assert send(ada) == "accepted"
    (sent,) = server.accepted
    parsed = parse(sent.data)
    assert (sent.recipients, parsed.from_address, parsed.from_name) == ((BOB,), ada.email, "Ada Lovelace")
    assert (parsed.subject, parsed.in_reply_to) == ("Re: Tea", "<1@post.example>")
    assert b"Auto-Submitted: auto-replied (vacation)\r\n" in sent.data
    assert TEXT.encode() in sent.data
    assert b"When can we meet" not in sent.data, "nothing of theirs goes back"
    found = fresh(reply)
    assert (found.copy, found.needs_owner) == ("none", False)
    with tenancy.scope(ada.organization_id):
        assert VacationSent.objects.get().sender == BOB


def test_ones_own_subject_and_one_for_members(ada, acme, bob):
    go_away(ada, subject="Back on Friday", members_text="Call me.")
    stranger = answered(ada, letter())
    assert stranger.subject == "Back on Friday"
    assert TEXT.encode() in raw_of(stranger)
    member = answered(ada, letter(sender=f"Bob <{bob.email}>", path=f"<{bob.email}>"))
    assert b"Call me." in raw_of(member)
    factories.connect(acme, bob, email="bob@elsewhere.example")
    at_home = answered(ada, letter(path="<bob@elsewhere.example>", sender="Bob <bob@elsewhere.example>"))
    assert b"Call me." in raw_of(at_home), "whose mail is collected here is a member, too"


def test_through_mailhub_it_leaves_with_the_null_sender(ada, settings):
    relay(settings)
    with tenancy.scope(ada.organization_id):
        OutgoingServer.objects.filter(account=ada).update(is_custom=False, host="")
    prove(ada, ada.email)
    go_away(ada)
    assert answered(ada, letter()).envelope_from == ""


# ── At most one ─────────────────────────────────────────────────────────────
def test_a_sender_gets_one_in_each_interval(ada):
    go_away(ada, interval_days=3)
    assert answered(ada, letter()).kind == "vacation"
    assert answered(ada, letter()) is Reason.ANSWERED
    assert answered(ada, letter(sender="BOB@POST.EXAMPLE", path="<Bob@Post.example>")) is Reason.ANSWERED
    age(ada, 2 * DAY)
    assert answered(ada, letter()) is Reason.ANSWERED
    age(ada, DAY)
    assert answered(ada, letter()).kind == "vacation"
    assert len(replies(ada)) == 2
    with tenancy.scope(ada.organization_id):
        assert VacationSent.objects.count() == 1


def test_the_same_letter_has_one_reply_however_often_the_task_runs(ada, monkeypatch):
    go_away(ada)
    message = arrive(ada, letter())
    ordered = []
    monkeypatch.setattr(tasks, "schedule_sending", lambda outgoing: ordered.append(outgoing.pk))
    for days in (0, 0, 5):
        age(ada, days * DAY)
        look_at_new_mail(ada)
        with tenancy.scope(ada.organization_id):
            new_mail_checks.note(ada, [(message.pk, "away"), (0, "away")])
    look_at_new_mail(ada)
    (only,) = replies(ada)
    assert set(ordered) == {only.pk}
    assert checks(ada) == []


def test_a_new_absence_is_new_to_everybody(ada):
    go_away(ada)
    assert answered(ada, letter()).kind == "vacation"
    go_away(ada, text="Still away.")
    assert answered(ada, letter()) is Reason.ANSWERED, "a change is no new absence"
    go_away(ada, is_on=False)
    assert answered(ada, letter()) is Reason.OFF
    go_away(ada)
    assert answered(ada, letter()).kind == "vacation"


@pytest.mark.django_db(transaction=True)
def test_two_tasks_at_once_make_one_reply(ada):
    """Two letters of one sender, and the same letter twice, by workers that start together."""
    go_away(ada)
    keys = [arrive(ada, letter()).pk for _ in range(2)]
    started, errors = threading.Barrier(4), []

    def work(key):
        try:
            started.wait(timeout=20)
            with tenancy.scope(ada.organization_id):
                vacation_replies.answer_message(
                    vacation_replies.Message.objects.select_related("folder").get(pk=key)
                )
        except Exception as error:
            errors.append(error)
        finally:
            close_old_connections()
            vacation_replies.transaction.get_connection().close()

    workers = [threading.Thread(target=work, args=(key,)) for key in keys * 2]
    for each in workers:
        each.start()
    for each in workers:
        each.join(timeout=60)
    assert not errors
    assert len(replies(ada)) == 1


def test_all_together_have_a_limit(ada):
    go_away(ada)
    for number in range(vacation_replies.rules.HOURLY):
        sender = f"p{number}@post.example"
        assert answered(ada, letter(sender=sender, path=f"<{sender}>")).kind == "vacation"
    late = letter(sender="late@post.example", path="<late@post.example>")
    assert answered(ada, late) is Reason.TOO_MANY
    age(ada, timedelta(hours=2))
    assert answered(ada, late).kind == "vacation"


def test_the_limit_of_the_plan_holds_and_nobody_counts_as_answered(ada, acme):
    go_away(ada)
    acme.recipients_limit = 0
    acme.save()
    message = arrive(ada, letter())
    assert answer(message) is Reason.TOO_MANY
    with tenancy.scope(ada.organization_id):
        assert not VacationSent.objects.exists()
    acme.recipients_limit = 10
    acme.save()
    assert answer(message).kind == "vacation"


# ── Never ───────────────────────────────────────────────────────────────────
def test_no_list_bulk_bounce_robot_or_oneself_gets_one(ada, acme, alice):
    factories.connect(acme, alice, email="ada@private.example", name="Private")
    go_away(ada)
    assert len(SAMPLES) >= 30
    wrong = {}
    for name, (reason, raw) in SAMPLES.items():
        raw = raw.replace(b"Date: Mon, 23 Nov 2026 09:55:00 +0700", f"Date: {now_text()}".encode())
        if raw and (outcome := answered(ada, raw)) is not reason:
            wrong[name] = outcome
    assert not wrong
    assert replies(ada) == []
    assert answered(ada, letter()).kind == "vacation", "a person does"


def test_mail_to_another_address_only_to_one_that_was_named(ada):
    go_away(ada)
    other = letter(to="Team <team@post.example>")
    assert answered(ada, other) is Reason.NOT_ADDRESSED
    go_away(ada, also_addresses="team@post.example\nnonsense\n")
    assert answered(ada, other).kind == "vacation"
    assert answered(ada, letter(path="<team@post.example>", sender="team@post.example")) is Reason.OWN


def test_aliases_are_ones_own(ada, alice):
    with tenancy.scope(ada.organization_id):
        identities.add(ada, alice, address="countess@example.org")
    go_away(ada)
    assert answered(ada, letter(to="countess@example.org")).kind == "vacation"
    assert answered(ada, letter(path="<countess@example.org>")) is Reason.OWN


def test_what_lies_in_spam_or_is_a_copy_of_ones_own_is_left_alone(ada):
    go_away(ada)
    assert answered(ada, letter(), role="spam") is Reason.SPAM
    assert answered(ada, letter(), role="sent") is Reason.OWN


def test_what_came_before_is_left_alone(ada):
    early = arrive(ada, letter())
    go_away(ada, since=-timedelta(hours=1))
    assert answer(early) is Reason.EARLIER
    go_away(ada, is_on=False)
    go_away(ada, ends_at=timezone.now() - DAY)
    assert answered(ada, letter()) is Reason.OFF


def test_only_members_or_only_people_one_has_written_to(ada, bob):
    members = letter(path=f"<{bob.email}>", sender=bob.email)
    go_away(ada, audience="members")
    assert answered(ada, letter()) is Reason.AUDIENCE
    assert answered(ada, members).kind == "vacation"

    go_away(ada, audience="known")
    assert answered(ada, letter()) is Reason.AUDIENCE
    taken_back = queue(ada, BOB)
    with tenancy.scope(ada.organization_id):
        outbox.take_back(taken_back)
    assert answered(ada, letter()) is Reason.AUDIENCE, "nobody has written to him after all"
    queue(ada, "Bob@post.example")
    assert answered(ada, letter()).kind == "vacation"


# ── As whom ─────────────────────────────────────────────────────────────────
def test_without_an_address_that_may_be_used_nothing_goes_out(ada):
    go_away(ada)
    with tenancy.scope(ada.organization_id):
        Identity.objects.update(is_login=False)
    message = arrive(ada, letter())
    assert answer(message) is Reason.OFF
    with tenancy.scope(ada.organization_id):
        assert not VacationSent.objects.exists()
        Identity.objects.update(is_login=True)
        OutgoingServer.objects.update(paused_since=timezone.now())
    assert answer(message) is Reason.OFF, "it would come when its writer is back"
    with tenancy.scope(ada.organization_id):
        OutgoingServer.objects.all().delete()
    assert answer(message) is Reason.OFF
    assert replies(ada) == []


# ── Switching it on ─────────────────────────────────────────────────────────
def test_changes_are_recorded_and_a_subject_is_one_line(ada):
    go_away(ada)
    with tenancy.scope(ada.organization_id):
        event = AuditEvent.objects.filter(action="away_reply.changed").get()
        assert (event.target, event.detail) == (ada.email, {"on": True})
        with pytest.raises(ComposeError):
            vacation_replies.change_settings(
                [ada], ada.owner, {"is_on": True, "subject": "x\r\nBcc: eve@evil.example"}
            )
        assert VacationReply.objects.get().subject == ""


def test_an_author_of_any_length_is_remembered(ada):
    go_away(ada)
    author = "b" * 400 + "@post.example"
    assert answered(ada, letter(sender=author)).kind == "vacation"
    assert answered(ada, letter(sender=author)) is Reason.ANSWERED


def test_old_replies_are_forgotten(ada):
    go_away(ada)
    answered(ada, letter())
    vacation_replies.delete_expired()
    with tenancy.scope(ada.organization_id):
        assert VacationSent.objects.count() == 1
    age(ada, 32 * DAY)
    vacation_replies.delete_expired()
    with tenancy.scope(ada.organization_id):
        assert not VacationSent.objects.exists()


def test_a_letter_that_has_waited_too_long_for_its_reply_gets_none(ada):
    """Nobody could look at it for so long: by rule, not by accident."""
    go_away(ada, since=2 * DAY)
    late, soon = arrive(ada, letter()), arrive(ada, letter(sender="p@post.example", path="<p@post.example>"))
    late.stored_at = timezone.now() - vacation_replies.TOO_LATE - timedelta(minutes=1)
    soon.stored_at = timezone.now() - vacation_replies.TOO_LATE + timedelta(minutes=1)
    assert answer(late) is Reason.OLD
    assert answer(soon).kind == "vacation"


# ── What new mail starts ────────────────────────────────────────────────────
def test_new_mail_is_looked_at_only_while_somebody_is_away(ada):
    factories.deliver(ada, letter())
    go_away(ada, ends_at=timezone.now() - DAY)
    factories.deliver(ada, letter())
    go_away(ada, ends_at=timezone.now() + DAY)
    assert checks(ada) == []
    (key,) = factories.deliver(ada, letter())
    assert checks(ada) == [(key, "away")]


def test_the_task_has_replies_sent(ada, server, monkeypatch, django_capture_on_commit_callbacks):
    go_away(ada)
    message = arrive(ada, letter())
    sent = []
    monkeypatch.setattr(tasks.send_due, "apply_async", lambda args, countdown=None: sent.append(args))
    assert checks(ada) == [(message.pk, "away")]
    with django_capture_on_commit_callbacks(execute=True):
        look_at_new_mail(ada)
    assert sent == [(ada.organization_id, ada.pk)]
    assert claim(ada) is not None
