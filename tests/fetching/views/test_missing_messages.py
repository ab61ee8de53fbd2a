"""Why is this message not here? Each reason in words, its messages, and another try."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from fetching.models import FetchState, RemoteMessage
from fetching.status import missing_messages
from tests import factories
from tests.fetching.fetched import LETTERS, fetch, set_limit, set_rules, state_of, states
from tests.fetching.remotes import add_remote

MB = 1_000_000


@pytest.fixture
def page(account) -> str:
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(last_success_at=timezone.now(), first_fetch_done=True)
    return f"/o/acme/settings/accounts/{account.pk}/not-here/"


@pytest.fixture
def retry(page) -> str:
    return f"{page}retry/"


def text_of(answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def section(answer, key: str) -> str:
    """The words of one reason's card."""
    (part,) = re.findall(rf'<section class="card"\s+id="{key}".*?</section>', answer.text, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", part)).split())


def state(row: RemoteMessage) -> str:
    with tenancy.scope(row.organization_id):
        return RemoteMessage.objects.get(pk=row.pk).state


# ── Nothing is missing ──────────────────────────────────────────────────────
def test_everything_is_here(account, page, as_alice):
    for kept in ("stored", "delete_wanted", "dele_sent", "gone"):
        add_remote(account, kept)
    text = text_of(as_alice.get(page))
    assert "Every message at the provider is here." in text
    assert "<table" not in as_alice.get(page).text


def test_before_the_first_fetch_nothing_is_claimed(account, page, as_alice):
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(last_success_at=None)
    text = text_of(as_alice.get(page))
    assert "has not looked into this mailbox yet" in text
    assert "is here." not in text


# ── Each reason ─────────────────────────────────────────────────────────────
def test_r9_too_big_for_the_plan(account, page, as_alice):
    fields = {"sender": "Marta Lindqvist", "subject": "Photos & all", "error_code": "message_too_large"}
    add_remote(account, "too_big", size=214 * MB, **fields)
    add_remote(account, "too_big", size=88 * MB, sender="?")
    words = section(as_alice.get(page), "too_big")
    assert "2 messages, 302 MB" in words
    assert "larger than 50 MB, the limit of your plan." in words
    assert "You can read them at 127.0.0.1." in words
    assert "Photos & all Marta Lindqvist 214 MB" in words
    assert "Subject not known 88 MB" in words
    assert "Try" not in words


def test_r9_too_big_by_ones_own_choice_leads_to_the_settings(account, page, as_alice):
    set_rules(account, max_message_bytes=10 * MB)
    add_remote(account, "too_big", size=11 * MB)
    answer = as_alice.get(page)
    assert "larger than 10 MB, the limit that you have set for this account." in section(answer, "too_big")
    assert f'href="/o/acme/settings/accounts/{account.pk}/#fetching"' in answer.text


def test_r7_set_aside_with_the_servers_words(account, page, as_alice):
    add_remote(
        account,
        "quarantined",
        failures=3,
        error_code="protocol_error",
        error_text="<b>corrupt</b> message 41",
    )
    answer = as_alice.get(page)
    words = section(answer, "set_aside")
    assert "Fetching these failed again and again" in words
    assert "The server gave an answer that makes no sense." in words
    assert "What the server said <b>corrupt</b> message 41" in words
    assert "<b>corrupt" not in answer.text


def test_no_space(account, page, as_alice):
    add_remote(account, "over_quota")
    answer = as_alice.get(page)
    assert "There is no room for these. They wait at 127.0.0.1; nothing is lost." in section(
        answer, "no_space"
    )
    assert 'href="/o/acme/settings/storage/"' in answer.text


def test_waiting_for_their_turn(account, page, as_alice):
    add_remote(account, "listed")
    assert "They come in by themselves." in section(as_alice.get(page), "waiting")
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(status="paused")
    assert "Resume the account to fetch them." in section(as_alice.get(page), "waiting")


def test_u14_gone_before_they_were_fetched(account, page, as_alice):
    add_remote(account, "vanished", missing_since=timezone.now())
    add_remote(account, "quarantined", missing_since=timezone.now())
    words = section(as_alice.get(page), "vanished")
    assert "2 messages" in words
    assert "no longer at 127.0.0.1" in words
    assert "Gone since" in words


def test_u13_older_than_what_was_asked_for(account, page, as_alice):
    add_remote(account, "skipped", size=2000)
    add_remote(account, "skipped", missing_since=timezone.now())
    words = section(as_alice.get(page), "older")
    assert "1 message, 2 KB" in words, "what is no longer there cannot be fetched"
    assert "Fetch 1 message" in words


def test_what_people_wrote_is_shown_as_text(account, page, as_alice):
    add_remote(account, "too_big", subject="<script>alert(1)</script>", sender='"><img src=x>')
    answer = as_alice.get(page)
    assert "<script>alert" not in answer.text
    assert "<img src=x>" not in answer.text


def test_every_state_has_its_reason(account, page, as_alice):
    """Whatever is not stored is explained; a new state without words fails here."""
    kept = {"stored", "delete_wanted", "dele_sent", "gone"}
    for one in set(RemoteMessage.State.values) - kept:
        add_remote(account, one)
    assert set(re.findall(r'<section class="card"\s+id="(\w+)"', as_alice.get(page).text)) == set(
        missing_messages.REASONS
    )


# ── Many ────────────────────────────────────────────────────────────────────
def test_the_newest_first_and_the_older_ones_a_page_away(account, page, as_alice, monkeypatch):
    monkeypatch.setattr(missing_messages, "PAGE", 2)
    rows = [add_remote(account, "too_big", subject=f"Number {n}") for n in range(5)]
    add_remote(account, "quarantined")
    first = as_alice.get(page)
    assert re.findall(r"Number \d", first.text) == ["Number 4", "Number 3"]
    assert f"?reason=too_big&amp;before={rows[3].pk}" in first.text
    second = as_alice.get(page, {"reason": "too_big", "before": rows[3].pk})
    assert re.findall(r"Number \d", second.text) == ["Number 2", "Number 1"]
    assert 'id="set_aside"' not in second.text
    assert "5 messages" in second.text
    third = as_alice.get(page, {"reason": "too_big", "before": rows[1].pk})
    assert re.findall(r"Number \d", third.text) == ["Number 0"]
    assert "Older" not in third.text
    assert "All reasons" in third.text


@pytest.mark.parametrize(
    "query", [{"reason": "nonsense"}, {"before": "x"}, {"before": "9" * 40}, {"before": "-1"}]
)
def test_odd_addresses_show_the_page(account, page, as_alice, query):
    add_remote(account, "too_big", subject="Number 0")
    assert "Number 0" in as_alice.get(page, query).text


def test_a_reason_that_is_over(account, page, as_alice):
    assert "No message is missing for this reason any more." in as_alice.get(page, {"reason": "too_big"}).text


def test_the_small_index_finds_them(account):
    """Among millions of stored messages: the planner must see that the index holds all that is asked for."""
    with tenancy.scope(account.organization_id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for rows in (
            missing_messages.missing_messages(account),
            missing_messages.missing_messages(account, "too_big"),
        ):
            assert "remote_messages_not_here" in rows.order_by("-pk").explain()
        counted = missing_messages.missing_messages(account).filter(missing_messages.REASONS["vanished"])
        assert "remote_messages_not_here" in counted.explain()


def test_the_number_of_queries_does_not_grow(account, page, as_alice, django_assert_max_num_queries):
    for reason in ("too_big", "quarantined", "over_quota", "vanished", "skipped", "listed"):
        for _ in range(20):
            add_remote(account, reason)
    as_alice.get(page)
    with django_assert_max_num_queries(29):
        as_alice.get(page)


# ── Another try ─────────────────────────────────────────────────────────────
def test_one_message_is_tried_again(account, retry, as_alice):
    one, other = (add_remote(account, "quarantined", failures=3, error_code="timeout") for _ in range(2))
    answer = as_alice.post(retry, {"message": one.pk}, follow=True)
    assert "1 message is tried again with the next fetch." in answer.text
    assert (state(one), state(other)) == ("listed", "quarantined")
    assert state_of(account).next_run_at <= timezone.now()


def test_a_whole_reason_is_tried_again(account, retry, as_alice):
    aside = [add_remote(account, "quarantined") for _ in range(3)]
    older = add_remote(account, "skipped")
    answer = as_alice.post(retry, {"reason": "set_aside"}, follow=True)
    assert "3 messages are tried again with the next fetch." in answer.text
    assert {state(row) for row in aside} == {"listed"}
    assert state(older) == "skipped"
    as_alice.post(retry, {"reason": "older"})
    assert state(older) == "listed"


def test_a_paused_account_stays_paused(account, retry, as_alice):
    add_remote(account, "skipped")
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(status="paused", next_run_at=None)
    answer = as_alice.post(retry, {"reason": "older"}, follow=True)
    assert "1 message is fetched once you resume the account." in answer.text
    assert state_of(account).next_run_at is None


@pytest.mark.parametrize(
    "sent", [{}, {"message": "x"}, {"message": "9" * 40}, {"reason": "nonsense"}, {"reason": "too_big"}]
)
def test_what_cannot_be_tried_again_is_left_alone(account, retry, as_alice, sent):
    big = add_remote(account, "too_big")
    answer = as_alice.post(retry, sent, follow=True)
    assert "There is nothing to try again." in answer.text
    assert state(big) == "too_big"


def test_nobody_tries_anothers_message(acme, bob, account, retry, as_bob, as_alice):
    mine = factories.connect(acme, bob, username="bob")
    row = add_remote(account, "quarantined")
    assert as_bob.post(retry, {"message": row.pk}).status_code == 404
    as_bob.post(f"/o/acme/settings/accounts/{mine.pk}/not-here/retry/", {"message": row.pk})
    assert state(row) == "quarantined"


def test_r7_from_the_server_to_the_page_and_back(acme, alice, server, as_alice):
    """Set aside by three failures, explained, tried again, stored."""
    account = factories.connect(acme, alice, port=server.port)
    server.faults.err_on = {"RETR 3": "-ERR this one is broken"}
    for _ in range(3):
        with tenancy.scope(acme.pk):
            FetchState.objects.update(listed_at=None)
        fetch(account)
    page = f"/o/acme/settings/accounts/{account.pk}/not-here/"
    assert "1 message" in section(as_alice.get(page), "set_aside")
    server.behave()
    as_alice.post(f"{page}retry/", {"reason": "set_aside"})
    assert fetch(account).stored == 1
    assert states(account) == ["stored"] * len(LETTERS)
    assert "Every message at the provider is here." in as_alice.get(page).text


def test_u13_one_older_message_is_fetched_after_all(acme, alice, server, as_alice):
    account = factories.connect(acme, alice, port=server.port, first_fetch="only_new")
    fetch(account)
    with tenancy.scope(acme.pk):
        row = RemoteMessage.objects.order_by("pk")[2]
    page = f"/o/acme/settings/accounts/{account.pk}/not-here/"
    as_alice.post(f"{page}retry/", {"message": row.pk})
    assert fetch(account).stored == 1
    assert states(account).count("stored") == 1


def test_full_storage_to_the_page(acme, alice, server, as_alice):
    account: MailAccount = factories.connect(acme, alice, port=server.port)
    set_limit(account, len(LETTERS[0]) * 2 + 10)
    fetch(account)
    page = f"/o/acme/settings/accounts/{account.pk}/not-here/"
    assert "3 messages" in section(as_alice.get(page), "no_space")


# ── Where it is linked from ─────────────────────────────────────────────────
@pytest.mark.parametrize("place", ["", "history/"])
def test_it_is_linked_from_the_accounts_pages(account, page, as_alice, place):
    add_remote(account, "too_big")
    add_remote(account, "listed")
    text = as_alice.get(f"/o/acme/settings/accounts/{account.pk}/{place}").text
    assert f'href="{page}"' in text
    assert '<span class="tab-count num">1</span>' in text, "what comes by itself is not counted"


def test_it_is_linked_from_the_card_only_when_something_is_missing(account, page, as_alice):
    cards = "/o/acme/settings/accounts/"
    add_remote(account, "stored")
    add_remote(account, "skipped")
    add_remote(account, "listed")
    assert page not in as_alice.get(cards).text
    add_remote(account, "too_big")
    add_remote(account, "quarantined")
    answer = as_alice.get(cards)
    assert f'href="{page}"' in answer.text
    assert "2 messages are not here" in text_of(answer)
