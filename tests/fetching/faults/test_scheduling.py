"""Many accounts: slow ones, one provider for hundreds of them, outages of a day, and one mailbox connected twice."""

from __future__ import annotations

import statistics

import pytest
from django.conf import settings as django_settings
from django.db import connection

from accounts import tenancy
from accounts.leases import LeaseLost
from accounts.models import MailAccount, Organization
from accounts.servers.failures import MailError
from fetching import tasks
from fetching.engine import run
from fetching.models import FetchState
from fetching.protocols import open_source
from fetching.scheduler import claims as fetch_claims
from fetching.scheduler import outcomes
from fetching.source import Limits
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, state_of, stored
from tests.servers.pop3 import MailboxServer

MINUTE, HOUR = 60, 3600
STEP = 10 * MINUTE  # of a simulated outage
# What copies of an account do not share.
OWN_COLUMNS = {
    "id": "nextval(pg_get_serial_sequence('accounts_mailaccount', 'id'))",
    "username": "'box' || n",
    "is_default": "false",
}


def multiply(account: MailAccount, count: int) -> None:
    """So many more accounts like this one, each with a mailbox of its own, and due now."""

    def columns(table: str) -> list[str]:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        return [name for (name,) in cursor.fetchall()]

    with tenancy.system(), connection.cursor() as cursor:
        names = columns("accounts_mailaccount")
        chosen = ", ".join(OWN_COLUMNS.get(name, f'"{name}"') for name in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        cursor.execute(
            f"INSERT INTO accounts_mailaccount ({quoted}) SELECT {chosen} FROM accounts_mailaccount,"
            " generate_series(1, %s) AS n WHERE id = %s RETURNING id",
            [count, account.pk],
        )
        keys = [key for (key,) in cursor.fetchall()]
        for table in ("fetching_fetchsettings", "fetching_fetchstate"):
            names = columns(table)
            special = {"account_id": "copy", "mailbox": "sha256(copy::text::bytea)"}
            chosen = ", ".join(special.get(name, f'"{name}"') for name in names)
            quoted = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f"INSERT INTO {table} ({quoted}) SELECT {chosen} FROM {table}, unnest(%s::int8[]) AS copy"
                " WHERE account_id = %s",
                [keys, account.pk],
            )


def let_pass(seconds: float) -> None:
    """As if so much time had gone by: everything lies further back."""
    with tenancy.system(), connection.cursor() as cursor:
        ago = "make_interval(secs => %s)"
        cursor.execute(
            f"UPDATE fetching_fetchstate SET next_run_at = next_run_at - {ago}, lease_until = lease_until - {ago},"
            f" not_before = not_before - {ago}",
            [seconds] * 3,
        )
        cursor.execute(f"UPDATE fetching_mailserver SET closed_until = closed_until - {ago}", [seconds])


def leased() -> int:
    with tenancy.system():
        return FetchState.objects.exclude(lease_token=None).count()


@pytest.fixture
def one_of_many(acme, alice) -> MailAccount:
    account = factories.connect(acme, alice, host="pop.provider.example", encryption="ssl")
    with tenancy.system():  # its first fetch is long over
        FetchState.objects.update(is_slow=False)
    return account


# ── S1: a slow account ──────────────────────────────────────────────────────
def test_s1_what_may_take_minutes_waits_in_a_queue_of_its_own(account, monkeypatch):
    ordered = []
    for task in (tasks.fetch_account, tasks.fetch_slow_account):
        monkeypatch.setattr(task, "delay", lambda *args, name=task.name: ordered.append(name))
    routes = django_settings.CELERY_TASK_ROUTES
    assert len({routes[task.name]["queue"] for task in (tasks.fetch_account, tasks.fetch_slow_account)}) == 2

    for seconds in (3, 2 * outcomes.SLOW_SECONDS, 3):
        let_pass(HOUR)
        tasks.dispatch()
        with tenancy.scope(account.organization_id):
            state = FetchState.objects.get(account=account)
        claim = fetch_claims.Claim(account.organization_id, account.pk, str(state.lease_token))
        outcomes.succeed(claim, seconds=seconds)
    let_pass(HOUR)
    tasks.dispatch()
    slow, fast = tasks.fetch_slow_account.name, tasks.fetch_account.name
    assert ordered == [slow, fast, slow, fast], "a new one may be slow, then it goes by the last session"


@pytest.mark.django_db(transaction=True)
def test_s1_while_one_account_hangs_the_others_are_fetched(acme, alice, server, settings):
    """Another worker claims and fetches in the very moment in which the first waits for a server that says nothing."""
    with MailboxServer([LETTERS[0]], username="slow", password="secret", stall_on="RETR") as hanging:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry, hanging.entry]
        slow = factories.connect(acme, alice, username="slow", port=hanging.port)
        others = [factories.connect(acme, alice, port=server.port, name=str(n)) for n in range(2)]
        fetched = []

        def meanwhile(session, said):
            if not said.startswith("RETR"):
                return
            try:
                for _ in others:  # of two accounts of one mailbox one comes after the other (A17)
                    (claim,) = fetch_claims.claim_due(10)
                    fetched.append(
                        (claim.account_id, run.fetch(claim, open_source, limits=Limits(session=10)).stored)
                    )
                assert fetch_claims.claim_due(10) == []
            finally:
                connection.close()

        hanging.faults.on_command = meanwhile
        claim = fetch_claims.claim_now(slow.organization_id, slow.pk)
        outcome = run.fetch(claim, open_source, limits=Limits(command=3, session=10))
        hanging.wait_until_idle()
    assert sorted(fetched) == [(account.pk, len(LETTERS)) for account in others]
    assert (outcome.error, state_of(slow).status) == ("timeout", "backing_off")


# ── S2: everybody at once ───────────────────────────────────────────────────
def test_s2_five_hundred_accounts_of_one_provider_take_turns(one_of_many):
    multiply(one_of_many, 499)
    seats = 4
    claims = fetch_claims.claim_due(1000)
    assert len(claims) == seats
    assert fetch_claims.claim_due(1000) == [], "no more, however often the clock ticks"
    done, most = [], 0
    while claims:
        most = max(most, len(claims))
        if len(done) % 100 == 0:
            assert leased() == len(claims)
        claim = claims.pop(0)
        done.append(claim.account_id)
        following = outcomes.succeed(claim, hand_over=True)
        claims += [following] if following else []
    assert len(done) == len(set(done)) == 500, "each once, and none is left over"
    assert most == seats
    with tenancy.system():
        next_runs = [
            moment.timestamp() for moment in FetchState.objects.values_list("next_run_at", flat=True)
        ]
    assert max(next_runs) - min(next_runs) > 0.3 * 300
    assert statistics.stdev(next_runs) > 0.08 * 300, "they drift apart, so that the next rush is none"


def test_s2_another_provider_does_not_wait_for_the_rush(one_of_many, acme, alice):
    elsewhere = factories.connect(acme, alice, host="pop.elsewhere.example", encryption="ssl", username="x")
    multiply(one_of_many, 100)
    assert elsewhere.pk in {claim.account_id for claim in fetch_claims.claim_due(1000)}


def test_s2_nor_does_another_organization_at_the_same_provider(one_of_many, umbrella, charlie):
    """The seats are few, and go round: one account of theirs comes before a second one of ours."""
    multiply(one_of_many, 100)
    let_pass(HOUR)
    other = factories.connect(umbrella, charlie, host="pop.provider.example", encryption="ssl", username="c")
    let_pass(1)
    assert other.pk in {claim.account_id for claim in fetch_claims.claim_due(1000)}


def test_s2_a_busy_server_is_not_asked_by_more_than_its_seats(one_of_many):
    """[IN-USE] and "too many connections" give the seat back, and nobody takes it in the same breath twice."""
    multiply(one_of_many, 30)
    claims, asked = fetch_claims.claim_due(100), []
    while claims:
        assert leased() <= 4
        claim = claims.pop(0)
        asked.append(claim.account_id)
        _, following = outcomes.fail(claim, MailError("server_busy"), hand_over=True)
        claims += [following] if following else []
    assert len(asked) == len(set(asked)) == 31
    let_pass(MINUTE)
    assert fetch_claims.claim_due(100) == [], "the next try is two minutes away for each"


# ── S3: a provider is down ──────────────────────────────────────────────────
def down_for(hours: float) -> tuple[int, int, int]:
    """In steps: tries, the most at a time once the server counts as down, and how many stopped for good."""
    tries = stopped = most = 0
    for _ in range(int(hours * HOUR / STEP)):
        claims = fetch_claims.claim_due(1000)
        if tries > 2 * fetch_claims.BREAKER_AFTER:
            most = max(most, len(claims))
        while claims:
            tries += 1
            has_stopped, following = outcomes.fail(claims.pop(0), MailError("unreachable"), hand_over=True)
            stopped += has_stopped
            claims += [following] if following else []
        let_pass(STEP)
    return tries, most, stopped


def test_s3_a_day_without_the_provider_costs_nobody_an_account(one_of_many, mailoutbox):
    multiply(one_of_many, 29)
    tries, most, stopped = down_for(24)
    assert stopped == 0
    assert most == 1, "one account asks for all of them"
    assert tries < 100, "each for itself would have asked ten times as often"
    with tenancy.system():
        assert not FetchState.objects.filter(status="failed").exists()
    assert mailoutbox == []

    let_pass(HOUR)
    (claim,) = fetch_claims.claim_due(1000)
    assert fetch_claims.claim_due(1000) == []
    outcomes.succeed(claim)
    with tenancy.system():
        due = FetchState.objects.filter(next_run_at__isnull=False).count()
    assert due == 30, "all go on by themselves"
    let_pass(6 * HOUR)
    assert len(fetch_claims.claim_due(1000)) == 4, "and as before"


def test_s3_one_account_that_cannot_get_through_says_nothing_of_the_others(one_of_many):
    """Its own trouble, a typing mistake say, must not close the provider for everybody."""
    multiply(one_of_many, 5)
    for _ in range(3 * fetch_claims.BREAKER_AFTER):
        claim = fetch_claims.claim_now(one_of_many.organization_id, one_of_many.pk)
        outcomes.fail(claim, MailError("unreachable"))
    assert len(fetch_claims.claim_due(100)) == 4


def test_s3_another_provider_stays_open(one_of_many, acme, alice):
    elsewhere = factories.connect(acme, alice, host="pop.elsewhere.example", encryption="ssl", username="x")
    multiply(one_of_many, 20)
    down_for(0.5)
    let_pass(HOUR)
    assert elsewhere.pk in {claim.account_id for claim in fetch_claims.claim_due(1000)}


# ── A17: one mailbox, two accounts ──────────────────────────────────────────
def twins(
    server, first: tuple[Organization, object], second: tuple[Organization, object]
) -> list[MailAccount]:
    return [
        factories.connect(organization, owner, port=server.port, username=name)
        for (organization, owner), name in ((first, "box"), (second, " BOX "))
    ]


def test_a17_two_organizations_never_open_one_mailbox_together(acme, alice, umbrella, charlie, server):
    ours, theirs = twins(server, (acme, alice), (umbrella, charlie))
    (claim,) = fetch_claims.claim_due(10)
    assert fetch_claims.claim_due(10) == []
    other = theirs if claim.account_id == ours.pk else ours
    assert fetch_claims.claim_now(other.organization_id, other.pk) is None, "nor by hand"
    outcomes.succeed(claim)
    (second,) = fetch_claims.claim_due(10)
    assert second.account_id == other.pk
    assert fetch_claims.claim_now(claim.organization_id, claim.account_id) is None
    outcomes.succeed(second)


def test_a17_each_gets_all_of_it(acme, alice, umbrella, charlie, server):
    """Neither's ledger is the other's: what one has fetched is still new to the other."""
    accounts = [
        factories.connect(organization, owner, port=server.port)
        for organization, owner in ((acme, alice), (umbrella, charlie))
    ]
    for account in accounts:
        assert fetch(account).stored == len(LETTERS)
        assert stored(account) == LETTERS


def test_a17_a_session_that_died_does_not_block_its_twin_for_ever(acme, alice, umbrella, charlie, server):
    twins(server, (acme, alice), (umbrella, charlie))
    (claim,) = fetch_claims.claim_due(10)
    let_pass(fetch_claims.QUEUE_LEASE_SECONDS + 1)
    (second,) = fetch_claims.claim_due(10)
    with tenancy.scope(claim.organization_id), pytest.raises(LeaseLost):
        fetch_claims.renew(claim)
    outcomes.succeed(second)


@pytest.mark.parametrize("name", ["box", "BOX", "recent:box"])
def test_a17_one_cannot_connect_ones_own_mailbox_twice(acme, alice, name):
    from fetching.connect.account_forms import ServerForm

    factories.connect(acme, alice, host="pop.example.com", encryption="ssl", name="The first")
    data = {"host": "pop.example.com", "port": 995, "encryption": "ssl", "username": name, "password": "x"}
    with tenancy.scope(acme.pk):
        form = ServerForm(data, membership=factories.membership(acme, alice))
        assert not form.is_valid()
        assert "“The first” already fetches this mailbox" in str(form.errors)
