"""Mail that is known again under another name: by its header and size, or by its bytes (U8)."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from fetching.models import RemoteMessage


def missing_sizes(account_id: int) -> set[int]:
    """Sizes of stored messages that are no longer listed and whose headers are known."""
    rows = RemoteMessage.objects.filter(account=account_id, missing_since__isnull=False, sha256__isnull=False)
    sizes = rows.exclude(header_sha256=None).values_list("size", flat=True).distinct()
    return {size for size in sizes if size is not None}


def adopt(account_id: int, headers: dict[int, bytes]) -> set[int]:
    """Take fresh rows for messages that are stored, when the server has renamed its mail (U8); returns which.

    `headers` has their headers' digests. A row is taken for the only one that went missing with the same header and
    the same size; its bytes stay unknown, so it is fetched before anything is deleted because of it.
    """
    if not headers:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH told AS (SELECT id, header FROM unnest(%s::int8[], %s::bytea[]) AS told (id, header)),"
            " pairs AS (SELECT fresh.id, min(old.message_id) AS message_id, told.header"
            "   FROM told JOIN fetching_remotemessage AS fresh ON fresh.id = told.id"
            "   JOIN fetching_remotemessage AS old ON old.account_id = fresh.account_id AND old.size = fresh.size"
            "     AND old.header_sha256 = told.header AND old.missing_since IS NOT NULL AND old.sha256 IS NOT NULL"
            "   WHERE fresh.account_id = %s AND fresh.state = 'listed'"
            "   GROUP BY fresh.id, told.header HAVING count(DISTINCT old.sha256) = 1)"
            " UPDATE fetching_remotemessage AS remote SET state = 'stored', stored_at = now(),"
            " message_id = pairs.message_id, header_sha256 = pairs.header"
            " FROM pairs WHERE remote.id = pairs.id AND NOT EXISTS ("
            "   SELECT FROM pairs AS other WHERE other.header = pairs.header AND other.id <> pairs.id)"
            " RETURNING remote.id",
            [list(headers), list(headers.values()), account_id],
        )
        return {row for (row,) in cursor.fetchall()}


def keep_stored_at(account_id: int, rows: Sequence[int]) -> None:
    """Rows whose bytes were stored before, under whatever name, count as stored since then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fetching_remotemessage AS remote SET stored_at = old.stored_at FROM ("
            "  SELECT sha256, min(stored_at) AS stored_at FROM fetching_remotemessage WHERE account_id = %s"
            "  AND sha256 IN (SELECT sha256 FROM fetching_remotemessage WHERE id = ANY(%s)) GROUP BY sha256) AS old"
            " WHERE remote.id = ANY(%s) AND remote.sha256 = old.sha256",
            [account_id, list(rows), list(rows)],
        )
