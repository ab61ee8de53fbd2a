"""`add_mail_account --organization SLUG --owner EMAIL --email A --host H …`: test the settings, then save them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.validators import validate_email

from accounts import tenancy
from accounts.models import MailAccount, Membership, Organization
from accounts.servers.transport import Credentials, ServerAddress
from accounts.services import add_mail_account
from fetching.connect import probe
from fetching.connect.services import change_settings
from fetching.scheduler.job import Delete
from mailhub.management.operator import OperatorCommand, Refused, read_password


class Command(OperatorCommand):
    """Connect a mail account for a member; nothing is saved when the test fails."""

    help = "Connect a mail account: the settings are tested first."

    def add_arguments(self, parser: CommandParser) -> None:
        """See the module's first line."""
        parser.add_argument("--organization", required=True, help="slug")
        parser.add_argument("--owner", required=True, help="e-mail address of the member it belongs to")
        parser.add_argument("--email", required=True, help="the account's address")
        parser.add_argument("--name", default="", help="the account's name; default: its address")
        parser.add_argument("--host", required=True)
        parser.add_argument("--port", required=True, type=int)
        parser.add_argument("--encryption", required=True, choices=MailAccount.Encryption.values)
        parser.add_argument("--username", required=True)
        parser.add_argument("--password-stdin", action="store_true")
        parser.add_argument("--delete-from-server", action="store_true")

    def answer(self, **options: Any) -> dict[str, Any]:
        """The new account's id and what waits on the server."""
        validate_email(options["email"])
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise Refused("not_found", f"There is no organization {options['organization']!r}.")
        with tenancy.scope(organization.pk):
            membership = (
                Membership.objects.select_related("organization", "user")
                .filter(organization=organization, user__email=options["owner"].strip().lower())
                .first()
            )
        if membership is None:
            raise Refused("not_found", f"{options['owner']} is not a member of {organization.slug}.")
        password = read_password(options["password_stdin"])
        messages, size = probe.check(
            ServerAddress(options["host"], options["port"], options["encryption"]),
            Credentials(options["username"], password),
            # Mail that does not stay there need not be told apart.
            need_uidl=not options["delete_from_server"],
        )
        fields = {key: options[key] for key in ("email", "host", "port", "encryption", "username")}
        with tenancy.scope(organization.pk):
            account = add_mail_account(
                membership, {**fields, "name": options["name"] or options["email"], "password": password}
            )
            if options["delete_from_server"]:
                change_settings(account, membership.user, {"delete_policy": Delete.AFTER_STORING})
        return {"id": account.pk, "email": account.email, "messages": messages, "bytes": size}
