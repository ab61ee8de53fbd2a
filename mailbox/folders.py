"""Every write to folders that people make themselves; those with a role come and go with their account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, transaction
from django.db.models import BigIntegerField, F, Func, Value
from django.utils import translation

from accounts import locks
from accounts.models import MailAccount
from mailbox import names
from mailbox.models import Folder

LIMIT = 100  # own folders an account can have
NAME_LENGTH = 60
POSITION = 100  # below those with a role; among themselves they stand by name

# `put_back` sends to the Inbox what was in Trash from a folder that is gone: hence no trashed_from.
_MOVE = """
    WITH moved AS (
        UPDATE mailbox_message SET folder_id = %s, trashed_from_id = NULL WHERE folder_id = %s
        RETURNING id, is_read, size
    )
    SELECT count(*), count(*) FILTER (WHERE NOT is_read), coalesce(sum(size), 0), array_agg(id) FROM moved
"""


def create_folder(account: MailAccount, name: str) -> Folder:
    """A new folder. Raises names.Refused."""
    with transaction.atomic():
        others = _others(account.pk)
        if len(others) >= LIMIT:
            raise names.TooMany(LIMIT)
        return Folder.objects.create(
            organization_id=account.organization_id,
            account=account,
            name=_free(name, others),
            position=POSITION,
        )


def rename_folder(folder: Folder, name: str) -> None:
    """Give an own folder another name. Raises names.Refused."""
    _check_own(folder)
    with transaction.atomic():
        folder.name = _free(name, [other for other in _others(folder.account_id) if other.pk != folder.pk])
        folder.save(update_fields=["name"])


def delete_folder(folder: Folder, *, to: str = Folder.Role.INBOX) -> int:
    """Delete an own folder; its messages move to the Inbox, or to Trash. Returns how many these were."""
    _check_own(folder)
    if to not in (Folder.Role.INBOX, Folder.Role.TRASH):
        raise ValueError(f"messages of a deleted folder do not go to {to!r}")
    with transaction.atomic():
        # Alone in the account: nothing is stored or moved into the folder meanwhile, nor put back from Trash into it.
        if not locks.hold(folder.account_id):
            return 0  # it went with its account
        target = Folder.objects.get(account=folder.account_id, role=to)
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, [target.pk, folder.pk])
            messages, unread, size, moved = cursor.fetchone()
        Folder.objects.filter(pk=target.pk).update(
            messages_count=F("messages_count") + messages,
            unread_count=F("unread_count") + unread,
            size=F("size") + size,
        )
        spare(target.pk, moved or [])
        folder.delete()
    return int(messages)


def spare(folder_id: int, message_ids: Sequence[int]) -> None:
    """What was moved into a folder while it is being emptied stays (mailbox/emptying.py)."""
    Folder.objects.filter(pk=folder_id, emptying_upto__isnull=False).update(
        emptying_spares=Func(
            F("emptying_spares"),
            Value(list(message_ids), ArrayField(BigIntegerField())),
            function="array_cat",
        )
    )


def _check_own(folder: Folder) -> None:
    if folder.role != Folder.Role.OWN:
        raise ValueError("a folder with a role stays as it is")


def _others(account_id: int) -> list[Folder]:
    """The account's own folders, with the account locked: one change of names at a time."""
    MailAccount.objects.select_for_update(no_key=True).get(pk=account_id)
    return list(Folder.objects.filter(account=account_id, role=Folder.Role.OWN))


def _free(name: str, others: Iterable[Folder]) -> str:
    cleaned = names.clean(name, NAME_LENGTH)
    if names.folded(cleaned) in _reserved():
        raise names.Reserved(cleaned)
    names.check_free(cleaned, (other.name for other in others))
    return cleaned


@cache
def _reserved() -> frozenset[str]:
    """What folders with a role are called, in every language a person may switch to."""
    found = set()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found |= {names.folded(str(role.label)) for role in Folder.Role if role != Folder.Role.OWN}
    return frozenset(found)
