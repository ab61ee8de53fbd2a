"""The page of folders and labels: making, renaming, colouring, deleting, and what is said when it cannot be."""

from __future__ import annotations

import re

import pytest

from accounts import tenancy
from mailbox import folders, labels, services
from mailbox.models import Folder, Label, Message
from tests.factories import deliver, letter, message
from tests.mailbox.web import flat, folder_of, links, url


@pytest.fixture
def receipts(account) -> Folder:
    with tenancy.scope(account.organization_id):
        return folders.create_folder(account, "Receipts & <b>")


@pytest.fixture
def travel(account) -> Label:
    with tenancy.scope(account.organization_id):
        return labels.create_label(account, "Travel & <b>", "violet")


def own_folders() -> list[str]:
    with tenancy.system():
        return list(Folder.objects.filter(role=Folder.Role.OWN).values_list("name", flat=True))


def own_labels() -> list[tuple[str, str]]:
    with tenancy.system():
        return list(Label.objects.values_list("name", "color"))


def fill(account, receipts, travel) -> list[int]:
    ids = deliver(account, letter("One"), letter("Two"))
    with tenancy.scope(account.organization_id):
        services.move(Message.objects.filter(pk__in=ids), receipts)
        labels.attach(travel, ids[:1])
    return ids


def test_the_page_says_what_there_is_and_leads_to_it(as_alice, account, receipts, travel):
    fill(account, receipts, travel)
    response = as_alice.get(url("mail_folders", account.pk))
    page = flat(response)
    assert links(response, "Receipts &amp; &lt;b&gt;") == [url("folder", receipts.pk)]
    assert url("label", travel.pk) in links(response, "Travel &amp; &lt;b&gt;")
    assert re.findall(r'class="named-count[^>]*> (.*?) </span>', page) == ["2 messages", "1 message"]
    assert re.findall(r'value="(\w+)" checked', page) == ["violet"]


def test_without_any_it_says_what_they_are_for(as_alice, account):
    page = flat(as_alice.get(url("mail_folders", account.pk)))
    assert "Make folders of your own" in page
    assert "Labels are coloured marks" in page


def test_the_side_panel_leads_there(as_alice, account):
    page = as_alice.get(url("folder", folder_of(account).pk))
    assert links(page, "Folders and labels") == [url("mail_folders", account.pk)]


# ── Making ──────────────────────────────────────────────────────────────────
def test_a_folder_and_a_label_are_made(as_alice, account):
    response = as_alice.post(url("folder_new", account.pk), {"name": " Tax  2026 "}, follow=True)
    assert "Folder “Tax 2026” made" in flat(response)
    as_alice.post(url("label_new", account.pk), {"name": "Bills"})
    as_alice.post(url("label_new", account.pk), {"name": "Zoo", "color": "red"})
    as_alice.post(url("label_new", account.pk), {"name": "Odd", "color": "no-color"})
    assert own_folders() == ["Tax 2026"]
    assert own_labels() == [("Bills", "blue"), ("Odd", "teal"), ("Zoo", "red")]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 61, "Inbox", "receipts & <B>"])
def test_a_refused_folder_keeps_what_was_typed_and_says_why(as_alice, account, receipts, name):
    response = as_alice.post(url("folder_new", account.pk), {"name": name})
    page = flat(response)
    assert response.status_code == 422
    assert 'id="folder-new" name="name"' in page
    assert page.count('aria-invalid="true"') == 1
    assert own_folders() == ["Receipts & <b>"]


def test_a_refused_label_keeps_what_was_typed_and_says_why(as_alice, account, travel):
    response = as_alice.post(url("label_new", account.pk), {"name": "TRAVEL & <B>"})
    page = flat(response)
    assert response.status_code == 422
    assert 'value="TRAVEL &amp; &lt;B&gt;"' in page
    assert "is there already. Choose another name." in page
    assert len(own_labels()) == 1


# ── Changing ────────────────────────────────────────────────────────────────
def test_a_folder_is_renamed(as_alice, account, receipts):
    response = as_alice.post(url("folder_edit", receipts.pk), {"name": "Bills"})
    assert response["Location"] == url("mail_folders", account.pk)
    assert own_folders() == ["Bills"]


def test_a_refused_rename_opens_its_line(as_alice, receipts):
    response = as_alice.post(url("folder_edit", receipts.pk), {"name": "Trash"})
    page = flat(response)
    assert response.status_code == 422
    assert page.count('<details class="named-edit" open>') == 1
    assert f'id="folder-{receipts.pk}" name="name" type="text" value="Trash"' in page
    assert own_folders() == ["Receipts & <b>"]


def test_a_label_is_renamed_and_coloured(as_alice, account, travel):
    response = as_alice.post(url("label_edit", travel.pk), {"name": "Trips", "color": "green"})
    assert response["Location"] == url("mail_folders", account.pk)
    assert own_labels() == [("Trips", "green")]
    as_alice.post(url("label_edit", travel.pk), {"name": "Trips"})
    assert own_labels() == [("Trips", "green")], "without a colour it keeps its own"


def test_a_refused_label_opens_its_line_with_the_colour_chosen(as_alice, travel):
    response = as_alice.post(url("label_edit", travel.pk), {"name": " ", "color": "green"})
    page = flat(response)
    assert response.status_code == 422
    assert page.count('<details class="named-edit" open>') == 1
    assert re.findall(r'value="(\w+)" checked', page) == ["green"]
    assert own_labels() == [("Travel & <b>", "violet")]


@pytest.mark.parametrize("role", [role for role in Folder.Role if role != Folder.Role.OWN])
def test_folders_with_a_role_cannot_be_named_here(as_alice, account, role):
    found = folder_of(account, role)
    assert as_alice.post(url("folder_edit", found.pk), {"name": "Mine"}).status_code == 404
    assert as_alice.get(url("folder_delete", found.pk)).status_code == 404
    assert as_alice.post(url("folder_delete", found.pk)).status_code == 404


# ── Deleting ────────────────────────────────────────────────────────────────
def test_deleting_a_folder_asks_where_its_messages_go(as_alice, account, receipts, travel):
    ids = fill(account, receipts, travel)
    page = flat(as_alice.get(url("folder_delete", receipts.pk)))
    assert "Delete the folder “Receipts &amp; &lt;b&gt;”?" in page
    assert "2 messages are in it. They are kept: say where they go." in page
    assert own_folders() == ["Receipts & <b>"], "asking deletes nothing"
    response = as_alice.post(url("folder_delete", receipts.pk), {"to": "inbox"}, follow=True)
    assert "Folder “Receipts &amp; &lt;b&gt;” deleted, 2 messages moved to Inbox" in flat(response)
    assert [message(key).folder.role for key in ids] == ["inbox", "inbox"]
    assert own_folders() == []


@pytest.mark.parametrize(("to", "role"), [("trash", "trash"), ("sent", "inbox"), ("", "inbox")])
def test_its_messages_go_to_trash_only_when_that_was_said(as_alice, account, receipts, travel, to, role):
    ids = fill(account, receipts, travel)
    as_alice.post(url("folder_delete", receipts.pk), {"to": to})
    assert [message(key).folder.role for key in ids] == [role, role]


def test_an_empty_folder_asks_nothing_about_messages(as_alice, receipts):
    page = flat(as_alice.get(url("folder_delete", receipts.pk)))
    assert "It is empty." in page
    assert 'name="to"' not in page
    response = as_alice.post(url("folder_delete", receipts.pk), follow=True)
    assert "Folder “Receipts &amp; &lt;b&gt;” deleted" in flat(response)


def test_deleting_a_label_says_on_how_many_messages_it_is(as_alice, account, receipts, travel):
    ids = fill(account, receipts, travel)
    page = flat(as_alice.get(url("label_delete", travel.pk)))
    assert "1 message has it. It loses the label and stays where it is." in page
    assert own_labels(), "asking deletes nothing"
    response = as_alice.post(url("label_delete", travel.pk), follow=True)
    assert "Label “Travel &amp; &lt;b&gt;” deleted" in flat(response)
    assert own_labels() == []
    assert [message(key).folder_id for key in ids] == [receipts.pk] * 2


def test_a_label_without_messages_says_so(as_alice, travel):
    assert "No message has it." in flat(as_alice.get(url("label_delete", travel.pk)))
