"""A message that is refused or comes by halves is that message's trouble; a server that gives nothing is its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching.engine import download, failed_messages
from fetching.models import RemoteMessage
from fetching.status import missing_messages
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, set_limit, state_of, states, stored

MANY = [factories.letter(f"Of many {number}") for number in range(20)]
REFUSALS = ["-ERR [SYS/TEMP] cannot read it now", "-ERR [SYS/PERM] file is damaged", "-ERR corrupt", "-ERR"]


@pytest.fixture
def account(acme, alice, server) -> MailAccount:
    return factories.connect(acme, alice, port=server.port, delete_from_server=True)


def let_rest(account: MailAccount, hours: float) -> None:
    """As if so much time had gone by for what was set aside."""
    with tenancy.scope(account.organization_id):
        RemoteMessage.objects.filter(account=account).update(retry_at=F("retry_at") - timedelta(hours=hours))


def resting(account: MailAccount) -> float:
    """For how many hours the one that was set aside rests yet."""
    with tenancy.scope(account.organization_id):
        row = RemoteMessage.objects.get(account=account, state="quarantined")
    return (row.retry_at - timezone.now()).total_seconds() / 3600


# ── One is refused ──────────────────────────────────────────────────────────
@pytest.mark.parametrize("line", REFUSALS)
def test_r7_a_refusal_is_the_letters_whatever_its_code(account, server, line):
    server.faults.err_on = {"RETR 2": line}
    outcome = fetch(account)
    assert (outcome.state, outcome.error, outcome.stored) == ("done", "", 4)
    assert [letter.data for letter in server.messages] == [LETTERS[1]]
    server.behave()
    assert fetch(account).stored == 1
    assert server.messages == []


def test_r7_what_was_set_aside_is_asked_for_again_with_growing_pauses(account, server):
    server.faults.err_on = {"RETR": "-ERR corrupt"}
    server.messages = server.messages[:1]
    for _ in range(3):
        fetch(account)
    assert states(account) == ["quarantined"]
    pauses = []
    for _ in range(6):
        pauses.append(resting(account))
        asked = len(server.said("RETR"))
        fetch(account)
        assert len(server.said("RETR")) == asked, "not before its time"
        let_rest(account, pauses[-1])
        fetch(account)
        assert len(server.said("RETR")) == asked + 1
    assert pauses[0] <= 1
    assert pauses[1] > 3 * pauses[0]
    assert max(pauses) <= failed_messages.LONGEST_REST_HOURS
    let_rest(account, failed_messages.LONGEST_REST_HOURS)
    server.behave()
    assert fetch(account).stored == 1
    assert server.messages == []


# ── All are refused ─────────────────────────────────────────────────────────
def test_r7_a_server_that_hands_out_nothing_is_the_accounts_trouble_and_no_letters(account, server):
    server.messages.clear()
    server.deliver(*MANY)
    server.faults.err_on = {"RETR": "-ERR [SYS/TEMP] store is down"}
    for _ in range(8):
        asked = len(server.said("RETR"))
        outcome = fetch(account)
        assert (outcome.state, outcome.error) == ("failed", "server_busy")
        assert state_of(account).status == "backing_off"
        assert len(server.said("RETR")) > asked
    assert set(states(account)) == {"listed"}
    server.behave()
    fetch(account)
    assert sorted(stored(account)) == sorted(MANY)
    assert server.messages == []


def test_r7_some_in_a_row_keep_nobody_waiting(account, server):
    """Seven damaged files among twenty, all together: the others come, these are set aside, the account is well."""
    server.messages.clear()
    server.deliver(*MANY)
    server.capabilities = server.capabilities_after = ["UIDL", "USER", "TOP"]
    damaged = {letter.uidl for letter in server.messages[:7]}

    def answer(session, command):
        verb, _, number = command.partition(" ")
        is_damaged = verb == "RETR" and session.letters[int(number) - 1].uidl in damaged
        server.faults.err_on = {command: "-ERR cannot open file"} if is_damaged else {}

    server.faults.on_command = answer
    for _ in range(10):
        fetch(account)
    assert sorted(stored(account)) == sorted(MANY[7:])
    assert states(account).count("quarantined") == 7
    assert state_of(account).status == "active"


def test_r17_a_limit_ends_the_session_at_once(account, server):
    server.faults.err_on = {"RETR 2": "-ERR [SYS/TEMP] Download limit exceeded"}
    outcome = fetch(account)
    assert (outcome.state, outcome.error) == ("failed", "server_busy")
    assert set(states(account)) <= {"listed", "stored", "delete_wanted"}


def test_r7_r11_what_failed_is_noted_also_when_storage_is_full(account, server):
    server.faults.err_on = {"RETR 1": "-ERR corrupt"}
    rows = b"".join(b"%d 1\r\n" % number for number in range(1, 6))
    server.faults.raw_on = {"LIST": b"+OK\r\n" + rows + b".\r\n"}
    set_limit(account, 2 * len(LETTERS[0]) + 10)
    fetch(account)
    assert states(account).count("over_quota") == 2
    with tenancy.scope(account.organization_id):
        failed = RemoteMessage.objects.get(failures=1)
        assert (failed.state, failed.error_code) == ("listed", "message_withheld")


# ── Much shorter than listed ────────────────────────────────────────────────
HALF = LETTERS[1][:150] + b"\r\n"
ANSWERS = {
    "nothing": b"+OK\r\n.\r\n",
    "an error line": b"+OK\r\n-ERR [SYS/TEMP] cannot open message\r\n.\r\n",
    "a part": b"+OK\r\n" + HALF + b".\r\n",
}


@pytest.mark.parametrize("came", ANSWERS)
def test_r6_what_came_much_shorter_than_listed_is_fetched_again_and_not_deleted(account, server, came):
    server.faults.raw_on = {"RETR 2": ANSWERS[came]}
    assert fetch(account).stored == 4
    assert [letter.data for letter in server.messages] == [LETTERS[1]]
    server.behave()
    assert fetch(account).stored == 1
    assert sorted(stored(account)) == sorted(LETTERS)
    assert server.messages == []


@pytest.mark.parametrize("came", ANSWERS)
def test_r6_what_stays_short_stays_at_the_provider_and_its_owner_is_told(account, server, came):
    server.faults.raw_on = {f"RETR {number}": ANSWERS[came] for number in (1, 2)}
    server.messages = [server.messages[1]]
    for _ in range(5):
        fetch(account)
    assert [letter.data for letter in server.messages] == [LETTERS[1]]
    assert server.said("DELE") == []
    assert stored(account) == ([HALF] if came == "a part" else [])
    with tenancy.scope(account.organization_id):
        (group,) = missing_messages.missing_groups(MailAccount.objects.get(pk=account.pk))
        assert missing_messages.missing_counts([account]) == {account.pk: 1}
    assert group.key == ("short" if came == "a part" else "set_aside")
    assert group.can_retry
    asked = len(server.said("RETR"))
    fetch(account)
    assert len(server.said("RETR")) == asked


def test_r6_a_short_one_that_was_away_for_a_while_is_still_not_deleted(account, server):
    server.faults.raw_on = {"RETR": ANSWERS["a part"]}
    server.messages = [server.messages[1]]
    for _ in range(3):
        fetch(account)
    away = list(server.messages)
    server.messages.clear()
    server.behave()
    server.deliver(LETTERS[0])
    fetch(account)
    server.messages += away
    for _ in range(3):
        fetch(account)
    assert server.messages == away


def test_u19_a_little_shorter_is_whole(account, server):
    rows = b"".join(b"%d %d\r\n" % (number, len(LETTERS[0]) * 4 // 3) for number in range(1, 6))
    server.faults.raw_on = {"LIST": b"+OK\r\n" + rows + b".\r\n"}
    assert fetch(account).deleted == 5
    assert sorted(stored(account)) == sorted(LETTERS)
    assert download.WHOLE_SHARE < 0.75
