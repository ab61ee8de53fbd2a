"""What owners choose: what is fetched the first time, when mail is deleted at the provider, and what never is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import remote_delete
from fetching.models import FetchState, RemoteMessage
from fetching.pop3.source import Pop3Source
from fetching.scheduler import claims
from mailbox import services
from mailbox.models import Message
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, set_limit, set_rules, state_of, states, stored
from tests.servers.pop3 import CAPABILITIES, MailboxServer


def older(account: MailAccount, days: float) -> None:
    """As if all that is known of the server's messages, and the last listing, were so many days old."""
    ago = timedelta(days=days)
    with tenancy.scope(account.organization_id):
        for row in RemoteMessage.objects.filter(account=account).exclude(stored_at=None):
            row.stored_at -= ago
            row.save(update_fields=["stored_at"])
        FetchState.objects.filter(account=account).update(listed_at=Now() - ago)


def subjects(account: MailAccount) -> list[str]:
    with tenancy.scope(account.organization_id):
        return list(Message.objects.order_by("pk").values_list("subject", flat=True))


def there(server: MailboxServer) -> list[bytes]:
    server.wait_until_idle()
    return [letter.data for letter in server.messages]


# ── R19: some days later ────────────────────────────────────────────────────
@pytest.fixture
def patient(acme, alice, server) -> MailAccount:
    rules = {"delete_policy": "after_days", "delete_after_days": 14}
    return factories.connect(acme, alice, port=server.port, **rules)


def test_r19_days_are_counted_from_when_a_message_was_stored(patient, server):
    """Not from its date, not from when the server first listed it."""
    fetch(patient)
    older(patient, 13.9)
    assert fetch(patient).deleted == 0
    server.deliver(factories.letter("Came later", date="Mon, 3 Feb 2020 09:42:00 +0000"))
    fetch(patient)
    older(patient, 0.2)
    assert fetch(patient).deleted == 5
    assert [b"Came later" in data for data in there(server)] == [True]
    older(patient, 14)
    assert fetch(patient).deleted == 1
    assert there(server) == []
    assert len(stored(patient)) == 6


def test_r19_what_is_not_stored_does_not_age(patient, server):
    big = factories.letter("No room for it", body=("x" * 70 + "\r\n") * 100)
    server.deliver(big)
    server.faults.err_on = {"RETR 2": "-ERR not now"}
    set_limit(patient, sum(map(len, LETTERS)) + 100)
    fetch(patient)
    with tenancy.scope(patient.organization_id):
        RemoteMessage.objects.update(first_seen_at=Now() - timedelta(days=400))
    older(patient, 400)
    server.faults.err_on["RETR"] = "-ERR not now"
    with tenancy.scope(patient.organization_id):
        claims.resume(patient.pk)
    set_limit(patient, 10**9)
    assert fetch(patient).deleted == 4
    assert sorted(there(server)) == sorted([LETTERS[1], big])
    assert all(f"DELE {number}" not in server.said("DELE") for number in (2, 6))


def test_r19_in_batches_each_with_its_own_quit(patient, server, monkeypatch):
    monkeypatch.setattr(remote_delete, "DELETES_A_SESSION", 2)
    fetch(patient)
    older(patient, 20)
    said = len(server.transcripts)
    assert fetch(patient).deleted == 5
    for transcript in server.transcripts[said:]:
        assert sum(line.startswith("DELE") for line in transcript) <= 2
        assert transcript[-1] == "QUIT"
    assert there(server) == []


def test_r19_another_rule_meanwhile_is_obeyed(patient, server):
    fetch(patient)
    older(patient, 20)
    set_rules(patient, delete_policy="keep")
    assert fetch(patient).deleted == 0
    assert there(server) == LETTERS
    assert server.said("DELE") == []


# ── U13: the first fetch ────────────────────────────────────────────────────
def dated(days: int, subject: str) -> bytes:
    date = f"{timezone.now() - timedelta(days=days):%a, %d %b %Y %H:%M:%S +0000}"
    return factories.letter(subject, date=date, body=subject + "\r\n" * (days + 1))


@pytest.fixture
def years(server):
    """A mailbox with mail of many years, oldest first."""
    server.messages.clear()
    server.deliver(*(dated(days, f"{days} days old") for days in (3000, 400, 31, 29, 2)))
    return server


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"first_fetch": "everything"}, ["3000", "400", "31", "29", "2"]),
        ({"first_fetch": "last_days", "first_days": 30}, ["29", "2"]),
        ({"first_fetch": "last_days", "first_days": 3650}, ["3000", "400", "31", "29", "2"]),
        ({"first_fetch": "only_new"}, []),
    ],
)
@pytest.mark.parametrize("delete", [False, True], ids=["keep", "delete"])
def test_u13_the_owner_says_how_far_back(acme, alice, years, rules, expected, delete):
    account = factories.connect(acme, alice, port=years.port, delete_from_server=delete, **rules)
    assert fetch(account).stored == len(expected)
    assert [subject.split()[0] for subject in subjects(account)] == expected
    assert state_of(account).first_fetch_done
    left = 0 if delete else len(expected)
    assert len(there(years)) == 5 - len(expected) + left, "what is passed over stays at the provider"

    years.deliver(dated(0, "Fresh"), factories.letter("No date", date="some day"))
    assert fetch(account).stored == 2
    assert sorted(subjects(account)[-2:]) == ["Fresh", "No date"]
    assert fetch(account).stored == 0


def test_u13_what_was_passed_over_is_not_even_downloaded(acme, alice, years):
    account = factories.connect(acme, alice, port=years.port, first_fetch="only_new")
    fetch(account)
    assert years.said("RETR") == []
    assert set(states(account)) == {"skipped"}


def test_u13_a_server_that_renames_all_mail_does_not_bring_it_after_all(acme, alice, years):
    """Renamed, the old mail looks new; by its dates it is still older than what was asked for."""
    years.deliver(*(dated(1000 + days, f"{1000 + days} days old") for days in range(12)))
    account = factories.connect(acme, alice, port=years.port, first_fetch="last_days", first_days=30)
    fetch(account)
    for letter in years.messages:
        letter.uidl = b"renamed-" + letter.uidl
    years.deliver(dated(0, "Fresh"))
    for _ in range(3):
        fetch(account)
    assert [subject.split()[0] for subject in subjects(account)] == ["29", "2", "Fresh"]


def test_u13_the_owner_may_want_more_later(acme, alice, years):
    account = factories.connect(acme, alice, port=years.port, first_fetch="only_new")
    fetch(account)
    set_rules(account, first_fetch="last_days", first_days=30)
    assert fetch(account).stored == 2
    set_rules(account, first_fetch="everything")
    assert fetch(account).stored == 3
    assert fetch(account).stored == 0


def test_u13_the_first_fetch_is_told_from_later_ones(acme, alice, years, monkeypatch):
    """Whoever notifies or answers by itself asks whether the first fetch is done: it is not before all is here."""

    retrieve = Pop3Source.retrieve
    monkeypatch.setattr(Pop3Source, "retrieve", lambda source, numbers: retrieve(source, list(numbers)[:2]))
    account = factories.connect(acme, alice, port=years.port)
    for done in (False, False, True):
        fetch(account)
        assert state_of(account).first_fetch_done is done


# ── U18: recent mode ────────────────────────────────────────────────────────
def test_u18_recent_mode_deletes_nothing_and_fetches_nothing_twice(acme, alice, settings):
    """The same thirty days again and again, and older mail drops out of them."""
    with MailboxServer(LETTERS, username="recent:box", password="secret") as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(
            acme, alice, port=server.port, username="recent:box", delete_from_server=True
        )
        assert fetch(account).stored == 5
        assert fetch(account).stored == 0
        server.messages = server.messages[2:]
        server.deliver(factories.letter("New"))
        assert fetch(account).stored == 1
        assert server.said("DELE") == []
        assert len(stored(account)) == 6
        assert len(server.messages) == 4


def test_u18_both_names_are_one_mailbox_and_one_ledger(acme, alice, settings):
    from tests.fetching.fetched import edit

    with MailboxServer(LETTERS, username="box", password="secret") as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(acme, alice, port=server.port)
        mailbox = bytes(state_of(account).mailbox)
        fetch(account)
        server.username = "recent:box"
        edit(account, username="recent:box")
        assert fetch(account).stored == 0
        assert stored(account) == LETTERS
        assert bytes(state_of(account).mailbox) == mailbox


# ── A5: a pause between sessions ────────────────────────────────────────────
def test_a5_a_pause_that_capa_states_is_kept_also_by_hand(acme, alice, server, as_alice, press, queued):
    account = factories.connect(acme, alice, port=server.port)
    page = reverse("fetch_now", args=["acme", account.pk])
    assert press(as_alice, page).status_code == 302
    assert queued.pop()[:3] == ("fetch", acme.pk, account.pk)
    with tenancy.scope(acme.pk):
        claims.resume(account.pk)
        FetchState.objects.update(lease_token=None, lease_until=None)

    server.capabilities = server.capabilities_after = [*CAPABILITIES, "LOGIN-DELAY 720"]
    fetch(account)
    assert (state_of(account).next_run_at - timezone.now()).total_seconds() > 600
    assert claims.claim_now(account.organization_id, account.pk) is None
    assert press(as_alice, page).status_code == 302
    assert queued == []


def test_a5_a_refusal_for_coming_too_soon_is_kept_to_the_second(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port)
    server.faults.err_on = {
        "AUTH": "-ERR [LOGIN-DELAY] wait 90 seconds",
        "PASS": "-ERR [LOGIN-DELAY] wait 90 seconds",
    }
    server.faults.err_on |= {"APOP": "-ERR [LOGIN-DELAY] wait 90 seconds"}
    assert fetch(account).error == "login_delay"
    state = state_of(account)
    assert 60 < (state.not_before - timezone.now()).total_seconds() <= 90
    assert state.next_run_at >= state.not_before
    assert (state.authentication_failures, state.status) == (0, "backing_off")
    assert claims.claim_now(account.organization_id, account.pk) is None


# ── U3 and U5: no names ─────────────────────────────────────────────────────
def test_u3_without_identifiers_mail_is_fetched_and_deleted(acme, alice, server):
    server.uidl = False
    server.capabilities = server.capabilities_after = ["TOP", "USER"]
    account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
    outcome = fetch(account)
    assert (outcome.stored, outcome.deleted) == (5, 5)
    assert stored(account) == LETTERS
    assert there(server) == []


@pytest.mark.parametrize("command", ["RETR 3", "DELE 2", "QUIT"])
@pytest.mark.parametrize("has_top", [True, False])
def test_u3_without_identifiers_and_with_a_line_that_drops(acme, alice, server, command, has_top):
    """What is still there after a lost QUIT is known again, and so is what came meanwhile."""
    server.uidl = False
    server.capabilities = server.capabilities_after = ["USER"] + ["TOP"] * has_top
    account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
    server.faults.drop_on = command
    fetch(account)
    server.behave()
    new = factories.letter("Came meanwhile")
    server.deliver(new)
    server.messages.reverse()
    for _ in range(2):
        fetch(account)
    assert sorted(stored(account)) == sorted([*LETTERS, new])
    assert there(server) == []


def test_u5_a_row_without_a_name_is_fetched_once(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port)
    rows = b"".join(
        b"%d %s\r\n" % (number, b"" if number in (2, 4) else b"id-%d" % number) for number in range(1, 6)
    )
    server.faults.raw_on = {"UIDL": b"+OK\r\n" + rows + b".\r\n"}
    assert fetch(account).stored == 5
    assert fetch(account).stored == 0
    assert stored(account) == LETTERS


# ── Deleted here, deleted there ─────────────────────────────────────────────
def test_r20_only_what_was_deleted_here_goes_there(acme, alice, server):
    account = factories.connect(acme, alice, port=server.port, delete_policy="when_deleted_here")
    fetch(account)
    with tenancy.scope(account.organization_id):
        services.discard(Message.objects.filter(subject="Letter 3"))
        claims.look_again(account.pk)
    assert fetch(account).deleted == 1
    assert there(server) == [data for data in LETTERS if b"Letter 3" not in data]
