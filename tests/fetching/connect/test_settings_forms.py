"""What may be chosen for how an account is fetched, within what the plan allows, and what is said when it may not."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.formats import MB
from accounts.models import MailAccount
from fetching.connect.settings_forms import FetchSettingsForm, RulesForm
from fetching.models import FetchDefaults, FetchSettings
from fetching.models.settings import RULES
from mailbox import folders, labels
from tests import factories
from tests.fetching.fetched import rules_of, set_rules

PLAIN = {"interval_minutes": "10", "delete_policy": "keep", "first_fetch": "everything"}


@pytest.fixture
def typed(acme):
    """The organization's form with this typed in."""

    def fill(**fields) -> RulesForm:
        with tenancy.scope(acme.pk):
            form = RulesForm({**PLAIN, **fields}, organization=acme)
            form.is_valid()
        return form

    return fill


def of_account(account: MailAccount, **fields) -> FetchSettingsForm:
    with tenancy.scope(account.organization_id):
        account = MailAccount.objects.select_related("fetch_settings", "organization").get(pk=account.pk)
        form = FetchSettingsForm({**PLAIN, **fields} if fields else None, account=account)
        form.is_valid()
        str(form)  # rendered in the scope, like a page
    return form


# ── What is allowed ─────────────────────────────────────────────────────────
def test_all_of_it_becomes_columns(typed):
    form = typed(
        interval_minutes="15",
        is_adaptive="on",
        first_fetch="last_days",
        first_days="90",
        newest_first="on",
        delete_policy="after_days",
        delete_after_days="30",
        max_message_mb="20",
        messages_per_cycle="50",
        arrive_read="on",
    )
    assert form.values() == {
        "interval_minutes": 15,
        "is_adaptive": True,
        "first_fetch": "last_days",
        "first_days": 90,
        "newest_first": True,
        "delete_policy": "after_days",
        "delete_after_days": 30,
        "max_message_bytes": 20 * MB,
        "messages_per_cycle": 50,
        "arrive_read": True,
    }
    assert set(form.values()) == set(RULES)


def test_the_least_that_can_be_sent(typed):
    values = typed().values()
    assert (values["max_message_bytes"], values["messages_per_cycle"]) == (None, None)
    assert [values[name] for name in ("is_adaptive", "newest_first", "arrive_read")] == [False] * 3
    assert (values["first_days"], values["delete_after_days"]) == (30, 14)


@pytest.mark.parametrize(
    ("field", "words", "others"),
    [
        ("interval_minutes", ["4", "61", "0", "-5", ""], {}),
        ("first_days", ["0", "3651", ""], {"first_fetch": "last_days"}),
        ("delete_after_days", ["0", "3651", ""], {"delete_policy": "after_days"}),
        ("max_message_mb", ["0", "53", "-1"], {}),
        ("messages_per_cycle", ["19", "201", "0"], {}),
    ],
)
def test_numbers_outside_their_limits(typed, field, words, others):
    for text in words:
        form = typed(**{field: text}, **others)
        assert set(form.errors) == {field}, text
        assert "Enter a number from" in form.errors[field][0]


@pytest.mark.parametrize(
    "field", ["interval_minutes", "first_days", "delete_after_days", "max_message_mb", "messages_per_cycle"]
)
@pytest.mark.parametrize("text", ["ten", "1.5", "5\r\nBcc: x", "\x00", "9" * 5000, "1e3"])
def test_what_is_no_number(typed, field, text):
    chosen = {
        "first_fetch": "last_days",
        "first_days": "7",
        "delete_policy": "after_days",
        "delete_after_days": "7",
    }
    assert set(typed(**{**chosen, field: text}).errors) == {field}


@pytest.mark.parametrize("field", ["first_fetch", "delete_policy"])
@pytest.mark.parametrize("text", ["perhaps", "keep\r\n", "\x00", "KEEP"])
def test_choices_are_those_that_are_offered(typed, field, text):
    assert set(typed(**{field: text}).errors) == {field}


def test_a_number_that_means_nothing_is_not_looked_at(typed):
    """The page hides the days while another choice is made; nonsense left in there must not stop the form."""
    form = typed(first_days="nonsense", delete_after_days="0")
    assert form.is_valid()
    assert (form.values()["first_days"], form.values()["delete_after_days"]) == (30, 14)


def test_what_is_not_sent_stays_as_it_is(acme, account):
    set_rules(account, delete_policy="after_days", delete_after_days=3)
    form = of_account(account, delete_policy="", first_fetch="")
    assert form.errors == {"delete_after_days": ["Enter a number from 1 to 3,650."]}
    form = of_account(account, delete_policy="", first_fetch="", delete_after_days="3")
    assert form.values()["delete_policy"] == "after_days"


# ── What the plan allows ────────────────────────────────────────────────────
def test_the_plan_limits_how_often(typed, acme):
    assert typed(interval_minutes="5").is_valid()
    (words,) = typed(interval_minutes="4").errors["interval_minutes"]
    assert words == "Your plan allows 5 minutes or more. Enter a number from 5 to 60."
    acme.fetch_minutes_limit = 3
    assert typed(interval_minutes="3").is_valid()
    acme.fetch_minutes_limit = 1
    assert not typed(interval_minutes="2").is_valid(), "three minutes is the least anywhere"
    acme.fetch_minutes_limit = 120
    assert typed(interval_minutes="120").is_valid()
    assert not typed(interval_minutes="60").is_valid()


def test_the_plan_limits_how_large(typed, acme):
    acme.message_bytes_limit = 25 * MB
    assert typed(max_message_mb="25").is_valid()
    (words,) = typed(max_message_mb="26").errors["max_message_mb"]
    assert words == "Your plan allows up to 25 MB. Enter a number from 1 to 25."


def test_after_a_smaller_plan_what_is_shown_is_what_holds(acme, account):
    with tenancy.scope(acme.pk):
        acme.fetch_minutes_limit, acme.message_bytes_limit = 3, 100 * MB
        acme.save()
    set_rules(account, interval_minutes=3, max_message_bytes=80 * MB)
    with tenancy.scope(acme.pk):
        acme.fetch_minutes_limit, acme.message_bytes_limit = 10, 30 * MB
        acme.save()
    form = of_account(account)
    assert (form["interval_minutes"].value(), form["max_message_mb"].value()) == (10, 30)
    assert rules_of(account).interval_minutes == 3, "and the wish is kept for a larger plan"


# ── What is shown ───────────────────────────────────────────────────────────
def test_what_holds_is_chosen(account):
    set_rules(account, first_fetch="last_days", first_days=7, delete_policy="when_deleted_here")
    form = of_account(account)
    assert [value for value, *_, is_chosen in form.delete_choices if is_chosen] == ["when_deleted_here"]
    assert [value for value, *_, is_chosen in form.first_choices if is_chosen] == ["last_days"]
    assert form["first_days"].value() == 7
    assert all(label and about for _, label, about, _ in form.delete_choices + form.first_choices)


def test_rare_things_are_folded_until_they_matter(account):
    assert not of_account(account).has_rare
    assert of_account(account, messages_per_cycle="5").has_rare
    set_rules(account, max_message_bytes=10 * MB)
    assert of_account(account).has_rare


def test_an_organization_without_wishes_shows_the_usual_ones(acme):
    with tenancy.scope(acme.pk):
        form = RulesForm(organization=acme)
        assert not FetchDefaults.objects.exists()
    usual = FetchSettings()
    for name in ("interval_minutes", "is_adaptive", "newest_first", "delete_policy", "first_fetch"):
        assert form[name].value() == getattr(usual, name)


# ── Where new mail goes ─────────────────────────────────────────────────────
@pytest.fixture
def places(account):
    with tenancy.scope(account.organization_id):
        return folders.create_folder(account, "Receipts"), labels.create_label(account, "To pay")


def test_a_folder_and_a_label_of_the_account(account, places):
    folder, label = places
    values = of_account(account, folder=folder.pk, label=label.pk).values()
    assert (values["folder"], values["label"]) == places
    values = of_account(account, folder="", label="").values()
    assert (values["folder"], values["label"]) == (None, None)


def test_others_folders_and_labels_are_not_offered(acme, alice, account, places):
    other = factories.connect(acme, alice, username="other")
    folder, label = places
    form = of_account(other, folder=folder.pk, label=label.pk)
    assert set(form.errors) == {"folder", "label"}


def test_folders_with_a_role_are_not_offered(account):
    """Mail that arrives in Trash or Sent would be lost to sight."""
    with tenancy.scope(account.organization_id):
        trash = account.folders.get(role="trash")
    assert set(of_account(account, folder=trash.pk).errors) == {"folder"}


@pytest.mark.parametrize("field", ["folder", "label"])
@pytest.mark.parametrize("text", ["x", "-1", "0", "\x00", "1\r\n2", "9" * 400])
def test_odd_folders_and_labels(account, field, text):
    assert set(of_account(account, **{field: text}).errors) == {field}
