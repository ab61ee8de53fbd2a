"""What a person does to messages: with plain forms, with htmx, one or many, and never to anybody else's."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts import tenancy
from mailbox import services, tasks
from mailbox.models import Folder, Message
from quotas.models import StorageMeter
from tests import factories
from tests.factories import deliver, letter, message
from tests.mailbox.web import HTMX, flat, folder_of, url

SERVER = "http://testserver"


@pytest.fixture
def ids(account) -> list[int]:
    return deliver(account, letter("One"), letter("Two"), letter("Three"))


@pytest.fixture
def inbox(account) -> Folder:
    return folder_of(account)


@pytest.fixture
def trash(account) -> Folder:
    return folder_of(account, Folder.Role.TRASH)


@pytest.fixture
def trashed(account) -> list[int]:
    return deliver(account, letter("Old", body="x" * 3000), letter("Older"), role=Folder.Role.TRASH)


def act(client, folder: Folder | None, name: str, *keys: int, page: str = "", **more: object):
    """As htmx sends the form when `page` (the address in the browser) is given, else as a browser does."""
    data = {"message": keys, **({"folder": folder.pk} if folder else {"all": 1}), **more}
    headers = HTMX | {"HX-Current-URL": SERVER + page} if page else {}
    return client.post(url(f"messages_{name}"), data, headers=headers)


def where(key: int) -> str:
    return message(key).folder.role


def toasts(response) -> list[str]:
    return [str(each) for each in get_messages(response.wsgi_request)]


# ── Plain forms ─────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "field", "before", "after"),
    [
        ("read", "is_read", False, True),
        ("unread", "is_read", True, False),
        ("star", "is_starred", False, True),
    ],
)
def test_marks(as_alice, acme, inbox, ids, name, field, before, after):
    with tenancy.scope(acme.pk):
        services.set_read(Message.objects.all(), before and field == "is_read")
        services.set_starred(Message.objects.all(), before and field == "is_starred")
    response = act(as_alice, inbox, name, *ids[:2])
    assert (response.status_code, response["Location"]) == (302, url("folder", inbox.pk))
    assert [getattr(message(key), field) for key in ids] == [after, after, before]


def test_trash_says_so_and_offers_to_undo(as_alice, inbox, ids):
    response = act(as_alice, inbox, "trash", *ids[:2])
    assert [where(key) for key in ids] == ["trash", "trash", "inbox"]
    page = flat(as_alice.get(response["Location"]))
    assert "2 messages moved to Trash" in page
    [undo] = re.findall(r'<button [^>]*form="undo" name="undo" value="([^"]+)">Undo</button>', page)
    [fields] = re.findall(r'<form id="undo".*?</form>', page, re.S)
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', fields))
    hidden.pop("csrfmiddlewaretoken", None)
    response = as_alice.post(url("messages_undo"), hidden | {"undo": undo})
    assert response["Location"] == url("folder", inbox.pk)
    assert [where(key) for key in ids] == ["inbox"] * 3


def test_spam_and_back(as_alice, account, inbox, ids):
    act(as_alice, inbox, "spam", ids[0])
    assert where(ids[0]) == "spam"
    act(as_alice, folder_of(account, Folder.Role.SPAM), "not_spam", ids[0])
    assert where(ids[0]) == "inbox"


def test_put_back(as_alice, inbox, trash, ids):
    act(as_alice, inbox, "trash", *ids)
    response = act(as_alice, trash, "put_back", *ids)
    assert response["Location"] == url("folder", trash.pk)
    assert [where(key) for key in ids] == ["inbox"] * 3


def test_the_way_back_is_the_page_the_form_was_on(as_alice, inbox, ids):
    assert act(as_alice, None, "read", *ids, unread=1)["Location"] == url("mail_all", unread=1)
    assert act(as_alice, inbox, "read", *ids, at="abc")["Location"] == url("folder", inbox.pk, at="abc")


def test_a_selection_may_be_of_several_accounts(as_alice, acme, alice, ids):
    other = factories.connect(acme, alice, name="Other", email="other@mail.example")
    [second] = deliver(other, letter())
    act(as_alice, None, "trash", ids[0], second)
    assert message(second).folder.account_id == other.pk
    assert [where(key) for key in (ids[0], second)] == ["trash", "trash"]


# ── Deleting for good ───────────────────────────────────────────────────────
def test_deleting_for_good_asks_first(as_alice, acme, trash, trashed):
    response = act(as_alice, trash, "discard", *trashed)
    page = flat(response)
    assert response.status_code == 200
    assert "Delete 2 messages for good?" in page
    assert "This cannot be undone." in page
    assert [where(key) for key in trashed] == ["trash", "trash"]
    form = dict(re.findall(r'name="(act|confirmed|folder)" value="([^"]*)"', page))
    assert re.findall(r'name="message" value="(\d+)"', page) == [str(key) for key in trashed]
    used = StorageMeter.objects.filter(pk=acme.pk)
    with tenancy.scope(acme.pk):
        before = used.get().used
    response = as_alice.post(url("messages_discard"), form | {"message": trashed})
    assert response["Location"] == url("folder", trash.pk)
    with tenancy.scope(acme.pk):
        assert not Message.objects.filter(pk__in=trashed).exists()
        assert used.get().used == 0 < before
    assert "2 messages deleted" in flat(as_alice.get(response["Location"]))


def test_only_what_is_in_trash_can_be_deleted_for_good(as_alice, inbox, ids):
    act(as_alice, inbox, "discard", *ids, confirmed=1)
    assert [where(key) for key in ids] == ["inbox"] * 3


# ── Emptying ────────────────────────────────────────────────────────────────
def test_emptying_says_how_many_and_releases_their_space(as_alice, acme, trash, trashed, ids):
    asked = flat(as_alice.post(url("folder_empty", trash.pk)))
    assert "Empty Trash?" in asked
    assert "Delete 2 messages" in asked
    assert "2 messages of Alice at Post will be deleted for good, and their space becomes free." in asked
    response = as_alice.post(url("folder_empty", trash.pk), {"confirmed": 1})
    assert response["Location"] == url("folder", trash.pk)
    with tenancy.scope(acme.pk):
        assert Message.objects.count() == 3
        assert StorageMeter.objects.get(pk=acme.pk).used == sum(message(key).size for key in ids)


@pytest.mark.parametrize("role", ["inbox", "sent", "drafts", "own"])
def test_other_folders_cannot_be_emptied(as_alice, acme, account, role):
    with tenancy.scope(acme.pk):
        Folder.objects.create(organization=acme, account=account, name="Own")
    assert (
        as_alice.post(url("folder_empty", folder_of(account, role).pk), {"confirmed": 1}).status_code == 404
    )


def test_an_empty_trash_is_emptied_without_a_question(as_alice, trash):
    assert as_alice.post(url("folder_empty", trash.pk))["Location"] == url("folder", trash.pk)


def test_a_large_trash_is_emptied_on_in_the_background(
    as_alice, acme, account, trash, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(services, "DISCARD_BATCH", 2)
    queued = []
    monkeypatch.setattr(tasks.empty_folder, "delay", lambda *args: queued.append(args))
    deliver(account, *[letter(f"Old {n}") for n in range(7)], role=Folder.Role.TRASH)
    with django_capture_on_commit_callbacks(execute=True):
        response = as_alice.post(url("folder_empty", trash.pk), {"confirmed": 1})
    assert queued == [(acme.pk, trash.pk)]
    page = flat(as_alice.get(response["Location"]))
    assert "7 messages are being deleted. This goes on when you leave the page." in page
    with tenancy.scope(acme.pk):
        assert Message.objects.count() == 5
    tasks.empty_folder(*queued[0])
    tasks.empty_folder(*queued[0])
    with tenancy.scope(acme.pk):
        assert Message.objects.count() == 0
        assert StorageMeter.objects.get(pk=acme.pk).used == 0


# ── htmx ────────────────────────────────────────────────────────────────────
def test_rows_that_changed_come_back_one_by_one(as_alice, inbox, ids):
    response = act(as_alice, inbox, "read", *ids[:2], page=url("folder", inbox.pk))
    text = flat(response)
    assert "<html" not in text
    rows = re.findall(r'<li class="([^"]*)" id="row-(\d+)"[^>]*hx-swap-oob="true"', text)
    assert [(css, int(key)) for css, key in rows] == [("row", ids[0]), ("row", ids[1])]
    assert 'hx-swap-oob="innerHTML:.side-scroll"' in text


def test_rows_that_left_are_taken_out_and_a_toast_says_so(as_alice, inbox, ids):
    text = flat(act(as_alice, inbox, "trash", *ids[:2], page=url("folder", inbox.pk)))
    for key in ids[:2]:
        assert f'<li id="row-{key}" hx-swap-oob="delete"></li>' in text
    assert f"row-{ids[2]}" not in text
    assert "2 messages moved to Trash" in text
    assert 'id="message"' not in text


def test_the_list_does_not_take_what_i_did_for_new_mail(as_alice, account, inbox, ids):
    text = flat(act(as_alice, inbox, "trash", ids[0], page=url("folder", inbox.pk)))
    [fresh] = re.findall(r'id="fresh"[^>]*hx-get="([^"]+)"', text)
    assert as_alice.get(unescape(fresh)).status_code == 204
    deliver(account, letter())
    assert "1 new message" in flat(as_alice.get(unescape(fresh)))


@pytest.mark.parametrize("name", ["trash", "spam", "unread"])
def test_the_reader_closes_when_its_message_leaves(as_alice, inbox, ids, name):
    response = act(as_alice, inbox, name, ids[0], page=url("message", ids[0], at="x"), at="x")
    text = flat(response)
    assert re.search(r'<article class="reader" id="message"[^>]*hx-swap-oob="true"', text)
    assert response["HX-Push-Url"] == url("folder", inbox.pk, at="x")
    assert "<title>Inbox · Mailhub</title>" in text


@pytest.mark.parametrize("name", ["read", "star", "trash"])
def test_the_reader_stays_when_another_message_leaves(as_alice, inbox, ids, name):
    response = act(as_alice, inbox, name, ids[1], page=url("message", ids[0]))
    assert '<article class="reader"' not in flat(response)
    assert "HX-Push-Url" not in response


def test_undo_loads_the_list_where_the_person_is(as_alice, inbox, ids):
    act(as_alice, inbox, "trash", *ids[:2])
    here = url("message", ids[2], all=1)
    response = act(as_alice, inbox, "undo", undo=f"{ids[0]},{ids[1]}", page=here)
    assert json.loads(response["HX-Location"]) == {
        "path": here,
        "target": "#list",
        "swap": "outerHTML",
        "push": "false",
    }
    assert [where(key) for key in ids] == ["inbox"] * 3


def test_an_address_of_another_site_is_not_gone_to(as_alice, inbox, ids):
    headers = HTMX | {"HX-Current-URL": "https://evil.example/x"}
    response = as_alice.post(url("messages_undo"), {"undo": str(ids[0]), "folder": inbox.pk}, headers=headers)
    assert json.loads(response["HX-Location"])["path"] == url("folder", inbox.pk)


def test_the_question_comes_as_a_dialog(as_alice, trash, trashed):
    for response in (
        act(as_alice, trash, "discard", *trashed, page=url("folder", trash.pk)),
        as_alice.post(url("folder_empty", trash.pk), headers=HTMX),
    ):
        text = flat(response)
        assert response["HX-Retarget"] == "#asking"
        assert response["HX-Reswap"] == "innerHTML"
        assert text.lstrip().startswith("<dialog")
        assert "Delete 2 messages" in text
        assert "Keep them" in text


def test_the_dialog_goes_when_it_is_done(as_alice, trash, trashed):
    page = url("folder", trash.pk)
    text = flat(act(as_alice, trash, "discard", *trashed, confirmed=1, page=page))
    assert '<div id="asking" hx-swap-oob="true"></div>' in text
    response = as_alice.post(url("folder_empty", trash.pk), {"confirmed": 1}, headers=HTMX)
    assert response["HX-Redirect"] == page


# ── Stars ───────────────────────────────────────────────────────────────────
def test_a_star_comes_and_goes(as_alice, inbox, ids):
    address = url("message_star", ids[0])
    text = flat(as_alice.post(address, {"starred": "1"}, headers=HTMX))
    assert 'aria-pressed="true"' in text
    assert 'value="0"' in text
    assert message(ids[0]).is_starred
    response = as_alice.post(address, {"starred": "0", "folder": inbox.pk})
    assert response["Location"] == url("folder", inbox.pk)
    assert not message(ids[0]).is_starred


# ── Refusals ────────────────────────────────────────────────────────────────
ACTS = ["read", "unread", "star", "trash", "put_back", "spam", "not_spam", "discard"]


@pytest.mark.parametrize("name", ACTS)
def test_nobody_acts_on_mail_of_others(as_bob, acme, bob, ids, trashed, name):
    own = factories.connect(acme, bob, name="Bob", email="bob@post.example")
    before = [
        (message(key).folder_id, message(key).is_read, message(key).is_starred) for key in ids + trashed
    ]
    response = act(as_bob, folder_of(own), name, *ids, *trashed, confirmed=1)
    assert response.status_code == 302
    assert [
        (message(key).folder_id, message(key).is_read, message(key).is_starred) for key in ids + trashed
    ] == before


@pytest.mark.parametrize("name", ACTS)
def test_a_foreign_list_undoes_the_act(as_bob, acme, bob, inbox, name):
    own = factories.connect(acme, bob, name="Bob", email="bob@post.example")
    [key] = deliver(own, letter())
    before = where(key), message(key).is_read
    response = act(as_bob, inbox, name, key, page=url("folder", inbox.pk))
    assert response.status_code == 404
    assert (where(key), message(key).is_read) == before


def test_others_can_neither_star_nor_empty(as_bob, as_charlie, client, umbrella, ids, trash, trashed):
    for address in (url("message_star", ids[0]), url("folder_empty", trash.pk), url("messages_trash")):
        data = {"starred": "1", "confirmed": 1, "message": ids}
        assert as_bob.post(address, data).status_code == 404
        assert as_charlie.post(address, data).status_code == 404
        assert client.post(address, data).status_code == 302
    assert not message(ids[0]).is_starred
    assert [where(key) for key in trashed] == ["trash", "trash"]


def test_acts_need_a_form_with_its_token(alice, acme, account, inbox, trash, ids):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    for address in (url("messages_trash"), url("message_star", ids[0]), url("folder_empty", trash.pk)):
        assert strict.post(address, {"message": ids, "folder": inbox.pk}).status_code == 403
        assert strict.get(address).status_code == 405


@pytest.mark.parametrize("keys", [[], ["x"], ["-1"], ["1; DROP TABLE"], ["9" * 30], ["٣"]])
def test_odd_selections_do_nothing(as_alice, inbox, ids, keys):
    for name in ACTS:
        assert act(as_alice, inbox, name, *keys, confirmed=1).status_code == 302
    assert [where(key) for key in ids] == ["inbox"] * 3


@pytest.mark.parametrize("value", ["x", ",", "1,x,2", "9" * 40])
def test_odd_undos_do_nothing(as_alice, inbox, ids, value):
    response = as_alice.post(url("messages_undo"), {"undo": value, "folder": inbox.pk})
    assert response.status_code == 302
    assert toasts(response) == []


def test_without_a_list_an_act_is_not_found(as_alice, ids):
    response = as_alice.post(url("messages_trash"), {"message": ids})
    assert response.status_code == 404
    assert [where(key) for key in ids] == ["inbox"] * 3
