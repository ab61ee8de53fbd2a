"""The history's rows: begun, counted up, closed; fetches in a row that found nothing share one."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from fetching.models import FetchRun


def start_run(organization_id: int, account_id: int) -> int:
    """A new run; one that was still running has lost its worker. Returns its id."""
    FetchRun.objects.filter(account=account_id, state=FetchRun.State.RUNNING).update(
        state=FetchRun.State.INTERRUPTED, finished_at=Now()
    )
    return FetchRun.objects.create(organization_id=organization_id, account_id=account_id).pk


def add_counts(run_id: int, **counts: int) -> None:
    """Raise columns of the run by these numbers."""
    changes: dict[str, Any] = {name: F(name) + count for name, count in counts.items()}
    FetchRun.objects.filter(pk=run_id).update(**changes)


def drop_run(run_id: int) -> None:
    """The run was none: nobody was called."""
    FetchRun.objects.filter(pk=run_id).delete()


def close_run(run_id: int, state: str, *, error_code: str = "", error_text: str = "") -> None:
    """The run is over."""
    FetchRun.objects.filter(pk=run_id).update(
        state=state, finished_at=Now(), error_code=error_code, error_text=error_text
    )


def note_nothing_new(organization_id: int, account_id: int, listed: int) -> None:
    """A fetch that found nothing: counted in the last row if that found nothing too and is not a day old."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fetching_fetchrun SET times = times + 1, finished_at = now() WHERE id = ("
            " SELECT max(id) FROM fetching_fetchrun WHERE account_id = %s)"
            " AND state = 'done' AND wanted = 0 AND deleted = 0 AND listed = %s"
            " AND started_at > now() - interval '1 day'",
            [account_id, listed],
        )
        if cursor.rowcount:
            return
    FetchRun.objects.create(
        organization_id=organization_id,
        account_id=account_id,
        state=FetchRun.State.DONE,
        finished_at=Now(),
        listed=listed,
    )
