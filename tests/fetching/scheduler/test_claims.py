"""Claims, leases, back-off: who fetches what and when."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from accounts import tenancy
from accounts.leases import LeaseLost
from accounts.servers.failures import MailError
from fetching import tasks
from fetching.models import FetchState
from fetching.scheduler import claims, outcomes
from tests import factories


def state_of(account) -> FetchState:
    with tenancy.system():
        return FetchState.objects.get(account=account)


def change(account, **fields):
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(**fields)


def seconds_ahead(account) -> float:
    return (state_of(account).next_run_at - timezone.now()).total_seconds()


@pytest.fixture
def claim(account):
    return claims.claim_now(account.organization_id, account.pk)


def test_a_new_account_is_due_at_once_and_claimed_once(account):
    (claim,) = claims.claim_due(10)
    assert (claim.account_id, claim.organization_id) == (account.pk, account.organization_id)
    assert claims.claim_due(10) == []
    assert seconds_ahead(account) > 0.7 * 300


def test_the_oldest_due_come_first(acme, alice):
    accounts = [factories.connect(acme, alice, username=f"box-{number}") for number in range(3)]
    for minutes, account in zip((1, 3, 2), accounts, strict=True):
        change(account, next_run_at=Now() - timedelta(minutes=minutes))
    claimed = [claim.account_id for claim in claims.claim_due(2)]
    assert claimed == [accounts[1].pk, accounts[2].pk]


def test_s4_no_pile_after_six_hours_without_a_clock(account):
    change(account, next_run_at=Now() - timedelta(hours=6))
    assert len(claims.claim_due(100)) == 1
    assert claims.claim_due(100) == []


def test_r14_a_lease_that_ran_out_is_free_again(account, claim):
    change(account, lease_until=Now() - timedelta(seconds=1), next_run_at=Now())
    (second,) = claims.claim_due(10)
    assert second.token != claim.token


def test_r15_an_old_token_can_do_nothing(account, claim):
    change(account, lease_until=Now() - timedelta(seconds=1), next_run_at=Now())
    (second,) = claims.claim_due(10)
    with tenancy.scope(account.organization_id), pytest.raises(LeaseLost):
        claims.renew(claim)
    with pytest.raises(LeaseLost):
        outcomes.succeed(claim, more=False, waiting_messages=0, waiting_bytes=0)
    with pytest.raises(LeaseLost):
        outcomes.fail(claim, MailError("timeout"))
    with tenancy.scope(account.organization_id):
        claims.renew(second)


def test_fetch_now_leaves_a_running_fetch_alone(account, claim):
    assert claim is not None
    assert claims.claim_now(account.organization_id, account.pk) is None


def test_fetch_now_of_another_organization_finds_nothing(account, umbrella):
    assert claims.claim_now(umbrella.pk, account.pk) is None


def test_success_sets_the_next_run_with_jitter_and_clears_errors(account, claim):
    change(account, failures=3, authentication_failures=2, error_code="timeout", status="backing_off")
    outcomes.succeed(claim, more=False, waiting_messages=0, waiting_bytes=0)
    state = state_of(account)
    assert (state.status, state.failures, state.authentication_failures, state.error_code) == (
        "active",
        0,
        0,
        "",
    )
    assert state.first_fetch_done
    assert state.lease_token is None
    assert 0.79 * 300 < seconds_ahead(account) < 1.21 * 300


def test_u12_more_to_do_goes_on_at_once(account, claim):
    outcomes.succeed(claim, more=True, waiting_messages=0, waiting_bytes=0)
    assert seconds_ahead(account) <= 0
    assert not state_of(account).first_fetch_done


def test_r11_full_storage_is_a_state_not_an_error(account, claim):
    outcomes.succeed(claim, more=False, waiting_messages=38, waiting_bytes=9_000)
    state = state_of(account)
    assert (state.status, state.waiting_messages, state.failures, state.error_code) == (
        "paused_quota",
        38,
        0,
        "",
    )
    assert state.paused_since is not None
    assert state.next_run_at is not None


@pytest.mark.parametrize("code", ["timeout", "server_busy", "connection_lost", "unreachable", "internal"])
def test_temporary_errors_back_off_and_never_disable(account, code):
    waits = []
    for _ in range(12):
        change(account, next_run_at=Now(), connection_failures=0)
        (claim,) = claims.claim_due(1)
        outcomes.fail(claim, MailError(code))
        waits.append(seconds_ahead(account))
    state = state_of(account)
    assert state.status == "backing_off"
    assert state.failures == 12
    assert waits[1] > waits[0] * 1.2
    assert max(waits) <= 1.2 * outcomes.MAX_BACK_OFF_SECONDS


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("authentication_failed", outcomes.AUTHENTICATION_FAILURES),
        ("unreachable", outcomes.CONNECTION_FAILURES),
    ],
)
def test_failures_in_a_row_disable(account, code, limit):
    for _ in range(limit):
        assert state_of(account).status != "failed"
        change(account, next_run_at=Now())
        (claim,) = claims.claim_due(1)
        outcomes.fail(claim, MailError(code))
    assert state_of(account).status == "failed"
    assert state_of(account).next_run_at is None
    assert claims.claim_due(1) == []


def test_what_only_a_person_can_mend_stops_at_once(account, claim):
    outcomes.fail(claim, MailError("uidl_missing"))
    assert state_of(account).status == "failed"
    assert state_of(account).error_code == "uidl_missing"


def test_a5_a_stated_delay_is_kept(account, claim):
    outcomes.fail(claim, MailError("login_delay", retry_after=5_000))
    assert seconds_ahead(account) > 4_990


def test_pause_takes_the_lease_and_resume_makes_due(account, claim):
    with tenancy.scope(account.organization_id):
        claims.pause(FetchState.objects.get(account=account))
    with tenancy.scope(account.organization_id), pytest.raises(LeaseLost):
        claims.renew(claim)
    assert claims.claim_due(10) == []
    assert claims.claim_now(account.organization_id, account.pk) is None
    with tenancy.scope(account.organization_id):
        claims.resume(account.pk)
    assert len(claims.claim_due(10)) == 1


def test_a_task_that_dies_gives_its_claim_back_and_the_account_stays_due(account, claim, monkeypatch):
    def die(*args, **options):
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(tasks.run, "fetch", die)
    with pytest.raises(OperationalError):
        tasks.fetch_account(claim.organization_id, claim.account_id, claim.token)
    assert state_of(account).lease_token is None
    assert len(claims.claim_due(10)) == 1


def test_a_tick_that_cannot_order_gives_all_its_claims_back(acme, alice, monkeypatch):
    accounts = [factories.connect(acme, alice, username=f"box-{number}") for number in range(3)]

    def refuse(*args, **options):
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.fetch_slow_account, "delay", refuse)
    with pytest.raises(ConnectionError):
        tasks.dispatch()
    assert {state_of(account).lease_token for account in accounts} == {None}
    assert len(claims.claim_due(10)) == 2, "as many as before: accounts that are slow get half of the seats"
