"""One message and one server: what is accepted, refused, tried again, given up, or maybe sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services as account_services
from accounts import tenancy
from accounts.models import MailAccount
from accounts.servers.failures import FAILURES
from mailbox import services
from quotas.models import LedgerEntry
from sending.identities import identities
from sending.models import Identity, OutgoingMessage
from sending.outbox import delivery, outbox
from tests.sending.outgoing import (
    BOB,
    EVE,
    PASSWORD,
    change,
    file_copies,
    fresh,
    in_sent,
    letter_of,
    named,
    queue,
    recipients,
    send,
    server_of,
    states,
    wait_over,
)
from tests.sending.settled import prove, relay
from tests.servers.smtp import Faults

pytestmark = pytest.mark.django_db

AIRY = timedelta(seconds=45)  # shorter than any pause, jitter included


def frozen(outgoing) -> bytes:
    with tenancy.scope(outgoing.organization_id):
        return outbox.raw_bytes(outgoing)


# ── Accepted ────────────────────────────────────────────────────────────────
def test_a_message_goes_out_as_it_was_frozen_and_its_copy_is_the_same_bytes(ada, server):
    outgoing = queue(ada, BOB, EVE, letter={"bcc": (letter_of(ada, "m@post.example").to[0],)})
    raw = frozen(outgoing)
    assert send(ada) == "accepted"
    (letter,) = server.accepted
    assert (letter.sender, letter.recipients) == (ada.email, (BOB, EVE, "m@post.example"))
    assert letter.data == raw
    found = fresh(outgoing)
    assert (found.state, found.attempts, found.error_code, found.needs_owner) == ("accepted", 1, "", False)
    assert found.finished_at is not None
    assert found.claim_token is None
    assert set(states(outgoing).values()) == {"accepted"}
    assert recipients(outgoing)[BOB].code == 250
    assert send(ada) == "nothing"

    assert found.copy == "waiting"
    file_copies()
    (copy,) = in_sent(ada)
    with tenancy.scope(ada.organization_id):
        assert services.raw_bytes(copy) == raw
        entry = LedgerEntry.objects.get()
        assert not outgoing.parts.exists()
    assert (entry.reason, entry.bytes, entry.messages, entry.account_id) == ("sent", len(raw), 1, ada.pk)
    assert (copy.is_read, copy.message_id, fresh(outgoing).copy) == (True, outgoing.message_id, "filed")
    file_copies()
    assert len(in_sent(ada)) == 1


@pytest.mark.parametrize(
    "faults", [{"drop_on": "QUIT"}, {"refuse": {"QUIT": "421 go"}}, {"drop_after": "DOT"}]
)
def test_a_failed_farewell_is_no_failure(ada, server, faults):
    outgoing = queue(ada)
    server.faults = Faults(**faults)
    assert send(ada) == "accepted"
    assert fresh(outgoing).error_code == ""


def test_an_away_reply_leaves_no_copy_and_no_bytes(ada, server):
    outgoing = queue(ada, kind="vacation", null_sender=True)
    assert send(ada) == "accepted"
    assert server.accepted[0].sender == ""
    assert fresh(outgoing).copy == "none"
    with tenancy.scope(ada.organization_id):
        assert not outgoing.parts.exists()


# ── Not sent, tried again ───────────────────────────────────────────────────
BEFORE_THE_DOT = [
    Faults(drop_on="GREETING"),
    Faults(drop_on="EHLO"),
    Faults(drop_on="MAIL"),
    Faults(drop_after="MAIL"),
    Faults(drop_on="RCPT"),
    Faults(drop_after="RCPT"),
    Faults(drop_on="DATA"),
    Faults(refuse={"GREETING": "421 busy"}),
    Faults(refuse={"MAIL": "451 later"}),
    Faults(refuse={"DATA": "451 later"}),
    Faults(refuse={"DOT": "451 later"}),
]


@pytest.mark.parametrize("faults", BEFORE_THE_DOT, ids=lambda each: f"{each}".replace("Faults", "")[:60])
def test_what_surely_was_not_sent_is_tried_again_by_itself(ada, server, faults):
    outgoing = queue(ada)
    raw = frozen(outgoing)
    server.faults = faults
    assert send(ada) in ("queued", "refused_temporary")
    assert server.accepted == []
    found = fresh(outgoing)
    assert FAILURES[found.error_code]
    assert found.due_at > timezone.now() + AIRY
    assert (found.needs_owner, found.claim_token) == (False, None)
    assert send(ada) == "nothing", "not at once"
    server.behave()
    wait_over(outgoing)
    with tenancy.scope(ada.organization_id):
        ada.outgoing_server.__class__.objects.update(not_before=None)
    assert send(ada) == "accepted"
    assert [letter.data for letter in server.accepted] == [raw]
    assert (fresh(outgoing).attempts, fresh(outgoing).error_code) == (2, "")


WITHIN = [
    Faults(drop_within_data=0),
    Faults(drop_within_data=100, reset=True),
    Faults(early=b"452 4.3.1 no space\r\n"),
]


@pytest.mark.parametrize("faults", WITHIN, ids=str)
def test_a_line_lost_within_the_message_is_never_taken_for_a_success(ada, server, faults):
    """A short letter may be on its way as a whole before the line is seen to be dead: then it is "maybe sent"."""
    outgoing = queue(ada)
    server.faults = faults
    assert send(ada) in ("queued", "refused_temporary", "unknown")
    assert server.accepted == []
    assert fresh(outgoing).claim_token is None


def test_pauses_double_and_after_a_day_it_is_given_up_with_the_last_words(ada, server):
    outgoing = queue(ada, BOB, EVE)
    server.faults = Faults(refuse={f"RCPT TO:<{BOB}>": "450 4.2.1 mailbox busy"})
    assert send(ada) == "refused_temporary"
    pauses = []
    for age in (2, 4, 8, 600, 1439):
        change(outgoing, tried_since=timezone.now() - timedelta(minutes=age))
        wait_over(outgoing)
        assert send(ada) == "refused_temporary"
        pauses.append((fresh(outgoing).due_at - timezone.now()) / timedelta(minutes=1))
    for pause, meant in zip(pauses, (2, 4, 8, 60), strict=False):
        assert meant * 0.75 < pause < meant * 1.25
    assert pauses[-1] <= 1, "the last try is at the end of the day"
    change(outgoing, tried_since=timezone.now() - timedelta(hours=24))
    wait_over(outgoing)
    assert send(ada) == "accepted"
    found, bob = fresh(outgoing), recipients(outgoing)[BOB]
    assert (found.needs_owner, states(outgoing)) == (True, {BOB: "refused", EVE: "accepted"})
    assert (bob.code, bob.status) == (450, "4.2.1")
    assert named(server.accepted, EVE) == 1


def test_given_up_for_everybody_is_refused(ada, server):
    outgoing = queue(ada)
    change(outgoing, tried_since=timezone.now() - timedelta(hours=25))
    server.faults = Faults(drop_on="MAIL")
    assert send(ada) == "refused"
    found = fresh(outgoing)
    assert (found.needs_owner, found.copy, found.error_code) == (True, "none", "sending_interrupted")
    assert recipients(outgoing)[BOB].failure == "sending_interrupted"
    assert frozen(outgoing), "so that it can be sent again"


def test_a_server_that_says_when_is_asked_then(ada, server):
    outgoing = queue(ada)
    server.faults = Faults(refuse={"RCPT": "450 4.2.0 greylisted, try again in 1800 seconds"})
    assert send(ada) == "refused_temporary"
    wait = fresh(outgoing).due_at - timezone.now()
    assert timedelta(seconds=1790) < wait <= timedelta(seconds=1800)
    assert recipients(outgoing)[BOB].failure == "greylisted"
    assert server_of(ada).not_before is None, "it is about this recipient"


# ── Partly ──────────────────────────────────────────────────────────────────
def test_only_who_was_refused_for_now_is_in_the_next_envelope(ada, server):
    late, never = "late@post.example", "never@post.example"
    outgoing = queue(ada, BOB, late, never)
    server.faults = Faults(
        refuse={f"RCPT TO:<{late}>": "451 4.3.0 later", f"RCPT TO:<{never}>": "550 5.1.1 no such user"}
    )
    assert send(ada) == "refused_temporary"
    assert states(outgoing) == {BOB: "accepted", late: "refused_temporary", never: "refused"}
    assert fresh(outgoing).copy == "waiting", "somebody has it"
    file_copies()
    assert len(in_sent(ada)) == 1
    assert frozen(outgoing), "others are still to get it"
    server.behave()
    wait_over(outgoing)
    assert send(ada) == "accepted"
    assert [letter.recipients for letter in server.accepted] == [(BOB,), (late,)]
    assert server.accepted[0].data == server.accepted[1].data
    found, refused = fresh(outgoing), recipients(outgoing)[never]
    assert found.needs_owner, "one did not get it"
    assert (refused.code, refused.status, refused.failure) == (550, "5.1.1", "recipient_refused")
    file_copies()
    assert len(in_sent(ada)) == 1


def test_a_refused_message_says_why(ada, server):
    outgoing = queue(ada)
    server.faults = Faults(refuse={"DOT": "554 5.7.1 spam"})
    assert send(ada) == "refused"
    found = fresh(outgoing)
    assert (found.state, found.needs_owner, found.error_code) == ("refused", True, "message_refused")
    # Without TLS nobody knows whose words they are.
    assert found.error_text == ""
    assert send(ada) == "nothing"
    assert in_sent(ada) == []


# ── The account ─────────────────────────────────────────────────────────────
def test_a_refused_password_pauses_the_outbox_and_loses_nothing(ada, server):
    first, second = queue(ada), queue(ada, EVE)
    server.password = "another now"
    assert send(ada) == "queued"
    assert send(ada) == "nothing", "a second wrong try may lock the account"
    paused = server_of(ada)
    assert (paused.error_code, paused.paused_since is not None) == ("sending_login_failed", True)
    assert fresh(first).tried_since is None, "its day has not begun"
    server.password = PASSWORD
    with tenancy.scope(ada.organization_id):
        outbox.resume(ada)
    assert [send(ada), send(ada), send(ada)] == ["accepted", "accepted", "nothing"]
    assert {fresh(each).state for each in (first, second)} == {"accepted"}
    assert server_of(ada).error_code == ""


def test_a_mended_password_for_fetching_sends_what_waits(ada, server):
    with tenancy.scope(ada.organization_id):
        row = server_of(ada)
        row.login = "same"
        row.save(update_fields=["login"])
        account = MailAccount.objects.get(pk=ada.pk)
        account.username, account.password = "ada@example.org", "wrong"
        account.save(update_fields=["username", "password"])
    queue(ada)
    assert send(ada) == "queued"
    assert send(ada) == "nothing"
    with tenancy.scope(ada.organization_id):
        account_services.change_mail_account(
            MailAccount.objects.get(pk=ada.pk), ada.owner, {"password": PASSWORD}
        )
    assert send(ada) == "accepted"


@pytest.mark.parametrize(
    ("refuse", "pause"),
    [
        ({"GREETING": "421 4.3.2 busy, try again in 300 seconds"}, 300),
        ({"MAIL": "421 4.7.0 too many messages"}, 3600),
        ({"DATA": "451 4.3.0 later"}, 120),
    ],
)
def test_a_busy_server_is_left_alone_by_the_whole_account(ada, server, refuse, pause):
    first, second = queue(ada), queue(ada, EVE)
    server.faults = Faults(refuse=refuse)
    send(ada)
    waits = (server_of(ada).not_before - timezone.now()) / timedelta(seconds=1)
    assert pause - 10 < waits <= pause
    server.behave()
    wait_over(first, second)
    assert send(ada) == "nothing"
    assert fresh(second).attempts == 0


def test_an_address_that_may_be_used_no_more_sends_nothing(ada, server):
    first, second = queue(ada), queue(ada, EVE)
    with tenancy.scope(ada.organization_id):
        Identity.objects.update(is_login=False)
    assert send(ada) == "refused"
    assert fresh(first).error_code == "sender_not_proven"
    with tenancy.scope(ada.organization_id):
        OutgoingMessage.objects.filter(pk=second.pk).update(identity=None)
    assert send(ada) == "refused"
    assert server.counters["sessions"] == 0


# ── Mailhub's own relay ─────────────────────────────────────────────────────
@pytest.fixture
def through_mailhub(settings, ada, server):
    """Ada sends through the operator's server, which nobody could name; her address is proven by a code."""
    relay(settings)
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = []
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = server.username, server.password
    with tenancy.scope(ada.organization_id):
        identities.servers.save_relay_server(MailAccount.objects.get(pk=ada.pk), ada.owner)
    prove(ada, ada.email)
    return ada


def test_the_relay_sends_for_a_proven_address(through_mailhub, server):
    outgoing = queue(through_mailhub)
    raw = frozen(outgoing)
    assert send(through_mailhub) == "accepted"
    assert [letter.data for letter in server.accepted] == [raw]


def test_trouble_of_the_relay_is_not_the_owners(through_mailhub, server, caplog):
    outgoing = queue(through_mailhub)
    server.password = "changed"
    assert send(through_mailhub) == "queued"
    assert fresh(outgoing).error_code == "internal"
    assert server_of(through_mailhub).paused_since is None
    assert "sending_login_failed" in caplog.text


def test_a_relay_that_was_taken_away_pauses(through_mailhub, settings, server):
    outgoing = queue(through_mailhub)
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    assert send(through_mailhub) == "queued"
    assert fresh(outgoing).error_code == "sending_not_set_up"
    assert server_of(through_mailhub).paused_since is not None


# ── Trouble of our own ──────────────────────────────────────────────────────
def test_our_own_fault_before_the_dot_is_tried_again(ada, server, caplog):
    outgoing = queue(ada)

    def broken(way, envelope, message, on_hand_over, on_end):
        raise RuntimeError("a bug")

    assert send(ada, broken) == "queued"
    assert fresh(outgoing).error_code == "internal"
    assert "a bug" in caplog.text


def test_our_own_fault_after_it_is_not(ada, server, caplog):
    outgoing = queue(ada)

    def broken(way, envelope, message, on_hand_over, on_end):
        on_hand_over()
        raise RuntimeError("a bug")

    assert send(ada, broken) == "unknown"
    assert states(outgoing) == {BOB: "unknown"}
    assert "a bug" in caplog.text


def test_the_answer_of_the_server_outlives_a_database_that_is_away(ada, server, monkeypatch, caplog):
    outgoing = queue(ada)
    monkeypatch.setattr(delivery, "ASK_AGAIN", (0, 0, 0))
    settle, failures = delivery.delivery_results.record_result, iter([True, True])

    def away(claim, found):
        if next(failures, False):
            raise delivery.DatabaseError("away")
        return settle(claim, found)

    monkeypatch.setattr(delivery.delivery_results, "record_result", away)
    assert send(ada) == "accepted"
    assert fresh(outgoing).state == "accepted"
    assert caplog.text.count("is not written yet") == 2


def test_the_password_is_in_no_log(ada, server, caplog):
    queue(ada)
    server.faults = Faults(drop_on="AUTH")
    send(ada)
    assert PASSWORD not in caplog.text
