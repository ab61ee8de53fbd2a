"""Away replies: every gate, a letter that passes all of them, and two accounts that write to each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sending.message.build import Address, compose
from sending.vacation.rules import (
    DAILY,
    HOURLY,
    Answer,
    Audience,
    Facts,
    History,
    Reason,
    Settings,
    against_letter,
    decide,
    facts_of,
    is_on,
)
from tests.mailbox.corpus import NAMES
from tests.mailbox.corpus import letter as corpus_letter
from tests.sending.letters import letter
from tests.sending.vacation.samples import SAMPLES, letter_to_ada

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
JAKARTA = ZoneInfo("Asia/Jakarta")
OWN = ("ada@example.org", "lovelace@bücher.example")
OURS = (*OWN, "ada@private.example")
ON = Settings(zone=JAKARTA, starts_at=NOW - timedelta(days=1), on_since=NOW - timedelta(days=1))
JUST_NOW = History(arrived_at=NOW - timedelta(minutes=5))


def judge(
    raw: bytes,
    settings: Settings = ON,
    history: History = JUST_NOW,
    now: datetime = NOW,
    own: tuple[str, ...] = OWN,
) -> Answer | Reason:
    return decide(facts_of(raw), settings, history, own=own, ours=OURS, now=now)


def test_sent_a_persons_letter_gets_a_reply():
    answer = judge(letter_to_ada())
    assert isinstance(answer, Answer)
    assert answer.to == "bob@post.example"
    assert answer.keys == ("bob@post.example",)
    assert answer.subject == "Re: Tea"
    assert answer.thread == ("<1@post.example>", ("<1@post.example>",))
    assert dict(answer.headers)["Auto-Submitted"].startswith("auto-replied")
    assert dict(answer.headers)["X-Auto-Response-Suppress"] == "All"


HARMLESS = {
    "auto-submitted no": ["Auto-Submitted: no"],
    "auto-submitted no, shouted": ["AUTO-SUBMITTED:  NO (a person)"],
    "no; parameters": ["Auto-Submitted: no; x=y"],
    "normal precedence": ["Precedence: first-class"],
    "suppresses receipts only": ["X-Auto-Response-Suppress: DR, RN, NRN"],
    "not spam": ["X-Spam-Flag: NO", "X-Spam-Status: No, score=-1.0", "X-MS-Exchange-Organization-SCL: 1"],
    "a mail program": ["X-Mailer: Thunderbird", "User-Agent: x"],
    "high priority": ["X-Priority: 1", "Importance: high"],
    "wants a receipt": ["Disposition-Notification-To: bob@post.example"],
    "no, behind a comment": ["Auto-Submitted: (by a person) no"],
    "nothing": ["Auto-Submitted:", "Auto-Submitted: (nothing)"],
    "hardly spam": [
        "X-Spam-Level: ***",
        "X-Spam-Flag: false",
        "X-Spam-Action: no action",
        "X-Spamd-Result: default: False [2.1]",
    ],
    "an invitation": ["Content-Type: text/calendar; method=REQUEST"],
    "a calendar as a file": ["Content-Type: text/calendar"],
    "signed": ["DKIM-Signature: v=1; d=post.example; b=x", "Received: from list-server.example"],
}


@pytest.mark.parametrize("lines", HARMLESS.values(), ids=HARMLESS)
def test_sent_what_speaks_against_nothing(lines):
    assert isinstance(judge(letter_to_ada(*lines)), Answer)


# ── The letter ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("reason", "raw"), SAMPLES.values(), ids=SAMPLES)
def test_sent_no_reply_to_lists_machines_bounces_and_oneself(reason, raw):
    assert judge(raw) is reason
    assert against_letter(facts_of(raw), own=OWN, ours=OURS) is reason


def test_sent_there_are_enough_samples():
    kinds = (Reason.AUTO_SUBMITTED, Reason.LIST, Reason.BULK, Reason.ROBOT, Reason.REPORT, Reason.NULL_PATH)
    assert len([reason for reason, _ in SAMPLES.values() if reason in kinds]) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_sent_the_letters_of_the_corpus_are_judged_without_a_fault(name):
    verdict = judge(corpus_letter(name), own=("alice.hartono@gmx.example",))
    assert isinstance(verdict, Answer | Reason)
    if name in ("newsletter", "list-footer", "bounce"):
        assert isinstance(verdict, Reason)


@pytest.mark.parametrize(
    "path",
    [
        "<bob@post.example>",
        "bob@post.example",
        " <Bob@POST.example> ",
        "<prvs=0123456789=bob@post.example>",
        "<SRS0=hhhh=tt=post.example=bob@forward.example>",
        "<SRS1=hhhh=one.example==hhhh=tt=post.example=bob@two.example>",
        "<robert@post.example>",
        "<abbott@post.example>",
        "<rebounce.fan@post.example>",
        "<notarius@post.example>",
        "<info@post.example>",
        "<alertino@post.example>",
        "<anna.1985@post.example>",
        "<bob+tea@post.example>",
        "<bouncer@post.example>",
        "<system.bolt@post.example>",
        "<autohaus@post.example>",
    ],
)
def test_sent_paths_of_people(path):
    answer = judge(letter_to_ada(path=path))
    assert isinstance(answer, Answer)
    assert answer.to.casefold() == path.strip(" <>").casefold()


def test_sent_the_reply_goes_to_the_path_and_not_to_who_claims_to_write():
    answer = judge(letter_to_ada(sender="Boss <boss@acme.example>", path="<eve@evil.example>"))
    assert answer.to == "eve@evil.example"
    assert set(answer.keys) == {"eve@evil.example", "boss@acme.example"}


@pytest.mark.parametrize(
    ("path", "person"),
    [
        ("<prvs=0123456789=bob@acme.example>", "bob@acme.example"),
        # Whoever writes this before an @ of his own must not be taken for Bob.
        ("<SRS0=h=t=acme.example=bob@evil.example>", "SRS0=h=t=acme.example=bob@evil.example"),
        ("<bob@acme.example>", "bob@acme.example"),
    ],
)
def test_sent_whom_a_signed_path_belongs_to(path, person):
    facts = facts_of(letter_to_ada(path=path))
    assert facts.person == person
    assert facts.keys[0] == person.casefold()


ADDRESSED = [
    "ada@example.org",
    "ADA@Example.ORG",
    "ada+shop@example.org",
    "x@y.z, Ada <lovelace@xn--bcher-kva.example>",
]


@pytest.mark.parametrize("to", ADDRESSED)
def test_sent_known_addresses(to):
    assert isinstance(judge(letter_to_ada(to=to)), Answer)
    copied = letter_to_ada(f"Cc: {to}", to="team@post.example")
    assert isinstance(judge(copied), Answer)
    resent = letter_to_ada(f"Resent-To: {to}", to="team@post.example")
    assert isinstance(judge(resent), Answer)


# ── Time ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"starts_at": NOW + timedelta(seconds=1), "on_since": None}, Reason.OFF),
        ({"ends_at": NOW}, Reason.OFF),
        ({"ends_at": NOW + timedelta(seconds=1)}, None),
        ({"starts_at": None, "on_since": None}, None),
        ({"starts_at": NOW - timedelta(minutes=1)}, Reason.EARLIER),
        ({"on_since": NOW - timedelta(minutes=1)}, Reason.EARLIER),
        ({"weekdays": frozenset({0})}, None),
        ({"weekdays": frozenset({1, 2})}, Reason.OFF_HOURS),
        ({"from_hour": time(9), "until_hour": time(17)}, None),
        ({"from_hour": time(11), "until_hour": time(17)}, Reason.OFF_HOURS),
    ],
)
def test_sent_only_in_its_time(changes, reason):
    verdict = judge(letter_to_ada(), replace(ON, **changes))
    assert verdict is reason if reason else isinstance(verdict, Answer)


@pytest.mark.parametrize(
    ("date", "answered"),
    [
        ("Sat, 21 Nov 2026 03:00:00 +0000", True),
        ("Fri, 20 Nov 2026 02:59:00 +0000", False),
        ("Thu, 1 Jan 2015 00:00:00 +0000", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_sent_old_letters_are_not_answered(date, answered):
    """A POP server hands out years at once."""
    assert (judge(letter_to_ada(date=date)) is not Reason.OLD) is answered


def test_sent_no_reply_while_mail_is_fetched_for_the_first_time():
    assert judge(letter_to_ada(), history=replace(JUST_NOW, is_import_done=False)) is Reason.IMPORTING


WEEK = [
    # hours, weekdays, local time, on
    ((None, None), (), "Mon 00:00", True),
    ((time(9), time(17)), (), "Mon 08:59", False),
    ((time(9), time(17)), (), "Mon 09:00", True),
    ((time(9), time(17)), (), "Mon 17:00", False),
    ((time(9), None), (), "Mon 23:59", True),
    ((None, time(9)), (), "Mon 00:00", True),
    ((None, time(9)), (), "Mon 09:00", False),
    ((time(9), time(9)), (), "Mon 03:00", True),
    ((None, None), (5, 6), "Sat 12:00", True),
    ((None, None), (5, 6), "Mon 12:00", False),
    # A night from Friday on is Friday's.
    ((time(18), time(8)), (4,), "Fri 18:00", True),
    ((time(18), time(8)), (4,), "Fri 12:00", False),
    ((time(18), time(8)), (4,), "Sat 07:59", True),
    ((time(18), time(8)), (4,), "Sat 08:00", False),
    ((time(18), time(8)), (4,), "Fri 07:00", False),
    ((time(18), time(8)), (6,), "Mon 07:00", True),
]
DAYS = {"Fri": 20, "Sat": 21, "Sun": 22, "Mon": 23}


@pytest.mark.parametrize(("hours", "weekdays", "moment", "on"), WEEK)
def test_sent_weekdays_and_hours(hours, weekdays, moment, on):
    day, clock = moment.split()
    local = datetime(2026, 11, DAYS[day], *map(int, clock.split(":")), tzinfo=JAKARTA)
    settings = Settings(zone=JAKARTA, weekdays=frozenset(weekdays), from_hour=hours[0], until_hour=hours[1])
    for zone in (UTC, JAKARTA, timezone(timedelta(hours=-8))):
        assert is_on(settings, local.astimezone(zone)) is on


def test_sent_hours_follow_summer_time():
    settings = Settings(zone=ZoneInfo("Europe/Berlin"), from_hour=time(9), until_hour=time(17))
    assert is_on(settings, datetime(2026, 7, 1, 7, 30, tzinfo=UTC))
    assert not is_on(settings, datetime(2026, 12, 1, 7, 30, tzinfo=UTC))


# ── Who, and how often ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("audience", "known", "answered"),
    [
        (Audience.EVERYBODY, {}, True),
        (Audience.MEMBERS, {}, False),
        (Audience.MEMBERS, {"is_known": True}, False),
        (Audience.MEMBERS, {"is_member": True}, True),
        (Audience.KNOWN, {}, False),
        (Audience.KNOWN, {"is_member": True}, False),
        (Audience.KNOWN, {"is_known": True}, True),
    ],
)
def test_sent_only_to_its_audience(audience, known, answered):
    verdict = judge(letter_to_ada(), replace(ON, audience=audience), replace(JUST_NOW, **known))
    assert isinstance(verdict, Answer) if answered else verdict is Reason.AUDIENCE


def test_sent_members_can_be_told_something_else():
    assert judge(letter_to_ada(), history=replace(JUST_NOW, is_member=True)).is_member
    assert not judge(letter_to_ada()).is_member


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("interval", "path", "ago", "answered"),
    [
        (timedelta(days=1), "<bob@post.example>", 23 * HOURS, False),
        (timedelta(days=1), "<bob@post.example>", 24 * HOURS, True),
        (timedelta(days=7), "<bob@post.example>", 6 * 24 * HOURS, False),
        # Never more than once a day, never less than once a month.
        (timedelta(0), "<bob@post.example>", 1 * HOURS, False),
        (timedelta(days=365), "<bob@post.example>", 31 * 24 * HOURS, True),
        # Nobody knows where this one's bounces go.
        (timedelta(days=1), None, 6 * 24 * HOURS, False),
        (timedelta(days=1), None, 7 * 24 * HOURS, True),
    ],
)
def test_sent_not_again_before_the_interval_is_over(interval, path, ago, answered):
    history = replace(JUST_NOW, last_reply=NOW - ago)
    verdict = judge(letter_to_ada(path=path), replace(ON, interval=interval), history)
    assert isinstance(verdict, Answer) if answered else verdict is Reason.ANSWERED


@pytest.mark.parametrize(
    ("path", "hour", "day", "answered"),
    [
        ("<bob@post.example>", HOURLY - 1, DAILY - 1, True),
        ("<bob@post.example>", HOURLY, HOURLY, False),
        ("<bob@post.example>", 0, DAILY, False),
        # A mailbox whose provider writes no Return-Path gets no fewer.
        (None, HOURLY - 1, DAILY - 1, True),
        (None, HOURLY, HOURLY, False),
        (None, 0, DAILY, False),
    ],
)
def test_sent_there_is_an_end_to_all_replies_together(path, hour, day, answered):
    verdict = judge(letter_to_ada(path=path), history=replace(JUST_NOW, last_hour=hour, last_day=day))
    assert isinstance(verdict, Answer) if answered else verdict is Reason.TOO_MANY


def test_sent_mail_that_was_filed_as_spam():
    assert judge(letter_to_ada(), history=replace(JUST_NOW, is_spam=True)) is Reason.SPAM


# ── Two who are away ────────────────────────────────────────────────────────


def reply_of(answer: Answer, sender: str) -> bytes:
    """The reply as it arrives at the other side; that server wrote the Return-Path."""
    raw = compose(
        letter(
            sender=Address("", sender),
            to=(Address("", answer.to),),
            subject=answer.subject,
            in_reply_to=answer.thread.in_reply_to,
            references=answer.thread.references,
            headers=answer.headers,
            text="I am away.",
        )
    )
    return f"Return-Path: <{sender}>\r\n".encode() + raw


def test_sent_two_who_are_away_exchange_one_reply():
    first = judge(letter_to_ada())
    assert isinstance(first, Answer)
    reply = facts_of(reply_of(first, "ada@example.org"))
    bob = ("bob@post.example",)
    assert decide(reply, ON, JUST_NOW, own=bob, ours=bob, now=NOW) is Reason.AUTO_SUBMITTED


@pytest.mark.parametrize("lost", ["Auto-Submitted", "X-Auto-Response-Suppress", "Precedence"])
def test_sent_one_lost_field_does_not_start_a_loop(lost):
    """Some relays drop what they do not know."""
    first = judge(letter_to_ada())
    kept = replace(first, headers=tuple(each for each in first.headers if each[0] != lost))
    reply = facts_of(reply_of(kept, "ada@example.org"))
    bob = ("bob@post.example",)
    assert isinstance(decide(reply, ON, JUST_NOW, own=bob, ours=bob, now=NOW), Reason)


@hypothesis_settings(deadline=None)
@given(st.binary(max_size=400))
def test_sent_any_bytes_are_judged(raw):
    facts = facts_of(raw)
    assert isinstance(facts, Facts)
    assert isinstance(decide(facts, ON, JUST_NOW, own=OWN, ours=OURS, now=NOW), Answer | Reason)


@hypothesis_settings(deadline=None)
@given(st.text(max_size=60))
def test_sent_any_path_is_judged(path):
    raw = b"Return-Path: <" + path.encode("utf-8", "surrogatepass") + b">\r\n" + letter_to_ada(path=None)
    verdict = judge(raw)
    assert isinstance(verdict, Answer | Reason)
    if isinstance(verdict, Answer):
        assert not set(verdict.to) & set("\r\n\0 ")
        compose(letter(to=(Address("", verdict.to),)))
