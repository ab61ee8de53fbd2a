"""Factories for the rows tests need. Use them inside `tenancy.scope` or through the fixtures of conftest.py."""

from __future__ import annotations

import factory
from django.db import transaction

from accounts import services, tenancy
from accounts.models import Invitation, MailAccount, Membership, Organization, Role, User
from fetching.connect.services import change_settings
from fetching.models.settings import RULES
from mailbox import bulk_insert
from mailbox.models import Folder, Message
from quotas import services as quotas

PASSWORD = "correct horse battery"
SETTINGS = (*RULES, "folder", "label")


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        user = model_class.objects.create_user(password=PASSWORD, **kwargs)
        user.emailaddress_set.create(email=user.email, verified=True, primary=True)
        return user


def found(name: str, owner: User, *, plan: str = "") -> Organization:
    return services.found_organization(name, owner, plan=plan)


def join(organization: Organization, user: User, role: str = Role.MEMBER) -> Membership:
    with tenancy.scope(organization.pk):
        return Membership.objects.create(organization=organization, user=user, role=role)


def membership(organization: Organization, user: User) -> Membership:
    with tenancy.scope(organization.pk):
        return Membership.objects.select_related("organization", "user").get(
            organization=organization, user=user
        )


def invite(
    organization: Organization, inviter: User, email: str, role: str = Role.MEMBER
) -> tuple[Invitation, str]:
    """An open invitation, and the key that its mail would carry."""
    with tenancy.scope(organization.pk):
        (invitation,) = services.invite(membership(organization, inviter), [email], role)
        return invitation, services.make_invitation_key(invitation)


def connect(organization: Organization, owner: User, **fields: object) -> MailAccount:
    """A mail account as after a passed test. Give `port` of a test server to fetch for real, or a fetch setting."""
    values = {
        "email": "box@mail.example",
        "name": "Box",
        "host": "127.0.0.1",
        "port": 995,
        "encryption": "plain",
        "username": "box",
        "password": "secret",
        **fields,
    }
    # Oldest first, so that what is stored first can be told.
    rules = {"newest_first": False}
    if values.pop("delete_from_server", False):
        rules["delete_policy"] = "after_storing"
    rules |= {name: values.pop(name) for name in SETTINGS if name in values}
    with tenancy.scope(organization.pk):
        account = services.add_mail_account(membership(organization, owner), values)
        change_settings(account, owner, rules)
    return account


def letter(
    subject: str = "Hello",
    *,
    sender: str = "Marta Lindqvist <marta@mail.example>",
    to: str = "box@mail.example",
    date: str = "Mon, 23 Nov 2026 09:42:00 +0000",
    body: str = "How are you?\r\n",
    headers: str = "",
) -> bytes:
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\n{headers}"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    ).encode()


def deliver(
    account: MailAccount, *raws: bytes, role: str = Folder.Role.INBOX, is_read: bool = False
) -> list[int]:
    """Store messages into the account as a fetch would, with storage charged; returns their ids."""
    with tenancy.scope(account.organization_id), transaction.atomic():
        folder = Folder.objects.select_related("account").get(account=account, role=role)
        incoming = [bulk_insert.prepare(raw) for raw in raws]
        ids = bulk_insert.store(folder, incoming, is_read=is_read)
        quotas.charge(
            account.organization_id,
            sum(item.size for item in incoming),
            messages=len(incoming),
            account_id=account.pk,
        )
    return ids


def message(message_id: int) -> Message:
    with tenancy.system():
        return Message.objects.select_related("account", "folder").get(pk=message_id)
