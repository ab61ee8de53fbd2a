"""The lists: what they show, in which order, page by page, and what they cost."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tenancy
from accounts.models import MailAccount
from mailbox import services
from mailbox.models import Folder, Message
from mailbox.pagination import PAGE_SIZE
from tests import factories
from tests.factories import deliver, letter
from tests.mailbox.web import HTMX, flat, folder_of, links, numbered, subjects, url


@pytest.fixture
def inbox(account) -> Folder:
    return folder_of(account)


# ── The way in ──────────────────────────────────────────────────────────────
def test_without_an_account_the_page_says_what_to_do(as_bob, acme):
    response = as_bob.get(url("mail"))
    assert response.status_code == 200
    assert "Bring your first account" in flat(response)
    assert url("connect") in flat(response)


def test_the_way_in_leads_to_the_default_account(as_alice, acme, alice, account):
    second = factories.connect(acme, alice, name="Second", email="second@mail.example")
    assert as_alice.get(url("mail"), follow=True).redirect_chain[-1][0] == url(
        "folder", folder_of(account).pk
    )
    with tenancy.scope(acme.pk):
        MailAccount.objects.update(is_default=False)
        MailAccount.objects.filter(pk=second.pk).update(is_default=True)
    assert as_alice.get(url("mail"), follow=True).redirect_chain[-1][0] == url("folder", folder_of(second).pk)


def test_all_accounts_without_an_account_leads_to_the_way_in(as_bob, acme):
    assert as_bob.get(url("mail_all"))["Location"] == url("mail")


# ── Rows ────────────────────────────────────────────────────────────────────
def test_messages_stand_newest_first_whatever_their_order_of_arrival(as_alice, account, inbox):
    raws = numbered(5)
    deliver(account, raws[3], raws[0], raws[4], raws[1], raws[2])
    assert subjects(as_alice.get(url("folder", inbox.pk))) == [f"Letter {n}" for n in range(5)]


def test_a_row_in_sent_says_whom_it_went_to(as_alice, account):
    to = "Bob <bob@b.example>, eve@e.example, C <c@c.example>, D <d@d.example>"
    deliver(account, letter("Tea", sender="Me <box@mail.example>", to=to), role=Folder.Role.SENT)
    sent = folder_of(account, Folder.Role.SENT)
    page = flat(as_alice.get(url("folder", sent.pk)))
    assert "<bdi>To: Bob, eve@e.example, C</bdi>" in page
    assert "<bdi>Me</bdi>" not in page


def test_a_row_says_who_what_when_and_how_large(as_alice, account, inbox):
    picture = letter("With a file").replace(
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nHow are you?\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe plan is attached.\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
        + b"x" * 4000
        + b"\r\n--b--\r\n",
    )
    deliver(account, picture)
    text = flat(as_alice.get(url("folder", inbox.pk)))
    for part in (
        "Marta Lindqvist",
        "With a file",
        "The plan is attached.",
        "4.3 KB",
        'aria-label="Has attachments"',
    ):
        assert part in text
    assert 'class="row is-unread"' in text


def test_a_read_message_is_not_bold_and_a_star_is_pressed(as_alice, acme, account, inbox):
    [key] = deliver(account, letter())
    with tenancy.scope(acme.pk):
        services.set_read(Message.objects.filter(pk=key), True)
        services.set_starred(Message.objects.filter(pk=key), True)
    text = flat(as_alice.get(url("folder", inbox.pk)))
    assert "is-unread" not in text
    assert 'aria-pressed="true"' in text


def test_what_a_sender_wrote_is_never_markup(as_alice, account, inbox):
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    deliver(account, letter(hostile, sender=f'"{hostile}" <x@mail.example>', body=f"{hostile}\r\n"))
    for address in (url("folder", inbox.pk), url("mail_all")):
        text = flat(as_alice.get(address))
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text


def test_missing_subject_and_sender_have_words(as_alice, account, inbox):
    deliver(account, b"Date: Mon, 23 Nov 2026 09:42:00 +0000\r\n\r\nNo headers to speak of\r\n")
    text = flat(as_alice.get(url("folder", inbox.pk)))
    assert "(no subject)" in text
    assert "Unknown sender" in text


def test_large_numbers_are_set_apart_for_people_and_not_for_machines(as_alice, acme, account, inbox):
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('mailbox_message', 'id'), 1234567)")
    [key] = deliver(account, letter())
    text = flat(as_alice.get(url("message", key)))
    assert key == 1234568
    for part in ('id="row-1234568"', 'value="1234568"', "/message/1234568/star/", 'data-message="1234568"'):
        assert part in text
    assert "1,234,568" not in text


# ── Pages ───────────────────────────────────────────────────────────────────
def test_older_and_newer_lead_through_all_pages(as_alice, account, inbox):
    deliver(account, *numbered(2 * PAGE_SIZE + 1))
    first = as_alice.get(url("folder", inbox.pk))
    assert links(first, "Newer") == []
    [older] = links(first, "Older")
    second = as_alice.get(older)
    [oldest] = links(second, "Older")
    third = as_alice.get(oldest)
    assert links(third, "Older") == []
    assert [*subjects(first), *subjects(second), *subjects(third)] == [
        f"Letter {n}" for n in range(2 * PAGE_SIZE + 1)
    ]
    [newer] = links(third, "Newer")
    assert subjects(as_alice.get(newer)) == subjects(second)


@pytest.mark.parametrize("at", ["x", "'--", "A" * 23, "é"])
def test_a_cursor_nobody_made_shows_the_first_page(as_alice, account, inbox, at):
    deliver(account, *numbered(2))
    assert subjects(as_alice.get(url("folder", inbox.pk, at=at))) == ["Letter 0", "Letter 1"]


def test_unread_only_keeps_its_filter_from_page_to_page(as_alice, acme, account, inbox):
    ids = deliver(account, *numbered(2 * PAGE_SIZE + 20))
    with tenancy.scope(acme.pk):
        services.set_read(Message.objects.filter(pk__in=ids[::2]), True)
    first = as_alice.get(url("folder", inbox.pk, unread=1))
    assert subjects(first) == [f"Letter {n}" for n in range(1, 2 * PAGE_SIZE, 2)]
    [older] = links(first, "Older")
    assert "unread=1" in older
    assert len(subjects(as_alice.get(older))) == 10
    assert url("folder", inbox.pk) in links(first, "Show all messages")


# ── All accounts ────────────────────────────────────────────────────────────
def test_all_inboxes_are_one_list_with_the_colour_of_each_account(as_alice, acme, alice, account):
    second = factories.connect(acme, alice, name="Second", email="second@mail.example", color="violet")
    raws = numbered(6)
    deliver(account, *raws[::2])
    deliver(second, *raws[1::2])
    deliver(second, letter("Spam"), role=Folder.Role.SPAM)
    response = as_alice.get(url("mail_all"))
    assert subjects(response) == [f"Letter {n}" for n in range(6)]
    text = flat(response)
    assert len(re.findall(r'<li class="row[^>]*data-color="violet"', text)) == 3
    assert "2 accounts" in text
    assert f"{url('message', 0)[:-2]}" in text
    assert "?all=1" in text


# ── Empty ───────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("inbox", "appears here by itself"),
        ("drafts", "No drafts"),
        ("sent", "Nothing sent"),
        ("spam", "No spam"),
        ("trash", "Trash is empty"),
    ],
)
def test_an_empty_folder_says_what_belongs_there(as_alice, account, role, words):
    text = flat(as_alice.get(url("folder", folder_of(account, role).pk), follow=True))
    assert words in text
    assert "Empty Trash" not in text


def test_everything_read_is_said_when_only_unread_is_asked_for(as_alice, account, inbox):
    deliver(account, letter(), is_read=True)
    response = as_alice.get(url("folder", inbox.pk, unread=1))
    assert "Everything is read" in flat(response)
    assert links(response, "Show all messages")


def test_trash_can_be_emptied_where_it_is_shown(as_alice, account):
    trash = folder_of(account, Folder.Role.TRASH)
    deliver(account, letter(), role=Folder.Role.TRASH)
    text = flat(as_alice.get(url("folder", trash.pk)))
    assert url("folder_empty", trash.pk) in text
    assert "Put back" in text
    assert "Delete for good" in text


# ── Parts for htmx ──────────────────────────────────────────────────────────
def test_htmx_gets_the_list_alone_with_the_side_and_the_toasts(as_alice, account, inbox):
    deliver(account, letter())
    response = as_alice.get(url("folder", inbox.pk), headers=HTMX | {"HX-Target": "list"})
    text = flat(response)
    assert "<html" not in text
    assert '<section class="list" id="list"' in text
    assert 'hx-swap-oob="innerHTML:.side-scroll"' in text
    assert {"HX-Request", "HX-Target"} <= set(response["Vary"].replace(" ", "").split(","))


@pytest.mark.parametrize(
    "headers",
    [{}, HTMX, HTMX | {"HX-Target": "list", "HX-History-Restore-Request": "true"}, HTMX | {"HX-Target": "x"}],
)
def test_everybody_else_gets_the_page(as_alice, account, inbox, headers):
    text = flat(as_alice.get(url("folder", inbox.pk), headers=headers))
    assert "<html" in text
    assert "Choose a message" in text


# ── New mail ────────────────────────────────────────────────────────────────
def poll(client, response):
    [address] = re.findall(r'id="fresh"[^>]*hx-get="([^"]+)"', flat(response))
    return client.get(unescape(address), headers=HTMX | {"HX-Target": "fresh"})


@pytest.mark.parametrize("name", ["folder", "mail_all"])
@pytest.mark.parametrize("query", [{}, {"unread": 1}])
def test_the_list_hears_of_new_mail_and_of_nothing_else(as_alice, account, inbox, name, query):
    deliver(account, *numbered(3))
    page = as_alice.get(url(name, *([inbox.pk] if name == "folder" else []), **query))
    answer = poll(as_alice, page)
    assert (answer.status_code, answer.content) == (204, b"")
    deliver(account, letter("Fresh"), letter("Fresh too", date="Mon, 1 Jan 2007 10:00:00 +0000"))
    answer = poll(as_alice, page)
    assert answer.status_code == 200
    assert "2 new messages" in flat(answer)
    assert 'hx-target="#list"' in flat(answer)


def test_asking_for_new_mail_is_cheap(as_alice, account, inbox):
    deliver(account, *numbered(60))
    page = as_alice.get(url("folder", inbox.pk))
    with CaptureQueriesContext(connection) as queries:
        assert poll(as_alice, page).status_code == 204
    assert not [query for query in queries if '"mailbox_message"' in query["sql"]]


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30])
def test_an_odd_count_is_no_news(as_alice, account, inbox, seen):
    deliver(account, letter())
    assert as_alice.get(url("mail_fresh", folder=inbox.pk, seen=seen)).status_code == 204


@pytest.mark.parametrize("query", [{}, {"folder": "x"}, {"folder": "999999999"}, {"folder": "9" * 40}])
def test_new_mail_of_no_list_is_not_found(as_alice, account, query):
    assert as_alice.get(url("mail_fresh", **query)).status_code == 404


# ── Cost ────────────────────────────────────────────────────────────────────
def mailbox_queries(client, address: str, **headers: str) -> tuple[int, int]:
    """All statements of a page, and those on mail: the list's and the side panel's."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address, headers=headers).status_code == 200
    own = [query for query in queries if '"mailbox_' in query["sql"]]
    return len(queries), len(own)


def test_a_list_costs_the_same_for_one_message_as_for_a_page_full(as_alice, acme, alice, account, inbox):
    for number in range(4):
        factories.connect(acme, alice, name=f"Box {number}", email=f"b{number}@mail.example")
    deliver(account, letter())
    few = mailbox_queries(as_alice, url("folder", inbox.pk))
    deliver(account, *numbered(PAGE_SIZE + 5))
    many = mailbox_queries(as_alice, url("folder", inbox.pk))
    assert many == few
    assert many[1] <= 7
    assert mailbox_queries(as_alice, url("mail_all"))[1] <= 7


# ── Doors ───────────────────────────────────────────────────────────────────
def test_another_members_folder_is_not_found(as_bob, acme, account, inbox):
    for address in (
        url("folder", inbox.pk),
        url("mail_account", account.pk),
        url("mail_fresh", folder=inbox.pk),
    ):
        assert as_bob.get(address).status_code == 404


def test_strangers_and_visitors_learn_nothing(as_charlie, umbrella, client, account, inbox):
    for address in (url("mail"), url("mail_all"), url("folder", inbox.pk), url("mail_account", account.pk)):
        assert as_charlie.get(address).status_code == 404
        assert client.get(address).status_code == 302


def test_lists_are_only_read(as_alice, account, inbox):
    for address in (
        url("mail"),
        url("mail_all"),
        url("folder", inbox.pk),
        url("mail_fresh", folder=inbox.pk),
    ):
        assert as_alice.post(address).status_code == 405
