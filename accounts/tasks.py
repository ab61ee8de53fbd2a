"""Tasks: a few lines each, that take ids and may run twice."""

from __future__ import annotations

from functools import partial

from celery import shared_task
from django.db import transaction

from accounts import invitations, removal, system_mail
from accounts.models import MailAccount

MAIL_LIMIT, REMOVAL_LIMIT = 200, 100


@shared_task(expires=60)
def send_mail(mail_id: int) -> None:
    """Send one mail of Mailhub's own, unless it has gone or waits for its next try."""
    system_mail.send(mail_id)


@shared_task
def dispatch_mail() -> None:
    """The clock: order what is due, be its hint lost or its last try in vain."""
    for key in system_mail.due(MAIL_LIMIT):
        send_mail.delay(key)


@shared_task
def mail_invitation(organization_id: int, invitation_id: int) -> None:
    """Send an invitation's mail; what fails stays due."""
    invitations.send_mail(organization_id, invitation_id)


@shared_task
def mail_invitations() -> None:
    """The clock's tick: invitations whose mail nobody sent."""
    for organization_id, invitation_id in invitations.due():
        mail_invitation.delay(organization_id, invitation_id)


def schedule_removal(account: MailAccount) -> None:
    """Once this is committed, have the rest deleted. Should the order get lost, the clock finds the row."""
    transaction.on_commit(partial(finish_removal.delay, account.organization_id, account.pk), robust=True)


@shared_task
def finish_removal(organization_id: int, account_id: int) -> None:
    """Delete the rest of an account that was removed."""
    removal.finish(organization_id, account_id)


@shared_task
def resume_removals() -> None:
    """The clock's: removals whose task was lost, or whose worker died."""
    for organization_id, account_id in removal.due(REMOVAL_LIMIT):
        finish_removal.delay(organization_id, account_id)
