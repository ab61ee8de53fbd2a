"""A worker killed by SIGKILL at each step of sending: nothing goes twice without the owner's word, nothing is lost.

The worker is a real process with connections of its own (crash_child.py), so everything here is really committed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from accounts import tenancy
from accounts.models import MailAccount
from mailbox import services
from sending.outbox import outbox
from tests.conftest import check_books
from tests.sending.outgoing import (
    BOB,
    EVE,
    claim,
    claims_run_out,
    file_copies,
    fresh,
    in_sent,
    named,
    queue,
    send,
    states,
)
from tests.servers.smtp import SubmissionServer

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# step: what the crash leaves behind: the message's state, letters the server has, copies in Sent
BEFORE = {
    "1 claimed": 0,
    "2 taken": 1,
    "3 connected": 1,
    "4 signed in": 1,
    "5 sender named": 1,
    "6 recipient named": 1,
    "7 text announced": 1,
    "8 text sent": 1,
    "9 hand-over being noted": 1,
}
BETWEEN = {
    "10 hand-over noted": 0,
    "11 dot sent": 1,
    "12 answer read": 1,
    "13 end being noted": 1,
}
AFTER = {
    "14 end noted": ("waiting", 0),
    "15 farewell said": ("waiting", 0),
    "16 copy stored": ("waiting", 0),
    "17 copy charged": ("waiting", 0),
    "18 copy filed": ("filed", 1),
}


def die_at(step: str, account: MailAccount, server: SubmissionServer) -> None:
    """Let a worker process take the account's next message and be killed at the step."""
    found = claim(account)
    assert found is not None
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
    child = subprocess.run(
        [sys.executable, "-m", "tests.sending.outbox.crash_child", step]
        + [str(found.organization_id), str(found.outgoing_id), str(found.account_id), found.token],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "mailhub.settings",
            "DATABASE_URL": database.geturl(),
            "MAILHUB_ALLOWED_MAIL_HOSTS": server.entry,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, f"exit {child.returncode}: {child.stdout}{child.stderr}"
    server.wait_until_idle()


def check_end(account: MailAccount, outgoing, raw: bytes, server: SubmissionServer, times: int) -> None:
    """At rest: each recipient was sent to so often, the copy is there once, to the byte, and nothing is left to do."""
    server.wait_until_idle()
    assert [letter.data for letter in server.accepted] == [raw] * times
    assert {named(server.accepted, address) for address in (BOB, EVE)} == {times}
    found = fresh(outgoing)
    assert (found.state, found.copy, found.needs_owner) == ("accepted", "filed", False)
    assert states(outgoing) == {BOB: "accepted", EVE: "accepted"}
    (copy,) = in_sent(account)
    with tenancy.scope(account.organization_id):
        assert services.raw_bytes(copy) == raw
        assert not outgoing.parts.exists()
    assert send(account) == "nothing"
    check_books()


@pytest.fixture
def message(ada):
    outgoing = queue(ada, BOB, EVE)
    with tenancy.scope(ada.organization_id):
        return outgoing, outbox.raw_bytes(outgoing)


@pytest.mark.parametrize(("step", "attempts"), BEFORE.items(), ids=BEFORE)
def test_killed_before_the_hand_over_it_is_sent_again_by_itself(ada, server, message, step, attempts):
    outgoing, raw = message
    die_at(step, ada, server)
    found = fresh(outgoing)
    assert (found.state, found.attempts, len(server.accepted)) == ("claimed", attempts, 0)
    assert send(ada) == "nothing", "a dead worker's claim keeps others away for its time"
    claims_run_out(ada)
    assert send(ada) == "accepted"
    file_copies()
    check_end(ada, outgoing, raw, server, 1)


@pytest.mark.parametrize(("step", "taken"), BETWEEN.items(), ids=BETWEEN)
def test_killed_after_it_the_owner_decides_as_is_right(ada, server, message, step, taken):
    outgoing, raw = message
    die_at(step, ada, server)
    assert (fresh(outgoing).state, len(server.accepted)) == ("handed_over", taken)
    claims_run_out(ada)
    found = fresh(outgoing)
    assert (found.state, found.error_code, found.needs_owner) == ("unknown", "maybe_sent", True)
    assert send(ada) == "nothing"
    file_copies()
    assert in_sent(ada) == []
    with tenancy.scope(ada.organization_id):
        if taken:
            outbox.arrived(outgoing)
        else:
            outbox.send_again(outgoing, attempts=found.attempts)
    assert send(ada) == ("nothing" if taken else "accepted")
    file_copies()
    check_end(ada, outgoing, raw, server, 1)


def test_the_owner_may_be_wrong_and_then_it_is_their_word(ada, server, message):
    outgoing, raw = message
    die_at("11 dot sent", ada, server)
    claims_run_out(ada)
    with tenancy.scope(ada.organization_id):
        outbox.send_again(outgoing, attempts=1)
    assert send(ada) == "accepted"
    file_copies()
    check_end(ada, outgoing, raw, server, 2)


@pytest.mark.parametrize(("step", "left"), AFTER.items(), ids=AFTER)
def test_killed_after_the_end_only_the_copy_is_left_to_do(ada, server, message, step, left):
    outgoing, raw = message
    die_at(step, ada, server)
    found = fresh(outgoing)
    assert (found.state, found.copy, len(in_sent(ada))) == ("accepted", *left)
    assert send(ada) == "nothing"
    file_copies()
    check_end(ada, outgoing, raw, server, 1)


def test_killed_again_and_again(ada, server, message):
    outgoing, raw = message
    for step in ("1 claimed", "8 text sent", "9 hand-over being noted"):
        die_at(step, ada, server)
        claims_run_out(ada)
    assert fresh(outgoing).state == "queued"
    assert send(ada) == "accepted"
    file_copies()
    check_end(ada, outgoing, raw, server, 1)
