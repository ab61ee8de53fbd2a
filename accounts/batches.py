"""Deleting many rows without one long transaction: a piece at a time, each in a transaction of the caller's."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet


def delete_some(rows: QuerySet[Any], limit: int) -> int:
    """Delete up to `limit` of the rows, with what belongs to them; returns how many, fewer when none are left.

    Rows that somebody else holds are left for the next time, so that nobody waits for what is only tidied up.
    """
    chosen = rows.order_by().select_for_update(skip_locked=True, of=("self",))
    ids = list(chosen.values_list("pk", flat=True)[:limit])
    rows.model._base_manager.filter(pk__in=ids).delete()
    return len(ids)
