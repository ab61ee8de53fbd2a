"""`manage.py demo`: an organization to look at, with one mail account that the worker fetches for real."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import tenancy
from accounts.models import MailAccount, Membership, Organization, Role, User
from accounts.services import add_mail_account, found_organization
from mailhub import demo
from mailhub.demo.people import ORGANIZATION, PASSWORD, PEOPLE, STAFF
from sending.identities import servers
from sending.models import OutgoingServer


class Command(BaseCommand):
    """Loads the demo into an empty instance."""

    help = "Load the demo: organization Acme, people, and one connected account at the demo provider."

    def handle(self, *args: Any, **options: Any) -> None:
        """All or nothing. Refuses when there is an organization already."""
        if Organization.objects.exists():
            raise CommandError("This instance is not empty; the demo is for new ones.")
        provider = demo.details()
        box = provider.mailboxes[0]
        with transaction.atomic():
            alice, bob = (_person(email, name, language=language) for email, name, language in PEOPLE)
            _person(*STAFF, is_staff=True, is_superuser=True)
            organization = found_organization(ORGANIZATION, alice, plan="standard")
            with tenancy.scope(organization.pk):
                Membership.objects.create(organization=organization, user=bob, role=Role.MEMBER)
                membership = Membership.objects.select_related("organization", "user").get(user=alice)
                account = add_mail_account(
                    membership,
                    {
                        "email": box.address,
                        "name": "Alice at Post",
                        "from_name": alice.name,
                        "host": provider.host,
                        "port": provider.pop3s_port,
                        "encryption": MailAccount.Encryption.SSL,
                        "username": box.username,
                        "password": box.password,
                        "color": "teal",
                    },
                )
                servers.save_tested_server(account, alice, _sending(provider, box))


def _sending(provider: demo.Details, box: demo.DemoMailbox) -> dict[str, Any]:
    """What a test of sending by the demo provider would have shown."""
    server = {"host": provider.host, "port": provider.smtp_port, "encryption": MailAccount.Encryption.SSL}
    return {
        "login": OutgoingServer.Login.SAME,
        "username": box.username,
        "password": "",
        "sender": box.address,
    } | server


def _person(email: str, name: str, **fields: Any) -> User:
    user = User.objects.create_user(email, PASSWORD, name=name, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user
