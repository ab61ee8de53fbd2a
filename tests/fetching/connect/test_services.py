"""What an account's fetch settings do: how often, how much, what first, how large, where to, what goes afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching.connect import services
from fetching.engine import download
from fetching.models import FetchRun, FetchSettings, FetchState, RemoteMessage
from fetching.scheduler import claims, outcomes
from mailbox import folders, labels
from mailbox import services as mail
from mailbox.models import Message
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, set_rules, state_of, states, stored
from tests.servers.pop3 import MailboxServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port)


def dated(subject: str, days: int, *, received: bool = True) -> bytes:
    """A letter that came so many days ago; its Date header says the opposite."""
    moment = (timezone.now() - timedelta(days=days)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    trace = f"from a by b;\r\n\t{moment}" if received else ""
    headers = f"Received: {trace}\r\n" if received else ""
    return (headers + factories.letter(subject, date="" if received else moment).decode()).encode()


def subjects(account: MailAccount) -> list[str]:
    with tenancy.scope(account.organization_id):
        return list(Message.objects.filter(account=account).order_by("pk").values_list("subject", flat=True))


def change_state(account: MailAccount, **fields) -> None:
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(**fields)


# ── How often ───────────────────────────────────────────────────────────────
def pause_after_fetch(account: MailAccount) -> float:
    fetch(account)
    return (state_of(account).next_run_at - timezone.now()).total_seconds()


def test_the_pause_is_the_owners_within_a_fifth(account):
    set_rules(account, interval_minutes=20)
    assert 0.79 * 1200 < pause_after_fetch(account) < 1.21 * 1200


def test_a_plan_that_fetches_less_often_holds_for_old_settings_too(account):
    set_rules(account, interval_minutes=5)
    account.organization.fetch_minutes_limit = 30
    account.organization.save()
    assert pause_after_fetch(account) > 0.79 * 1800


def test_less_often_while_nothing_comes_and_at_once_back_when_mail_comes(account, server):
    set_rules(account, interval_minutes=10, is_adaptive=True)
    fetch(account)
    waits = []
    for _ in range(8):
        fetch(account)
        waits.append(state_of(account).interval_seconds)
    assert waits == sorted(waits)
    assert waits[0] == 900
    assert waits[-1] == outcomes.MAX_INTERVAL_SECONDS
    server.deliver(factories.letter("At last"))
    fetch(account)
    assert state_of(account).interval_seconds == 600


# ── How much ────────────────────────────────────────────────────────────────
def test_a_cycle_brings_no_more_than_asked_and_the_next_one_goes_on(account, server):
    set_rules(account, messages_per_cycle=2)
    outcome = fetch(account)
    assert (outcome.stored, outcome.more) == (2, False)
    assert not state_of(account).first_fetch_done
    assert [fetch(account).stored for _ in range(3)] == [2, 1, 0]
    assert stored(account) == LETTERS
    assert state_of(account).first_fetch_done


# ── What first ──────────────────────────────────────────────────────────────
def test_newest_first_is_for_the_first_fetch_only(account, server):
    set_rules(account, newest_first=True)
    fetch(account)
    assert subjects(account) == [f"Letter {number}" for number in (4, 3, 2, 1, 0)]
    server.deliver(factories.letter("Then"), factories.letter("Later"))
    fetch(account)
    assert subjects(account)[5:] == ["Then", "Later"]


def test_u13_only_new_takes_nothing_that_was_there(account, server):
    set_rules(account, first_fetch="only_new")
    assert fetch(account).stored == 0
    assert states(account) == ["skipped"] * 5
    assert state_of(account).first_fetch_done
    server.deliver(factories.letter("New"))
    assert fetch(account).stored == 1
    assert subjects(account) == ["New"]
    assert server.said("RETR") == ["RETR 6"]


def test_u13_only_new_in_an_empty_mailbox_takes_all_that_comes(account, server):
    server.messages.clear()
    set_rules(account, first_fetch="only_new")
    fetch(account)
    server.deliver(factories.letter("First"))
    assert fetch(account).stored == 1


def test_u13_the_last_days_by_when_it_was_received(account, server):
    server.messages.clear()
    server.deliver(
        dated("Old", 40),
        dated("Recent", 20),
        dated("Undated", 0, received=False),
        dated("Older", 31, received=False),
    )
    set_rules(account, first_fetch="last_days", first_days=30)
    assert fetch(account).stored == 2
    assert sorted(subjects(account)) == ["Recent", "Undated"]
    assert sorted(states(account)) == ["skipped", "skipped", "stored", "stored"]
    server.deliver(dated("Forwarded from long ago", 400))
    assert fetch(account).stored == 1, "what arrives later is new, however old it says it is"


def test_u8_u13_a_renamed_mailbox_brings_nothing_that_was_too_old(account, server):
    server.messages.clear()
    old = [dated(f"Old {number}", 50 + number) for number in range(12)]
    server.deliver(*old, dated("Recent", 2))
    set_rules(account, first_fetch="last_days", first_days=30)
    fetch(account)
    server.messages = []
    server.deliver(*((b"renamed-%d" % number, raw) for number, raw in enumerate([*old, dated("Recent", 2)])))
    fetch(account)
    assert subjects(account) in (["Recent"], ["Recent", "Recent"])
    assert not any(subject.startswith("Old") for subject in subjects(account))


def test_asking_for_everything_later_brings_what_was_passed_over(account, server):
    set_rules(account, first_fetch="only_new")
    fetch(account)
    set_rules(account, first_fetch="everything")
    assert fetch(account).stored == 5
    assert stored(account) == LETTERS


# ── How large ───────────────────────────────────────────────────────────────
def test_r9_too_large_is_listed_with_its_head_never_deleted_and_comes_when_allowed(account, server):
    big = factories.letter("The big one", sender="Rina <rina@big.example>", body="x" * 5000)
    server.deliver(big)
    set_rules(account, max_message_bytes=4000, delete_policy="after_storing")
    assert fetch(account).stored == 5
    with tenancy.scope(account.organization_id):
        row = RemoteMessage.objects.get(account=account, state="too_big")
    assert (row.sender, row.subject, row.size) == ("Rina", "The big one", len(big))
    assert [letter.data for letter in server.messages] == [big]
    set_rules(account, max_message_bytes=None)
    assert fetch(account).stored == 1
    assert server.messages == []


def test_the_plans_largest_message_holds_whatever_the_owner_chose(account, server):
    server.deliver(factories.letter("The big one", body="x" * 5000))
    set_rules(account, max_message_bytes=10_000)
    account.organization.message_bytes_limit = 4000
    account.organization.save()
    assert fetch(account).stored == 5
    assert states(account).count("too_big") == 1


# ── Where to ────────────────────────────────────────────────────────────────
def test_mail_arrives_as_read_in_the_chosen_folder_with_the_label(account, server):
    with tenancy.scope(account.organization_id):
        folder = folders.create_folder(account, "School")
        label = labels.create_label(account, "Later")
    set_rules(account, arrive_read=True, folder=folder, label=label)
    fetch(account)
    with tenancy.scope(account.organization_id):
        messages = Message.objects.filter(account=account)
        assert set(messages.values_list("folder", "is_read")) == {(folder.pk, True)}
        assert labels.counts([label]) == {label.pk: 5}
        folder.refresh_from_db()
        assert (folder.messages_count, folder.unread_count) == (5, 0)


def test_a_folder_and_label_that_are_gone_meanwhile_leave_the_inbox(account, server):
    with tenancy.scope(account.organization_id):
        folder = folders.create_folder(account, "School")
        label = labels.create_label(account, "Later")
    set_rules(account, folder=folder, label=label)
    with tenancy.scope(account.organization_id):
        folders.delete_folder(folder)
        labels.delete_label(label)
    assert fetch(account).stored == 5


# ── What goes afterwards ────────────────────────────────────────────────────
def age(account: MailAccount, days: int) -> None:
    with tenancy.scope(account.organization_id):
        RemoteMessage.objects.filter(account=account).update(stored_at=Now() - timedelta(days=days))
        claims.look_again(account.pk)


def test_r19_days_are_counted_from_storing(account, server):
    set_rules(account, delete_policy="after_days", delete_after_days=14)
    fetch(account)
    age(account, 13)
    assert fetch(account).deleted == 0
    age(account, 15)
    server.deliver(factories.letter("Young"))
    assert fetch(account).deleted == 5
    assert len(server.messages) == 1


def test_what_is_deleted_here_for_good_goes_there_and_nothing_else(account, server):
    set_rules(account, delete_policy="when_deleted_here")
    fetch(account)
    with tenancy.scope(account.organization_id):
        doomed = Message.objects.filter(account=account, subject="Letter 2")
        mail.trash(doomed)
    assert fetch(account).deleted == 0, "in Trash it can still be put back"
    with tenancy.scope(account.organization_id):
        mail.discard(Message.objects.filter(account=account, subject="Letter 2"))
    assert fetch(account).deleted == 1
    assert [letter.data for letter in server.messages] == LETTERS[:2] + LETTERS[3:]


def test_s6_a_rule_taken_back_while_fetching_deletes_nothing(account, server, monkeypatch):
    set_rules(account, delete_policy="after_storing")
    retrieve = download.download_messages

    def changing_their_mind(session):
        retrieve(session)
        set_rules(account, delete_policy="keep")

    monkeypatch.setattr(download, "download_messages", changing_their_mind)
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (5, 0)
    assert server.said("DELE") == []


@pytest.mark.parametrize("capability", [True, False])
def test_u7_an_identifier_given_to_other_mail_of_the_same_size_is_not_deleted_unread(
    acme, alice, settings, capability
):
    """The one way to lose mail that a listing cannot show: so old mail is looked at once more before it goes."""
    first, second = (
        factories.letter("First", headers="Message-ID: <1@a>\r\n"),
        factories.letter("Other", headers="Message-ID: <2@a>\r\n"),
    )
    assert len(first) == len(second)
    capabilities = ["UIDL", "USER", "PIPELINING"] + ["TOP"] * capability
    with MailboxServer(
        [(b"x", first)], username="box", password="secret", capabilities=capabilities
    ) as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(
            acme, alice, port=server.port, delete_policy="after_days", delete_after_days=14
        )
        fetch(account)
        server.messages.clear()
        server.deliver((b"x", second))
        age(account, 20)
        outcome = fetch(account)
        if capability:
            assert (outcome.deleted, outcome.more) == (0, True)
            assert fetch(account).stored == 1
            assert stored(account) == [first, second]
            assert len(server.messages) == 1


# ── Nothing new ─────────────────────────────────────────────────────────────
def test_while_nothing_changes_nothing_is_listed(account, server):
    fetch(account)
    said = len(server.said("UIDL"))
    for _ in range(3):
        assert fetch(account).unchanged
    assert server.said("UIDL")[said:] == ["UIDL 5"] * 3
    assert len(server.said("LIST")) == 1
    with tenancy.scope(account.organization_id):
        assert list(FetchRun.objects.order_by("pk").values_list("stored", "times")) == [(5, 1), (0, 3)]


def test_mail_that_came_and_went_unseen_is_found_within_the_hour(account, server):
    fetch(account)
    last = server.messages[-1]
    server.messages[0].data, server.messages[0].uidl = LETTERS[0].replace(b"Letter 0", b"Letter X"), b"new"
    assert server.messages[-1] is last
    assert fetch(account).unchanged
    change_state(account, listed_at=Now() - timedelta(minutes=61))
    outcome = fetch(account)
    assert (outcome.unchanged, outcome.stored) == (False, 1)


@pytest.mark.parametrize("change", ["one more", "one less", "another last", "grown"])
def test_any_change_that_shows_is_listed(account, server, change):
    fetch(account)
    match change:
        case "one more":
            server.deliver(factories.letter("New"))
        case "one less":
            server.messages.pop(0)
        case "another last":
            server.messages[-1].uidl = b"renamed"
        case "grown":
            server.messages[0].data += b"x\r\n"
    assert not fetch(account).unchanged


def test_an_empty_mailbox_stays_cheap(account, server):
    server.messages.clear()
    fetch(account)
    assert fetch(account).unchanged
    server.deliver(factories.letter("New"))
    assert fetch(account).stored == 1


def test_u2_a_server_that_garbles_stat_is_listed_each_time(account, server):
    fetch(account)
    server.faults.raw_on = {"STAT": b"+OK\r\n"}
    assert not fetch(account).unchanged
    server.faults.raw_on = {}
    server.faults.err_on = {"STAT": "-ERR unknown command"}
    outcome = fetch(account)
    assert (outcome.state, outcome.unchanged) == ("done", False)


# ── Defaults ────────────────────────────────────────────────────────────────
def test_new_accounts_begin_as_the_organization_wishes(acme, alice, bob):
    with tenancy.scope(acme.pk):
        services.change_defaults(
            factories.membership(acme, alice), {"interval_minutes": 30, "delete_policy": "after_days"}
        )
    account = factories.connect(acme, bob)
    with tenancy.scope(acme.pk):
        rules = FetchSettings.objects.get(account=account)
    assert (rules.interval_minutes, rules.delete_policy) == (30, "after_days")
    assert state_of(account).interval_seconds == 1800


def test_retry_brings_back_what_was_set_aside(account, server):
    server.faults.err_on = {"RETR 3": "-ERR cannot"}
    for _ in range(3):
        fetch(account)
    assert states(account).count("quarantined") == 1
    server.behave()
    assert fetch(account).stored == 0
    with tenancy.scope(account.organization_id):
        assert services.retry(account, RemoteMessage.objects.filter(account=account)) == 1
    assert fetch(account).stored == 1
