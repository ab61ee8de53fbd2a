"""How many sessions there may be at a time, as SQL: of an organization and of all together (ADR 12).

Seats are counted where claims are taken, in the database, because a queue knows neither whose a task is nor how long
it will take. A session that has lasted for SLOW_SECONDS counts as slow from then on: first it takes one of the seats
kept for slow ones, so that its thread is no longer missing where the others are fetched.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings

SLOW_SECONDS: Final = 60
# Of a pool an organization gets a quarter while others are there, and half of it while nobody else is.
SHARED, ALONE = 4, 2
# So many of those that have waited longest are looked at to see whether others wait.
OLDEST: Final = 200

NOW: Final = "statement_timestamp()"
IS_FREE: Final = f"(lease_until IS NULL OR lease_until <= {NOW})"

# `held`: seats by organization and pool; `pools`: threads, and those that are free. Slow sessions beyond the seats
# that are kept for them count where the others are.
HELD: Final = f"""
leased AS MATERIALIZED (
    SELECT server, organization_id, mailbox,
        is_slow OR coalesce(last_started_at <= {NOW} - interval '{SLOW_SECONDS} seconds', false) AS is_slow
    FROM fetching_fetchstate WHERE lease_until > {NOW}),
tenants AS MATERIALIZED (
    SELECT organization_id, count(*) FILTER (WHERE is_slow) AS slow, count(*) FILTER (WHERE NOT is_slow) AS quick
    FROM leased GROUP BY organization_id),
held AS MATERIALIZED (
    SELECT organization_id, true AS is_slow, slow AS seats FROM tenants
    UNION ALL
    SELECT organization_id, false, quick + greatest(0, slow - greatest(1, %(slow)s / {SHARED})) FROM tenants),
pools AS MATERIALIZED (
    SELECT true AS is_slow, %(slow)s AS threads, %(slow)s - coalesce(sum(slow), 0) AS free FROM tenants
    UNION ALL
    SELECT false, %(quick)s,
        %(quick)s - coalesce(sum(quick), 0) - greatest(0, coalesce(sum(slow), 0) - %(slow)s) FROM tenants)"""
# Who is due, as far as it matters for the shares.
OLDEST_DUE: Final = f"""
oldest AS MATERIALIZED (
    SELECT organization_id, is_slow FROM fetching_fetchstate
    WHERE next_run_at <= {NOW} AND {IS_FREE} ORDER BY next_run_at LIMIT {OLDEST})"""


def shares(*asking: str) -> str:
    """The relation `shares`: seats of one organization by pool. `asking`: relations of those that wait for a seat."""
    crowd = "".join(f" UNION SELECT organization_id, is_slow FROM {name}" for name in asking)
    return f"""
shares AS MATERIALIZED (
    SELECT pools.is_slow, pools.free, greatest(1, pools.threads /
        CASE WHEN count(DISTINCT crowd.organization_id) > 1 THEN {SHARED} ELSE {ALONE} END) AS share
    FROM pools LEFT JOIN (SELECT organization_id, is_slow FROM leased{crowd}) AS crowd USING (is_slow)
    GROUP BY pools.is_slow, pools.free, pools.threads)"""


def threads() -> dict[str, int]:
    """The parameters `quick` and `slow` of these statements: threads of all workers together."""
    return {"quick": settings.MAILHUB_FETCH_THREADS, "slow": settings.MAILHUB_FETCH_SLOW_THREADS}
