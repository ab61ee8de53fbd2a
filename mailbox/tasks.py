"""Tasks of the mailbox: what takes too long for a page."""

from __future__ import annotations

from celery import shared_task

from mailbox import services


@shared_task
def empty_folder(organization_id: int, folder_id: int) -> None:
    """Go on emptying a folder; a batch each transaction, so a second run does no harm."""
    services.empty_all(organization_id, folder_id)
