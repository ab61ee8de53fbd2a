"""`create_organization NAME --owner EMAIL [--password-stdin] [--plan P]`."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.management.base import CommandParser
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import User
from accounts.services import found_organization
from mailhub.management.operator import OperatorCommand, Refused, read_password
from quotas.models import Plan


class Command(OperatorCommand):
    """Found an organization; its owner is made when no such person exists."""

    help = "Found an organization with its owner."

    def add_arguments(self, parser: CommandParser) -> None:
        """See the module's first line."""
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, help="the owner's e-mail address")
        parser.add_argument("--owner-name", default="", help="the owner's name, for a new person")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read a new owner's password from stdin"
        )
        parser.add_argument("--plan", default="", help="slug of a plan")

    def answer(self, **options: Any) -> dict[str, Any]:
        """The new organization's slug and its owner."""
        email = options["owner"].strip().lower()
        validate_email(email)
        if not options["name"].strip():
            raise Refused("input", "The name is empty.")
        plans = list(Plan.objects.values_list("slug", flat=True))
        if options["plan"] and options["plan"] not in plans:
            raise Refused("input", f"There is no plan {options['plan']!r}; there are {', '.join(plans)}.")
        with transaction.atomic():
            owner = User.objects.filter(email=email).first()
            created = owner is None
            if owner is None:
                owner = User(email=email, name=options["owner_name"])
                if options["password_stdin"]:
                    password = read_password(True)
                    validate_password(password, owner)
                    owner.set_password(password)
                else:
                    owner.set_unusable_password()
                owner.save()
                EmailAddress.objects.create(user=owner, email=email, verified=True, primary=True)
            organization = found_organization(options["name"].strip(), owner, plan=options["plan"])
        return {"id": organization.pk, "slug": organization.slug, "owner": email, "owner_created": created}
