"""Away replies in the browser: what is said, what is kept, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from html import unescape

import pytest
from django.utils import timezone

from accounts import tenancy
from sending.models import VacationReply
from sending.vacation import summary
from tests import factories
from tests.sending.pages import HTMX
from tests.sending.settled import settle

pytestmark = pytest.mark.django_db
AWAY = "/o/acme/settings/away/"
FORM = {
    "is_on": "on",
    "starts_at": "",
    "ends_at": "",
    "weekdays": [str(day) for day in range(7)],
    "from_hour": "",
    "until_hour": "",
    "audience": "everybody",
    "interval_days": "1",
    "subject": "",
    "text": "I am away.",
    "members_text": "",
    "also_addresses": "",
}


@pytest.fixture(autouse=True)
def in_jakarta(request):
    if "alice" in request.fixturenames:
        alice = request.getfixturevalue("alice")
        alice.time_zone = "Asia/Jakarta"
        alice.save()


def text(answer) -> str:
    return unescape(" ".join(answer.text.split()))


def kept(account) -> VacationReply:
    with tenancy.scope(account.organization_id):
        return VacationReply.objects.get(account=account)


def page_of(account) -> str:
    return f"{AWAY}{account.pk}/"


# ── Keeping ─────────────────────────────────────────────────────────────────
def test_without_accounts_the_page_says_what_to_do(acme, as_alice):
    assert "/settings/accounts/connect/" in as_alice.get(AWAY).text
    assert as_alice.get(f"{AWAY}all/").status_code == 302


def test_it_is_switched_on_in_the_persons_time_zone(as_alice, account):
    settle(account, is_login=True)
    page = text(as_alice.get(page_of(account)))
    assert "Times are those of Asia/Jakarta." in page
    assert "cannot send yet" not in page
    given = {
        **FORM,
        "starts_at": "2030-11-25T09:00",
        "ends_at": "2030-12-02T08:00",
        "weekdays": ["0", "4"],
        "from_hour": "08:00",
        "until_hour": "17:30",
        "interval_days": "3",
        "subject": "Away",
        "members_text": "Call me.",
        "also_addresses": "Info@Shop.example, team@post.example",
    }
    answer = as_alice.post(page_of(account), given)
    assert (answer.status_code, answer.url) == (302, AWAY)
    row = kept(account)
    assert (row.is_on, row.time_zone, row.interval_days) == (True, "Asia/Jakarta", 3)
    assert row.starts_at == datetime(2030, 11, 25, 2, 0, tzinfo=UTC)
    assert (row.weekdays, row.from_hour, row.until_hour) == ([0, 4], time(8), time(17, 30))
    assert row.also_addresses.lower().split() == ["info@shop.example", "team@post.example"]
    assert row.on_since is not None
    listed = text(as_alice.get(AWAY))
    assert "From Monday 25 November 2030, 09:00 until Monday 2 December 2030, 08:00, everybody" in listed
    assert f"everybody who writes to {account.email} gets this reply once in 3 days." in listed
    assert "Only on Monday, Friday, from 08:00 to 17:30." in listed
    # It comes back as it was typed.
    page = as_alice.get(page_of(account)).text
    for value in ("2030-11-25T09:00", "2030-12-02T08:00", "08:00", "17:30", "Call me."):
        assert value in page


def test_every_day_is_kept_as_no_choice(as_alice, account):
    as_alice.post(page_of(account), FORM)
    assert kept(account).weekdays == []
    assert as_alice.get(page_of(account)).text.count('name="weekdays"') == 7
    assert as_alice.get(page_of(account)).text.count("checked") == 7 + 1 + 1


def test_one_for_all_accounts(as_alice, acme, alice, bob, account):
    second = factories.connect(acme, alice, email="two@post.example", name="Second")
    others = factories.connect(acme, bob, email="bob@post.example")
    assert "For all my accounts" in text(as_alice.get(AWAY))
    assert as_alice.post(f"{AWAY}all/", FORM).status_code == 302
    assert kept(account).is_on
    assert kept(second).text == "I am away."
    with tenancy.scope(acme.pk):
        assert not VacationReply.objects.filter(account=others).exists()
    as_alice.post(f"{AWAY}all/", {**FORM, "is_on": ""})
    assert not kept(account).is_on
    assert not kept(second).is_on


def test_an_account_that_cannot_send_is_named(as_alice, account):
    assert "cannot send yet, so it answers nobody" in text(as_alice.get(AWAY))
    page = as_alice.get(page_of(account)).text
    assert f"/settings/accounts/{account.pk}/sending/" in page


# ── Refusing ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"text": " \n "}, "Write what the reply says."),
        ({"starts_at": "2030-12-02T08:00", "ends_at": "2030-12-01T08:00"}, "This is before it begins."),
        ({"ends_at": "2020-12-01T08:00"}, "This is over already."),
        ({"ends_at": "soon"}, "Enter a date and a time."),
        ({"weekdays": []}, "Choose at least one day."),
        ({"weekdays": ["9"]}, "Select a valid choice."),
        ({"from_hour": "08:00"}, "Enter both hours, or neither."),
        ({"from_hour": "8 o'clock", "until_hour": "09:00"}, "Enter a time such as 09:00."),
        ({"interval_days": "0"}, "Enter a number from 1 to 30."),
        ({"interval_days": "31"}, "Enter a number from 1 to 30."),
        ({"interval_days": ""}, "Enter a number from 1 to 30."),
        ({"subject": "a\r\nBcc: eve@evil.example"}, "This must be one line."),
        ({"subject": "a\0b"}, "Null characters"),
        ({"also_addresses": "nobody"}, "Enter one e-mail address a line."),
        ({"also_addresses": " ".join(f"a{n}@b.example" for n in range(21))}, "These are too many addresses."),
        ({"text": "x" * 10_001}, "This is too long."),
        ({"audience": "friends"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_kept_is_said(as_alice, account, values, words):
    answer = as_alice.post(page_of(account), {**FORM, **values})
    assert answer.status_code == 422
    if words != "Select a valid choice." or "weekdays" in values:
        assert words in text(answer)
    with tenancy.scope(account.organization_id):
        assert not VacationReply.objects.exists()


def test_switched_off_it_may_be_unfinished(as_alice, account):
    off = {**FORM, "is_on": "", "text": "", "ends_at": "2020-12-01T08:00"}
    assert as_alice.post(page_of(account), off).status_code == 302
    assert not kept(account).is_on


# ── The sentence ────────────────────────────────────────────────────────────
def test_the_sentence_follows_the_form(as_alice, account):
    given = {**FORM, "about": account.pk, "audience": "members", "interval_days": "1", "text": ""}
    answer = text(as_alice.post(f"{AWAY}sentence/", given, headers=HTMX))
    assert f"From now until you switch it off, members of Acme who write to {account.email} get" in answer
    assert "once a day" in answer
    assert "This holds once you save it." in answer
    unfinished = as_alice.post(f"{AWAY}sentence/", {**given, "ends_at": "soon"}, headers=HTMX)
    assert "not complete yet" in text(unfinished)
    assert "one of your accounts" in text(
        as_alice.post(f"{AWAY}sentence/", {**given, "about": ""}, headers=HTMX)
    )
    assert as_alice.post(f"{AWAY}sentence/", given).status_code == 302
    with tenancy.scope(account.organization_id):
        assert not VacationReply.objects.exists()


def test_nobody_hears_of_anothers_account(as_bob, account):
    given = {**FORM, "about": account.pk}
    assert as_bob.post(f"{AWAY}sentence/", given, headers=HTMX).status_code == 404


@pytest.mark.parametrize(
    ("values", "state", "words"),
    [
        ({"is_on": False}, "off", "It is off. Nobody gets a reply."),
        ({"ends_at": timedelta(days=-1)}, "over", "It ended on"),
        ({}, "on", "From now until you switch it off, everybody who writes to one of your accounts gets"),
        ({"starts_at": timedelta(days=-1)}, "on", "From now until you"),
        ({"starts_at": timedelta(days=1)}, "later", "until you switch it off"),
        ({"ends_at": timedelta(days=1)}, "on", "From now until "),
        ({"audience": "known"}, "on", "people you have written to get"),
        ({"audience": "known", "address": "a@b.example"}, "on", "when they write to a@b.example."),
        ({"audience": "members"}, "on", "members of Acme who write to one"),
        ({"weekdays": [5, 6]}, "on", "Only on Saturday, Sunday."),
        ({"from_hour": time(17), "until_hour": time(8)}, "on", "Only from 17:00 to 08:00."),
        ({}, "on", "Newsletters, lists and automatic mail never get one."),
    ],
)
def test_all_there_is_to_say(values, state, words):
    address = values.pop("address", "") if "address" in values else ""
    given = {
        name: timezone.now() + value if isinstance(value, timedelta) else value
        for name, value in values.items()
    }
    said = summary.summarize({"is_on": True, **given}, address=address, organization="Acme")
    assert said.state == state
    assert words in f"{said.sentence} {said.more}"
