"""One organization takes no more than its share of the threads, however its fetches are ordered (ADR 12)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import tenancy
from accounts.models import Organization
from accounts.servers.failures import MailError
from fetching.models import FetchState
from fetching.scheduler import claims, outcomes
from fetching.views import account_pages
from tests import factories

QUARTER, HALF = 8, 16  # of 32 threads


def connect(organization, owner, count: int, **fields):
    """Accounts that are due, each at a server of its own."""
    accounts = [
        factories.connect(
            organization, owner, host=f"pop{number}.{organization.slug}.example", username=f"box-{number}"
        )
        for number in range(count)
    ]
    change(accounts, **({"is_slow": False} | fields))
    return accounts


def change(accounts, **fields):
    with tenancy.system():
        FetchState.objects.filter(account__in=accounts).update(**fields)


def held(organization) -> int:
    with tenancy.system():
        return FetchState.objects.filter(organization=organization, lease_until__gt=Now()).count()


def now(account):
    return claims.claim_now(account.organization_id, account.pk)


@pytest.fixture
def hostile(acme, alice):
    Organization.objects.filter(pk=acme.pk).update(mail_account_limit=100)
    return connect(acme, alice, 36)


@pytest.fixture
def other(umbrella, charlie):
    (account,) = connect(umbrella, charlie, 1)
    return account


def test_an_organization_gets_a_quarter_of_the_threads_while_others_wait(hostile, other, acme):
    claimed = claims.claim_due(500)
    assert other.pk in {claim.account_id for claim in claimed}
    assert held(acme) == QUARTER
    assert claims.claim_due(500) == [], "no more, however often the clock ticks"


def test_alone_it_gets_half_of_them_and_the_rest_is_kept_for_whoever_comes(hostile, acme, umbrella, charlie):
    claims.claim_due(500)
    assert held(acme) == HALF
    (late,) = connect(umbrella, charlie, 1)
    assert [claim.account_id for claim in claims.claim_due(500)] == [late.pk]
    assert held(acme) == HALF


def test_fetch_now_counts_seats_like_the_clock(hostile, other, acme):
    found = [now(account) for account in hostile]
    assert sum(claim is not None for claim in found) == QUARTER == held(acme)
    assert now(other) is not None, "there is room for the others"


def test_what_fetch_now_could_not_start_is_the_next_of_its_organization(hostile, other, acme, umbrella):
    running = [now(account) for account in hostile[:QUARTER]]
    assert account_pages.start_fetch(hostile[-1]) is False
    with tenancy.scope(acme.pk):
        assert "is next" in account_pages.why_not_now(hostile[-1])
    outcomes.succeed(running[0])
    assert hostile[-1].pk in {claim.account_id for claim in claims.claim_due(500)}


def test_fetch_now_counts_the_seats_of_the_server(acme, alice):
    accounts = [
        factories.connect(acme, alice, username=f"box-{number}", host="pop.post.example")
        for number in range(5)
    ]
    change(accounts, is_slow=False)
    assert [now(account) is not None for account in accounts] == [True] * 4 + [False]


def test_fetch_now_keeps_half_of_a_servers_seats_for_quick_sessions(acme, alice):
    accounts = [
        factories.connect(acme, alice, username=f"box-{number}", host="pop.post.example")
        for number in range(4)
    ]
    assert [now(account) is not None for account in accounts] == [True, True, False, False]


def test_a_session_that_goes_on_with_the_next_account_counts_seats(hostile, acme, umbrella, charlie):
    """Handing over takes one seat for the one it gives back, and never one that is not the organization's."""
    connect(umbrella, charlie, 2)
    running = claims.claim_due(500)
    mine = [claim for claim in running if claim.organization_id == acme.pk]
    following = outcomes.succeed(mine[0], hand_over=True)
    assert following is not None, "an account at another server goes on in its place"
    assert held(acme) == QUARTER
    theirs = next(claim for claim in running if claim.organization_id == umbrella.pk)
    assert outcomes.succeed(theirs, hand_over=True) is None, (
        "its seat is not for the organization that has enough"
    )
    assert held(acme) == QUARTER


def test_the_last_thread_goes_to_whoever_has_none_instead_of_being_handed_on(
    acme, umbrella, alice, charlie, settings
):
    settings.MAILHUB_FETCH_THREADS = 1
    accounts = [
        factories.connect(acme, alice, username=f"box-{number}", host="pop.post.example")
        for number in range(3)
    ]
    change(accounts, is_slow=False, next_run_at=Now() - timedelta(hours=1))
    (running,) = claims.claim_due(10)
    (late,) = connect(umbrella, charlie, 1, next_run_at=Now() - timedelta(hours=2))
    following = outcomes.succeed(running, hand_over=True)
    assert following is not None
    assert following.account_id == late.pk


def test_a_session_that_lasts_is_slow_while_it_lasts(hostile, other, acme):
    """Its thread is one of those kept for slow ones; what these do not hold counts as before."""
    claims.claim_due(500)
    with tenancy.system():
        first = FetchState.objects.filter(organization=acme, lease_until__gt=Now())
        lasting = list(first.values_list("account_id", flat=True))
    change(lasting, last_started_at=Now() - timedelta(minutes=2))
    claims.claim_due(500)
    assert held(acme) == QUARTER + 2, "a quarter of the eight slow threads"
    with tenancy.system():
        waiting = FetchState.objects.filter(organization=acme, lease_until=None).first().account
    change([waiting], is_slow=True)
    assert now(waiting) is None, "and no slow session more than those"


def test_a_session_that_failed_after_minutes_starts_as_a_slow_one_the_next_time(other):
    claim = now(other)
    change([other], last_started_at=Now() - timedelta(minutes=2))
    outcomes.fail(claim, MailError("too_slow"))
    with tenancy.system():
        assert FetchState.objects.get(account=other).is_slow
