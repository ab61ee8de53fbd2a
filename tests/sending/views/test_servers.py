"""Setting up sending in the browser: the preset, and the test beside it."""

from __future__ import annotations

import time
from html import escape

import pytest
from django.core.cache import cache

from accounts import tenancy
from accounts.servers import probe_messages, probes
from accounts.servers.failures import FAILURES
from accounts.servers.probes import Probe
from sending.identities import probe
from sending.models import OutgoingServer
from tests import factories
from tests.sending.pages import FORM, HTMX, ended, gmx, page_of, server_of, text
from tests.sending.settled import relay, settle


# ── The page ────────────────────────────────────────────────────────────────
def test_the_preset_is_filled_in(box, as_alice):
    page = as_alice.get(page_of(box)).text
    assert 'value="mail.gmx.net"' in page
    assert 'value="465"' in page
    assert "As alice@gmx.net." in page
    assert "can receive, but cannot send yet" in page
    assert f"/settings/accounts/{box.pk}/" in page


def test_the_last_step_of_connecting_can_be_put_off(box, as_alice):
    page = as_alice.get(page_of(box), {"new": "1"}).text
    assert "Mail is coming in already." in page
    assert 'aria-current="step"' in page
    assert f'href="/o/acme/mail/{box.pk}/">Later' in page
    assert 'name="new" value="1"' in page


def test_no_password_is_on_the_page(acme, alice, as_alice):
    account = gmx(acme, alice, password="fetch secret")
    settle(account, login="own", username="ada", password="own secret")
    page = as_alice.get(page_of(account)).text
    assert "secret" not in page


def test_without_a_relay_there_is_one_way(box, as_alice):
    assert "Through Mailhub" not in as_alice.get(page_of(box), {"through": "mailhub"}).text


def test_with_a_relay_there_are_two(box, as_alice, settings):
    relay(settings)
    page = as_alice.get(page_of(box)).text
    assert "Through Mailhub" in page
    assert "sending-form" in page
    page = as_alice.get(page_of(box), {"through": "mailhub"}).text
    assert "sending-form" not in page
    assert "relay secret" not in page
    assert "relay.internal" not in page


def test_a_provider_that_takes_no_mail_from_here_says_so(acme, alice, as_alice, settings):
    account = gmx(acme, alice, host="pop.tiscali.it", email="ada@tiscali.it")
    assert "lines of its own customers" in as_alice.get(page_of(account)).text
    relay(settings)
    page = as_alice.get(page_of(account)).text
    assert "sending-form" not in page
    page = as_alice.get(page_of(account), {"through": "server"}).text
    assert "Send through Mailhub instead." in page


@pytest.mark.parametrize(("login", "leads"), [("same", "#connect-form"), ("own", "#id_password")])
def test_a_refused_password_leads_to_where_it_is_mended(box, as_alice, login, leads):
    server = settle(box, login=login, username="ada", password="x", is_login=True)
    with tenancy.scope(box.organization_id):
        OutgoingServer.objects.update(paused_since=server.tested_at, error_code="sending_login_failed")
    page = as_alice.get(page_of(box)).text
    assert "waits here until this is mended" in page
    assert leads in page


# ── Testing ─────────────────────────────────────────────────────────────────
def test_a_test_is_queued_after_the_commit_with_its_id_alone(started, queued):
    assert queued == [("probe", started)]


def test_the_test_offers_the_accounts_own_address(started, box, alice, acme):
    settings = probe.settings_of(started, factories.membership(acme, alice))
    assert settings["sender"] == "alice@gmx.net"
    assert settings["account"] == box.pk


def test_nothing_is_saved_by_testing(started, box):
    assert server_of(box) is None


def test_the_password_is_kept_encrypted_and_comes_back_nowhere(box, as_alice, queued, press):
    form = {**FORM, "login": "own", "username": "ada", "password": "correct horse"}
    answer = press(as_alice, f"{page_of(box)}test/", form)
    ((_probe, test),) = queued
    assert "correct horse" not in repr(cache.get(f"probe:sending:{test}:settings"))
    page = as_alice.get(answer.url).text
    assert "correct horse" not in page
    assert 'value="ada"' in page


def test_errors_stand_at_their_fields(box, as_alice, queued, press):
    answer = press(as_alice, f"{page_of(box)}test/", {**FORM, "host": "127.0.0.1", "port": "25"})
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 1
    assert queued == []
    answer = press(as_alice, f"{page_of(box)}test/", {**FORM, "port": "25"})
    assert "Use 465, 587 or 2525." in answer.text


def test_the_stored_password_is_asked_for_where_it_is_not_known(box, as_alice, queued, press):
    form = {**FORM, "host": "smtp.evil.example"}
    assert 'name="same_password"' not in as_alice.get(page_of(box)).text
    answer = press(as_alice, f"{page_of(box)}test/", form)
    assert 'name="same_password"' in answer.text
    assert queued == []


def test_htmx_gets_the_form_for_the_forms_place(box, as_alice, queued, press):
    answer = press(as_alice, f"{page_of(box)}test/", {**FORM, "host": "", "new": "1"}, **HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Retarget"] == "#sending-form"
    assert "<html" not in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'name="new" value="1"' in answer.text


def test_htmx_gets_a_panel_that_asks_again(box, as_alice, queued, press):
    answer = press(as_alice, f"{page_of(box)}test/", {**FORM, "new": "1"}, **HTMX)
    (_probe, test) = queued[0]
    assert f'hx-get="{page_of(box)}test/{test}/?since=' in answer.text
    assert "&amp;new=1" in answer.text


def test_too_many_tests(box, as_alice, queued, press, monkeypatch):
    monkeypatch.setitem(probes.HOURLY, "person", 1)
    press(as_alice, f"{page_of(box)}test/", FORM)
    answer = press(as_alice, f"{page_of(box)}test/", FORM)
    assert str(FAILURES["too_many_tests"].sentence) in answer.text
    assert len(queued) == 1


# ── The result ──────────────────────────────────────────────────────────────
def panel(client, box, test, **query) -> str:
    return client.get(f"{page_of(box)}test/{test}/", query, headers=HTMX).text


def test_steps_appear_as_they_happen(started, box, as_alice):
    step = {"name": "resolved", "seconds": 0.02, "detail": "192.0.2.25"}
    probes.write("sending", started, Probe(state="running", steps=[step]))
    found = panel(as_alice, box, started)
    assert (found.count("is-ok"), found.count("is-busy"), found.count("is-wait")) == (1, 1, 5)
    assert "192.0.2.25" in found
    assert "0.02 s" in found
    assert "hx-get" in found


def test_the_page_without_script_shows_the_same(started, box, as_alice):
    page = as_alice.get(page_of(box), {"test": started}).text
    assert "Testing" in page
    assert f'href="?test={started}#result"' in page
    answer = as_alice.get(f"{page_of(box)}test/{started}/")
    assert answer.url == f"{page_of(box)}?test={started}#result"


def test_a_test_that_lost_its_worker_ends_all_the_same(started, box, as_alice, time_machine):
    begun = int(time.time())
    assert f"since={begun}" in panel(as_alice, box, started, since=begun)
    time_machine.move_to(begun + probe_messages.LOST_SECONDS + 5)
    found = panel(as_alice, box, started, since=begun)
    assert str(FAILURES["internal"].sentence) in found
    assert "hx-get" not in found
    assert "hx-get" in panel(as_alice, box, started, since="x")


def test_a_passed_test_can_be_saved(started, box, as_alice):
    ended(started)
    found = panel(as_alice, box, started, new="1")
    assert "It works" in found
    assert f'name="test" value="{started}"' in found
    assert 'name="new" value="1"' in found
    assert "hx-get" not in found


def test_a_refused_sign_in_leads_to_the_one_password(started, box, as_alice):
    done = ["resolved", "connected", "secure", "greeting"]
    ended(started, "failed", error="sending_login_failed", server_text="5.7.8 No.", done=done)
    found = text(panel(as_alice, box, started))
    assert "Sign-in failed" in found
    assert "It answered: “5.7.8 No.”" in found
    assert "changed for both" in found
    assert f'href="/o/acme/settings/accounts/{box.pk}/#connect-form"' in found
    assert "Nothing has been changed yet." in found
    assert "save-form" not in found


def test_a_refused_sign_in_of_its_own_leads_to_its_field(box, as_alice, queued, press):
    press(as_alice, f"{page_of(box)}test/", {**FORM, "login": "own", "username": "a", "password": "b"})
    ((_probe, test),) = queued
    ended(test, "failed", error="sending_login_failed", done=["resolved", "connected", "secure", "greeting"])
    found = text(panel(as_alice, box, test))
    assert 'href="#id_password"' in found
    assert str(FAILURES["sending_login_failed"].remedy) in found


@pytest.mark.parametrize("code", FAILURES)
def test_every_failure_has_words(started, box, as_alice, code):
    ended(started, "failed", error=code, done=["resolved"])
    found = panel(as_alice, box, started)
    assert escape(str(FAILURES[code].sentence)) in found
    assert "What to try" in found


@pytest.mark.parametrize("done", [["resolved", "connected"], ["resolved", "connected", "greeting"]])
def test_a_servers_words_are_not_shown_before_it_has_proven_itself(started, box, as_alice, done):
    ended(started, "failed", error="not_smtp", server_text="SSH-2.0-OpenSSH_9.2", done=done)
    assert "OpenSSH" not in panel(as_alice, box, started)


def test_what_is_hostile_is_escaped(started, box, as_alice):
    done = ["resolved", "connected", "secure", "greeting"]
    ended(started, "failed", error="sending_login_failed", server_text="<img src=x>", done=done)
    assert "<img src=x>" not in panel(as_alice, box, started)


def test_a_test_is_shown_on_its_own_accounts_page_only(started, acme, alice, as_alice):
    other = factories.connect(acme, alice, email="other@post.example")
    ended(started)
    assert "too old" in panel(as_alice, other, started)
    assert "It works" not in as_alice.get(page_of(other), {"test": started}).text


@pytest.mark.parametrize("test", ["no-such-test", "a%20b", "x" * 70])
def test_a_test_that_is_none(box, as_alice, test):
    assert as_alice.get(f"{page_of(box)}test/{test}/", headers=HTMX).status_code == 200
    assert as_alice.get(page_of(box), {"test": test}).status_code == 200
