"""Every write to labels: making and changing them, giving them to messages and taking them away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from accounts import locks
from accounts.models import MailAccount
from accounts.models.mail_accounts import COLORS
from mailbox import names
from mailbox.models import Label, Message, MessageLabel

LIMIT = 100  # labels an account can have
NAME_LENGTH = 40

# Joined with the account, so that no message gets another account's label. The caller shares the account, so that
# neither goes meanwhile.
_ATTACH = """
    INSERT INTO mailbox_messagelabel (organization_id, label_id, message_id, sent_at)
    SELECT m.organization_id, l.id, m.id, m.sent_at
    FROM unnest(%s::bigint[]) AS wanted (id)
    JOIN mailbox_message m ON m.id = wanted.id
    JOIN mailbox_label l ON l.account_id = m.account_id AND l.id = ANY(%s::bigint[])
    ORDER BY m.id, l.id
    ON CONFLICT DO NOTHING
"""


def create_label(account: MailAccount, name: str, color: str = "") -> Label:
    """A new label; without `color` in a colour that the account uses least. Raises names.Refused."""
    if color and color not in COLORS:
        raise ValueError(f"{color!r} is no color")
    with transaction.atomic():
        others = _others(account.pk)
        if len(others) >= LIMIT:
            raise names.TooMany(LIMIT)
        return Label.objects.create(
            organization_id=account.organization_id,
            account=account,
            name=_free(name, others),
            color=color or _unused_color(others),
        )


def change_label(label: Label, name: str, color: str) -> None:
    """Give a label another name and colour. Raises names.Refused."""
    if color not in COLORS:
        raise ValueError(f"{color!r} is no color")
    with transaction.atomic():
        label.name = _free(name, [other for other in _others(label.account_id) if other.pk != label.pk])
        label.color = color
        label.save(update_fields=["name", "color"])


def delete_label(label: Label) -> int:
    """Delete a label; its messages stay. Returns how many had it."""
    with transaction.atomic():
        locks.hold(label.account_id)
        count, _by_model = MessageLabel.objects.filter(label=label).delete()
        label.delete()
    return count


def _others(account_id: int) -> list[Label]:
    """The account's labels, with the account locked: one change of names at a time."""
    MailAccount.objects.select_for_update(no_key=True).get(pk=account_id)
    return list(Label.objects.filter(account=account_id))


def _free(name: str, others: Iterable[Label]) -> str:
    cleaned = names.clean(name, NAME_LENGTH)
    names.check_free(cleaned, (other.name for other in others))
    return cleaned


def _unused_color(others: Iterable[Label]) -> str:
    used = Counter(other.color for other in others)
    return min(COLORS, key=lambda color: used[color])


# ── On messages ─────────────────────────────────────────────────────────────
def attach(label: Label, message_ids: Sequence[int]) -> int:
    """Give messages of the label's account the label, in one statement; returns how many it was new to.

    For fetching: inside the storing transaction, just after `storing.store`.
    """
    return _attach(message_ids, [label.pk])


def add_labels(messages: QuerySet[Message], labels: Iterable[Label]) -> int:
    """Give each message those labels that are its account's; returns how many were new."""
    return change_labels(messages, added=labels)[0]


def remove_labels(messages: QuerySet[Message], labels: Iterable[Label]) -> int:
    """Take the labels away; returns how many were there."""
    return change_labels(messages, removed=labels)[1]


def change_labels(
    messages: QuerySet[Message], *, added: Iterable[Label] = (), removed: Iterable[Label] = ()
) -> tuple[int, int]:
    """Take labels away from each message and give it others; returns how many were new, and how many went."""
    with transaction.atomic():
        locks.share(*messages.order_by().values_list("account", flat=True).distinct())
        # In the order of their ids, so that no two who change labels wait for each other.
        rows = messages.select_related(None).order_by("pk").select_for_update(of=("self",), no_key=True)
        ids = list(rows.values_list("pk", flat=True))
        lost = MessageLabel.objects.filter(label__in=[label.pk for label in removed], message__in=ids)
        gone, _by_model = lost.delete()
        return _attach(ids, [label.pk for label in added]), gone


def _attach(message_ids: Sequence[int], label_ids: Sequence[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ATTACH, [list(message_ids), list(label_ids)])
        return int(cursor.rowcount)


# ── Reading ─────────────────────────────────────────────────────────────────
def counts(labels: Iterable[Label]) -> dict[int, int]:
    """How many messages have each label, wherever these are."""
    rows = MessageLabel.objects.filter(label__in=[label.pk for label in labels]).order_by()
    counted = rows.values_list("label").annotate(count=Count("message"))
    return dict(counted)
