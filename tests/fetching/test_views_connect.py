"""Connecting an account in the browser: the form, the test beside it, saving once."""

from __future__ import annotations

from html import escape

import pytest
from django.core.cache import cache

from accounts import tenancy
from accounts.failures import FAILURES
from accounts.models import MailAccount
from fetching import probing, schedule, tasks
from fetching.models import FetchState
from fetching.probing import Probe
from tests import factories

CONNECT = "/o/acme/settings/accounts/connect/"
TEST = f"{CONNECT}test/"
SAVE = f"{CONNECT}save/"
HTMX = {"HX-Request": "true"}
FORM = {
    "email": "alice.hartono@gmx.de",
    "name": "Alice at GMX",
    "password": "correct horse",
    "from_name": "Alice Hartono",
    "after_fetching": "leave",
}


@pytest.fixture
def queued(monkeypatch) -> list[tuple]:
    """What was queued, instead of a worker."""
    calls: list[tuple] = []
    monkeypatch.setattr(tasks.probe, "delay", lambda *args: calls.append(("probe", *args)))
    monkeypatch.setattr(tasks.fetch_account, "delay", lambda *args: calls.append(("fetch", *args)))
    return calls


@pytest.fixture
def press(django_capture_on_commit_callbacks):
    """Post and commit, as one request of a real server does."""

    def post(client, url, data=None, **headers):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, data or {}, headers=headers)

    return post


def ended(test: str, state: str = "passed", **fields) -> None:
    """The worker has come to an end with the test."""
    done = [{"name": name, "seconds": 0.1, "detail": ""} for name in fields.pop("done", probing.STEPS)]
    probing._write(test, Probe(state=state, steps=done, seconds=1.4, **fields))


def accounts_of(acme) -> list[MailAccount]:
    with tenancy.scope(acme.pk):
        return list(MailAccount.objects.order_by("pk"))


@pytest.fixture
def started(acme, as_alice, queued, press) -> str:
    """The id of a test of FORM that Alice has begun."""
    answer = press(as_alice, TEST, FORM)
    return answer.url.partition("test=")[2].partition("#")[0]


# ── The page ────────────────────────────────────────────────────────────────
def test_the_page_has_all_tiles_and_all_presets(acme, as_alice):
    page = as_alice.get(CONNECT).text
    assert 'value="gmail"' in page
    assert 'value="outlook"' in page
    assert 'data-preset="gmx"' in page
    assert 'data-host="pop.gmx.net"' in page
    assert 'data-preset="posteo"' in page
    assert "Alice Hartono" in page  # the sender name, from her profile


def test_a_closed_provider_tells_its_reason_on_the_page(acme, as_alice):
    page = as_alice.get(CONNECT).text
    assert "Proton cannot be connected yet." in page
    assert "Outlook.com cannot be connected yet." in page


def test_the_demo_mailbox_is_offered_only_when_there_is_one(acme, as_alice, settings):
    settings.MAILHUB_DEMO_MAILBOX = None
    assert "demo mailbox" not in as_alice.get(CONNECT).text
    settings.MAILHUB_DEMO_MAILBOX = {
        "address": "sales@toko.example",
        "name": "Toko Kertas",
        "host": "127.0.0.1",
        "port": 21995,
        "username": "sales@toko.example",
        "password": "abcd-efgh-ijkl",
    }
    page = as_alice.get(CONNECT).text
    assert 'data-password="abcd-efgh-ijkl"' in page
    assert 'data-port="21995"' in page
    assert "21,995" not in page


def test_a_full_plan_says_so_instead_of_a_form(acme, as_alice, account):
    acme.mail_account_limit = 1
    acme.save()
    page = as_alice.get(CONNECT).text
    assert "allows 1 mail account" in page
    assert "connect-form" not in page


# ── Testing ─────────────────────────────────────────────────────────────────
def test_a_test_is_queued_after_the_commit_with_its_id_alone(started, queued):
    assert queued == [("probe", started)]


def test_nothing_is_saved_by_testing(started, acme):
    assert accounts_of(acme) == []


def test_the_password_is_kept_encrypted_and_comes_back_nowhere(started, acme, as_alice):
    kept = cache.get(f"probe:{started}:settings")
    assert "correct horse" not in repr(kept)
    page = as_alice.get(CONNECT, {"test": started}).text
    assert "correct horse" not in page
    assert 'value="Alice at GMX"' in page
    assert 'value="alice.hartono@gmx.de"' in page


def test_errors_stand_at_their_fields(acme, as_alice, queued, press):
    answer = press(as_alice, TEST, {**FORM, "email": "nonsense", "host": "127.0.0.1"})
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 2
    assert 'id="id_host-note"' in answer.text
    assert "correct horse" not in answer.text
    assert queued == []


def test_htmx_gets_the_form_for_the_forms_place(acme, as_alice, queued, press):
    answer = press(as_alice, TEST, {**FORM, "email": ""}, **HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Retarget"] == "#connect-form"
    assert "<html" not in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_htmx_gets_a_panel_that_asks_again(acme, as_alice, queued, press):
    answer = press(as_alice, TEST, FORM, **HTMX)
    (_probe, test) = queued[0]
    assert f'hx-get="{TEST}{test}/"' in answer.text
    assert "load delay:400ms" in answer.text


def test_too_many_tests(acme, as_alice, queued, press, monkeypatch):
    monkeypatch.setitem(probing.HOURLY, "person", 1)
    press(as_alice, TEST, FORM)
    answer = press(as_alice, TEST, FORM)
    assert str(FAILURES["too_many_tests"].sentence) in answer.text
    assert len(queued) == 1


def test_a_full_plan_tests_nothing(acme, as_alice, account, queued, press):
    acme.mail_account_limit = 1
    acme.save()
    assert press(as_alice, TEST, FORM).status_code == 422
    assert queued == []


# ── The result ──────────────────────────────────────────────────────────────
def test_steps_appear_as_they_happen(started, as_alice):
    probing._write(
        started, Probe(state="running", steps=[{"name": "resolved", "seconds": 0.02, "detail": "192.0.2.25"}])
    )
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert panel.count("is-ok") == 1
    assert panel.count("is-busy") == 1
    assert panel.count("is-wait") == 5
    assert "192.0.2.25" in panel
    assert "0.02 s" in panel
    assert "hx-get" in panel


def test_a_passed_test_says_what_will_come(started, as_alice):
    ended(started, messages=2314, bytes=412_000_000)
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert "It works" in panel
    assert "2,314 messages, 412 MB" in panel
    assert "uses 412 MB of the" in panel
    assert f'name="test" value="{started}"' in panel
    assert "hx-get" not in panel


def test_more_than_fits_is_said_beforehand(started, as_alice):
    ended(started, messages=9, bytes=10**15)
    assert "not all of it fits" in as_alice.get(f"{TEST}{started}/", headers=HTMX).text


def test_a_refused_sign_in_says_what_to_try(started, as_alice):
    ended(
        started,
        "failed",
        error="authentication_failed",
        server_text="[AUTH] No.",
        done=["resolved", "connected", "secure", "greeting"],
    )
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert "Sign-in failed" in panel
    assert "is-bad" in panel
    assert "Sign-in refused" in panel
    assert "It answered: “[AUTH] No.”" in panel
    assert "Capital letters matter" in panel
    assert 'data-fill="id_username" data-value="alice.hartono"' in panel
    assert 'href="#id_password"' in panel
    assert "Nothing has been saved yet." in panel
    assert "save-form" not in panel


@pytest.mark.parametrize("done", [["resolved", "connected"], ["resolved", "connected", "greeting"]])
def test_a_servers_words_are_not_shown_before_it_has_proven_itself(started, as_alice, done):
    ended(started, "failed", error="not_pop3", server_text="SSH-2.0-OpenSSH_9.2", done=done)
    assert "OpenSSH" not in as_alice.get(f"{TEST}{started}/", headers=HTMX).text


def test_nor_over_an_open_line(acme, as_alice, queued, press):
    press(as_alice, TEST, {**FORM, "host": "pop.example.org", "port": "110", "encryption": "plain"})
    done = ["resolved", "connected", "greeting"]
    ended(queued[0][1], "failed", error="authentication_failed", server_text="Hello from inside", done=done)
    assert "inside" not in as_alice.get(f"{TEST}{queued[0][1]}/", headers=HTMX).text


@pytest.mark.parametrize("code", FAILURES)
def test_every_failure_has_a_sentence_and_a_remedy(started, as_alice, code):
    ended(started, "failed", error=code, done=["resolved"])
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert escape(str(FAILURES[code].sentence)) in panel
    assert escape(str(FAILURES[code].remedy)) in panel


def test_without_encryption_there_is_no_secure_step(acme, as_alice, queued, press):
    press(as_alice, TEST, {**FORM, "host": "pop.example.org", "port": "110", "encryption": "plain"})
    panel = as_alice.get(f"{TEST}{queued[0][1]}/", headers=HTMX).text
    assert "Secure" not in panel
    assert panel.count("test-step ") == len(probing.STEPS) - 1


def test_a_test_is_its_owners_alone(started, acme, umbrella, as_bob, as_charlie):
    ended(started)
    assert "2,314" not in as_bob.get(f"{TEST}{started}/", headers=HTMX).text
    assert "too old" in as_bob.get(f"{TEST}{started}/", headers=HTMX).text
    assert as_charlie.get(f"{TEST}{started}/", headers=HTMX).status_code == 404
    other = f"/o/umbrella/settings/accounts/connect/test/{started}/"
    assert "too old" in as_charlie.get(other, headers=HTMX).text


@pytest.mark.parametrize("odd", ["x" * 500, "a b", "a\x00b", "ü"])
def test_odd_ids_are_no_tests(acme, as_alice, odd):
    assert as_alice.get(CONNECT, {"test": odd}).status_code == 200
    assert as_alice.post(SAVE, {"test": odd}).status_code == 302


# ── Saving ──────────────────────────────────────────────────────────────────
def test_saving_keeps_what_was_tested_and_fetches_at_once(started, acme, as_alice, queued, press):
    ended(started)
    answer = press(as_alice, SAVE, {"test": started})
    (account,) = accounts_of(acme)
    assert answer.url == f"/o/acme/mail/{account.pk}/"
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
    assert probing.settings_of(started, factories.membership(acme, account.owner)) is None


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
    press(as_alice, SAVE, {"test": started, "host": "pop.elsewhere.example", "delete_from_server": "1"})
    (account,) = accounts_of(acme)
    assert (account.host, account.delete_from_server) == ("pop.gmx.net", False)


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
    ended(test, messages=3, bytes=3000)
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
        schedule.pause(FetchState.objects.get())
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
    assert "Name and addresses" in answer.text
    assert queued == []


def test_the_status_of_an_edit_leads_back_to_its_account(acme, harbour, as_alice, queued, press):
    change(press, as_alice, harbour, password="new")
    answer = as_alice.get(f"{TEST}{queued[0][1]}/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(f"/o/acme/settings/accounts/{harbour.pk}/?test=")


def test_anothers_account_cannot_be_tested(acme, harbour, as_bob, queued, press):
    assert change(press, as_bob, harbour, password="new").status_code == 404
    assert queued == []
