"""Every write to stored mail: read marks, stars, Trash, deleting for good. Counters and storage follow."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from accounts import tenancy
from accounts.models import MailAccount
from mailbox import bulk_insert, signals
from mailbox.models import Folder, Message, RawPart
from quotas import services as quotas
from quotas.models import LedgerEntry

DISCARD_BATCH = 1_000


def raw_bytes(message: Message) -> bytes:
    """The message exactly as its server sent it."""
    parts = RawPart.objects.filter(message=message).order_by("part").values_list("data", flat=True)
    return bulk_insert.restore(list(parts))


def stream_raw(organization_id: int, message_id: int) -> Iterator[bytes]:
    """The same in pieces of at most 4 MiB, each read in a scope of its own: for downloads."""
    part = 0
    while True:
        with tenancy.scope(organization_id):
            row = RawPart.objects.filter(message=message_id, part=part).values_list("data", flat=True).first()
        if row is None:
            return
        yield bulk_insert.restore([row])
        part += 1


def set_read(messages: QuerySet[Message], is_read: bool) -> int:
    """Mark the messages; returns how many changed."""
    with transaction.atomic():
        rows = _locked(messages.filter(is_read=not is_read))
        Message.objects.filter(pk__in=[key for key, *_ in rows]).update(is_read=is_read)
        for folder, count in sorted(Counter(folder for _, folder, *_ in rows).items()):
            _shift(folder, unread=-count if is_read else count)
    return len(rows)


def set_starred(messages: QuerySet[Message], is_starred: bool) -> int:
    """Star or unstar; returns how many messages there were."""
    return messages.update(is_starred=is_starred)


def move(messages: QuerySet[Message], target: Folder) -> list[int]:
    """Move messages of the target's account into it; returns the ids that moved.

    Going to Trash remembers where each came from; see `put_back`.
    """
    with transaction.atomic():
        rows = _locked(messages.filter(account=target.account_id).exclude(folder=target))
        ids = [key for key, *_ in rows]
        trashing = target.role == Folder.Role.TRASH
        Message.objects.filter(pk__in=ids).update(
            trashed_from=F("folder") if trashing else None, folder=target
        )
        _count_moves(rows, dict.fromkeys(ids, target.pk))
    return ids


def move_to(messages: QuerySet[Message], role: str) -> list[int]:
    """Move each message to the folder of that role in its own account; returns the ids that moved."""
    with transaction.atomic():
        accounts = list(messages.order_by().values_list("account", flat=True).distinct())
        targets = Folder.objects.filter(account__in=accounts, role=role)
        return [key for folder in targets.order_by("pk") for key in move(messages, folder)]


def trash(messages: QuerySet[Message]) -> list[int]:
    """Move each message to the Trash of its own account; returns the ids that moved."""
    return move_to(messages, Folder.Role.TRASH)


def put_back(messages: QuerySet[Message]) -> int:
    """Move messages out of Trash to where they were, or to the Inbox; returns how many."""
    with transaction.atomic():
        rows = _locked(messages.filter(folder__role=Folder.Role.TRASH))
        origins = dict(
            Message.objects.filter(pk__in=[key for key, *_ in rows]).values_list("pk", "trashed_from")
        )
        accounts = dict(Message.objects.filter(pk__in=origins).values_list("pk", "account"))
        inboxes = dict(
            Folder.objects.filter(account__in=set(accounts.values()), role=Folder.Role.INBOX).values_list(
                "account", "pk"
            )
        )
        targets = {key: origins[key] or inboxes[accounts[key]] for key, *_ in rows}
        for folder in set(targets.values()):
            Message.objects.filter(
                pk__in=[key for key, target in targets.items() if target == folder]
            ).update(folder=folder, trashed_from=None)
        _count_moves(rows, targets)
    return len(rows)


def discard(messages: QuerySet[Message]) -> int:
    """Delete messages for good and give their space back, booked for each account; returns how many."""
    with transaction.atomic():
        rows = {row[0]: row for row in _locked(messages)}
        by_account: dict[int, list[Row]] = {}
        owners = Message.objects.filter(pk__in=rows).order_by("pk").values_list("pk", "account")
        for key, owner in owners:
            by_account.setdefault(owner, []).append(rows[key])
        for account in MailAccount.objects.filter(pk__in=by_account).order_by("pk"):
            _discard(account, by_account[account.pk])
    return len(rows)


def _discard(account: MailAccount, rows: Sequence[Row]) -> None:
    ids = [key for key, *_ in rows]
    signals.messages_discarded.send(Message, account=account, message_ids=ids)
    Message.objects.filter(pk__in=ids).delete()
    for folder in sorted({row[1] for row in rows}):
        inside = [row for row in rows if row[1] == folder]
        _shift(
            folder,
            messages=-len(inside),
            unread=-sum(not row[2] for row in inside),
            size=-sum(row[3] for row in inside),
        )
    quotas.release(
        account.organization_id, sum(row[3] for row in rows), messages=len(rows), account_id=account.pk
    )


def empty(folder: Folder) -> int:
    """Delete up to a thousand messages of the folder for good; returns how many are left."""
    oldest = list(folder.messages.order_by("id").values_list("pk", flat=True)[:DISCARD_BATCH])
    # Still "in the folder" when locked: one that is put back meanwhile is kept.
    discard(folder.messages.filter(pk__in=oldest))
    folder.refresh_from_db(fields=["messages_count", "unread_count", "size"])
    return folder.messages_count


def empty_all(organization_id: int, folder_id: int) -> None:
    """Delete for good what the folder holds at the start, a thousand messages a transaction.

    What is moved there meanwhile stays, and what is put back meanwhile is kept. Safe to run twice.
    """
    with tenancy.scope(organization_id):
        inside = Message.objects.filter(folder=folder_id).order_by("pk").values_list("pk", flat=True)
        ids = array("q", inside.iterator(chunk_size=10_000))
    for start in range(0, len(ids), DISCARD_BATCH):
        with tenancy.scope(organization_id):
            batch = ids[start : start + DISCARD_BATCH].tolist()
            discard(Message.objects.filter(pk__in=batch, folder=folder_id))


def discard_account(account: MailAccount) -> None:
    """Delete all mail of an account and give its space back, as part of deleting the account."""
    with transaction.atomic():
        folders = list(Folder.objects.select_for_update().filter(account=account).order_by("pk"))
        with connection.cursor() as cursor:
            for table in ("mailbox_rawpart", "mailbox_attachment", "mailbox_messagelabel"):
                cursor.execute(
                    f"DELETE FROM {table} t USING mailbox_message m"
                    " WHERE m.id = t.message_id AND m.account_id = %s",
                    [account.pk],
                )
            cursor.execute("DELETE FROM mailbox_message WHERE account_id = %s", [account.pk])
        quotas.release(
            account.organization_id,
            sum(folder.size for folder in folders),
            messages=sum(folder.messages_count for folder in folders),
            account_id=account.pk,
            reason=LedgerEntry.Reason.ACCOUNT_DELETED,
        )


Row = tuple[int, int, bool, int]  # message, folder, is_read, size


def _locked(messages: QuerySet[Message]) -> list[Row]:
    """Lock the rows in the order of their ids, so that two writers never wait for each other."""
    own = messages.select_related(None).select_for_update(of=("self",)).order_by("pk")
    return list(own.values_list("pk", "folder", "is_read", "size"))


def _shift(folder_id: int, *, messages: int = 0, unread: int = 0, size: int = 0) -> None:
    Folder.objects.filter(pk=folder_id).update(
        messages_count=Greatest(F("messages_count") + messages, 0),
        unread_count=Greatest(F("unread_count") + unread, 0),
        size=Greatest(F("size") + size, 0),
    )


def _count_moves(rows: Sequence[Row], targets: dict[int, int]) -> None:
    moves: dict[int, list[int]] = {}
    for key, source, is_read, size in rows:
        for folder, sign in ((source, -1), (targets[key], 1)):
            total = moves.setdefault(folder, [0, 0, 0])
            total[0] += sign
            total[1] += sign * (not is_read)
            total[2] += sign * size
    for folder, (messages, unread, size) in sorted(moves.items()):
        _shift(folder, messages=messages, unread=unread, size=size)
