"""Sessions that last minutes never take all seats, neither at a server nor of an organization (S1)."""

import pytest
from django.db.models.functions import Now

from accounts import tenancy
from fetching.models import FetchState, MailServer
from fetching.scheduler import claims, outcomes
from tests import factories


@pytest.fixture
def accounts(acme, alice):
    return [
        factories.connect(acme, alice, username=f"box-{number}", host="pop.post.example")
        for number in range(8)
    ]


def change(accounts, **fields):
    with tenancy.system():
        FetchState.objects.filter(account__in=accounts).update(**fields)


def claimed(accounts):
    return {claim.account_id for claim in claims.claim_due(100)}


def test_s1_half_of_a_servers_seats_are_kept_for_quick_sessions(accounts):
    slow, quick = accounts[:6], accounts[6:]
    change(quick, is_slow=False)
    assert len(claimed(accounts) & {account.pk for account in slow}) == 2
    with tenancy.system():
        assert FetchState.objects.filter(account__in=quick, lease_token=None).count() == 0
    assert claimed(accounts) == set()


def test_s1_slow_ones_take_what_is_free_for_them_and_no_more(accounts, settings):
    settings.MAILHUB_FETCH_SLOW_THREADS = 32  # so that the server's seats are what is scarce
    MailServer.objects.update(connections=1)
    assert len(claimed(accounts)) == 1, "a server of one seat has it for whoever is first"
    change(accounts, lease_token=None, lease_until=None, next_run_at=Now())
    MailServer.objects.update(connections=10)
    assert len(claimed(accounts)) == 5


def test_s1_a_seat_that_is_handed_on_goes_to_a_slow_one_only_within_their_share(accounts):
    change(accounts[3:], is_slow=False)
    first = claims.claim_due(100)
    assert len(first) == 4
    ending = next(claim for claim in first if not claim.is_slow)
    change(accounts[:3], next_run_at=Now())
    following = outcomes.succeed(ending, hand_over=True)
    assert following is not None
    assert not following.is_slow


def test_s1_an_organizations_slow_accounts_do_not_use_up_its_seats(accounts, monkeypatch):
    change(accounts[:4], server="slow.example:995")
    change(accounts[4:], is_slow=False)
    assert {claim.is_slow for claim in claims.claim_due(100)} == {True, False}
