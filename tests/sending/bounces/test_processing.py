"""Bounces found in fetched mail are tied to what was sent from the same account, and to nothing else."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending import tasks
from sending.bounces import processing
from tests import factories
from tests.mailbox.corpus import letter as corpus_letter
from tests.sending.bounces.notice_samples import NOTICES, OTHERS, OURS
from tests.sending.bounces.test_reports import FAILED, ORIGINAL, report
from tests.sending.outgoing import BOB, EVE, checks, file_copies, fresh, queue, recipients, send, states
from tests.servers.smtp import Faults

pytestmark = pytest.mark.django_db


def bounce(outgoing, status: str = FAILED, message_id: str = "") -> bytes:
    return report(status, ORIGINAL.replace("<2c5c8f@example.org>", message_id or outgoing.message_id))


def note(account, raw: bytes) -> int:
    (key,) = factories.deliver(account, raw)
    with tenancy.scope(account.organization_id):
        assert processing.reports_among(account, [key]) == [key]
    noted = processing.process_report(account.organization_id, key)
    assert processing.process_report(account.organization_id, key) == 0, "twice is once"
    return noted


@pytest.fixture
def sent(ada):
    outgoing = queue(ada, BOB, EVE)
    assert send(ada) == "accepted"
    file_copies()
    return outgoing


def test_a_bounce_is_tied_to_its_recipient(ada, sent):
    assert note(ada, bounce(sent)) == 1
    bob, found = recipients(sent)[BOB], fresh(sent)
    assert states(sent) == {BOB: "bounced", EVE: "accepted"}
    assert (bob.status, bob.bounced_at is not None) == ("5.1.1", True)
    assert "User unknown" in bob.text
    assert (found.state, found.needs_owner) == ("accepted", True)


def test_a_delay_is_no_bounce(ada, sent):
    delayed = FAILED.replace("failed", "delayed").replace("5.1.1\n", "4.4.1\n")
    assert note(ada, bounce(sent, delayed)) == 0
    assert states(sent) == {BOB: "accepted", EVE: "accepted"}
    assert not fresh(sent).needs_owner


def test_nothing_is_guessed_without_the_id(ada, sent):
    assert note(ada, bounce(sent, message_id="<another@example.org>")) == 0
    assert "bounced" not in states(sent).values()


def test_another_account_and_another_tenant_learn_nothing(acme, umbrella, alice, charlie, ada, sent):
    same_tenant = factories.connect(acme, alice, email="second@example.org")
    stranger = factories.connect(umbrella, charlie, email="charlie@example.org")
    for account in (same_tenant, stranger):
        (key,) = factories.deliver(account, bounce(sent))
        with tenancy.scope(account.organization_id):
            assert processing.reports_among(account, [key]) == [], "it has sent nothing"
        assert processing.process_report(account.organization_id, key) == 0
    assert "bounced" not in states(sent).values()


def test_an_address_that_was_forwarded_is_the_only_one_there_was(ada):
    outgoing = queue(ada, "alias@post.example")
    send(ada)
    assert note(ada, bounce(outgoing)) == 1
    assert states(outgoing) == {"alias@post.example": "bounced"}


def test_or_nobody_when_there_are_several(ada, sent):
    status = FAILED.replace("bob@post.example", "somebody@else.example")
    assert note(ada, bounce(sent, status)) == 0


def test_a_report_shows_that_what_was_maybe_sent_was_sent(ada, server):
    outgoing = queue(ada)
    server.faults = Faults(lose_reply="DOT")
    assert send(ada) == "unknown"
    assert note(ada, bounce(outgoing)) == 1
    found = fresh(outgoing)
    assert (found.state, found.copy, found.needs_owner) == ("accepted", "waiting", True)
    assert states(outgoing) == {BOB: "bounced"}


def test_who_has_not_been_sent_to_cannot_have_bounced(ada, server):
    outgoing = queue(ada, BOB, EVE)
    server.faults = Faults(refuse={f"RCPT TO:<{BOB}>": "450 4.2.0 later"})
    assert send(ada) == "refused_temporary"
    assert note(ada, bounce(outgoing)) == 0
    assert states(outgoing)[BOB] == "refused_temporary"


def test_a_bounced_away_reply_bothers_nobody(ada):
    outgoing = queue(ada, kind="vacation")
    send(ada)
    assert note(ada, bounce(outgoing)) == 1
    assert not fresh(outgoing).needs_owner


def test_a_report_is_looked_at_after_the_commit(ada, sent, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(tasks.look_at_new_mail, "delay", tasks.look_at_new_mail)
    with django_capture_on_commit_callbacks(execute=True):
        (key,) = factories.deliver(ada, bounce(sent))
        factories.deliver(ada, factories.letter("something else"))
        assert checks(ada) == [(key, "report")]
        assert states(sent)[BOB] == "accepted"
    assert states(sent)[BOB] == "bounced"
    assert checks(ada) == []


def test_what_is_gone_or_no_report_is_passed_over(ada, sent):
    assert processing.process_report(ada.organization_id, 0) == 0
    (key,) = factories.deliver(ada, factories.letter("Undelivered"))
    assert processing.process_report(ada.organization_id, key) == 0


# ── Notices in prose ────────────────────────────────────────────────────────


def about(outgoing, raw: bytes) -> bytes:
    return raw.replace(OURS.encode(), outgoing.message_id.encode()).replace(
        OURS.strip("<>").encode(), outgoing.message_id.strip("<>").encode()
    )


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_in_prose_is_tied_to_its_recipient(ada, name):
    outgoing = queue(ada, BOB)
    assert send(ada) == "accepted"
    assert note(ada, about(outgoing, NOTICES[name])) == 1
    assert states(outgoing) == {BOB: "bounced"}
    assert fresh(outgoing).needs_owner


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_letter_makes_a_bounce(ada, sent, name):
    (key,) = factories.deliver(ada, about(sent, OTHERS[name]))
    assert processing.process_report(ada.organization_id, key) == 0
    assert states(sent) == {BOB: "accepted", EVE: "accepted"}


def test_a_notice_that_names_nobody_says_nothing_of_several(ada, sent):
    assert note(ada, about(sent, NOTICES["names nobody"])) == 0
    assert states(sent) == {BOB: "accepted", EVE: "accepted"}


def test_a_notice_about_mail_of_somebody_else_is_tied_to_nothing(ada, sent):
    assert note(ada, NOTICES["Exim"]) == 0
    assert "bounced" not in states(sent).values()


def test_letters_of_people_are_not_looked_at(ada, sent):
    keys = factories.deliver(ada, factories.letter("Tea"), corpus_letter("newsletter"))
    with tenancy.scope(ada.organization_id):
        assert processing.reports_among(ada, keys) == []
