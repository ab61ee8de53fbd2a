"""`fetch ID [--until-drained]`: fetch one account here and now, without a worker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from accounts.servers.failures import describe
from fetching.engine import run
from fetching.engine.session import Outcome
from fetching.protocols import open_source
from fetching.scheduler import claims
from mailhub.management.accounts import find_account
from mailhub.management.operator import OperatorCommand, Refused


class Command(OperatorCommand):
    """One session, or as many as it takes; the answer adds them up."""

    help = "Fetch a mail account now."

    def add_arguments(self, parser: CommandParser) -> None:
        """See the module's first line."""
        parser.add_argument("id", type=int)
        parser.add_argument("--until-drained", action="store_true", help="go on until nothing more waits")

    def answer(self, **options: Any) -> dict[str, Any]:
        """Totals of the sessions; the state and error of the last one."""
        account = find_account(options["id"])
        total = Outcome()
        while True:
            claim = claims.claim_now(account.organization_id, account.pk)
            if claim is None:
                raise Refused("busy", "The account is paused, or being fetched by a worker.")
            outcome = run.fetch(claim, open_source)
            total.listed, total.state, total.error = outcome.listed, outcome.state, outcome.error
            total.stored += outcome.stored
            total.bytes += outcome.bytes
            total.deleted += outcome.deleted
            total.seconds = round(total.seconds + outcome.seconds, 3)
            if not (options["until_drained"] and outcome.more and not outcome.error):
                break
        return {
            **{
                key: getattr(total, key)
                for key in ("listed", "stored", "bytes", "deleted", "seconds", "state")
            },
            "error": _error(total.error),
        }


def _error(code: str) -> dict[str, str] | None:
    if not code:
        return None
    failure = describe(code)
    return {"class": str(failure.error_class), "message": f"{code}: {failure.sentence} {failure.remedy}"}
