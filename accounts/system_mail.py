"""What Mailhub itself writes to people: a row until the relay has taken it, tried again while the relay is away.

Whoever queues a mail does so in the transaction that the mail speaks of, so there is neither news without a mail nor a
mail without news. The task that is ordered is only a hint; the clock finds rows whose hint was lost.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from smtplib import SMTPRecipientsRefused
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import SystemMail

logger = logging.getLogger(__name__)

# Afterwards nobody wants to hear it any more; a code or an invitation says how long it is good for itself.
GOOD_FOR: Final = timedelta(days=3)
# The pauses between tries: each twice the last. A try ends long before the first (settings.EMAIL_TIMEOUT).
FIRST_PAUSE: Final = timedelta(minutes=2)
LONGEST_PAUSE: Final = timedelta(hours=6)


def queue(to: str, subject: str, body: str, *, good_for: timedelta = GOOD_FOR) -> SystemMail:
    """Have a mail sent once the current transaction is committed."""
    # A name with a line break in it must not become a header of its own.
    line = " ".join(subject.split())[:500]
    row = SystemMail.objects.create(
        to=to[:320], subject=line, body=body, good_until=timezone.now() + good_for
    )
    hint(row.pk)
    return row


def hint(pk: int) -> None:
    """Have the mail sent as soon as it is committed. Should that get lost, the clock finds the row."""
    # Above this module in the layers, and needed by name alone.
    from accounts import tasks

    # Robust: that the broker is away costs the page nothing.
    transaction.on_commit(partial(tasks.send_mail.delay, pk), robust=True)


def due(limit: int) -> list[int]:
    """The mails whose time has come, after dropping those that are of no use any more."""
    for row in SystemMail.objects.filter(good_until__lt=Now()).order_by("pk")[:limit]:
        logger.error("mail %d of Mailhub's own was dropped after %d tries", row.pk, row.tries)
        row.delete()
    ids = SystemMail.objects.filter(due_at__lte=Now()).order_by("due_at", "pk").values_list("pk", flat=True)
    return list(ids[:limit])


def send(pk: int) -> bool:
    """Try to send a mail that is due; whether it has gone. Safe to run twice, also at the same time.

    Never raises for what the relay did: the mail waits for its next try then.
    """
    row = _take(pk)
    if row is None:
        return False
    try:
        _message(row).send()
    except SMTPRecipientsRefused as refused:
        if not all(code >= 500 for code, _text in refused.recipients.values()):
            return _wait(row, refused)
        logger.warning("mail %d of Mailhub's own was refused for good", row.pk)  # nobody has that address
    except Exception as error:  # also a wrong setting of the operator's: it is mended, and the mail goes
        return _wait(row, error)
    SystemMail.objects.filter(pk=pk).delete()
    return True


def _take(pk: int) -> SystemMail | None:
    """The mail if it is due, with its next try written down first: whoever is killed now has lost nothing."""
    with transaction.atomic():
        row = SystemMail.objects.select_for_update(skip_locked=True).filter(pk=pk, due_at__lte=Now()).first()
        if row is None or row.good_until < timezone.now():
            return None
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.tries, 20))
        SystemMail.objects.filter(pk=pk).update(due_at=Now() + pause, tries=row.tries + 1)
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: talking to the relay comes next
    return row


def _message(row: SystemMail) -> EmailMessage:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return EmailMessage(row.subject, row.body, to=[row.to], headers={"Message-ID": f"<{row.key}@{domain}>"})


def _wait(row: SystemMail, error: Exception) -> bool:
    # The kind alone: what a relay says may repeat the mail, and a mail may hold a key.
    logger.error("mail %d of Mailhub's own has not gone out: %s", row.pk, type(error).__name__)
    return False
