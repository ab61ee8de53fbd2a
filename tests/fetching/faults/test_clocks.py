"""Clocks that jump: the machine's, the database's, and those of countries with a summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import run
from fetching.models import FetchState
from fetching.protocols import open_source
from fetching.scheduler import claims, outcomes
from tests import factories
from tests.fetching.fetched import LETTERS, QUICK, fetch, state_of, stored

JUMPS = [timedelta(hours=-6), timedelta(hours=6), timedelta(days=-400), timedelta(days=400)]
# The night in which Berlin's clocks go from 2 to 3, and that in which they go from 3 back to 2.
NIGHTS = [
    pytest.param(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), id="spring"),
    pytest.param(datetime(2026, 10, 25, 0, 59, tzinfo=UTC), id="autumn"),
]


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port)


def change(account: MailAccount, **fields) -> None:
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(**fields)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_s8_the_machines_clock_decides_nothing(account, jump):
    """Due times and leases are compared in the database: no run twice, no lease taken over, none kept for ever."""
    fetch(account)
    claim = None
    with time_machine.travel(timezone.now() + jump):
        assert claims.claim_due(5) == [], "not due, whatever this machine thinks"
        change(account, next_run_at=F("next_run_at") - timedelta(days=1))
        (claim,) = claims.claim_due(5)
        assert claims.claim_due(5) == []
        assert claims.claim_now(account.organization_id, account.pk) is None
    with time_machine.travel(timezone.now() - jump):
        assert claims.claim_now(account.organization_id, account.pk) is None
        with tenancy.scope(account.organization_id):
            claims.renew(claim)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_s8_a_session_is_timed_by_a_clock_that_only_goes_forward(account, server, jump):
    """The wall clock jumps in the middle of a session: it neither ends early nor counts hours."""
    with time_machine.travel(timezone.now()) as clock:
        server.faults.on_command = lambda session, said: said == "RETR 2" and clock.shift(jump)
        claim = claims.claim_now(account.organization_id, account.pk)
        outcome = run.fetch(claim, open_source, limits=QUICK)
    assert (outcome.state, outcome.stored) == ("done", 5)
    assert 0 < outcome.seconds < QUICK.session
    assert stored(account) == LETTERS


def test_s8_the_databases_clock_steps_back(account):
    """All its moments lie an hour further in the future then: the account waits, and is not fetched twice."""
    fetch(account)
    hour = timedelta(hours=1)
    change(account, next_run_at=F("next_run_at") + hour)
    assert claims.claim_due(5) == []
    claim = claims.claim_now(account.organization_id, account.pk)
    assert claim is not None, "a person need not wait"
    outcomes.succeed(claim, more=False, waiting_messages=0, waiting_bytes=0)
    ahead = state_of(account).next_run_at - timezone.now()
    assert ahead < timedelta(seconds=1.3 * 300), "and from the next run on all is as before"


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_s8_summer_time_neither_stretches_nor_shrinks_a_wait(account, night, zone):
    """Waits are seconds, also over the hour that is missing or comes twice, in whatever zone the database lives."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        cursor.execute(
            "SELECT extract(epoch FROM %s::timestamptz + make_interval(secs => %s) - %s::timestamptz)",
            [night, outcomes.MAX_BACK_OFF_SECONDS, night],
        )
        assert cursor.fetchone() == (outcomes.MAX_BACK_OFF_SECONDS,)
        (claim,) = claims.claim_due(5)
        outcomes.succeed(claim, more=False, waiting_messages=0, waiting_bytes=0)
        with tenancy.scope(account.organization_id):
            cursor.execute("SELECT extract(epoch FROM next_run_at - now()) FROM fetching_fetchstate")
            assert 0.79 * 300 < cursor.fetchone()[0] < 1.21 * 300 + 60
    assert claims.claim_due(5) == []
