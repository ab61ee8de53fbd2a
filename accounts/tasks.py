"""Tasks: doors of a few lines that take ids and may run twice."""

from __future__ import annotations

from celery import shared_task

from accounts import invitations


@shared_task
def mail_invitation(organization_id: int, invitation_id: int) -> None:
    """Send an invitation's mail; what fails stays due."""
    invitations.send_mail(organization_id, invitation_id)


@shared_task
def mail_invitations() -> None:
    """The clock's tick: invitations whose mail nobody sent."""
    for organization_id, invitation_id in invitations.due():
        mail_invitation.delay(organization_id, invitation_id)
