"""Two Mailhub accounts whose owners are both away write to each other: through the outbox, SMTP, POP3 and back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from accounts import tenancy
from mailbox.mime.parsing import parse
from mailbox.models import Message
from sending import tasks
from sending.outbox import delivery
from tests import factories
from tests.fetching.fetched import fetch, stored
from tests.sending.outgoing import carry, queue, sender
from tests.sending.vacation.samples import SAMPLES
from tests.sending.vacation_accounts import TEXT, age, go_away, letter, replies
from tests.servers.pop3 import MailboxServer
from tests.servers.smtp import SubmissionServer

pytestmark = pytest.mark.django_db

ADA, BERT = "ada@example.org", "bert@post.example"
ROUNDS = 4


class House:
    """One account with its two servers."""

    def __init__(self, organization, owner, email, submission, maildrop):
        self.submission, self.maildrop = submission, maildrop
        self.account = sender(
            organization,
            owner,
            submission,
            email=email,
            port=maildrop.port,
            username=maildrop.username,
            password=maildrop.password,
        )


def as_it_is(raw: bytes) -> bytes:
    return raw


def without_marks(raw: bytes) -> bytes:
    """A provider that takes away whatever tells a robot."""
    return re.sub(rb"(?im)^(?:Auto-Submitted|Precedence|X-Auto-Response-Suppress):.*\r\n", b"", raw)


@pytest.fixture
def inline(monkeypatch, django_capture_on_commit_callbacks):
    """Workers: what is ordered on commit is done at once, what that orders as well."""
    monkeypatch.setattr(delivery.send, "__kwdefaults__", {"carry": carry})
    monkeypatch.setattr(tasks.look_at_new_mail, "delay", tasks.look_at_new_mail)
    monkeypatch.setattr(tasks.send_due, "apply_async", lambda args, countdown=None: tasks.send_due(*args))
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def houses(settings, acme, umbrella, alice, charlie):
    with (
        SubmissionServer() as smtp_a,
        SubmissionServer() as smtp_b,
        MailboxServer(username="a") as pop_a,
        MailboxServer(username="b") as pop_b,
    ):
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [each.entry for each in (smtp_a, smtp_b, pop_a, pop_b)]
        yield House(acme, alice, ADA, smtp_a, pop_a), House(umbrella, charlie, BERT, smtp_b, pop_b)


def carry_over(here: House, there: House, change, has_path: bool) -> int:
    """The provider brings what was accepted here into the mailbox there."""
    letters, here.submission.accepted = here.submission.accepted, []
    for each in letters:
        assert each.recipients == (there.account.email,)
        path = f"Return-Path: <{each.sender}>\r\n".encode() if has_path else b""
        there.maildrop.deliver(path + change(each.data))
    return len(letters)


@pytest.mark.parametrize("has_path", [True, False], ids=["with a path", "without"])
@pytest.mark.parametrize("change", [as_it_is, without_marks])
def test_both_away_exchange_at_most_one_reply_each(houses, inline, change, has_path):
    ada, bert = houses
    # What lies there from before is nobody's to answer, however new it is.
    ada.maildrop.deliver(letter())
    for house in houses:
        go_away(house.account)
        with inline():
            fetch(house.account)
    assert not replies(ada.account)

    for turn in range(ROUNDS):
        for house, other in ((ada, bert), (bert, ada)):
            queue(house.account, other.account.email, letter={"subject": f"Letter {turn}"})
            tasks.send_due(house.account.organization_id, house.account.pk)
        for _ in range(ROUNDS):  # and back, as long as there is anything
            carried = carry_over(ada, bert, change, has_path) + carry_over(bert, ada, change, has_path)
            for house in houses:
                with inline():
                    fetch(house.account)
        assert carried == 0, "it comes to rest"
        assert [len(replies(house.account)) for house in houses] == [1, 1]

    for house in houses:
        assert sum(TEXT.encode() in raw for raw in stored(house.account)) == 1
        (reply,) = replies(house.account)
        assert reply.state == "accepted"

    # Days later a letter gets its one reply again, and no more.
    for house in houses:
        age(house.account, timedelta(days=8))
    queue(ada.account, BERT)
    tasks.send_due(ada.account.organization_id, ada.account.pk)
    for _ in range(ROUNDS):
        carry_over(ada, bert, change, has_path)
        carry_over(bert, ada, change, has_path)
        for house in houses:
            with inline():
                fetch(house.account)
    assert len(replies(bert.account)) == 2
    assert len(replies(ada.account)) <= 2


def test_samples_of_machines_that_are_fetched_start_nothing(acme, alice, houses, inline):
    ada, _ = houses
    factories.connect(acme, alice, email="ada@private.example", name="Private")
    go_away(ada.account)
    with inline():
        fetch(ada.account)
    ada.maildrop.deliver(*{raw for _, raw in SAMPLES.values() if raw})
    with inline():
        fetch(ada.account)
    with tenancy.scope(ada.account.organization_id):
        assert Message.objects.filter(account=ada.account).count() >= 30
    assert replies(ada.account) == []
    ada.maildrop.deliver(letter())
    with inline():
        fetch(ada.account)
    assert [parse(sent.data).subject for sent in ada.submission.accepted] == ["Re: Tea"]
