"""Saving what a passed test has proven: once, as tested, and nothing else."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from accounts import tenancy
from accounts.models import MailAccount
from fetching.connect import probe
from fetching.models import FetchState
from fetching.scheduler import claims
from tests import factories
from tests.fetching.connecting import (
    CONNECT,
    SAVE,
    TEST,
    accounts_of,
    ended,
)
from tests.fetching.fetched import rules_of


# ── Saving ──────────────────────────────────────────────────────────────────
def test_saving_keeps_what_was_tested_and_fetches_at_once(started, acme, as_alice, queued, press):
    ended(started)
    answer = press(as_alice, SAVE, {"test": started})
    (account,) = accounts_of(acme)
    assert answer.url == f"/o/acme/settings/accounts/{account.pk}/sending/?new=1"
    assert (account.host, account.port, account.username) == ("pop.gmx.net", 995, "alice.hartono@gmx.de")
    assert (account.password, account.provider, account.from_name) == (
        "correct horse",
        "gmx",
        "Alice Hartono",
    )
    assert account.is_default
    with tenancy.scope(acme.pk):
        state = FetchState.objects.get()
    assert queued[1:] == [("fetch", acme.pk, account.pk, str(state.lease_token))]
    assert probe.settings_of(started, factories.membership(acme, account.owner)) is None


def test_pressing_save_twice_saves_once(started, acme, as_alice, queued, press):
    ended(started)
    first = press(as_alice, SAVE, {"test": started})
    second = press(as_alice, SAVE, {"test": started})
    assert (first.status_code, second.url) == (302, first.url)
    assert len(accounts_of(acme)) == 1
    assert len(queued) == 2


def test_a_second_press_while_the_first_is_being_saved(started, acme, as_alice, press, alice):
    ended(started)
    member = factories.membership(acme, alice)
    cache.add(f"probe:{started}:saved:{member.pk}", "", 60)
    assert press(as_alice, SAVE, {"test": started}).url == "/o/acme/settings/accounts/"
    assert accounts_of(acme) == []


@pytest.mark.parametrize("state", ["waiting", "running", "failed"])
def test_only_a_passed_test_can_be_saved(started, acme, as_alice, press, state):
    ended(started, state, done=[], error="timeout" if state == "failed" else "")
    answer = press(as_alice, SAVE, {"test": started})
    assert answer.url == f"{CONNECT}?test={started}#result"
    assert accounts_of(acme) == []


def test_the_form_has_no_say_in_what_is_saved(started, acme, as_alice, press):
    """What was tested is saved, whatever the page holds by now."""
    ended(started)
    press(
        as_alice, SAVE, {"test": started, "host": "pop.elsewhere.example", "delete_policy": "after_storing"}
    )
    (account,) = accounts_of(acme)
    assert (account.host, rules_of(account).delete_policy) == ("pop.gmx.net", "keep")


def test_nobody_saves_anothers_test(started, acme, umbrella, as_bob, as_charlie, press):
    ended(started)
    press(as_bob, SAVE, {"test": started})
    press(as_charlie, "/o/umbrella/settings/accounts/connect/save/", {"test": started})
    assert accounts_of(acme) == []
    assert accounts_of(umbrella) == []


def test_an_old_test_leads_to_a_new_one(acme, as_alice):
    answer = as_alice.post(SAVE, {"test": "gone"}, follow=True)
    assert "too old to be saved" in answer.text


def test_a_limit_reached_meanwhile_saves_nothing_and_forgets_nothing(started, acme, account, as_alice, press):
    ended(started)
    acme.mail_account_limit = 1
    acme.save()
    answer = press(as_alice, SAVE, {"test": started})
    assert "allows 1 mail account" in as_alice.get(answer.url).text
    assert len(accounts_of(acme)) == 1
    acme.mail_account_limit = 2
    acme.save()
    press(as_alice, SAVE, {"test": started})
    assert len(accounts_of(acme)) == 2


# ── Changing an existing account ────────────────────────────────────────────
@pytest.fixture
def harbour(acme, alice) -> MailAccount:
    return factories.connect(
        acme,
        alice,
        name="Harbour",
        host="pop.harbour.example",
        encryption="ssl",
        username="info",
        password="old",
    )


def change(press, client, account, **fields):
    data = {"host": account.host, "port": "995", "encryption": "ssl", "username": account.username, **fields}
    return press(client, f"/o/acme/settings/accounts/{account.pk}/test/", data)


def test_a_new_password_goes_through_a_test(acme, harbour, as_alice, queued, press):
    with tenancy.scope(acme.pk):
        FetchState.objects.update(status="failed", error_code="authentication_failed", next_run_at=None)
    answer = change(press, as_alice, harbour, password="new")
    test = queued[0][1]
    assert answer.url == f"/o/acme/settings/accounts/{harbour.pk}/?test={test}#result"
    assert [account.password for account in accounts_of(acme)] == ["old"]
    ended(test, found={"messages": 3, "bytes": 3000})
    page = as_alice.get(answer.url).text
    assert "Save the new settings" in page
    assert press(as_alice, SAVE, {"test": test}).url == "/o/acme/settings/accounts/"
    (account,) = accounts_of(acme)
    assert (account.password, account.generation, account.name) == ("new", 2, "Harbour")
    with tenancy.scope(acme.pk):
        state = FetchState.objects.get()
    assert (state.status, state.error_code) == ("active", "")
    assert queued[1] == ("fetch", acme.pk, account.pk, str(state.lease_token))


def test_a_paused_account_stays_paused_when_edited(acme, harbour, as_alice, queued, press):
    with tenancy.scope(acme.pk):
        claims.pause(FetchState.objects.get())
    change(press, as_alice, harbour, password="new")
    ended(queued[0][1])
    press(as_alice, SAVE, {"test": queued[0][1]})
    with tenancy.scope(acme.pk):
        assert FetchState.objects.get().status == "paused"
    assert len(queued) == 1


def test_errors_of_the_servers_form_keep_the_page(acme, harbour, as_alice, queued, press):
    answer = change(press, as_alice, harbour, host="pop.elsewhere.example")
    assert answer.status_code == 422
    assert "Enter the password again" in answer.text
    assert "Name and address" in answer.text
    assert queued == []


def test_the_status_of_an_edit_leads_back_to_its_account(acme, harbour, as_alice, queued, press):
    change(press, as_alice, harbour, password="new")
    answer = as_alice.get(f"{TEST}{queued[0][1]}/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(f"/o/acme/settings/accounts/{harbour.pk}/?test=")


def test_anothers_account_cannot_be_tested(acme, harbour, as_bob, queued, press):
    assert change(press, as_bob, harbour, password="new").status_code == 404
    assert queued == []
