"""Mail of Mailhub's own is a row until the relay has it: no hint, worker or relay that is lost loses it."""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta

import pytest
from django.core import mail as outgoing
from django.core.mail.backends import locmem
from django.db import connection, transaction
from django.utils import timezone

from accounts import mail, system_mail, tasks
from accounts.models import Invitation, SystemMail

pytestmark = pytest.mark.django_db


class Relay(locmem.EmailBackend):
    """Takes mail unless it is to raise something."""

    trouble: Exception | None = None

    def send_messages(self, messages):
        if Relay.trouble is not None:
            raise Relay.trouble
        return super().send_messages(messages)


@pytest.fixture(autouse=True)
def relay(settings, monkeypatch):
    settings.EMAIL_BACKEND = f"{__name__}.Relay"
    monkeypatch.setattr(Relay, "trouble", None)
    return Relay


@pytest.fixture(autouse=True)
def ordered(monkeypatch) -> list[int]:
    """Every order is lost."""
    calls: list[int] = []
    monkeypatch.setattr(tasks.send_mail, "delay", calls.append)
    monkeypatch.setattr(system_mail, "hint", tasks.send_mail.delay)
    return calls


def queue(**options) -> SystemMail:
    return system_mail.queue("ada@example.org", "Tea", "At five?", **options)


def wait_over(row: SystemMail) -> None:
    SystemMail.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def clock(ordered: list[int]) -> None:
    """The clock orders, and this time a worker is there."""
    ordered.clear()
    tasks.dispatch_mail()
    for key in list(ordered):
        tasks.send_mail(key)


def test_a_mail_whose_order_was_lost_is_found_by_the_clock_and_goes_once(ordered):
    row = queue()
    assert outgoing.outbox == []
    for _ in range(3):
        clock(ordered)
    tasks.send_mail(row.pk)
    (letter,) = outgoing.outbox
    assert (letter.to, letter.subject, letter.body) == (["ada@example.org"], "Tea", "At five?")
    assert not SystemMail.objects.exists()


def test_a_mail_is_there_only_with_what_it_speaks_of():
    def fail_after_queueing():
        with transaction.atomic():
            queue()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_queueing()
    assert not SystemMail.objects.exists()


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPAuthenticationError(535, b"no"),
        smtplib.SMTPRecipientsRefused({"ada@example.org": (451, b"later")}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_while_the_relay_is_away_it_is_tried_again_after_longer_pauses(ordered, relay, trouble, caplog):
    row = queue()
    relay.trouble = trouble
    pauses = []
    for _ in range(4):
        clock(ordered)
        row.refresh_from_db()
        pauses.append((row.due_at - timezone.now()).total_seconds())
        clock(ordered)  # not before its time
        wait_over(row)
    assert [round(pause / 60) for pause in pauses] == [2, 4, 8, 16]
    assert row.tries == 4
    assert "At five" not in caplog.text
    relay.trouble = None
    clock(ordered)
    assert len(outgoing.outbox) == 1
    assert not SystemMail.objects.exists()


def test_a_worker_that_is_killed_while_the_relay_answers_loses_nothing(ordered, relay):
    row = queue()
    relay.trouble = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        system_mail.send(row.pk)
    relay.trouble = None
    wait_over(row)
    clock(ordered)
    (letter,) = outgoing.outbox
    # Were it one too many, it would be known by its id.
    assert str(row.key) in letter.extra_headers["Message-ID"]


def test_an_address_that_is_refused_for_good_is_not_tried_again(ordered, relay):
    queue()
    relay.trouble = smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"no such user")})
    clock(ordered)
    assert not SystemMail.objects.exists()


def test_what_is_of_no_use_any_more_is_dropped_and_that_is_logged(ordered, caplog):
    row = queue(good_for=timedelta(minutes=30))
    SystemMail.objects.update(good_until=timezone.now() - timedelta(seconds=1))
    tasks.send_mail(row.pk)
    with caplog.at_level(logging.ERROR):
        clock(ordered)
    assert outgoing.outbox == []
    assert not SystemMail.objects.exists()
    assert f"mail {row.pk} of Mailhub's own was dropped" in caplog.text


def invited(acme, alice) -> Invitation:
    return Invitation(organization=acme, email="nadia@acme.example", invited_by=alice)


def test_a_code_is_of_no_use_after_its_minutes_an_invitation_after_its_days(acme, alice):
    mail.address_code(alice, "Acme", "acme", "shop@acme.example", "123456", minutes=30, language="en")
    mail.invitation(invited(acme, alice), "KEY")
    spans = [row.good_until - row.created_at for row in SystemMail.objects.order_by("pk")]
    assert [round(span / timedelta(minutes=30)) for span in spans] == [1, 7 * 48]


def test_its_text_is_not_readable_in_the_database(acme, alice):
    mail.invitation(invited(acme, alice), "SECRETKEY")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(m)::text FROM accounts_systemmail m")
        (found,) = cursor.fetchone()
    assert "SECRETKEY" not in found
    assert "SECRETKEY" in SystemMail.objects.get().body


def test_two_workers_send_it_once():
    row = queue()
    assert [system_mail.send(row.pk), system_mail.send(row.pk)] == [True, False]
    assert len(outgoing.outbox) == 1
