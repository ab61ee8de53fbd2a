"""The copy in Sent: filed from the very bytes that went out, whatever becomes of it the sending is not repeated.

Some providers hand sent mail back with the next fetch. Then theirs is kept and ours goes, so that the message is there
once, and a rule that deletes at the provider what is deleted here finds nothing to delete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from django.db import connection, transaction

from accounts import leases, locks, tenancy
from accounts.models import MailAccount
from mailbox import bulk_insert, labels, services
from mailbox.models import Folder, Message
from quotas import services as quotas
from quotas.models import LedgerEntry
from quotas.services import OverQuota
from sending.message import addresses
from sending.models import Identity, OutgoingMessage
from sending.outbox import outbox

Copy = OutgoingMessage.Copy
_TO_BE_FILED: Final = (Copy.WAITING, Copy.NO_SPACE)
# Mail that was delivered to the mailbox, or comes from a list, and was not put there by sending it.
_DELIVERED: Final = re.compile(rb"^(delivered-to|list-id|list-post)[ \t]*:", re.IGNORECASE | re.MULTILINE)


# ── Filing ──────────────────────────────────────────────────────────────────
def due_copies(limit: int) -> list[tuple[int, int]]:
    """Copies to be filed, as (organization, message): those left behind, and those that there is space for now."""
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute(_DUE, [limit])
        return [(row[0], row[1]) for row in cursor.fetchall()]


_DUE = """
SELECT message.organization_id, message.id FROM sending_outgoingmessage AS message
    JOIN quotas_storagemeter AS meter USING (organization_id)
WHERE message.copy = 'waiting' OR (message.copy = 'no_space' AND message.size <= meter.limit - meter.used)
ORDER BY message.id LIMIT %s"""


def file_copy(organization_id: int, outgoing_id: int) -> None:
    """File the copy, unless it is there; safe to run twice. Without space for it that is noted, and no more."""
    with leases.short_scope(organization_id):
        outgoing = OutgoingMessage.objects.filter(pk=outgoing_id, copy__in=_TO_BE_FILED).first()
        if outgoing is None:
            return
        raw = outbox.raw_bytes(outgoing)
    prepared = bulk_insert.prepare(raw)
    try:
        with leases.short_scope(organization_id):
            _file(outgoing, prepared)
    except OverQuota:
        with leases.short_scope(organization_id):
            rows = OutgoingMessage.objects.filter(pk=outgoing_id, copy=Copy.WAITING)
            rows.update(copy=Copy.NO_SPACE)


def _file(outgoing: OutgoingMessage, prepared: bulk_insert.Incoming) -> None:
    locks.share(outgoing.account_id)
    rows = OutgoingMessage.objects.filter(pk=outgoing.pk, copy__in=_TO_BE_FILED)
    if rows.select_for_update(of=("self",), no_key=True).first() is None:
        return  # somebody else was faster
    (key,) = bulk_insert.store(_sent_folder(outgoing.account_id), [prepared], is_read=True)
    rows.update(copy=Copy.FILED, sent_copy=key)
    outbox.drop_bytes(outgoing)
    quotas.charge(
        outgoing.organization_id,
        prepared.size,
        messages=1,
        account_id=outgoing.account_id,
        reason=LedgerEntry.Reason.SENT,
    )


def _sent_folder(account_id: int) -> Folder:
    return Folder.objects.select_related("account").get(account=account_id, role=Folder.Role.SENT)


# ── Mail that comes back from the provider's own Sent ───────────────────────
def handed_back(account: MailAccount, message_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Fetched messages that may be what was sent from the account, as (outgoing, message): by their Message-ID."""
    with connection.cursor() as cursor:
        cursor.execute(_HANDED_BACK, [account.pk, list(message_ids)])
        return [(row[0], row[1]) for row in cursor.fetchall()]


_HANDED_BACK = """
SELECT outgoing.id, message.id
FROM mailbox_message AS message JOIN sending_outgoingmessage AS outgoing USING (account_id, message_id)
    JOIN mailbox_folder AS folder ON folder.id = message.folder_id
WHERE message.account_id = %s AND message.id = ANY(%s) AND message.message_id <> ''
    AND outgoing.state <> 'cancelled' AND folder.role <> 'sent'"""  # our own copies, as they are filed


def adopt_copy(organization_id: int, outgoing_id: int, message_id: int) -> bool:
    """Keep the provider's copy of a sent message as the one in Sent, and drop ours; whether that was done.

    Only when the body is the same to the byte, From is the account's own, and it was not delivered to the mailbox:
    a letter to oneself stays in the Inbox. Safe to run twice.
    """
    with tenancy.scope(organization_id):
        # Alone in the account from the start: one of the two copies goes.
        locks.hold(*OutgoingMessage.objects.filter(pk=outgoing_id).values_list("account", flat=True))
        outgoing = (
            OutgoingMessage.objects.select_for_update(of=("self",), no_key=True)
            .filter(pk=outgoing_id)
            .first()
        )
        theirs = Message.objects.select_related("account").filter(pk=message_id).first()
        if outgoing is None or theirs is None or outgoing.sent_copy_id == theirs.pk:
            return False
        if not _is_the_same(outgoing, theirs):
            return False
        if outgoing.state == OutgoingMessage.State.UNKNOWN:
            # The provider has it in Sent, so it has taken it.
            outbox.arrived(outgoing)
        ours = outgoing.sent_copy
        rows = OutgoingMessage.objects.filter(pk=outgoing.pk)
        rows.update(copy=Copy.FILED, sent_copy=theirs)
        _put_in_place(theirs, ours)
        outbox.drop_bytes(outgoing)
        if ours is not None:
            services.discard(Message.objects.filter(pk=ours.pk))
    return True


def _is_the_same(outgoing: OutgoingMessage, theirs: Message) -> bool:
    own = own_addresses(outgoing.account_id, theirs.account)
    if addresses.key(theirs.from_address) not in own:
        return False
    if own & {addresses.key(each.address) for each in outgoing.recipients.all()}:
        return False
    raw = services.raw_bytes(theirs)
    if _DELIVERED.search(raw.partition(b"\r\n\r\n")[0]):
        return False
    return outbox.body_digest(raw) == bytes(outgoing.body_sha256)


def own_addresses(account_id: int, account: MailAccount) -> set[str]:
    """The addresses of one account, as `addresses.key` writes them."""
    senders = Identity.objects.filter(account=account_id).values_list("address", flat=True)
    return {addresses.key(address) for address in (account.email, *senders)}


def _put_in_place(theirs: Message, ours: Message | None) -> None:
    """To where ours is, and with what its owner has done to it."""
    chosen = Message.objects.filter(pk=theirs.pk)
    with transaction.atomic():
        services.set_read(chosen, True)
        if ours is None:
            services.move(chosen, _sent_folder(theirs.account_id))
            return
        services.move(chosen, ours.folder)
        if ours.is_starred:
            services.set_starred(chosen, True)
        for label in ours.labels.all():
            labels.attach(label, [theirs.pk])
