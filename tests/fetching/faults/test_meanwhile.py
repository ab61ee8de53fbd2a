"""A person acts while a worker fetches: whatever and whenever, nothing is written or deleted that should not be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts import removal, tenancy
from accounts.models import MailAccount
from fetching.engine import diff, download, remote_delete
from fetching.models import FetchRun, FetchState, RemoteMessage
from fetching.scheduler import claims
from mailbox.models import Message
from tests import factories
from tests.fetching.fetched import LETTERS, edit, fetch, set_rules, state_of, stored


def pause(account: MailAccount) -> None:
    with tenancy.scope(account.organization_id):
        claims.pause(FetchState.objects.get(account=account))


def delete_account(account: MailAccount) -> None:
    with tenancy.scope(account.organization_id):
        removal.remove(MailAccount.objects.get(pk=account.pk), account.owner)


ACTS = {
    "another password": lambda account: edit(account, password="another"),
    "another server": lambda account: edit(account, host="pop.elsewhere.example"),
    "a pause": pause,
    "a pause and on again": lambda account: (pause(account), resume(account)),
    "the account deleted": delete_account,
}
# When it happens, and how many messages were rightly stored until then.
MOMENTS = {
    "listed": (diff, "plan", 0),
    "two stored": (download, "_take", 2),
    "all stored": (download, "download_messages", 5),
}


def resume(account: MailAccount) -> None:
    with tenancy.scope(account.organization_id):
        claims.resume(account.pk)


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port, delete_from_server=True)


def act_after(monkeypatch, moment: str, act) -> None:
    """Let it happen right after the step of this name was done for the first time."""
    owner, name, _ = MOMENTS[moment]
    step, done = getattr(owner, name), []

    def followed(*args):
        result = step(*args)
        done.append(name)
        if len(done) == 1:
            act()
        return result

    monkeypatch.setattr(download, "BATCH_MESSAGES", 2)
    monkeypatch.setattr(owner, name, followed)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_s6_what_a_person_does_stops_the_session(account, server, monkeypatch, act, moment):
    act_after(monkeypatch, moment, lambda: ACTS[act](account))
    outcome = fetch(account)
    count = MOMENTS[moment][2]
    assert (outcome.stored, outcome.deleted) == (count, 0)
    # Once all is stored, not deleting is all that an edit must change.
    assert outcome.state == "interrupted" or (moment == "all stored" and act.startswith("another"))
    server.wait_until_idle()
    assert server.said("DELE") == []
    assert [letter.data for letter in server.messages] == LETTERS
    with tenancy.scope(account.organization_id):
        if act == "the account deleted":
            assert not Message.objects.exists()
            assert not RemoteMessage.objects.exists()
            return
        assert not FetchRun.objects.filter(state="running").exists()
    assert stored(account) == LETTERS[:count]
    assert state_of(account).status == ("paused" if act == "a pause" else "active")


@pytest.mark.parametrize("moment", ["listed", "two stored"])
def test_s6_afterwards_it_goes_on_as_the_person_wished(account, server, monkeypatch, moment):
    act_after(monkeypatch, moment, lambda: edit(account, name="Renamed", password="another"))
    fetch(account)
    monkeypatch.undo()
    server.password = "another"
    resume(account)
    with tenancy.scope(
        account.organization_id
    ):  # the worker that was interrupted holds it for a minute at most
        FetchState.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert fetch(account).deleted == 5
    assert sorted(stored(account)) == sorted(LETTERS)
    assert server.messages == []


def test_s6_a_rule_changed_while_deleting_ends_the_deleting(account, server, monkeypatch):
    """Between two batches of deletes: those said are said, no more follow."""
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", 2)
    confirm, batches = remote_delete._confirm, []

    def changing_their_mind(*args):
        confirm(*args)
        batches.append(args)
        if len(batches) == 1:
            set_rules(account, delete_policy="keep")

    monkeypatch.setattr(remote_delete, "_confirm", changing_their_mind)
    assert fetch(account).deleted == 2
    server.wait_until_idle()
    assert [letter.data for letter in server.messages] == LETTERS[2:]
    assert fetch(account).deleted == 0
    assert stored(account) == LETTERS
