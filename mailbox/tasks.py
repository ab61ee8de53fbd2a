"""Tasks of the mailbox: what takes too long for a page."""

from __future__ import annotations

from functools import partial

from celery import shared_task
from django.db import transaction

from mailbox import emptying
from mailbox.models import Folder

LIMIT = 100


def schedule_emptying(folder: Folder) -> None:
    """Once this is committed, have the rest deleted. Should the order get lost, the clock finds the row."""
    transaction.on_commit(partial(empty_folder.delay, folder.organization_id, folder.pk), robust=True)


@shared_task
def empty_folder(organization_id: int, folder_id: int) -> None:
    """Go on emptying a folder; a batch each transaction, so a second run does no harm."""
    emptying.finish(organization_id, folder_id)


@shared_task
def resume_emptying() -> None:
    """The clock's: what a lost task or a dead worker has left."""
    for organization_id, folder_id in emptying.due(LIMIT):
        empty_folder.delay(organization_id, folder_id)
