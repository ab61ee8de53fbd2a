"""One session after another against a server that behaves, and one that does not: stored once, never lost."""

from __future__ import annotations

import hashlib

import pytest

from accounts import tenancy
from accounts.models import MailAccount
from fetching import tasks
from fetching.engine import diff, download, failed_messages, ledger
from fetching.engine import run as engine_run
from fetching.models import FetchRun, FetchState
from fetching.pop3.source import Pop3Source
from fetching.protocols import open_source
from fetching.scheduler import claims, outcomes
from fetching.source import Limits
from mailbox import services
from mailbox.models import Folder, Message
from tests import factories
from tests.fetching.fetched import LETTERS, QUICK, edit, fetch, set_limit, state_of, states, stored


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port)


def test_everything_is_fetched_byte_for_byte(account, server):
    outcome = fetch(account)
    assert (outcome.state, outcome.listed, outcome.stored, outcome.error) == ("done", 5, 5, "")
    assert outcome.bytes == sum(map(len, LETTERS))
    assert stored(account) == LETTERS
    assert states(account) == ["stored"] * 5
    assert server.said("DELE") == []
    with tenancy.scope(account.organization_id):
        message = Message.objects.order_by("pk").first()
        assert (message.subject, message.from_name, message.is_read) == ("Letter 0", "Marta Lindqvist", False)
        assert bytes(message.sha256) == hashlib.sha256(LETTERS[0]).digest()
        assert message.folder.role == Folder.Role.INBOX
        run = FetchRun.objects.get()
        assert (run.state, run.listed, run.wanted, run.stored) == ("done", 5, 5, 5)
        assert run.stored_bytes == run.wanted_bytes == sum(map(len, LETTERS))
        assert run.finished_at is not None


def test_a_second_fetch_stores_nothing_and_only_new_mail_after_that(account, server):
    fetch(account)
    assert fetch(account).stored == 0
    server.deliver(factories.letter("New"))
    retrieved = server.counters["retrieved"]
    assert fetch(account).stored == 1
    assert server.counters["retrieved"] == retrieved + 1


def test_lock_step_without_pipelining_gives_the_same(account, server):
    server.capabilities = server.capabilities_after = ["UIDL", "TOP"]
    fetch(account)
    assert stored(account) == LETTERS


def test_small_batches_give_the_same(account, server, monkeypatch):
    monkeypatch.setattr(download, "BATCH_MESSAGES", 2)
    assert fetch(account).stored == 5
    assert stored(account) == LETTERS


def test_u1_an_empty_listing_changes_nothing(account, server):
    fetch(account)
    kept, server.messages = server.messages, []
    assert fetch(account).listed == 0
    assert states(account) == ["stored"] * 5
    server.messages = kept
    assert fetch(account).stored == 0


def test_u6_two_messages_with_one_identifier_are_both_stored(account, server):
    server.messages.clear()
    server.deliver((b"same", LETTERS[0]), (b"same", LETTERS[1]))
    fetch(account)
    assert sorted(stored(account)) == sorted(LETTERS[:2])
    assert fetch(account).stored == 0


def test_u6_the_same_bytes_listed_twice_are_stored_once(account, server):
    server.messages.clear()
    server.deliver((b"one", LETTERS[0]), (b"two", LETTERS[0]), (b"two", LETTERS[0]))
    assert fetch(account).stored == 1
    assert stored(account) == LETTERS[:1]
    assert states(account) == ["stored"] * 3


def test_stored_mail_under_a_new_identifier_is_known_by_its_bytes(account, server):
    fetch(account)
    server.messages.clear()
    server.deliver((b"fresh", LETTERS[2]), (b"newer", factories.letter("Newer")))
    assert fetch(account).stored == 1
    assert len(stored(account)) == 6


def test_u8_what_a_person_deleted_does_not_come_back_with_new_identifiers(account, server):
    fetch(account)
    with tenancy.scope(account.organization_id):
        services.discard(Message.objects.filter(account=account))
    for letter in server.messages:
        letter.uidl = b"renumbered-" + letter.uidl
    assert fetch(account).stored == 0
    assert stored(account) == []


def test_u9_identifiers_are_exact_bytes(account, server):
    server.messages.clear()
    server.deliver((b"A" * 200, LETTERS[0]), (b"a" * 200, LETTERS[1]), (b"\xff\xfe{}", LETTERS[2]))
    assert fetch(account).stored == 3
    assert fetch(account).stored == 0


def test_u3_without_identifiers_nothing_is_fetched_twice_because_nothing_is_fetched(account, server):
    server.uidl = False
    server.capabilities = server.capabilities_after = ["TOP", "USER"]
    outcome = fetch(account)
    assert (outcome.stored, outcome.error) == (0, "uidl_missing")
    assert state_of(account).status == "failed"


def test_u14_a_message_that_vanishes_does_not_stop_the_rest(account, server):
    server.faults.err_on = {"RETR 3": "-ERR no such message"}
    outcome = fetch(account)
    assert (outcome.state, outcome.stored) == ("done", 4)
    assert sorted(states(account)) == ["listed"] + ["stored"] * 4


def test_r7_a_message_that_always_fails_is_set_aside_after_three_sessions(account, server):
    server.faults.err_on = {"RETR 3": "-ERR message corrupt"}
    for _ in range(3):
        fetch(account)
    assert sorted(states(account)) == ["quarantined"] + ["stored"] * 4
    retrieved = len(server.said("RETR 3"))
    fetch(account)
    assert len(server.said("RETR 3")) == retrieved


def test_r7_a_message_that_breaks_the_line_is_set_aside_and_the_others_arrive(account, server):
    server.faults.drop_on = "RETR 2"
    for _ in range(failed_messages.QUARANTINE_AFTER):
        assert fetch(account).state == "failed"
    assert fetch(account).state == "done"
    assert sorted(states(account)) == ["quarantined"] + ["stored"] * 4


@pytest.mark.parametrize("step", ["UIDL", "LIST", "RETR 1", "RETR 4", "QUIT"])
def test_c17_the_line_drops_at_any_step(account, server, step):
    server.faults.drop_on = step
    fetch(account)
    server.behave()
    fetch(account)
    assert sorted(stored(account)) == sorted(LETTERS)
    assert fetch(account).stored == 0


def test_c17_what_came_before_the_drop_is_kept(account, server, monkeypatch):
    monkeypatch.setattr(download, "BATCH_MESSAGES", 1)
    server.faults.drop_within = ("RETR 4", 30)
    outcome = fetch(account)
    assert (outcome.state, outcome.error) == ("failed", "connection_lost")
    assert outcome.stored == 3
    assert state_of(account).status == "backing_off"


def test_u12_what_time_did_not_allow_goes_on_at_once(account, server, monkeypatch):
    retrieve = Pop3Source.retrieve
    monkeypatch.setattr(Pop3Source, "retrieve", lambda source, numbers: retrieve(source, list(numbers)[:2]))
    outcome = fetch(account)
    assert (outcome.state, outcome.stored, outcome.more) == ("done", 2, True)
    assert claims.claim_due(1), "due at once"


def test_wrong_password_counts_and_fetches_nothing(account, server):
    edit(account, password="wrong")
    outcome = fetch(account)
    assert (outcome.stored, outcome.error) == (0, "authentication_failed")
    assert state_of(account).authentication_failures == 1
    assert server.counters["refused"] == 1


class TestStorage:
    def test_r11_full_storage_pauses_and_resumes_by_itself(self, account, server):
        size = len(LETTERS[0])
        set_limit(account, 2 * size + 10)
        outcome = fetch(account)
        assert (outcome.state, outcome.stored, outcome.error) == ("done", 2, "")
        state = state_of(account)
        assert (state.status, state.waiting_messages) == ("paused_quota", 3)
        assert sorted(states(account)) == ["over_quota"] * 3 + ["stored"] * 2

        sessions = server.counters["sessions"]
        assert fetch(account).state == "paused_quota"
        assert server.counters["sessions"] == sessions, "the server need not be called while storage is full"

        with tenancy.scope(account.organization_id):
            services.discard(Message.objects.filter(account=account))
        assert claims.claim_due(5), "free space makes the account due"
        set_limit(account, 100 * size)
        state = state_of(account)
        with tenancy.scope(account.organization_id):
            claims.resume(account.pk)
            FetchState.objects.update(lease_until=None, lease_token=None)
        assert fetch(account).stored == 3
        assert state_of(account).status == "active"

    def test_u19_a_server_that_understates_sizes_cannot_overfill(self, account, server):
        size = len(LETTERS[0])
        rows = b"".join(b"%d 1\r\n" % number for number in range(1, 6))
        server.faults.raw_on = {"LIST": b"+OK\r\n" + rows + b".\r\n"}
        set_limit(account, 3 * size + 10)
        assert fetch(account).stored == 3
        assert state_of(account).status == "paused_quota"

    def test_r9_what_is_too_big_is_listed_and_left_alone(self, acme, alice, server):
        account = factories.connect(acme, alice, port=server.port, delete_from_server=True)
        big = factories.letter("Big", body="x" * 5_000)
        server.deliver(big)
        claim = claims.claim_now(account.organization_id, account.pk)
        outcome = engine_run.fetch(
            claim, open_source, limits=Limits(connect=5, command=5, session=30, max_message=4_000)
        )
        assert outcome.stored == 5
        assert [letter.data for letter in server.messages] == [big]
        assert "too_big" in states(account)


class TestLease:
    def test_r13_a_stale_claim_does_nothing(self, account, server):
        stale = claims.claim_now(account.organization_id, account.pk)
        with tenancy.scope(account.organization_id):
            claims.pause(FetchState.objects.get(account=account))
            claims.resume(account.pk)
        assert engine_run.fetch(stale, open_source, limits=QUICK).state == "skipped"
        assert server.counters["sessions"] == 0

    def test_s6_an_edit_while_fetching_stops_it_before_it_stores(self, account, server, monkeypatch):
        plan = diff.plan

        def edited_meanwhile(*arguments):
            plan(*arguments)
            edit(account, username="somebody-else")

        monkeypatch.setattr(diff, "plan", edited_meanwhile)
        outcome = fetch(account)
        assert (outcome.state, outcome.stored) == ("interrupted", 0)
        assert stored(account) == []

    def test_a_pause_while_fetching_stops_it(self, account, server, monkeypatch):
        monkeypatch.setattr(download, "BATCH_MESSAGES", 1)
        take = download._take
        batches = []

        def paused_after_two(session, batch):
            take(session, batch)
            batches.append(batch)
            if len(batches) == 2:
                with tenancy.scope(account.organization_id):
                    claims.pause(FetchState.objects.get(account=account))

        monkeypatch.setattr(download, "_take", paused_after_two)
        assert fetch(account).state == "interrupted"
        assert len(stored(account)) == 2
        assert state_of(account).status == "paused"


def test_s5_our_own_mistake_stays_this_accounts_trouble(account, server, monkeypatch):
    monkeypatch.setattr(ledger, "compare", lambda *a, **k: 1 / 0)
    outcome = fetch(account)
    assert (outcome.state, outcome.error) == ("failed", "internal")
    assert state_of(account).status == "backing_off"


def test_r8_what_cannot_be_parsed_is_stored_raw(account, server):
    server.messages.clear()
    odd = b'Content-Type: multipart/mixed; boundary="\r\n\r\n\xff\xfe\x00' * 3
    odd = odd.replace(b"\x00", b"") + b"\r\n"
    server.deliver(odd, b"\r\n", b"no header at all\r\n")
    assert fetch(account).stored == 3
    assert sorted(stored(account)) == sorted([odd, b"\r\n", b"no header at all\r\n"])


def test_the_owner_is_told_once_when_fetching_stops(account, server, monkeypatch, mailoutbox):
    monkeypatch.setattr(tasks.tell_owner, "delay", tasks.tell_owner)
    edit(account, password="wrong")
    for _ in range(outcomes.AUTHENTICATION_FAILURES):
        claim = claims.claim_now(account.organization_id, account.pk)
        assert mailoutbox == []
        tasks.fetch_account(claim.organization_id, claim.account_id, claim.token)
    (letter,) = mailoutbox
    assert letter.to == [account.owner.email]
    assert account.name in letter.subject
    assert "wrong" not in letter.body
    assert claims.claim_due(1) == []
