"""Connecting an account in the browser: the form, and the test beside it."""

from __future__ import annotations

import re
import time
from html import escape

import pytest
from django.core.cache import cache

from accounts.servers import probe_messages, probes
from accounts.servers.failures import FAILURES
from accounts.servers.probes import Probe
from fetching.connect import probe
from tests.fetching.connecting import (
    CONNECT,
    FORM,
    HTMX,
    SAVE,
    TEST,
    accounts_of,
    ended,
)
from tests.fetching.fetched import rules_of


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
    assert "Proton cannot be connected." in page
    assert "Outlook.com cannot be connected." in page


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


def test_rare_choices_are_folded_until_one_is_wrong(acme, as_alice, queued, press):
    assert '<details class="folded">' in as_alice.get(CONNECT).text
    answer = press(as_alice, TEST, {**FORM, "delete_policy": "after_days", "delete_after_days": "0"})
    assert answer.status_code == 422
    assert '<details class="folded" open>' in answer.text
    assert queued == []


def test_what_was_chosen_comes_back_and_is_saved(acme, as_alice, queued, press):
    chosen = {
        "first_fetch": "last_days",
        "first_days": "7",
        "delete_policy": "after_days",
        "delete_after_days": "3",
    }
    press(as_alice, TEST, {**FORM, **chosen})
    test = queued[0][1]
    page = as_alice.get(CONNECT, {"test": test}).text
    assert 'value="last_days" checked' in page
    assert re.search(r'id="id_first_days"[^>]*value="7"', page)
    ended(test)
    press(as_alice, SAVE, {"test": test})
    (account,) = accounts_of(acme)
    rules = rules_of(account)
    assert (rules.first_fetch, rules.first_days) == ("last_days", 7)
    assert (rules.delete_policy, rules.delete_after_days) == ("after_days", 3)


def test_u3_a_server_without_names_for_mail_leads_to_the_choice(started, as_alice):
    done = ["resolved", "connected", "secure", "greeting", "signed_in"]
    ended(started, "failed", error="uidl_missing", done=done)
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert 'href="#id_delete_policy"' in panel
    assert "Each message is stored here first" in panel
    assert 'id="id_delete_policy"' in as_alice.get(CONNECT).text


@pytest.mark.parametrize(("code", "right"), [("starttls_needed", "starttls"), ("ssl_needed", "ssl")])
def test_c21_the_wrong_kind_of_encryption_leads_to_the_right_one(started, as_alice, code, right):
    ended(started, "failed", error=code, done=["resolved", "connected"])
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert 'href="#id_encryption"' in panel
    assert re.search(rf'data-fill="id_encryption"\s+data-value="{right}"', panel)


def test_u3_where_none_stays_a_test_without_that_step_has_passed(started, as_alice):
    ended(started, done=[name for name in probe.STEPS if name != "uidl"])
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert "is-wait" not in panel
    assert "It works" in panel


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
    assert f'hx-get="{TEST}{test}/?since=' in answer.text
    assert "load delay:400ms" in answer.text


def test_too_many_tests(acme, as_alice, queued, press, monkeypatch):
    monkeypatch.setitem(probes.HOURLY, "person", 1)
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
    probes.write(
        probe.KIND,
        started,
        Probe(state="running", steps=[{"name": "resolved", "seconds": 0.02, "detail": "192.0.2.25"}]),
    )
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert panel.count("is-ok") == 1
    assert panel.count("is-busy") == 1
    assert panel.count("is-wait") == 5
    assert "192.0.2.25" in panel
    assert "0.02 s" in panel
    assert "hx-get" in panel


def test_a_test_that_lost_its_worker_ends_all_the_same(started, as_alice, time_machine):
    begun = int(time.time())
    url = f"{TEST}{started}/?since={begun}"
    assert f"since={begun}" in as_alice.get(url, headers=HTMX).text
    time_machine.move_to(begun + probe_messages.LOST_SECONDS + 5)
    panel = as_alice.get(url, headers=HTMX).text
    assert str(FAILURES["internal"].sentence) in panel
    assert "hx-get" not in panel
    assert "hx-get" in as_alice.get(f"{TEST}{started}/?since=x", headers=HTMX).text


def test_a_passed_test_says_what_will_come(started, as_alice):
    ended(started, found={"messages": 2314, "bytes": 412_000_000})
    panel = as_alice.get(f"{TEST}{started}/", headers=HTMX).text
    assert "It works" in panel
    assert "2,314 messages, 412 MB" in panel
    assert "uses 412 MB of the" in panel
    assert f'name="test" value="{started}"' in panel
    assert "hx-get" not in panel


def test_more_than_fits_is_said_beforehand(started, as_alice):
    ended(started, found={"messages": 9, "bytes": 10**15})
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
    panel = " ".join(panel.split())
    assert "Sign-in failed" in panel
    assert "is-bad" in panel
    assert "Sign-in refused" in panel
    assert "It answered: “[AUTH] No.”" in panel
    assert "Capital letters matter" in panel
    assert 'data-fill="id_username" data-value="alice.hartono"' in panel
    assert 'href="#id_password"' in panel
    assert "Nothing has been saved yet." in panel
    assert "save-form" not in panel


def test_a7_a_refused_sign_in_names_the_switch_too(started, as_alice):
    """GMX answers the same when POP3 is off as when the password is wrong."""
    ended(
        started, "failed", error="authentication_failed", done=["resolved", "connected", "secure", "greeting"]
    )
    panel = " ".join(as_alice.get(f"{TEST}{started}/", headers=HTMX).text.split())
    assert "E-mail, Settings, POP3 and IMAP, then allow access" in panel
    assert "did not accept the user name and password" in panel


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
    assert panel.count("test-step ") == len(probe.STEPS) - 1


def test_a_test_is_its_owners_alone(started, acme, umbrella, as_bob, as_charlie):
    ended(started)
    assert "2,314" not in as_bob.get(f"{TEST}{started}/", headers=HTMX).text
    assert "too old" in as_bob.get(f"{TEST}{started}/", headers=HTMX).text
    assert as_charlie.get(f"{TEST}{started}/", headers=HTMX).status_code == 404
    other = f"/o/umbrella/settings/accounts/connect/test/{started}/"
    assert "too old" in as_charlie.get(other, headers=HTMX).text


@pytest.mark.parametrize("odd", ["x" * 500, "a b", "ü"])
def test_odd_ids_are_no_tests(acme, as_alice, odd):
    assert as_alice.get(CONNECT, {"test": odd}).status_code == 200
    assert as_alice.post(SAVE, {"test": odd}).status_code == 302
