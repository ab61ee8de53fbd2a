"""Moving to folders and setting labels: asking, doing, making new ones on the way, undoing; with and without htmx."""

from __future__ import annotations

import re

import pytest
from django.contrib.messages import get_messages

from accounts import tenancy
from mailbox import folders, labels, services
from mailbox.models import Folder, Label, Message
from tests import factories
from tests.factories import deliver, letter, message
from tests.mailbox.web import HTMX, flat, folder_of, links, subjects, url

SERVER = "http://testserver"


@pytest.fixture
def ids(account) -> list[int]:
    return deliver(account, letter("One"), letter("Two"), letter("Three"))


@pytest.fixture
def inbox(account) -> Folder:
    return folder_of(account)


@pytest.fixture
def receipts(account) -> Folder:
    with tenancy.scope(account.organization_id):
        return folders.create_folder(account, "Receipts & <b>")


@pytest.fixture
def travel(account) -> Label:
    with tenancy.scope(account.organization_id):
        return labels.create_label(account, "Travel & <b>")


@pytest.fixture
def bills(account) -> Label:
    with tenancy.scope(account.organization_id):
        return labels.create_label(account, "Bills")


def act(client, place: dict[str, object], name: str, *keys: int, page: str = "", **more: object):
    """As htmx sends the form when `page` (the address in the browser) is given, else as a browser does."""
    headers = HTMX | {"HX-Current-URL": SERVER + page} if page else {}
    return client.post(url(f"messages_{name}"), {"message": keys, **place, **more}, headers=headers)


def at(place: Folder | Label) -> dict[str, object]:
    return {"label" if isinstance(place, Label) else "folder": place.pk}


def labels_of(key: int) -> list[str]:
    with tenancy.system():
        return [label.name for label in Label.objects.filter(messages=key)]


def toasts(response) -> list[str]:
    return [str(each) for each in get_messages(response.wsgi_request)]


# ── Moving ──────────────────────────────────────────────────────────────────
def test_moving_asks_where(as_alice, account, inbox, receipts, ids):
    response = act(as_alice, at(inbox), "move", *ids[:2])
    page = flat(response)
    assert response.status_code == 200
    assert "Move 2 messages" in page
    offered = re.findall(r'name="to" value="(\d+)"', page)
    spam, trash = folder_of(account, Folder.Role.SPAM), folder_of(account, Folder.Role.TRASH)
    assert offered == [str(each.pk) for each in (spam, trash, receipts)], "not where they are already"
    assert "Receipts &amp; &lt;b&gt;" in page
    assert {*re.findall(r'name="message" value="(\d+)"', page)} == {str(key) for key in ids[:2]}
    assert [message(key).folder_id for key in ids] == [inbox.pk] * 3


def test_moving_to_a_folder_and_undoing(as_alice, inbox, receipts, ids):
    response = act(as_alice, at(inbox), "move", *ids[:2], to=receipts.pk)
    assert response["Location"] == url("folder", inbox.pk)
    assert [message(key).folder_id for key in ids] == [receipts.pk, receipts.pk, inbox.pk]
    page = flat(as_alice.get(response["Location"]))
    assert "2 messages moved to Receipts &amp; &lt;b&gt;" in page
    [undo] = re.findall(r'name="undo" value="([^"]+)">Undo', page)
    response = as_alice.post(url("messages_undo"), {"undo": undo, **at(inbox)})
    assert response["Location"] == url("folder", inbox.pk)
    assert [message(key).folder_id for key in ids] == [inbox.pk] * 3


def test_undoing_brings_each_message_back_to_its_own_folder(as_alice, account, inbox, receipts, travel, ids):
    with tenancy.scope(account.organization_id):
        services.move(Message.objects.filter(pk=ids[0]), receipts)
        other = folders.create_folder(account, "Other")
    response = act(as_alice, at(travel), "move", *ids, to=other.pk)
    [undo] = re.findall(r'name="undo" value="([^"]+)"', toasts(response)[0])
    as_alice.post(url("messages_undo"), {"undo": undo, **at(inbox)})
    assert [message(key).folder_id for key in ids] == [receipts.pk, inbox.pk, inbox.pk]


@pytest.mark.parametrize("undo", ["x", ":", "1:", ":1", "1:x", "-1:1", "9" * 40 + ":1", "1:" + "9" * 40])
def test_an_undo_nobody_offered_does_nothing(as_alice, inbox, ids, undo):
    assert as_alice.post(url("messages_undo"), {"undo": undo, **at(inbox)}).status_code == 302
    assert [message(key).folder_id for key in ids] == [inbox.pk] * 3


def test_a_new_folder_is_made_on_the_way(as_alice, account, inbox, ids):
    act(as_alice, at(inbox), "move", ids[0], new=" Tax  2026 ")
    assert message(ids[0]).folder.name == "Tax 2026"


@pytest.mark.parametrize(
    ("name", "reason"), [("", "empty"), ("inbox", "every account has"), ("a\nb", "shown")]
)
def test_a_name_that_cannot_be_is_asked_for_again(as_alice, inbox, ids, name, reason):
    response = act(as_alice, at(inbox), "move", ids[0], new=name)
    page = flat(response)
    assert response.status_code == 422
    assert reason in page
    assert 'aria-invalid="true"' in page
    assert message(ids[0]).folder_id == inbox.pk


@pytest.mark.parametrize("role", [Folder.Role.DRAFTS, Folder.Role.SENT])
def test_nothing_is_moved_to_where_mail_is_written(as_alice, account, inbox, ids, role):
    assert act(as_alice, at(inbox), "move", ids[0], to=folder_of(account, role).pk).status_code == 404


def test_nothing_is_moved_to_another_account(as_alice, acme, alice, inbox, ids):
    other = factories.connect(acme, alice, name="Other", email="other@mail.example")
    for target in (folder_of(other).pk, "x", "0", 10**18):
        assert act(as_alice, at(inbox), "move", ids[0], to=target).status_code == 404
    assert message(ids[0]).folder_id == inbox.pk


def test_messages_of_several_accounts_are_filed_account_by_account(as_alice, acme, alice, receipts, ids):
    other = factories.connect(acme, alice, name="Other", email="other@mail.example")
    [second] = deliver(other, letter())
    for name, form in (("move", {"to": receipts.pk}), ("label", {"confirmed": 1, "new": "Travel"})):
        response = act(as_alice, {"all": 1}, name, ids[0], second, **form)
        assert "Choose messages of one account." in flat(response)
    assert message(ids[0]).folder.role == Folder.Role.INBOX
    assert labels_of(ids[0]) == []


@pytest.mark.parametrize("name", ["move", "label"])
def test_messages_that_went_meanwhile_are_not_asked_about(as_alice, inbox, ids, name):
    assert act(as_alice, at(inbox), name, 10**9)["Location"] == url("folder", inbox.pk)


def test_others_mail_is_not_filed(as_bob, acme, bob, inbox, receipts, travel, ids):
    mine = factories.connect(acme, bob, name="Bob", email="bob@mail.example")
    for name, form in (("move", {"to": receipts.pk}), ("label", {"confirmed": 1, "on": travel.pk})):
        assert act(as_bob, at(folder_of(mine)), name, *ids, **form).status_code == 302
    assert message(ids[0]).folder_id == inbox.pk
    assert labels_of(ids[0]) == []


# ── Moving, with htmx ───────────────────────────────────────────────────────
def test_the_question_is_a_dialog(as_alice, inbox, ids):
    for name in ("move", "label"):
        response = act(as_alice, at(inbox), name, ids[0], page=url("folder", inbox.pk))
        assert response["HX-Retarget"] == "#asking"
        assert flat(response).startswith("<dialog")
    response = act(as_alice, at(inbox), "move", ids[0], page=url("folder", inbox.pk), new="inbox")
    assert response.status_code == 200, "htmx shows no answer with an error's status"
    assert "every account has" in flat(response)


def test_moved_rows_leave_their_list_and_the_reader_closes(as_alice, inbox, receipts, ids):
    page = url("message", ids[0])
    response = act(as_alice, at(inbox), "move", *ids[:2], page=page, to=receipts.pk)
    shown = flat(response)
    assert [f'<li id="row-{key}" hx-swap-oob="delete">' in shown for key in ids] == [True, True, False]
    assert "Choose a message to read it here." in shown
    assert response["HX-Push-Url"] == url("folder", inbox.pk)


def test_moved_rows_stay_in_their_labels_list_unless_thrown_away(as_alice, account, travel, receipts, ids):
    with tenancy.scope(account.organization_id):
        labels.attach(travel, ids)
    page = url("label", travel.pk)
    shown = flat(act(as_alice, at(travel), "move", ids[0], page=page, to=receipts.pk))
    assert f'id="row-{ids[0]}" data-message' in shown
    trash = folder_of(account, Folder.Role.TRASH)
    shown = flat(act(as_alice, at(travel), "move", ids[0], page=page, to=trash.pk))
    assert f'<li id="row-{ids[0]}" hx-swap-oob="delete">' in shown


# ── Labels ──────────────────────────────────────────────────────────────────
def boxes(page: str) -> list[tuple[str, bool, bool]]:
    """(label's id, checked, mixed) of each box."""
    found = re.findall(r'name="on" value="(\d+)"([^>]*)>', page)
    return [(key, " checked" in more, "data-mixed" in more) for key, more in found]


def test_labelling_asks_which_and_shows_what_is_there(as_alice, account, inbox, travel, bills, ids):
    with tenancy.scope(account.organization_id):
        third = labels.create_label(account, "Zoo")
        labels.attach(travel, ids[:2])
        labels.attach(bills, ids[:1])
    page = flat(act(as_alice, at(inbox), "label", *ids[:2]))
    assert "Labels of 2 messages" in page
    assert boxes(page) == [
        (str(bills.pk), False, True),
        (str(travel.pk), True, False),
        (str(third.pk), False, False),
    ]
    was = re.findall(r'name="was" value="(\d+)"([^>]*)>', page)
    assert [key for key, more in was if "disabled" not in more] == [str(travel.pk)]


def test_labels_are_given_and_taken_away(as_alice, account, inbox, travel, bills, ids):
    with tenancy.scope(account.organization_id):
        labels.attach(travel, ids[:2])
    response = act(as_alice, at(inbox), "label", *ids[:2], confirmed=1, on=bills.pk, was=travel.pk, new="Zoo")
    assert response["Location"] == url("folder", inbox.pk)
    assert [labels_of(key) for key in ids] == [["Bills", "Zoo"], ["Bills", "Zoo"], []]


def test_what_only_some_have_stays_when_its_box_is_not_touched(as_alice, account, inbox, travel, ids):
    with tenancy.scope(account.organization_id):
        labels.attach(travel, ids[:1])
    act(as_alice, at(inbox), "label", *ids, confirmed=1)
    assert [len(labels_of(key)) for key in ids] == [1, 0, 0]
    act(as_alice, at(inbox), "label", *ids, confirmed=1, was=travel.pk)
    assert [len(labels_of(key)) for key in ids] == [0, 0, 0]


def test_a_label_that_cannot_be_is_asked_for_again_with_the_boxes_as_set(
    as_alice, account, inbox, travel, bills, ids
):
    with tenancy.scope(account.organization_id):
        labels.attach(travel, ids)
    form = {"confirmed": 1, "on": bills.pk, "was": travel.pk, "new": "TRAVEL & <B>"}
    response = act(as_alice, at(inbox), "label", *ids, **form)
    page = flat(response)
    assert response.status_code == 422
    assert "is there already" in page
    assert boxes(page) == [(str(bills.pk), True, False), (str(travel.pk), False, False)]
    assert "TRAVEL &amp; &lt;B&gt;" in page
    assert labels_of(ids[0]) == ["Travel & <b>"]


def test_another_accounts_label_is_not_given(as_alice, acme, alice, inbox, ids):
    other = factories.connect(acme, alice, name="Other", email="other@mail.example")
    with tenancy.scope(acme.pk):
        foreign = labels.create_label(other, "Foreign")
    act(as_alice, at(inbox), "label", ids[0], confirmed=1, on=[foreign.pk, "x", 10**30])
    assert labels_of(ids[0]) == []


def test_rows_and_the_open_message_show_their_new_labels(as_alice, inbox, travel, ids):
    page = url("message", ids[0])
    shown = flat(act(as_alice, at(inbox), "label", *ids[:2], page=page, confirmed=1, on=travel.pk))
    assert [f'id="row-{key}" data-message' in shown for key in ids] == [True, True, False]
    assert shown.count('<span class="chip" data-color="blue">') == 2
    head = shown[shown.index('id="reader-labels"') :]
    assert "Travel &amp; &lt;b&gt;" in head
    assert "Choose a message" not in shown


def test_what_loses_the_label_leaves_its_list_but_stays_open(as_alice, account, travel, ids):
    with tenancy.scope(account.organization_id):
        labels.attach(travel, ids)
    page = url("message", ids[0], label=travel.pk)
    shown = flat(act(as_alice, at(travel), "label", ids[0], page=page, confirmed=1, was=travel.pk))
    assert f'<li id="row-{ids[0]}" hx-swap-oob="delete">' in shown
    assert "Choose a message" not in shown


# ── A label's list ──────────────────────────────────────────────────────────
@pytest.fixture
def labelled(account, travel, receipts, ids) -> list[int]:
    """The three have the label; the first is in a folder of its own."""
    with tenancy.scope(account.organization_id):
        labels.attach(travel, ids)
        services.move(Message.objects.filter(pk=ids[0]), receipts)
    return ids


def test_a_labels_list_is_of_all_folders_but_spam_and_trash(as_alice, account, travel, labelled):
    response = as_alice.get(url("label", travel.pk))
    assert set(subjects(response)) == {"One", "Two", "Three"}
    assert '<h1 class="clip-text">Travel &amp; &lt;b&gt;</h1>' in flat(response)
    with tenancy.scope(account.organization_id):
        services.trash(Message.objects.filter(pk=labelled[1]))
        services.move_to(Message.objects.filter(pk=labelled[2]), Folder.Role.SPAM)
    assert subjects(as_alice.get(url("label", travel.pk))) == ["One"]


def test_the_side_panel_lists_folders_and_labels_of_the_open_account(as_alice, travel, receipts, labelled):
    response = as_alice.get(url("label", travel.pk))
    page = flat(response)
    assert f'href="{url("folder", receipts.pk)}" title="Receipts &amp; &lt;b&gt;">' in page
    here = f'href="{url("label", travel.pk)}" title="Label: Travel &amp; &lt;b&gt;" aria-current="page"'
    assert here in page


def test_a_message_opened_from_a_labels_list_leads_back_there(as_alice, travel, receipts, labelled):
    page = as_alice.get(url("message", labelled[0], label=travel.pk))
    assert set(subjects(page)) == {"One", "Two", "Three"}
    assert f'id="back" href="{url("label", travel.pk)}"' in flat(page)
    part = as_alice.get(url("message", labelled[0], label=travel.pk), headers=HTMX | {"HX-Target": "message"})
    assert f'<input type="hidden" name="label" value="{travel.pk}">' in flat(part)
    original = as_alice.get(url("message_original", labelled[0], label=travel.pk))
    assert links(original, "Back to the message") == [url("message", labelled[0], label=travel.pk)]


def test_a_message_opens_in_its_folder_when_the_label_is_gone(as_alice, account, travel, receipts, labelled):
    with tenancy.scope(account.organization_id):
        labels.delete_label(travel)
    response = as_alice.get(url("message", labelled[0], label=10**9))
    assert response.status_code == 200
    assert f'id="back" href="{url("folder", receipts.pk)}"' in flat(response)


def test_rows_show_at_most_three_other_labels(as_alice, account, inbox, ids):
    with tenancy.scope(account.organization_id):
        made = [labels.create_label(account, f"Label {n}") for n in range(5)]
        for each in made:
            labels.attach(each, ids[:1])
    assert flat(as_alice.get(url("folder", inbox.pk))).count('<span class="chip"') == 3
    assert "Label 0</bdi></span></span>" not in flat(as_alice.get(url("label", made[0].pk)))


def test_new_mail_with_the_label_is_announced(as_alice, account, travel, labelled):
    page = flat(as_alice.get(url("label", travel.pk)))
    seen = int(re.search(r"seen=(\d+)", page)[1])
    assert as_alice.get(url("mail_fresh", label=travel.pk, seen=seen)).status_code == 204
    late = deliver(account, letter("Late"), letter("Later"), letter("Unlabelled"))
    with tenancy.scope(account.organization_id):
        labels.attach(travel, late[:2])
    assert "2 new messages" in flat(as_alice.get(url("mail_fresh", label=travel.pk, seen=seen)))
    with tenancy.scope(account.organization_id):
        services.set_read(Message.objects.filter(pk=late[0]), True)
    assert "1 new message" in flat(as_alice.get(url("mail_fresh", label=travel.pk, seen=seen, unread=1)))
    assert as_alice.get(url("mail_fresh", label=travel.pk, seen=late[1])).status_code == 204


def test_an_empty_labels_list_says_what_to_do(as_alice, bills):
    assert "No message has this label" in flat(as_alice.get(url("label", bills.pk)))


@pytest.mark.parametrize("name", ["label", "mail_fresh"])
def test_others_labels_are_not_found(as_bob, travel, name):
    args = {"label": travel.pk, "seen": 0} if name == "mail_fresh" else {}
    address = url(name, **args) if args else url(name, travel.pk)
    assert as_bob.get(address).status_code == 404
