"""Tasks: a few lines each, that take ids and may run twice."""

from __future__ import annotations

from celery import shared_task

from accounts import invitations, system_mail

MAIL_LIMIT = 200


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
