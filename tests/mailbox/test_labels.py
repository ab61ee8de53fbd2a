"""Labels: their names and colours, and which messages have them."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import removal, tenancy
from accounts.models import MailAccount
from accounts.models.mail_accounts import COLORS
from mailbox import labels, names, services
from mailbox.models import Folder, Label, Message, MessageLabel
from tests import factories
from tests.factories import deliver, letter


@pytest.fixture
def scope(acme):
    with tenancy.scope(acme.pk):
        yield


@pytest.fixture
def other(acme, alice) -> MailAccount:
    """Alice's second account."""
    return factories.connect(acme, alice, name="Alice at Work", email="alice@work.example")


def these(*ids: int):
    return Message.objects.filter(pk__in=ids)


def names_of(key: int) -> list[str]:
    return [label.name for label in Label.objects.filter(messages=key)]


# ── Labels themselves ───────────────────────────────────────────────────────
def test_new_labels_take_the_colours_in_turn(account, scope):
    made = [labels.create_label(account, f"Label {n}") for n in range(len(COLORS) + 1)]
    assert [label.color for label in made] == [*COLORS, COLORS[0]]
    made[2].delete()
    assert labels.create_label(account, "Again").color == COLORS[2]


def test_a_colour_can_be_chosen(account, scope):
    assert labels.create_label(account, "Travel", "violet").color == "violet"
    with pytest.raises(ValueError, match="no color"):
        labels.create_label(account, "Other", "pink")


def test_a_name_is_given_once_in_an_account(account, other, scope):
    made = labels.create_label(account, " Travel  plans ")
    assert made.name == "Travel plans"
    with pytest.raises(names.Taken):
        labels.create_label(account, "TRAVEL PLANS")
    assert labels.create_label(other, "Travel plans").account == other


@pytest.mark.parametrize(
    ("name", "refusal"),
    [("", names.Blank), ("a\r\nb", names.Unprintable), ("x" * 41, names.TooLong)],
)
def test_what_is_no_name_makes_no_label(account, scope, name, refusal):
    with pytest.raises(refusal):
        labels.create_label(account, name)
    assert not Label.objects.exists()


def test_the_database_keeps_names_apart_too(account, scope):
    labels.create_label(account, "Travel")
    with pytest.raises(IntegrityError, match="one_label_of_each_name"), transaction.atomic():
        Label.objects.create(organization=account.organization, account=account, name="travel")


def test_an_account_has_so_many_labels(account, scope, monkeypatch):
    monkeypatch.setattr(labels, "LIMIT", 2)
    labels.create_label(account, "One")
    labels.create_label(account, "Two")
    with pytest.raises(names.TooMany):
        labels.create_label(account, "Three")


def test_a_label_is_changed(account, scope):
    made = labels.create_label(account, "Travel")
    labels.create_label(account, "Bills")
    labels.change_label(made, "travel", "green")
    assert (made.name, made.color) == ("travel", "green"), "its own name does not stand in its way"
    with pytest.raises(names.Taken):
        labels.change_label(made, "bills", "green")
    with pytest.raises(ValueError, match="no color"):
        labels.change_label(made, "Travel", "")
    assert Label.objects.get(pk=made.pk).name == "travel"


def test_deleting_a_label_keeps_its_messages(account, scope):
    ids = deliver(account, letter("One"), letter("Two"))
    made = labels.create_label(account, "Travel")
    labels.attach(made, ids)
    assert labels.delete_label(made) == 2
    assert these(*ids).count() == 2
    assert not MessageLabel.objects.exists()


def test_labels_stand_by_name(account, scope):
    for name in ("travel", "Bills", "Zoo", "apples"):
        labels.create_label(account, name)
    assert [label.name for label in Label.objects.all()] == ["apples", "Bills", "travel", "Zoo"]


# ── On messages ─────────────────────────────────────────────────────────────
def test_labels_are_given_and_taken_away(account, scope):
    one, two = deliver(account, letter("One"), letter("Two"))
    travel, bills = labels.create_label(account, "Travel"), labels.create_label(account, "Bills")
    assert labels.add_labels(these(one, two), [travel]) == 2
    assert labels.add_labels(these(one, two), [travel, bills]) == 2, "what is there is not counted"
    assert names_of(one) == names_of(two) == ["Bills", "Travel"]
    assert labels.counts([travel, bills]) == {travel.pk: 2, bills.pk: 2}
    assert labels.remove_labels(these(one), [travel]) == 1
    assert labels.remove_labels(these(one), [travel]) == 0
    assert (names_of(one), names_of(two)) == (["Bills"], ["Bills", "Travel"])


def test_a_message_takes_only_its_own_accounts_labels(account, other, scope):
    (here,), (there,) = deliver(account, letter("Here")), deliver(other, letter("There"))
    travel, work = labels.create_label(account, "Travel"), labels.create_label(other, "Work")
    assert labels.attach(travel, [here, there]) == 1
    assert labels.add_labels(these(here, there), [travel, work]) == 1
    assert (names_of(here), names_of(there)) == (["Travel"], ["Work"])


def test_nothing_is_labelled_when_there_is_nothing(account, scope):
    made = labels.create_label(account, "Travel")
    (key,) = deliver(account, letter())
    assert labels.attach(made, []) == 0
    assert labels.add_labels(these(key), []) == 0
    assert labels.attach(made, [key + 1_000]) == 0, "a message that is gone"


def test_a_batch_is_labelled_in_one_statement(account, scope):
    ids = deliver(account, *[letter(f"Letter {n}") for n in range(50)])
    made = labels.create_label(account, "Travel")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert labels.attach(made, ids) == 50
    assert len(seen) == 1
    assert set(MessageLabel.objects.values_list("sent_at")) == set(these(*ids).values_list("sent_at"))


def test_another_tenants_message_is_not_labelled(account, umbrella, charlie):
    foreign = factories.connect(umbrella, charlie)
    (key,) = deliver(foreign, letter())
    with tenancy.scope(account.organization_id):
        made = labels.create_label(account, "Travel")
        assert labels.attach(made, [key]) == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            MessageLabel.objects.create(
                organization=umbrella, label=made, message_id=key, sent_at="2026-11-20T12:00Z"
            )


def test_labels_go_with_the_message_and_stay_in_trash(account, scope):
    one, two = deliver(account, letter("One"), letter("Two"))
    made = labels.create_label(account, "Travel")
    labels.attach(made, [one, two])
    services.trash(these(one))
    assert names_of(one) == ["Travel"]
    services.discard(these(one))
    assert labels.counts([made]) == {made.pk: 1}


def test_labels_go_with_the_account(account, alice, scope):
    ids = deliver(account, letter("One"), letter("Two"))
    labels.attach(labels.create_label(account, "Travel"), ids)
    removal.remove(account, alice)
    assert not Label.objects.exists()
    assert not MessageLabel.objects.exists()


def test_labels_are_private_to_the_accounts_owner(account, alice, bob, acme, scope):
    ids = deliver(account, letter())
    labels.attach(labels.create_label(account, "Travel"), ids)
    own, colleague = factories.membership(acme, alice), factories.membership(acme, bob)
    for model in (Label, MessageLabel):
        assert model.objects.visible_to(own).count() == 1
        assert not model.objects.visible_to(colleague).exists()


def test_moving_keeps_labels(account, scope):
    (key,) = deliver(account, letter())
    labels.attach(labels.create_label(account, "Travel"), [key])
    services.move_to(these(key), Folder.Role.SPAM)
    assert names_of(key) == ["Travel"]
