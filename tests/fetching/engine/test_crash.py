"""A worker killed by SIGKILL at each step of a session: the next loses nothing, doubles nothing, deletes what is safe.

The worker is a real process with connections of its own (crash_child.py), so everything here is really committed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.models.functions import Now

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import run
from fetching.models import FetchRun, FetchState, RemoteMessage
from fetching.protocols import open_source
from fetching.scheduler import claims
from mailbox import services
from mailbox.models import Message
from tests import factories
from tests.conftest import check_books
from tests.fetching.engine.crash_checks import Watch, check_invariant, committed_digests, digest, drain
from tests.fetching.engine.crash_child import BATCH
from tests.fetching.fetched import LETTERS, QUICK, fetch, set_rules, state_of, states, stored
from tests.servers.pop3 import MailboxServer

ROOT = Path(__file__).resolve().parents[3]
ALL = len(LETTERS)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# step: what the crash leaves behind: messages stored, messages at the server, states in the ledger
NOTHING: list[str] = []
LISTED = ["listed"] * ALL
ONE_BATCH = ["listed"] * (ALL - BATCH)
KEEP = {
    "listed": (0, ALL, NOTHING),
    "compared": (0, ALL, LISTED),
    "batch read": (0, ALL, LISTED),
    "charged": (0, ALL, LISTED),
    "batch committed": (BATCH, ALL, ONE_BATCH + ["stored"] * BATCH),
    "all stored": (ALL, ALL, ["stored"] * ALL),
    "quit sent": (ALL, ALL, ["stored"] * ALL),
    "before success": (ALL, ALL, ["stored"] * ALL),
}
DELETE = {
    "begun": (0, ALL, NOTHING),
    "comparing": (0, ALL, NOTHING),
    "compared": (0, ALL, LISTED),
    "batch read": (0, ALL, LISTED),
    "messages inserted": (0, ALL, LISTED),
    "ledger marked": (0, ALL, LISTED),
    "charged": (0, ALL, LISTED),
    "batch committed": (BATCH, ALL, ["delete_wanted"] * BATCH + ONE_BATCH),
    "all stored": (ALL, ALL, ["delete_wanted"] * ALL),
    "dele being noted": (ALL, ALL, ["delete_wanted"] * ALL),
    "dele noted": (ALL, ALL, ["dele_sent"] * ALL),
    "dele acknowledged": (ALL, ALL, ["dele_sent"] * ALL),
    "quit sent": (ALL, 0, ["dele_sent"] * ALL),
    "quit confirmed": (ALL, 0, ["dele_sent"] * ALL),
    "gone being noted": (ALL, 0, ["dele_sent"] * ALL),
    "gone noted": (ALL, 0, ["gone"] * ALL),
    "before success": (ALL, 0, ["gone"] * ALL),
}
CASES = [pytest.param(False, step, *left, id=f"keep-{step}".replace(" ", "-")) for step, left in KEEP.items()]
CASES += [
    pytest.param(True, step, *left, id=f"delete-{step}".replace(" ", "-")) for step, left in DELETE.items()
]


@pytest.fixture
def connect(acme, alice, server):
    """A function that makes Alice's account, with the policy given."""

    def make(delete: bool) -> MailAccount:
        return factories.connect(acme, alice, port=server.port, delete_from_server=delete)

    return make


def die_at(step: str, account: MailAccount, server: MailboxServer) -> claims.Claim:
    """Let a worker process take the account and be killed at the step; returns the claim it held."""
    claim = claims.claim_now(account.organization_id, account.pk)
    assert claim is not None
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
    child = subprocess.run(
        [sys.executable, "-m", "tests.fetching.engine.crash_child", step]
        + [str(claim.organization_id), str(claim.account_id), claim.token],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "mailhub.settings",
            "DATABASE_URL": database.geturl(),
            "MAILHUB_ALLOWED_MAIL_HOSTS": server.entry,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, f"exit {child.returncode}: {child.stdout}{child.stderr}"
    server.wait_until_idle()
    return claim


def let_the_lease_run_out(account: MailAccount) -> None:
    with tenancy.scope(account.organization_id):
        changed = FetchState.objects.filter(account=account, lease_until__gt=Now()).update(
            lease_until=Now() - timedelta(seconds=1)
        )
    assert changed, "a dead worker's lease must have kept others away until now"


@pytest.mark.parametrize(("delete", "step", "in_store", "at_server", "noted"), CASES)
def test_r1_r2_killed_at_any_step(connect, server, delete, step, in_store, at_server, noted):
    account = connect(delete)
    watch = Watch(server, lambda: committed_digests(account))
    die_at(step, account, server)
    # Just what had been committed, so the trap was where its name says.
    assert stored(account) == LETTERS[:in_store]
    assert len(server.messages) == at_server
    assert sorted(states(account)) == sorted(noted)

    assert claims.claim_now(account.organization_id, account.pk) is None
    let_the_lease_run_out(account)
    retrieved = len(server.said("RETR"))
    drain(account)
    assert len(server.said("RETR")) - retrieved == ALL - in_store, "what is stored is not fetched again"
    check_invariant(account, server, watch, LETTERS)
    assert fetch(account).stored == 0
    with tenancy.scope(account.organization_id):
        first = FetchRun.objects.earliest("pk")
        assert (first.state, first.stored) == ("interrupted", in_store), "a run ends with its claim"


# Rules by which mail that was stored long ago goes: all of it, or what its owner has deleted here for good.
LATER = ["listed", "compared", "headers asked", "dele being noted", "dele noted", "dele acknowledged"]
LATER += ["quit sent", "quit confirmed", "gone being noted", "gone noted", "before success"]


def old_mail(connect, rule: str) -> tuple[MailAccount, list[bytes]]:
    """An account whose mail was fetched twenty days ago, and what its rule lets go now."""
    account = connect(False)
    set_rules(account, delete_policy=rule, delete_after_days=14)
    assert fetch(account).stored == ALL
    with tenancy.scope(account.organization_id):
        rows = RemoteMessage.objects.filter(account=account)
        rows.update(stored_at=Now() - timedelta(days=20))
        if rule == "after_days":
            claims.look_again(account.pk)
            return account, LETTERS
        services.discard(Message.objects.filter(account=account, subject__in=["Letter 1", "Letter 3"]))
    return account, [LETTERS[1], LETTERS[3]]


@pytest.mark.parametrize("step", LATER)
@pytest.mark.parametrize("rule", ["after_days", "when_deleted_here"])
def test_r2_r3_r19_killed_while_old_mail_is_deleted(connect, server, rule, step):
    account, leaving = old_mail(connect, rule)
    kept = LETTERS if rule == "after_days" else [raw for raw in LETTERS if raw not in leaving]
    may_go = set(map(digest, leaving))
    watch = Watch(server, lambda: may_go)
    die_at(step, account, server)
    let_the_lease_run_out(account)
    retrieved = len(server.said("RETR"))
    drain(account)
    assert len(server.said("RETR")) == retrieved, "what is stored is not fetched again"
    assert stored(account) == kept
    assert [letter.data for letter in server.messages] == [raw for raw in LETTERS if raw not in leaving]
    assert watch.wrong == []
    assert fetch(account).stored == 0
    check_books()


def test_killed_after_success_nothing_is_held(connect, server):
    account = connect(True)
    watch = Watch(server, lambda: committed_digests(account))
    claim = die_at("after success", account, server)
    assert run.fetch(claim, open_source, limits=QUICK).state == "skipped", "its claim is used up"
    assert state_of(account).first_fetch_done
    check_invariant(account, server, watch, LETTERS)
    drain(account)
    check_invariant(account, server, watch, LETTERS)


def test_r1_r14_killed_again_and_again_each_session_goes_on_where_the_last_one_died(connect, server):
    account = connect(True)
    watch = Watch(server, lambda: committed_digests(account))
    for step in ("batch committed", "charged", "batch committed", "dele acknowledged", "quit sent"):
        die_at(step, account, server)
        let_the_lease_run_out(account)
    assert len(server.said("RETR")) < 3 * ALL
    server.deliver(factories.letter("Arrived meanwhile"))
    drain(account)
    check_invariant(account, server, watch, [*LETTERS, factories.letter("Arrived meanwhile")])


def test_r15_a_worker_thought_dead_can_no_longer_write_or_delete(connect, server):
    """The same claim again, after another worker took over: what a paused process would do on waking up."""
    account = connect(True)
    watch = Watch(server, lambda: committed_digests(account))
    claim = die_at("all stored", account, server)
    let_the_lease_run_out(account)
    second = claims.claim_now(account.organization_id, account.pk)
    sessions = server.counters["sessions"]
    assert run.fetch(claim, open_source, limits=QUICK).state == "skipped"
    assert server.counters["sessions"] == sessions
    assert run.fetch(second, open_source, limits=QUICK).deleted == ALL
    check_invariant(account, server, watch, LETTERS)
