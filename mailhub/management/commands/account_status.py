"""`account_status ID`: how an account stands."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Count, Sum

from accounts import tenancy
from fetching.models import RemoteMessage
from mailbox.models import Folder
from mailhub.management.accounts import find_account
from mailhub.management.operator import OperatorCommand
from quotas.models import StorageMeter
from quotas.services import ledger_total


class Command(OperatorCommand):
    """State, ledger and storage of one account; never a secret."""

    help = "Show how a mail account stands."

    def add_arguments(self, parser: CommandParser) -> None:
        """See the module's first line."""
        parser.add_argument("id", type=int)

    def answer(self, **options: Any) -> dict[str, Any]:
        """Times are ISO 8601 in UTC, sizes in bytes."""
        account = find_account(options["id"])
        state = account.fetch_state
        with tenancy.scope(account.organization_id):
            remote = (
                RemoteMessage.objects.filter(account=account)
                .order_by()
                .values_list("state")
                .annotate(Count("id"))
            )
            stored = Folder.objects.filter(account=account).aggregate(
                messages=Sum("messages_count"), unread=Sum("unread_count"), bytes=Sum("size")
            )
            meter = StorageMeter.objects.get(organization=account.organization_id)
            return {
                "id": account.pk,
                "organization": account.organization.slug,
                "owner": account.owner.email,
                "email": account.email,
                "server": f"{account.host}:{account.port} {account.encryption}",
                "state": state.status,
                "fetching": state.is_fetching,
                "error": state.error_code,
                "failures": state.failures,
                "last_success": state.last_success_at and state.last_success_at.isoformat(),
                "next_run": state.next_run_at and state.next_run_at.isoformat(),
                "stored": stored,
                "remote": dict(remote),
                "storage": {
                    "used": meter.used,
                    "limit": meter.limit,
                    "ledger": ledger_total(account.organization_id),
                },
            }
