"""Every write to stored mail: read marks, stars, Trash, deleting for good. Counters and storage follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from accounts import locks, tenancy
from accounts.models import MailAccount
from mailbox import bulk_insert, folders, signals
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
    with transaction.atomic():
        rows = _locked(messages)
        Message.objects.filter(pk__in=[key for key, *_ in rows]).update(is_starred=is_starred)
    return len(rows)


def move(messages: QuerySet[Message], target: Folder) -> list[int]:
    """Move messages of the target's account into it; returns the ids that moved, none into a folder that is gone.

    Going to Trash remembers where each came from; see `put_back`.
    """
    with transaction.atomic():
        rows = _locked(messages.filter(account=target.account_id).exclude(folder=target))
        # Under the share of the account no folder goes; before it one may have gone.
        if not Folder.objects.filter(pk=target.pk).exists():
            return []
        ids = [key for key, *_ in rows]
        trashing = target.role == Folder.Role.TRASH
        Message.objects.filter(pk__in=ids).update(
            trashed_from=F("folder") if trashing else None, folder=target
        )
        _count_moves(rows, dict.fromkeys(ids, target.pk))
        folders.spare(target.pk, ids)
    return ids


def move_to(messages: QuerySet[Message], role: str) -> list[int]:
    """Move each message to the folder of that role in its own account; returns the ids that moved."""
    with transaction.atomic():
        accounts = _lock_for_moves(messages)
        targets = Folder.objects.filter(account__in=accounts, role=role)
        return [key for folder in targets.order_by("pk") for key in move(messages, folder)]


def trash(messages: QuerySet[Message]) -> list[int]:
    """Move each message to the Trash of its own account; returns the ids that moved."""
    return move_to(messages, Folder.Role.TRASH)


def undo_moves(moved: Mapping[Folder, QuerySet[Message]], trashed: QuerySet[Message]) -> None:
    """Move messages back to where they were: into the folders that are named, and out of Trash."""
    with transaction.atomic():
        keys = [key for chosen in (*moved.values(), trashed) for key in chosen.values_list("pk", flat=True)]
        _lock_for_moves(Message.objects.filter(pk__in=keys))
        for target, chosen in moved.items():
            move(chosen, target)
        put_back(trashed)


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


def discard(messages: QuerySet[Message], *, reason: str = LedgerEntry.Reason.DISCARDED) -> int:
    """Delete messages for good and give their space back, booked for each account; returns how many."""
    with transaction.atomic():
        # Alone in these accounts: what points to a message (a draft, a sent letter) is written by others, too.
        held = locks.hold(*_accounts(messages))
        wanted = dict(messages.order_by().filter(account__in=held).values_list("pk", "account"))
        accounts = list(MailAccount.objects.filter(pk__in=set(wanted.values())).order_by("pk"))
        for account in accounts:
            ids = [key for key, owner in wanted.items() if owner == account.pk]
            signals.messages_discarded.send(Message, account=account, message_ids=ids)
        rows = _rows(messages.filter(pk__in=wanted))
        Message.objects.filter(pk__in=[key for key, *_ in rows]).delete()
        for folder in sorted({row[1] for row in rows}):
            inside = [row for row in rows if row[1] == folder]
            unread, size = sum(not row[2] for row in inside), sum(row[3] for row in inside)
            _shift(folder, messages=-len(inside), unread=-unread, size=-size)
        for account in accounts:
            sizes = [row[3] for row in rows if wanted[row[0]] == account.pk]
            quotas.release(
                account.organization_id,
                sum(sizes),
                messages=len(sizes),
                account_id=account.pk,
                reason=reason,
            )
    return len(rows)


def discard_account(account: MailAccount) -> bool:
    """Delete a batch of the mail of an account that is being removed; whether there was any.

    The storage meter stays locked until the commit, so the account itself goes in a transaction without a batch.
    """
    rows = Message.objects.filter(account=account).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:DISCARD_BATCH])
    discard(Message.objects.filter(pk__in=ids), reason=LedgerEntry.Reason.ACCOUNT_DELETED)
    return bool(ids)


Row = tuple[int, int, bool, int]  # message, folder, is_read, size


def _locked(messages: QuerySet[Message]) -> list[Row]:
    """Share the accounts, then lock the rows in the order of their ids: two writers never wait for each other."""
    locks.share(*_accounts(messages))
    return _rows(messages)


def _lock_for_moves(messages: QuerySet[Message]) -> list[int]:
    """For several moves in one transaction: all messages, then all folders of their accounts, which it returns.

    The second move must not wait for messages while the first one's folders are locked.
    """
    accounts = _accounts(messages)
    _locked(messages)
    list(Folder.objects.filter(account__in=accounts).order_by("pk").select_for_update(no_key=True))
    return accounts


def _accounts(messages: QuerySet[Message]) -> list[int]:
    return list(messages.order_by().values_list("account", flat=True).distinct())


def _rows(messages: QuerySet[Message]) -> list[Row]:
    own = messages.select_related(None).select_for_update(of=("self",), no_key=True).order_by("pk")
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
