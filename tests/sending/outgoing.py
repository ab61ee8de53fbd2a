"""What the tests of the outbox share: an account that can send, a message in its outbox, one try, what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from mailbox.models import Folder, Message
from sending import tasks
from sending.message.build import Address, Letter
from sending.models import Identity, NewMailCheck, OutgoingMessage, OutgoingRecipient, OutgoingServer
from sending.outbox import claims, delivery, outbox, sent_copies
from sending.outbox.claims import Claim
from sending.smtp.client import deliver
from tests import factories
from tests.sending.sessions import BOB, EVE, LIMITS, PASSWORD, USERNAME
from tests.sending.settled import settle

__all__ = ["BOB", "EVE", "PASSWORD", "USERNAME"]


def sender(organization, owner, server, **fields: Any) -> MailAccount:
    """An account that sends through a test server."""
    email = fields.pop("email", USERNAME)
    account = factories.connect(organization, owner, email=email, from_name="Ada Lovelace", **fields)
    settle(
        account,
        host=server.host,
        port=server.port,
        encryption="plain",
        login="own",
        username=USERNAME,
        password=PASSWORD,
        is_login=True,
    )
    return account


def identity_of(account: MailAccount) -> Identity:
    return Identity.objects.select_related("account__outgoing_server", "organization").get(
        account=account, address=account.email
    )


def letter_of(account: MailAccount, *to: str, **changes: Any) -> Letter:
    given = {
        "sender": Address("Ada Lovelace", account.email),
        "to": tuple(Address("", address) for address in to or (BOB,)),
        "date": timezone.now().replace(microsecond=0),
        "message_id": f"<{uuid.uuid4().hex}@example.org>",
        "subject": "Tea",
        "text": "At five?\n.\nThe dot above is no end.",
    }
    return Letter(**{**given, **changes})


def queue(account: MailAccount, *to: str, **options: Any) -> OutgoingMessage:
    """A message in the outbox that is due; fields of the letter in `letter`."""
    letter = letter_of(account, *to, **options.pop("letter", {}))
    given = {"key": uuid.uuid4(), "due_at": timezone.now(), **options}
    with tenancy.scope(account.organization_id):
        return outbox.queue(identity_of(account), letter, **given)


def carry(way, envelope, message, on_hand_over, on_end):
    """As the product's, but nothing that hangs may hang for long."""
    return deliver(
        way.address,
        way.credentials,
        envelope,
        message,
        on_hand_over=on_hand_over,
        on_end=on_end,
        limits=LIMITS,
    )


def claim(account: MailAccount) -> Claim | None:
    found = claims.claim_due(1, account.pk)
    return found[0] if found else None


def send(account: MailAccount, carry=carry) -> str:
    """One try with the account's next due message; "nothing" when none is."""
    found = claim(account)
    return delivery.send(found, carry=carry) if found else "nothing"


def file_copies() -> None:
    for organization, outgoing in sent_copies.due_copies(100):
        sent_copies.file_copy(organization, outgoing)


def fresh(outgoing: OutgoingMessage) -> OutgoingMessage:
    with tenancy.scope(outgoing.organization_id):
        return OutgoingMessage.objects.select_related("account", "sent_copy").get(pk=outgoing.pk)


def recipients(outgoing: OutgoingMessage) -> dict[str, OutgoingRecipient]:
    with tenancy.scope(outgoing.organization_id):
        return {each.address: each for each in outgoing.recipients.all()}


def states(outgoing: OutgoingMessage) -> dict[str, str]:
    return {address: each.state for address, each in recipients(outgoing).items()}


def change(outgoing: OutgoingMessage, **values: Any) -> None:
    with tenancy.scope(outgoing.organization_id):
        OutgoingMessage.objects.filter(pk=outgoing.pk).update(**values)


def wait_over(*messages: OutgoingMessage) -> None:
    """The time of the next try has come."""
    for outgoing in messages:
        change(outgoing, due_at=Now() - timedelta(seconds=1))


def claims_run_out(account: MailAccount) -> None:
    """The account's worker is dead for long enough."""
    with tenancy.scope(account.organization_id):
        held = OutgoingMessage.objects.filter(account=account, claimed_until__gt=Now())
        assert held.update(claimed_until=Now() - timedelta(seconds=1)), "nothing was held"
    claims.expire()


def checks(account: MailAccount) -> list[tuple[int, str]]:
    """What is still to be looked at, as (message, kind)."""
    with tenancy.scope(account.organization_id):
        found = NewMailCheck.objects.filter(account=account).order_by("message_id", "kind")
        return list(found.values_list("message_id", "kind"))


def look_at_new_mail(account: MailAccount) -> None:
    """What a worker does that was ordered when the mail was stored."""
    with tenancy.scope(account.organization_id):
        ids = list(NewMailCheck.objects.filter(account=account).order_by("pk").values_list("pk", flat=True))
    tasks.look_at_new_mail(account.organization_id, ids)


def server_of(account: MailAccount) -> OutgoingServer:
    with tenancy.scope(account.organization_id):
        return OutgoingServer.objects.get(account=account)


def in_sent(account: MailAccount) -> list[Message]:
    with tenancy.scope(account.organization_id):
        inside = Message.objects.filter(account=account, folder__role=Folder.Role.SENT)
        return list(inside.select_related("folder").order_by("pk"))


def named(letters: Sequence[Any], address: str) -> int:
    """How often the server took the message for this recipient."""
    return sum(letter.recipients.count(address) for letter in letters)
