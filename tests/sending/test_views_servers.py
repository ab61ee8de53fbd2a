"""Setting up sending in the browser: the preset, the test beside it, saving, the relay, the last step of connecting."""

from __future__ import annotations

import time
from html import escape, unescape

import pytest
from django.core.cache import cache

from accounts import probes, services, tenancy
from accounts.failures import FAILURES
from accounts.probes import Probe
from sending import probing, tasks
from sending.models import AddressProof, Identity, OutgoingServer
from sending.views import results
from tests import factories
from tests.sending.pages import FORM, HTMX, ended, gmx, page_of, server_of
from tests.sending.settled import prove, relay, settle
from tests.servers.smtp import SubmissionServer


@pytest.fixture
def box(acme, alice):
    return gmx(acme, alice)


@pytest.fixture
def started(box, as_alice, queued, press) -> str:
    """The id of a test of FORM that Alice has begun."""
    answer = press(as_alice, f"{page_of(box)}test/", FORM)
    return answer.url.partition("test=")[2].partition("#")[0]


def text(page: str) -> str:
    return unescape(" ".join(page.split()))


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
    settings = probing.settings_of(started, factories.membership(acme, alice))
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
    time_machine.move_to(begun + results.LOST_SECONDS + 5)
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


# ── Saving ──────────────────────────────────────────────────────────────────
def save(press, client, box, test, **form):
    return press(client, f"{page_of(box)}save/", {"test": test, **form})


def test_what_was_tested_is_saved_and_the_address_is_proven(started, box, as_alice, press):
    ended(started)
    answer = save(press, as_alice, box, started)
    assert answer.url == page_of(box)
    found = server_of(box)
    assert (found.host, found.port, found.login, found.username) == ("mail.gmx.net", 465, "same", "")
    with tenancy.scope(box.organization_id):
        assert box.identities.get().is_login
    page = text(as_alice.get(answer.url).text)
    assert "“Alice at GMX” can send now." in page
    assert "Mail goes out by mail.gmx.net." in page


def test_the_last_step_of_connecting_leads_to_the_mail(started, box, as_alice, press):
    ended(started)
    assert save(press, as_alice, box, started, new="1").url == f"/o/acme/mail/{box.pk}/"


def test_an_address_that_the_sign_in_does_not_prove_gets_a_code(acme, alice, as_alice, queued, press):
    account = gmx(acme, alice, email="alice@firm.example")
    press(as_alice, f"{page_of(account)}test/", FORM)
    ((_probe, test),) = queued
    ended(test)
    answer = save(press, as_alice, account, test, new="1")
    with tenancy.scope(acme.pk):
        identity = account.identities.get()
        assert not identity.is_login
    assert answer.url == f"/o/acme/settings/addresses/{identity.pk}/verify/?new=1"
    assert queued[-1][0] == "send_code"
    assert "cannot be used" not in as_alice.get(answer.url).text
    page = as_alice.get(page_of(account)).text
    assert "Nobody has shown yet that alice@firm.example is yours." in page


def test_a_second_press_leads_where_the_first_did(started, box, as_alice, press):
    ended(started)
    first = save(press, as_alice, box, started, new="1")
    assert save(press, as_alice, box, started, new="1").url == first.url


@pytest.mark.parametrize("state", ["waiting", "running", "failed"])
def test_only_a_passed_test_is_saved(started, box, as_alice, press, state):
    ended(started, state, error="timeout" if state == "failed" else "", done=[])
    assert save(press, as_alice, box, started).url == page_of(box)
    assert server_of(box) is None


def test_a_test_of_another_account_or_person_saves_nothing(
    started, acme, alice, bob, box, as_alice, as_bob, press
):
    ended(started)
    other = factories.connect(acme, alice, email="other@post.example")
    bobs = factories.connect(acme, bob, email="bob@post.example")
    save(press, as_alice, other, started)
    save(press, as_bob, bobs, started)
    assert save(press, as_bob, box, started).status_code == 404
    assert [server_of(each) for each in (box, other, bobs)] == [None, None, None]


def test_an_old_test_saves_nothing(box, as_alice, press):
    for test in ("", "no-such-test", "../x"):
        assert save(press, as_alice, box, test).url == page_of(box)
    assert server_of(box) is None


def test_an_address_that_was_renamed_meanwhile_is_not_proven(started, box, alice, as_alice, press):
    ended(started)
    with tenancy.scope(box.organization_id):
        Identity.objects.update(address="else@gmx.net")
    assert save(press, as_alice, box, started).url == page_of(box)
    with tenancy.scope(box.organization_id):
        assert not Identity.objects.get().is_login


# ── Through Mailhub ─────────────────────────────────────────────────────────
def test_through_mailhub_the_address_is_proven_by_a_code_first(box, as_alice, queued, press, settings):
    relay(settings)
    answer = press(as_alice, f"{page_of(box)}relay/", {"new": "1"})
    assert "/verify/?new=1" in answer.url
    assert not server_of(box).is_custom
    assert [call[0] for call in queued] == ["send_code"]


def test_through_mailhub_with_a_proven_address(box, as_alice, queued, press, settings):
    relay(settings)
    prove(box, "alice@gmx.net")
    assert press(as_alice, f"{page_of(box)}relay/").url == page_of(box)
    page = as_alice.get(page_of(box)).text
    assert "Mail goes out through Mailhub." in page
    assert queued == []


def test_what_another_server_has_proven_does_not_count_there(started, box, as_alice, queued, press, settings):
    ended(started)
    save(press, as_alice, box, started)
    relay(settings)
    assert "/verify/" in press(as_alice, f"{page_of(box)}relay/").url


def test_without_a_relay_nothing_goes_through_mailhub(box, as_alice, press):
    assert press(as_alice, f"{page_of(box)}relay/").status_code == 404
    assert server_of(box) is None


def test_a_relay_that_is_gone_is_told(box, as_alice):
    settle(box, is_custom=False, tested_at=None)
    assert "Mailhub itself no longer sends mail here." in as_alice.get(page_of(box)).text


# ── From the form to the account, with a real server ────────────────────────
def test_from_the_form_to_an_account_that_can_send(acme, alice, as_alice, settings, monkeypatch, press):
    monkeypatch.setattr(tasks.probe, "delay", tasks.probe)
    with SubmissionServer() as server:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [server.entry]
        account = factories.connect(
            acme,
            alice,
            email=server.username,
            host=server.host,
            username=server.username,
            password=server.password,
        )
        form = {"host": server.host, "port": server.port, "encryption": "plain", "login": "same"}
        answer = press(as_alice, f"{page_of(account)}test/", form)
        assert "It works" in as_alice.get(answer.url).text
        test = answer.url.partition("test=")[2].partition("#")[0]
        press(as_alice, f"{page_of(account)}save/", {"test": test})
        assert server.accepted == []
    assert server_of(account).port == server.port
    assert "can send now" in as_alice.get(page_of(account)).text


def test_a_mended_password_for_fetching_is_tried_here_too(acme, alice, as_alice, queued, press):
    account = gmx(acme, alice)
    with tenancy.scope(acme.pk):
        services.change_mail_account(account, alice, {"password": "new one"})
        assert not AddressProof.objects.exists()
    press(as_alice, f"{page_of(account)}test/", FORM)
    ((_probe, test),) = queued
    assert probing.settings_of(test, factories.membership(acme, alice))["password"] == "new one"
