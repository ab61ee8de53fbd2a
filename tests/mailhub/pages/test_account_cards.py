"""The page "Mail accounts": a card each, with state, numbers and the button that helps."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.formats import date_and_time
from fetching.models import FetchRun, FetchState, MailServer
from tests import factories

PAGE = "/o/acme/settings/accounts/"


def set_state(account, **fields) -> None:
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(**fields)


def shown(client) -> str:
    """The page as one line: where the template breaks lines is no matter."""
    return " ".join(client.get(PAGE).text.split())


def fine(account) -> None:
    now = timezone.now()
    set_state(
        account,
        first_fetch_done=True,
        last_success_at=now - timedelta(minutes=2),
        next_run_at=now + timedelta(minutes=8, seconds=5),
    )


def test_without_an_account_the_page_says_what_to_do(acme, as_alice):
    text = shown(as_alice)
    assert "No account yet" in text
    assert "/o/acme/settings/accounts/connect/" in text


def test_an_account_that_is_well(account, as_alice):
    fine(account)
    raw = factories.letter("One")
    factories.deliver(account, raw, raw)
    factories.deliver(account, raw, role="trash")
    text = shown(as_alice)
    assert "Up to date" in text
    assert "Default" in text
    assert "Fetched 2 minutes ago, next in 8 minutes" in text
    assert "3 messages" in text  # all folders
    assert f'formaction="/o/acme/settings/accounts/{account.pk}/fetch/"' in text


def test_a_password_is_asked_for_in_red(account, as_alice):
    set_state(account, status="failed", error_code="authentication_failed", last_success_at=timezone.now())
    text = shown(as_alice)
    assert "badge-bad" in text
    assert "Needs a password" in text
    assert "notice-bad" in text
    assert f'href="/o/acme/settings/accounts/{account.pk}/"' in text


def test_waiting_for_space_leads_to_the_storage_page(account, as_alice):
    set_state(
        account,
        status="paused_quota",
        waiting_messages=38,
        paused_since=timezone.now(),
        last_success_at=timezone.now(),
        first_fetch_done=True,
    )
    text = shown(as_alice)
    assert "38 messages have been waiting at 127.0.0.1" in text
    assert 'href="/o/acme/settings/storage/"' in text
    assert "Nothing is lost" in text


def test_a_first_fetch_shows_how_far_it_is(account, as_alice):
    with tenancy.scope(account.organization_id):
        FetchState.objects.update(lease_token=uuid.uuid4(), lease_until=timezone.now() + timedelta(minutes=1))
        FetchRun.objects.create(
            organization_id=account.organization_id,
            account=account,
            started_at=timezone.now() - timedelta(seconds=16),
            listed=2314,
            listed_bytes=412_000_000,
            wanted=2314,
            wanted_bytes=412_000_000,
            stored=1482,
            stored_bytes=264_000_000,
        )
    text = shown(as_alice)
    assert "First fetch, started just now" in text
    assert "1,482 of 2,314 messages" in text
    assert 'value="1482" max="2314"' in text
    assert f"/o/acme/settings/accounts/{account.pk}/progress/?card=1" in text
    assert "spin" in text


def test_s3_a_server_that_does_not_answer_is_told_on_every_card_that_waits(acme, alice, as_alice):
    now = timezone.now()
    for name in ("one", "two", "elsewhere"):
        host = "pop.other.example" if name == "elsewhere" else "pop.provider.example"
        account = factories.connect(acme, alice, name=name, username=name, host=host, encryption="ssl")
        set_state(account, first_fetch_done=True, last_success_at=now, next_run_at=now - timedelta(minutes=1))
    MailServer.objects.filter(host__startswith="pop.provider").update(
        failures=7, closed_until=now + timedelta(minutes=20)
    )
    text = shown(as_alice)
    assert text.count("server does not answer at the moment") == 2
    assert f"Mailhub tries again at {date_and_time(now + timedelta(minutes=20))}. Nothing is lost." in text
    console = as_alice.get("/o/acme/console/accounts/").text
    assert console.count("Trying again soon") == 2


def test_paused_accounts_are_grey_and_can_be_resumed(account, as_alice):
    set_state(account, status="paused")
    text = shown(as_alice)
    assert "is-off" in text
    assert f'formaction="/o/acme/settings/accounts/{account.pk}/resume/"' in text
    assert f'formaction="/o/acme/settings/accounts/{account.pk}/pause/"' not in text


def test_accounts_stand_in_their_order_and_are_private(acme, account, alice, bob, as_alice, as_bob):
    other = factories.connect(acme, alice, name="Zebra", username="zebra")
    with tenancy.scope(acme.pk):
        type(other).objects.filter(pk=other.pk).update(position=0)
    factories.connect(acme, bob, name="Bobs box", username="bob")
    text = shown(as_alice)
    assert re.findall(r'data-name="([^"]*)"', text) == ["Zebra", "Alice at Post"]
    assert re.findall(r'data-name="([^"]*)"', shown(as_bob)) == ["Bobs box"]


def test_the_first_cannot_go_up_nor_the_last_down(acme, account, alice, as_alice):
    other = factories.connect(acme, alice, name="Other", username="other")
    text = shown(as_alice)
    assert re.findall(r'name="up" value="(\d+)"', text) == [str(other.pk)]
    assert re.findall(r'name="down" value="(\d+)"', text) == [str(account.pk)]


def test_the_page_is_sent_again_only_when_it_changed(account, as_alice):
    fine(account)
    seen = re.search(r"\?seen=(\w+)", as_alice.get(PAGE).text)[1]

    def again():
        return as_alice.get(PAGE, {"seen": seen}, headers={"HX-Request": "true"})

    assert again().status_code == 204
    factories.deliver(account, factories.letter("One"))
    assert again().status_code == 200
    # A person who opens that address gets the page in any case.
    assert as_alice.get(PAGE, {"seen": seen}).status_code == 200


@pytest.mark.parametrize("count", [1, 4])
def test_the_number_of_queries_does_not_grow_with_the_accounts(
    acme, alice, as_alice, django_assert_max_num_queries, count
):
    for number in range(count):
        factories.connect(acme, alice, name=f"Box {number}", username=f"box{number}")
    as_alice.get(PAGE)
    with django_assert_max_num_queries(29):
        as_alice.get(PAGE)
