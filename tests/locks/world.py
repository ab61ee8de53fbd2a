"""Mail in every corner of an organization, and servers in memory that always have time."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from itertools import count

from accounts import tenancy
from accounts.models import MailAccount, Membership
from fetching.models import RemoteMessage
from fetching.source import ListedMessage, Listing, RetrievedMessage
from mailbox import folders, labels, services
from mailbox.models import Folder, Message
from sending.smtp.client import Delivery, RecipientResult, Verdict
from sending.smtp.dialogue import Phase
from tests import factories
from tests.sending.drafted import draft_row
from tests.sending.settled import settle
from tests.sending.vacation_accounts import go_away


class MemorySource:
    """A server's mailbox in memory: three letters that nobody has seen, and some that everybody has."""

    current = login_delay = None
    out_of_time = False
    window = (1, 0)
    can_top = has_uidl = True
    _numbers = count(1)

    def __init__(self) -> None:
        fresh = [next(self._numbers) for _ in range(3)]
        self._letters = [factories.letter(f"Fetched {n}", headers=f"Message-ID: <{n}@m>\r\n") for n in fresh]
        self._uidls = [b"fetched-%d" % n for n in fresh]

    def stat(self):
        return len(self._letters), sum(map(len, self._letters))

    def listing(self, *, need_uidl=True):
        rows = zip(self._uidls, self._letters, strict=True)
        return Listing([ListedMessage(n, uidl, len(raw)) for n, (uidl, raw) in enumerate(rows, 1)])

    def last_uidl(self, number):
        return self._uidls[number - 1]

    def retrieve(self, numbers):
        for n in numbers:
            yield RetrievedMessage(n, len(self._letters[n - 1]), self._letters[n - 1])

    def top(self, number, lines):
        return RetrievedMessage(number, len(self._letters[number - 1]), self._letters[number - 1])

    def tops(self, numbers, lines=0):
        return (self.top(n, lines) for n in numbers)

    def delete(self, numbers):
        return list(numbers)

    def noop(self):
        pass

    def quit(self):
        return True

    def close(self):
        pass


def accepted(way, envelope, message, on_hand_over, on_end):
    """A server that takes everything."""
    on_hand_over()
    results = tuple(RecipientResult(each, Verdict.ACCEPTED) for each in envelope.recipients)
    found = Delivery(Phase.HANDED_OVER, Verdict.ACCEPTED, results)
    on_end(found)
    return found


@dataclass
class World:
    """One organization with the mail of two people, and a writer's own chance."""

    membership: Membership
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def organization(self) -> int:
        return self.membership.organization_id

    def scope(self):
        return tenancy.scope(self.organization)

    def account(self) -> MailAccount:
        """Any account of the member; within the scope."""
        rows = MailAccount.objects.visible_to(self.membership).select_related("organization", "owner")
        return self.chance.choice(list(rows.order_by("pk")))

    def messages(self, share: float = 0.5, **where):
        """Some of the messages; within the scope."""
        keys = Message.objects.visible_to(self.membership).filter(**where).order_by("pk")
        chosen = [key for key in keys.values_list("pk", flat=True) if self.chance.random() < share]
        return Message.objects.filter(pk__in=chosen)

    def folder(self, account: MailAccount, role: str) -> Folder:
        return Folder.objects.select_related("account").get(account=account, role=role)


def furnish(organization, owner, accounts: int = 2) -> World:
    """A world with mail in every corner."""
    world = World(factories.membership(organization, owner))
    for number in range(accounts):
        add_account(world, f"box{number}@mail.example")
    return world


def add_account(world: World, email: str = "") -> None:
    email = email or f"new{uuid.uuid4().hex[:8]}@mail.example"
    organization, owner = world.membership.organization, world.membership.user
    account = factories.connect(
        organization, owner, email=email, username=email, delete_policy="when_deleted_here"
    )
    settle(account, host="smtp.mail.example", port=465, login="own", username="x", is_login=True)
    for role in (Folder.Role.INBOX, Folder.Role.TRASH, Folder.Role.SPAM):
        factories.deliver(account, *[factories.letter(f"{role} {n}") for n in range(4)], role=role)
    with world.scope():
        own = folders.create_folder(account, "Receipts")
        services.move(Message.objects.filter(account=account, subject="inbox 0"), own)
    # A transaction of its own: it locks messages, and the move has locked folders.
    with world.scope():
        labels.add_labels(Message.objects.filter(account=account), [labels.create_label(account, "Tea")])
        RemoteMessage.objects.create(
            organization_id=account.organization_id, account=account, uidl=b"old", state="quarantined"
        )
        original = Message.objects.filter(account=account).order_by("pk").first()
        draft_row(account, original=original, to="bob@post.example", subject="Tea")
    go_away(account)
