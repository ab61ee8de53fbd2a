"""Fetch settings in the browser: one account's, with the question before anything more is deleted, and the defaults."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.models import AuditEvent, MailAccount
from fetching.models import FetchDefaults
from mailbox import folders, labels
from tests import factories
from tests.conftest import signed_in
from tests.fetching.connecting import CONNECT
from tests.fetching.fetched import fetch, rules_of, set_rules, state_of
from tests.fetching.remotes import add_remote

FORM = {
    "interval_minutes": "5",
    "first_fetch": "everything",
    "delete_policy": "keep",
    "delete_after_days": "14",
}
CONSOLE = "/o/acme/console/fetching/"


@pytest.fixture
def page(account) -> str:
    return f"/o/acme/settings/accounts/{account.pk}/fetching/"


@pytest.fixture
def stored(account) -> MailAccount:
    """Three messages of the account are stored and still at the provider, one is not stored."""
    for _ in range(3):
        add_remote(account, "stored", stored_at=timezone.now())
    add_remote(account, "listed")
    return account


def text_of(answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def fields_of(answer) -> dict[str, str]:
    """What the page's form would send again."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text))


# ── Saving ──────────────────────────────────────────────────────────────────
def test_everything_is_saved(acme, account, page, as_alice):
    with tenancy.scope(acme.pk):
        folder, label = folders.create_folder(account, "Receipts"), labels.create_label(account, "To pay")
    chosen = {
        "interval_minutes": "30",
        "is_adaptive": "on",
        "first_fetch": "last_days",
        "first_days": "90",
        "newest_first": "on",
        "delete_policy": "after_days",
        "delete_after_days": "7",
        "max_message_mb": "10",
        "messages_per_cycle": "100",
        "arrive_read": "on",
        "folder": folder.pk,
        "label": label.pk,
    }
    answer = as_alice.post(page, chosen, follow=True)
    assert "Saved." in answer.text
    rules = rules_of(account)
    assert (rules.interval_minutes, rules.is_adaptive, rules.first_fetch, rules.first_days) == (
        *(30, True),
        *("last_days", 90),
    )
    assert (rules.delete_policy, rules.delete_after_days, rules.max_message_bytes) == (
        "after_days",
        7,
        10_000_000,
    )
    assert (rules.messages_per_cycle, rules.arrive_read, rules.newest_first) == (100, True, True)
    assert (rules.folder_id, rules.label_id) == (folder.pk, label.pk)
    assert state_of(account).interval_seconds == 30 * 60
    again = as_alice.get(answer.redirect_chain[-1][0]).text
    assert re.search(r'name="delete_policy"\s+value="after_days"\s+checked', again)
    assert re.search(r'id="id_max_message_mb"[^>]*value="10"', again)
    assert f'<option value="{folder.pk}" selected>Receipts' in again


def test_errors_stand_at_their_fields_and_nothing_is_saved(account, page, as_alice):
    answer = as_alice.post(
        page, {**FORM, "interval_minutes": "2", "max_message_mb": "900", "arrive_read": "on"}
    )
    assert answer.status_code == 422
    text = text_of(answer)
    assert "Your plan allows 5 minutes or more. Enter a number from 5 to 60." in text
    assert "Your plan allows up to 50 MB." in text
    assert 'aria-describedby="id_interval_minutes-note"' in answer.text
    assert '<details class="folded folded-last" open>' in answer.text
    assert "Name and address" in text
    assert not rules_of(account).arrive_read


def test_the_page_opened_by_itself_leads_to_the_settings(account, page, as_alice):
    assert as_alice.get(page).url == f"/o/acme/settings/accounts/{account.pk}/#fetching"


def test_saving_without_a_change_writes_nothing(acme, account, page, as_alice):
    set_rules(account, newest_first=True)
    with tenancy.scope(acme.pk):
        AuditEvent.objects.all().delete()
    as_alice.post(page, {**FORM, "newest_first": "on"})
    with tenancy.scope(acme.pk):
        assert not AuditEvent.objects.exists()


def test_the_limits_of_the_plan_are_told(acme, account, as_alice):
    text = text_of(as_alice.get(f"/o/acme/settings/accounts/{account.pk}/"))
    assert "Your plan allows 5 minutes or more." in text
    assert "Your plan allows up to 50 MB. Larger ones stay at the provider and are listed" in text


# ── The question before deleting ────────────────────────────────────────────
def test_r20_deleting_more_than_before_is_asked_first(stored, page, as_alice):
    answer = as_alice.post(page, {**FORM, "delete_policy": "after_storing", "interval_minutes": "20"})
    text = text_of(answer)
    assert "Delete 3 messages at 127.0.0.1?" in text
    assert (
        "3 messages that are stored here are still at 127.0.0.1. The next fetch deletes them there." in text
    )
    assert "Mail that is not stored here yet is never deleted." in text
    assert "Delete 3 messages there" in text
    assert "Keep them" in text
    rules = rules_of(stored)
    assert (rules.delete_policy, rules.interval_minutes) == ("keep", 5), "nothing is saved before the answer"


def test_r20_yes_saves_all_that_was_chosen(stored, page, as_alice):
    asked = as_alice.post(page, {**FORM, "delete_policy": "after_storing", "interval_minutes": "20"})
    as_alice.post(page, {**fields_of(asked), "sure": "1"})
    rules = rules_of(stored)
    assert (rules.delete_policy, rules.interval_minutes) == ("after_storing", 20)


def test_r20_keep_saves_all_but_the_rule(stored, page, as_alice):
    asked = as_alice.post(page, {**FORM, "delete_policy": "after_storing", "interval_minutes": "20"})
    as_alice.post(page, {**fields_of(asked), "keep": "1"})
    rules = rules_of(stored)
    assert (rules.delete_policy, rules.interval_minutes) == ("keep", 20)


def test_r20_days_later_says_how_many_go_now(stored, page, as_alice):
    for _ in range(2):
        add_remote(stored, "stored", stored_at=timezone.now() - timedelta(days=30))
    chosen = {**FORM, "delete_policy": "after_days", "delete_after_days": "14"}
    text = text_of(as_alice.post(page, chosen))
    assert "5 messages that are stored here are still at" in text
    assert (
        "The next fetch deletes 2 of them there, and each of the others once it has been here for 14 days."
        in text
    )
    text = text_of(as_alice.post(page, {**chosen, "delete_after_days": "60"}))
    assert "Each is deleted there once it has been here for 60 days." in text


def test_r20_deleted_here_for_good_counts_what_was_deleted_here(stored, page, as_alice):
    text = text_of(as_alice.post(page, {**FORM, "delete_policy": "when_deleted_here"}))
    assert "3 messages that you have deleted here for good are still at 127.0.0.1." in text
    assert "these messages are then nowhere" in text


def test_r20_without_stored_mail_there_is_no_question(account, page, as_alice):
    add_remote(account, "listed")
    assert as_alice.post(page, {**FORM, "delete_policy": "after_storing"}).status_code == 302
    assert rules_of(account).delete_policy == "after_storing"


def test_r20_less_is_never_asked(stored, page, as_alice):
    set_rules(stored, delete_policy="after_storing")
    assert as_alice.post(page, FORM).status_code == 302
    assert rules_of(stored).delete_policy == "keep"


def test_r20_a_wrong_form_is_mended_before_it_is_asked(stored, page, as_alice):
    for answer in ("sure", "keep", "nothing"):
        sent = {**FORM, "delete_policy": "after_storing", "interval_minutes": "1", answer: "1"}
        assert as_alice.post(page, sent).status_code == 422
    assert rules_of(stored).delete_policy == "keep"


def test_what_was_typed_comes_back_as_text(stored, page, as_alice):
    answer = as_alice.post(
        page, {**FORM, "delete_policy": "after_storing", "x": '"><script>alert(1)</script>'}
    )
    assert "<script>alert" not in answer.text


def test_a17_both_accounts_of_one_mailbox_are_warned_without_names(acme, bob, stored, page, as_alice):
    factories.connect(acme, bob, name="Bobs secret", email="secret@bob.example")
    warning = "Another account in your organization fetches this mailbox too."
    settings = as_alice.get(f"/o/acme/settings/accounts/{stored.pk}/")
    asked = as_alice.post(page, {**FORM, "delete_policy": "after_storing"})
    for answer in (settings, asked):
        assert warning in answer.text
        assert "secret" not in answer.text.lower()


def test_a17_no_warning_for_anothers_organization(account, umbrella, charlie, as_alice):
    factories.connect(umbrella, charlie)
    assert "Another account in your" not in as_alice.get(f"/o/acme/settings/accounts/{account.pk}/").text


# ── A server that cannot tell messages apart ────────────────────────────────
@pytest.fixture
def nameless(acme, alice, server) -> MailAccount:
    server.uidl = False
    server.capabilities = server.capabilities_after = ["USER"]
    account = factories.connect(acme, alice, port=server.port)
    assert fetch(account).error == "uidl_missing"
    assert state_of(account).status == "failed"
    return account


def test_u3_choosing_to_delete_at_once_starts_it_again(nameless, as_alice, queued, press):
    settings = f"/o/acme/settings/accounts/{nameless.pk}/"
    text = text_of(as_alice.get(settings))
    assert "cannot tell messages apart" in text
    assert text.index("After fetching") < text.index("Name and address"), "the remedy comes first"
    press(as_alice, f"{settings}fetching/", {**FORM, "delete_policy": "after_storing"})
    assert [call[0] for call in queued] == ["fetch"]
    state = state_of(nameless)
    assert (state.status, state.error_code) == ("active", "")


@pytest.mark.parametrize("policy", ["keep", "after_days", "when_deleted_here"])
def test_u3_no_other_choice_does(nameless, as_alice, queued, press, policy):
    press(as_alice, f"/o/acme/settings/accounts/{nameless.pk}/fetching/", {**FORM, "delete_policy": policy})
    assert queued == []
    assert state_of(nameless).status == "failed"


# ── An organization's defaults ──────────────────────────────────────────────
def test_new_accounts_begin_with_what_the_organization_wishes(acme, alice, as_alice):
    answer = as_alice.post(
        CONSOLE,
        {
            "interval_minutes": "15",
            "first_fetch": "only_new",
            "delete_policy": "after_days",
            "delete_after_days": "60",
            "messages_per_cycle": "40",
        },
        follow=True,
    )
    assert "New accounts begin with this." in answer.text
    with tenancy.scope(acme.pk):
        defaults = FetchDefaults.objects.get()
    assert (defaults.interval_minutes, defaults.first_fetch, defaults.delete_after_days) == (
        15,
        "only_new",
        60,
    )
    page = as_alice.get(CONNECT).text
    assert re.search(r'value="only_new" checked', page)
    assert re.search(r'value="after_days"\s+checked', page)
    account = factories.connect(acme, alice)
    assert (rules_of(account).interval_minutes, rules_of(account).messages_per_cycle) == (15, 40)


def test_accounts_that_exist_keep_theirs(account, as_alice):
    as_alice.post(CONSOLE, {**FORM, "interval_minutes": "60"})
    assert rules_of(account).interval_minutes == 5


def test_defaults_keep_to_the_plan(acme, as_alice):
    answer = as_alice.post(CONSOLE, {**FORM, "interval_minutes": "3", "max_message_mb": "100"})
    assert answer.status_code == 422
    assert "Your plan allows 5 minutes or more." in answer.text
    assert as_alice.post(CONSOLE, {}).status_code == 422
    with tenancy.scope(acme.pk):
        assert not FetchDefaults.objects.exists()


def test_defaults_are_the_admins_matter(acme, as_alice, as_bob):
    assert as_bob.get(CONSOLE).status_code == 404
    assert as_bob.post(CONSOLE, FORM).status_code == 404
    page = as_alice.get("/o/acme/console/").text
    assert f'href="{CONSOLE}"' in page
    dora = factories.UserFactory(email="dora@acme.example")
    factories.join(acme, dora, "admin")
    answer = signed_in(dora).get(CONSOLE)
    assert answer.status_code == 200
    assert 'name="folder"' not in answer.text, "folders are each account's own"
