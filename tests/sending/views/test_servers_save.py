"""Saving how an account sends: what a test has proven, the relay, the end of connecting."""

from __future__ import annotations

import pytest

from accounts import services, tenancy
from sending import tasks
from sending.identities import probe
from sending.models import Identity
from tests import factories
from tests.sending.pages import FORM, ended, gmx, page_of, server_of, text
from tests.sending.settled import prove, relay, settle
from tests.servers.smtp import SubmissionServer


# ── Saving ──────────────────────────────────────────────────────────────────
def save(press, client, box, test, **form):
    return press(client, f"{page_of(box)}save/", {"test": test, **form})


def test_what_was_tested_is_saved_and_the_address_is_proven(started, box, as_alice, press):
    ended(started)
    answer = save(press, as_alice, box, started)
    assert answer.url == page_of(box)
    found = server_of(box)
    assert (found.host, found.port, found.login, found.password) == ("mail.gmx.net", 465, "same", "")
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
    press(as_alice, f"{page_of(account)}test/", FORM)
    ((_probe, test),) = queued
    assert probe.settings_of(test, factories.membership(acme, alice))["password"] == "new one"
