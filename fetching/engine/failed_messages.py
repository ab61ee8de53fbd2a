"""Messages that did not come: whose fault it was, when they are asked for again, and what is written down of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from accounts.servers.failures import MailError
from fetching.engine.ledger import Remote
from fetching.engine.session import Session

# So many refusals without a message between them end a session: it is hardly about each of them.
REFUSED_IN_A_ROW = 5
# A message that failed so often, while others came, is set aside: an hour, then four times as long each time.
QUARANTINE_AFTER = 3
FIRST_REST_HOURS, LONGEST_REST_HOURS = 1, 7 * 24


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """One message that did not come, and why."""

    remote: Remote
    error: MailError


def note(session: Session, failed: Sequence[FailedMessage], *, is_own_fault: bool = True) -> None:
    """Write down what did not come; once in each session. Raises LeaseLost.

    With `is_own_fault` the third time sets a message aside, and each further time for longer (R7). Without, the server
    refuses whatever it is asked for, which says nothing of these: they are only asked for last in the next session.
    """
    if not failed:
        return
    session.has_failures = True
    with session.transaction():
        _write(failed, count=is_own_fault)


def server_refuses(failed: Sequence[FailedMessage], arrived: int) -> bool:
    """Whether the server is the trouble: it refused several messages of which nothing was known, and gave fewer."""
    fresh = [each for each in failed if each.error.code == "message_withheld" and not each.remote.failures]
    return len(fresh) >= REFUSED_IN_A_ROW and arrived < len(failed)


def _write(failed: Sequence[FailedMessage], *, count: bool) -> None:
    rows = [each.remote.row for each in failed]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fetching_remotemessage AS remote SET failures = failures + %s, error_code = failed.code,"
            " error_text = failed.words FROM unnest(%s::int8[], %s::text[], %s::text[]) AS failed (id, code, words)"
            " WHERE remote.id = failed.id",
            [
                int(count),
                rows,
                [each.error.code for each in failed],
                [each.error.server_text for each in failed],
            ],
        )
        cursor.execute(
            "UPDATE fetching_remotemessage SET state = 'quarantined', retry_at = statement_timestamp()"
            "  + make_interval(hours => least(%s, %s * power(4, least(greatest(failures - %s, 0), 9)))::int)"
            " WHERE id = ANY(%s) AND (state = 'quarantined'"
            "  OR failures >= %s AND state IN ('listed', 'over_quota', 'vanished', 'too_big'))",
            [LONGEST_REST_HOURS, FIRST_REST_HOURS, QUARANTINE_AFTER, rows, QUARANTINE_AFTER],
        )
