"""An account's settings page and what its buttons do."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tasks, tenancy
from accounts.formats import date_and_time
from accounts.models import AuditEvent, MailAccount
from fetching.models import FetchSettings, FetchState
from mailbox.models import Message
from tests import factories

ACCOUNTS = "/o/acme/settings/accounts/"
FORM = {"email": "alice@post.example", "name": "Post", "color": "teal"}


@pytest.fixture
def press(django_capture_on_commit_callbacks, as_alice):
    """Post as Alice and commit, then open the page it leads to."""

    def post(url, data=None, client=as_alice, **headers):
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(url, data or {}, headers=headers)
        return client.get(answer.url) if answer.status_code == 302 else answer

    return post


def state_of(account: MailAccount) -> FetchState:
    with tenancy.scope(account.organization_id):
        return FetchState.objects.get(account=account)


def set_state(account: MailAccount, **fields) -> None:
    with tenancy.scope(account.organization_id):
        FetchState.objects.filter(account=account).update(**fields)


def fresh(account: MailAccount) -> MailAccount:
    with tenancy.scope(account.organization_id):
        return MailAccount.objects.get(pk=account.pk)


def order_of(acme) -> list[str]:
    with tenancy.scope(acme.pk):
        return list(MailAccount.objects.values_list("name", flat=True))


@pytest.fixture
def page(account) -> str:
    return f"{ACCOUNTS}{account.pk}/"


# ── Settings ────────────────────────────────────────────────────────────────
def test_the_page_shows_everything_but_the_password(account, page, as_alice):
    text = as_alice.get(page).text
    assert 'value="alice@post.example"' in text
    assert 'value="127.0.0.1"' in text
    assert "secret" not in text
    assert "Left empty, it stays as it is." in text


def test_names_are_saved_without_a_test(account, page, press):
    set_state(account, first_fetch_done=True, last_success_at=timezone.now())
    answer = press(page, FORM)
    assert "Saved." in answer.text
    account = fresh(account)
    assert (account.name, account.color) == ("Post", "teal")
    assert account.is_default  # never given up, only taken over


def test_the_server_cannot_be_changed_without_a_test(account, page, press):
    press(
        page, {**FORM, "host": "pop.elsewhere.example", "password": "new", "username": "other", "port": "110"}
    )
    account = fresh(account)
    assert (account.host, account.password, account.username, account.port) == (
        "127.0.0.1",
        "secret",
        "box",
        995,
    )


def test_errors_stand_at_their_fields(account, page, as_alice):
    answer = as_alice.post(page, {**FORM, "email": "nobody"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="nobody"' in answer.text


def test_saving_without_a_change_writes_nothing(account, page, press, acme):
    same = {**FORM, "name": account.name, "color": account.color}
    press(page, same)
    with tenancy.scope(acme.pk):
        assert not AuditEvent.objects.filter(action="mail_account.changed").exists()


def test_trouble_puts_the_servers_part_first(account, page, as_alice):
    text = as_alice.get(page).text
    assert text.index("Name and address") < text.index("Server and password")
    set_state(account, status="failed", error_code="authentication_failed", last_success_at=timezone.now())
    text = as_alice.get(page).text
    assert text.index("Server and password") < text.index("Name and address")
    assert "The provider no longer accepts the password." in text
    assert re.search(r'<input type="password"[^>]*autofocus', text)


def test_another_becomes_the_default(account, acme, alice, press):
    other = factories.connect(acme, alice, name="Other", username="other")
    answer = press(f"{ACCOUNTS}{other.pk}/default/")
    assert "“Other” opens first from now on." in answer.text
    assert (fresh(account).is_default, fresh(other).is_default) == (False, True)


# ── Order ───────────────────────────────────────────────────────────────────
@pytest.fixture
def three(acme, alice) -> list[int]:
    return [factories.connect(acme, alice, name=name, username=name).pk for name in "ABC"]


def test_the_order_of_the_posted_ids(acme, three, as_alice):
    a, b, c = three
    answer = as_alice.post(f"{ACCOUNTS}order/", {"account": [c, a, b]}, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 204
    assert order_of(acme) == ["C", "A", "B"]


def test_what_is_not_named_stays_at_the_end(acme, three, press):
    _a, b, _c = three
    press(f"{ACCOUNTS}order/", {"account": [b, 999_999, "x", b]})
    assert order_of(acme) == ["B", "A", "C"]


def test_after_moving_the_card_is_in_sight(acme, three, as_alice):
    assert as_alice.post(f"{ACCOUNTS}order/", {"up": three[2]}).url == f"{ACCOUNTS}#account-{three[2]}"
    assert as_alice.post(f"{ACCOUNTS}order/", {"account": three}).url == ACCOUNTS


@pytest.mark.parametrize(
    ("way", "place", "order"), [("up", 2, "ACB"), ("down", 0, "BAC"), ("up", 0, "ABC"), ("down", 2, "ABC")]
)
def test_a_place_up_or_down(acme, three, press, way, place, order):
    press(f"{ACCOUNTS}order/", {way: three[place]})
    assert "".join(order_of(acme)) == order


def test_nobody_orders_anothers_accounts(acme, three, bob, as_bob):
    own = factories.connect(acme, bob, name="Bobs", username="bob")
    as_bob.post(f"{ACCOUNTS}order/", {"account": [three[2], own.pk, three[0]]})
    with tenancy.scope(acme.pk):
        positions = dict(MailAccount.objects.values_list("name", "position"))
    assert [positions[name] for name in "ABC"] == [1, 2, 3]


# ── Fetching ────────────────────────────────────────────────────────────────
def test_fetch_now_claims_and_queues_after_the_commit(account, press, queued):
    answer = press(f"{ACCOUNTS}{account.pk}/fetch/")
    assert "Mail of “Alice at Post” is being fetched." in answer.text
    assert queued == [("fetch", account.organization_id, account.pk, str(state_of(account).lease_token))]


def test_a5_a_pause_that_the_provider_wants_is_told_with_its_end(account, press, queued):
    until = timezone.now() + timedelta(minutes=12)
    set_state(account, not_before=until)
    answer = press(f"{ACCOUNTS}{account.pk}/fetch/")
    assert f"Your provider allows the next fetch at {date_and_time(until)}." in answer.text
    assert queued == []
    set_state(account, not_before=timezone.now())
    assert "is being fetched." in press(f"{ACCOUNTS}{account.pk}/fetch/").text


def test_a17_while_another_account_has_the_mailbox_open(acme, bob, account, press, queued):
    twin = factories.connect(acme, bob, name="Secret name")
    set_state(twin, lease_token=uuid.uuid4(), lease_until=timezone.now() + timedelta(minutes=1))
    answer = press(f"{ACCOUNTS}{account.pk}/fetch/")
    assert "Another account is fetching this mailbox at the moment." in answer.text
    assert "Secret name" not in answer.text
    assert queued == []


def test_a_running_fetch_is_not_started_again(account, press, queued):
    press(f"{ACCOUNTS}{account.pk}/fetch/")
    answer = press(f"{ACCOUNTS}{account.pk}/fetch/")
    assert "is being fetched already" in answer.text
    assert len(queued) == 1


def test_a_paused_account_says_so(account, press, queued):
    press(f"{ACCOUNTS}{account.pk}/pause/")
    assert "is paused. Resume it" in press(f"{ACCOUNTS}{account.pk}/fetch/").text
    assert queued == []


def test_pausing_takes_the_lease_from_a_running_fetch(account, press):
    set_state(account, lease_token=uuid.uuid4(), lease_until=timezone.now() + timedelta(minutes=1))
    answer = press(f"{ACCOUNTS}{account.pk}/pause/")
    assert "waits at the provider" in answer.text
    state = state_of(account)
    assert (state.status, state.lease_token, state.next_run_at) == ("paused", None, None)


@pytest.mark.parametrize("place", ["", "history/", "not-here/"])
def test_its_pages_offer_to_resume_it(account, as_alice, place):
    url = f"{ACCOUNTS}{account.pk}/"
    assert f'action="{url}fetch/"' in as_alice.get(url + place).text
    set_state(account, status="paused", next_run_at=None)
    text = as_alice.get(url + place).text
    assert f'action="{url}resume/"' in text
    assert f'action="{url}fetch/"' not in text


def test_resuming_fetches_at_once(account, press, queued):
    press(f"{ACCOUNTS}{account.pk}/pause/")
    press(f"{ACCOUNTS}{account.pk}/resume/")
    assert state_of(account).status == "active"
    assert len(queued) == 1


def test_resume_does_not_wipe_the_trouble_of_an_account_that_is_not_paused(account, press):
    set_state(account, status="failed", error_code="authentication_failed")
    press(f"{ACCOUNTS}{account.pk}/resume/")
    assert state_of(account).error_code == "authentication_failed"


def test_buttons_lead_back_to_where_they_were(account, as_alice, queued):
    url = f"{ACCOUNTS}{account.pk}/pause/"
    came_from = f"http://testserver/o/acme/settings/accounts/{account.pk}/history/"
    assert as_alice.post(url, headers={"Referer": came_from}).url == came_from
    for foreign in ("https://evil.example/", "//evil.example", ""):
        assert as_alice.post(url, headers={"Referer": foreign}).url == ACCOUNTS
    assert as_alice.post(url, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


# ── Deleting ────────────────────────────────────────────────────────────────
def test_deleting_says_first_what_goes(account, as_alice):
    factories.deliver(account, factories.letter("One"), factories.letter("Two"))
    text = as_alice.get(f"{ACCOUNTS}{account.pk}/delete/").text
    assert "This removes 2 messages" in text
    assert "stays there" in text


def test_deleting_an_account_that_emptied_the_provider_warns(account, as_alice):
    with tenancy.scope(account.organization_id):
        FetchSettings.objects.update(delete_policy="after_storing")
    assert "may be the only copies" in as_alice.get(f"{ACCOUNTS}{account.pk}/delete/").text


@pytest.mark.parametrize("typed", ["", "alice@acme.example"])
def test_deleting_wants_the_address(account, press, typed):
    answer = press(f"{ACCOUNTS}{account.pk}/delete/", {"confirm": typed})
    assert answer.status_code == 422
    assert "Nothing was deleted." in answer.text
    assert state_of(account)


def test_deleting_takes_the_mail_along(acme, account, press, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(tasks.finish_removal, "delay", tasks.finish_removal)
    factories.deliver(account, factories.letter("One"))
    with django_capture_on_commit_callbacks(execute=True):
        answer = press(f"{ACCOUNTS}{account.pk}/delete/", {"confirm": " Alice@Post.example "})
    assert "is deleted from Mailhub" in answer.text
    with tenancy.scope(acme.pk):
        assert not MailAccount.objects.exists()
        assert not Message.objects.exists()


@pytest.mark.parametrize(
    "act",
    [
        *("", "delete/", "default/", "fetch/", "pause/", "resume/", "history/", "progress/"),
        *("fetching/", "not-here/", "not-here/retry/"),
    ],
)
def test_an_account_is_its_owners_alone(account, as_bob, act):
    url = f"{ACCOUNTS}{account.pk}/{act}"
    assert as_bob.get(url).status_code in (404, 405)
    assert as_bob.post(url, {"confirm": account.email}).status_code in (404, 405)
    assert state_of(account).status == "active"
