"""`rotate_keys`: put every stored secret under the first key of MAILHUB_ENCRYPTION_KEYS, and bind it to its row."""

from __future__ import annotations

from typing import Any

from accounts import crypto, tenancy
from accounts.crypto import CryptoError, EncryptedTextField, Sealed
from mailhub.management.operator import OperatorCommand

BATCH = 500


class Command(OperatorCommand):
    """May run at any time, also beside everything else, and again: what is done already stays as it is."""

    help = "Put every stored secret under the newest encryption key."

    def answer(self, **options: Any) -> dict[str, Any]:
        """Of every column of secrets, how many were looked at, changed, and could not be read; no secret ever."""
        columns = {
            f"{field.model._meta.label_lower}.{field.name}": _rotate(field)
            for field in crypto.secret_fields()
        }
        unreadable = sum(counts["unreadable"] for counts in columns.values())
        error = {
            "class": "unreadable",
            "message": f"{unreadable} secrets cannot be read with these keys: keep the old keys.",
        }
        return {"columns": columns, "error": error if unreadable else None}


def _rotate(field: EncryptedTextField) -> dict[str, int]:
    counts = {"seen": 0, "changed": 0, "unreadable": 0}
    rows = field.model._base_manager.exclude(**{f"{field.name}__isnull": True}).order_by("pk")
    last = None
    while True:
        # A batch is a transaction: no lock is held for long, and a kill loses at most one.
        with tenancy.system():
            ahead = rows if last is None else rows.filter(pk__gt=last)
            batch = list(ahead.values_list("pk", field.name)[:BATCH])
            for pk, token in batch:
                if token:
                    counts["seen"] += 1
                    _rotate_row(field, pk, token, counts)
        if len(batch) < BATCH:
            return counts
        last = batch[-1][0]


def _rotate_row(field: EncryptedTextField, pk: object, token: str, counts: dict[str, int]) -> None:
    try:
        newer = crypto.rotate(token, field.place(pk))
    except CryptoError:
        counts["unreadable"] += 1
        return
    if newer != token:
        # Only if it is still the one that was read: a password saved meanwhile is newer.
        row = field.model._base_manager.filter(pk=pk)
        counts["changed"] += row.extra(where=[f'"{field.column}" = %s'], params=[token]).update(
            **{field.attname: Sealed(newer)}
        )
