"""`export_mailbox ID --format eml|mbox --output DIR`: write an account's stored mail to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from mailbox import export
from mailhub.management.accounts import find_account
from mailhub.management.operator import OperatorCommand, Refused


class Command(OperatorCommand):
    """Files of exactly the bytes the server sent (eml), or one mbox for each folder."""

    help = "Export a mail account's stored mail."

    def add_arguments(self, parser: CommandParser) -> None:
        """See the module's first line."""
        parser.add_argument("id", type=int)
        parser.add_argument("--format", choices=["eml", "mbox"], required=True)
        parser.add_argument("--output", type=Path, required=True, help="a folder; made when absent")

    def answer(self, **options: Any) -> dict[str, Any]:
        """How many messages and bytes were written."""
        account = find_account(options["id"])
        write = export.write_eml if options["format"] == "eml" else export.write_mbox
        try:
            options["output"].mkdir(mode=0o700, parents=True, exist_ok=True)
            messages, size = write(account, options["output"])
        except OSError as error:
            raise Refused("output", f"{error.filename}: {error.strerror}") from error
        return {"messages": messages, "bytes": size, "output": str(options["output"])}
