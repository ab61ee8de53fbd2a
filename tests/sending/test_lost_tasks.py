"""The broker loses every task: what must be done is a row, which the clock finds again; done twice it is done once."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from celery import Task
from django.conf import settings as django_settings
from django.core import mail
from django.db.models import F, QuerySet
from django.test import TestCase
from django.utils import timezone

from accounts import system_mail, tenancy
from accounts import tasks as mail_tasks
from accounts.models import SystemMail
from fetching import tasks as fetch_tasks
from fetching.models import FetchState
from fetching.scheduler import claims as fetch_claims
from fetching.scheduler import outcomes
from mailbox import services
from mailbox.models import Message
from sending import new_mail_checks, tasks
from sending.bounces import processing
from sending.models import NewMailCheck, OutgoingMessage, OutgoingServer
from sending.outbox import delivery
from tests import factories
from tests.fetching.fetched import state_of
from tests.sending.bounces.test_reports import FAILED, ORIGINAL, report
from tests.sending.outgoing import (
    BOB,
    EVE,
    carry,
    checks,
    file_copies,
    fresh,
    in_sent,
    queue,
    send,
    sender,
    states,
)
from tests.sending.vacation_accounts import go_away, letter, replies
from tests.servers.pop3 import MailboxServer

pytestmark = pytest.mark.django_db

PATH = b"Return-Path: <ada@example.org>\r\n"


class Broker:
    """Loses every task until it is `back`; then whatever is ordered is done at once."""

    def __init__(self) -> None:
        self.is_back = False
        self.lost: list[str] = []

    def apply_async(self, task: Task, args=(), kwargs=None, **options) -> None:
        if self.is_back:
            task(*args, **(kwargs or {}))
        else:
            self.lost.append(task.name)


@pytest.fixture
def broker(monkeypatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(Task, "apply_async", lambda task, *args, **kw: found.apply_async(task, *args, **kw))
    monkeypatch.setattr(system_mail, "hint", mail_tasks.send_mail.delay)
    monkeypatch.setattr(delivery.send, "__kwdefaults__", {"carry": carry})
    return found


@pytest.fixture
def pop3(settings):
    with MailboxServer(username="ada", password="right") as running:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [*settings.MAILHUB_ALLOWED_MAIL_HOSTS, running.entry]
        yield running


@pytest.fixture
def house(acme, alice, server, pop3):
    """Ada, who sends and fetches, and has fetched once."""
    account = sender(
        acme,
        alice,
        server,
        host=pop3.host,
        port=pop3.port,
        username="ada",
        password="right",
        encryption="plain",
    )
    fetch(account)
    return account


def fetch(account) -> None:
    """As a worker does; what is ordered on commit is ordered."""
    claim = fetch_claims.claim_now(account.organization_id, account.pk)
    assert claim is not None
    with TestCase.captureOnCommitCallbacks(execute=True):
        fetch_tasks.fetch_account(claim.organization_id, claim.account_id, claim.token)


def clock() -> None:
    """All ticks, some minutes later."""
    with tenancy.system():
        NewMailCheck.objects.update(due_at=timezone.now())
        OutgoingMessage.objects.update(finished_at=F("finished_at") - timedelta(minutes=5))
        OutgoingServer.objects.update(paused_since=F("paused_since") - timedelta(minutes=5))
    for task in {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}:
        if task.endswith((".sweep", ".dispatch_mail")) or task == tasks.dispatch.name:
            tasks.dispatch.app.tasks[task]()


# ── Each of them ────────────────────────────────────────────────────────────
def test_s9_reports_copies_and_away_replies_outlive_a_broker_that_loses_everything(
    house, pop3, server, broker
):
    outgoing, other = queue(house, BOB, EVE), queue(house, BOB)
    assert send(house) == send(house) == "accepted"
    file_copies()
    raw = server.accepted[1].data
    go_away(house)
    pop3.deliver(report(FAILED, ORIGINAL.replace("<2c5c8f@example.org>", outgoing.message_id)))
    pop3.deliver(PATH + raw, letter())
    ours = fresh(other).sent_copy_id
    fetch(house)
    assert states(outgoing)[BOB] == "accepted"
    assert tasks.look_at_new_mail.name in broker.lost
    kinds = sorted(kind for _, kind in checks(house))
    assert kinds == ["away", "away", "away", "copy", "report"]

    tasks.sweep()
    assert len(checks(house)) == 5, "not before the task that was ordered has had its time"
    broker.lost.clear()
    clock()
    assert len(checks(house)) == 5, "what the clock orders may be lost, too"
    assert set(broker.lost) >= {tasks.look_at_new_mail.name}
    broker.is_back = True
    for _ in range(3):
        clock()
    assert checks(house) == []
    assert states(outgoing)[BOB] == "bounced"
    assert fresh(other).sent_copy_id not in (None, ours)
    assert len(in_sent(house)) == 2, "there once"
    (reply,) = replies(house)
    assert reply.state == "accepted"


def test_a_worker_that_dies_between_doing_and_forgetting_does_nothing_twice(house, pop3, broker, monkeypatch):
    go_away(house)
    pop3.deliver(letter())
    fetch(house)
    broker.is_back = True
    with monkeypatch.context() as dying:
        dying.setattr(QuerySet, "delete", die)
        clock()
    assert len(replies(house)) == len(checks(house)) == 1
    clock()
    assert checks(house) == []
    assert len(replies(house)) == 1


really_delete = QuerySet.delete


def die(rows: QuerySet):
    if rows.model is NewMailCheck:
        raise SystemError("killed")
    return really_delete(rows)


def test_one_letter_that_cannot_be_read_holds_up_no_other_and_is_given_up_on(
    house, server, broker, monkeypatch, caplog
):
    outgoing = queue(house, BOB, EVE)
    send(house)
    bounce = report(FAILED, ORIGINAL.replace("<2c5c8f@example.org>", outgoing.message_id))
    bad, good = factories.deliver(house, bounce, bounce)
    read = processing.process_report

    def fail(organization_id, message_id):
        if message_id == bad:
            raise ZeroDivisionError
        return read(organization_id, message_id)

    monkeypatch.setattr(processing, "process_report", fail)
    broker.is_back = True
    clock()
    assert checks(house) == [(bad, "report")]
    assert states(outgoing)[BOB] == "bounced"
    pauses = []
    with caplog.at_level(logging.ERROR):
        for _ in range(new_mail_checks.TRIES):
            with tenancy.scope(house.organization_id):
                row = NewMailCheck.objects.filter(account=house).first()
            if row is not None:
                pauses.append((row.due_at - timezone.now()).total_seconds())
            clock()
    assert pauses == sorted(pauses)
    assert checks(house) == []
    assert f"message {bad} was given up on (report)" in caplog.text


def test_a_message_that_is_deleted_meanwhile_is_forgotten(house, broker):
    go_away(house)
    (key,) = factories.deliver(house, letter())
    with tenancy.scope(house.organization_id):
        services.discard(Message.objects.filter(pk=key))
    broker.is_back = True
    clock()
    assert checks(house) == []
    assert replies(house) == []


# ── Mail to owners ──────────────────────────────────────────────────────────
def test_that_fetching_has_stopped_is_told_though_every_task_is_lost(house, pop3, broker):
    pop3.password = "another"
    with tenancy.scope(house.organization_id):
        FetchState.objects.update(authentication_failures=outcomes.AUTHENTICATION_FAILURES - 1)
    fetch(house)
    assert (state_of(house).status, state_of(house).notice_due) == ("failed", True)
    assert fetch_tasks.tell_owner.name in broker.lost
    broker.is_back = True
    for _ in range(3):
        clock()
    (notice,) = mail.outbox
    assert house.name in notice.subject
    assert state_of(house).notice_due is False


def test_a_notice_waits_for_the_relay_and_goes_once(house, pop3, broker, settings):
    settings.EMAIL_BACKEND = "tests.nowhere.Backend"
    with tenancy.scope(house.organization_id):
        FetchState.objects.update(status="failed", error_code="authentication_failed", notice_due=True)
    broker.is_back = True
    clock()
    assert mail.outbox == []
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    SystemMail.objects.update(due_at=timezone.now())
    for _ in range(2):
        clock()
    assert len(mail.outbox) == 1


def test_an_account_that_goes_on_by_itself_is_not_told_of(house, broker):
    with tenancy.scope(house.organization_id):
        FetchState.objects.update(notice_due=True)  # it was mended before anybody was told
    broker.is_back = True
    clock()
    assert mail.outbox == []


def test_what_was_not_sent_is_told_though_every_task_is_lost(house, server, broker):
    server.faults.refuse = {"MAIL": "550 5.7.1 not you"}
    queue(house, letter={"subject": "Tea at five"})
    send(house)
    clock()
    assert mail.outbox == []
    broker.is_back = True
    for _ in range(2):
        clock()
    (notice,) = mail.outbox
    assert "- Tea at five\n" in notice.body
