"""Reading one message: what the page shows, what opening it changes, and what it offers."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils.http import urlencode

from accounts import tenancy
from mailbox import services
from mailbox.models import Folder, Message
from mailbox.pagination import PAGE_SIZE
from tests.factories import deliver, letter, message
from tests.mailbox import letters
from tests.mailbox.web import HTMX, flat, folder_of, numbered, subjects, url

READER = HTMX | {"HX-Target": "message"}
REMOTE = '<p>News</p><img src="https://tracker.example/pixel.gif"><p>More</p>'


def page(client, key: int, headers=None, **query: object) -> str:
    response = client.get(url("message", key, **query), headers=headers or {})
    assert response.status_code == 200
    return flat(response)


def reader(text: str) -> str:
    return text[text.index('<article class="reader"') : text.index("</article>")]


def frame(text: str) -> str:
    found = re.findall(r"<iframe [^>]*>", text)
    return unescape(found[0]) if found else ""


# ── What is shown ───────────────────────────────────────────────────────────
def test_headers_in_short_and_in_full(as_alice, account):
    raw = letters.multipart(
        letters.text("Hello"),
        headers="Message-ID: <m1@mail.example>\r\nReply-To: Desk <desk@mail.example>\r\n",
    )
    [key] = deliver(account, raw)
    shown = reader(page(as_alice, key))
    for words in (
        "Several parts",
        "Marta Lindqvist",
        "marta@mail.example",
        "alice@post.example",
        "tom@mail.example",
        "bea@mail.example",
        "desk@mail.example",
        "Monday 23 November 2026, 09:42",
        "Mon, 23 Nov 2026 09:42:00 +0000",
        "&lt;m1@mail.example&gt;",
        ">ML<",
    ):
        assert words in shown
    assert "<details" in shown


def test_the_body_is_in_a_sandbox_that_cannot_run_scripts(as_alice, account):
    [key] = deliver(account, letter())
    shown = frame(page(as_alice, key))
    assert f'src="{url("message_body", key)}"' in shown
    [sandbox] = re.findall(r'sandbox="([^"]*)"', shown)
    assert set(sandbox.split()) == {"allow-popups", "allow-popups-to-escape-sandbox"}
    assert "srcdoc" not in shown


def test_what_a_sender_wrote_is_never_markup(as_alice, account):
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    raw = letter(
        hostile,
        sender=f'"{hostile}" <x@mail.example>',
        to=f'"{hostile}" <y@mail.example>',
        headers=f"Message-ID: <{hostile}>\r\nReply-To: {hostile}\r\n",
        date=hostile,
    )
    named = letters.multipart(letters.text("x"), letters.attached(f"x/{hostile}", hostile, b"1"))
    for key in deliver(account, raw, named):
        text = page(as_alice, key)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        source = flat(as_alice.get(url("message_original", key)))
        assert "<script>alert" not in source


# ── Opening marks it read ───────────────────────────────────────────────────
@pytest.mark.parametrize("headers", [{}, READER])
def test_opening_marks_it_read(as_alice, account, headers):
    key, _ = deliver(account, letter("One"), letter("Two"))
    page(as_alice, key, headers)
    assert message(key).is_read
    assert message(key).folder.unread_count == 1


@pytest.mark.parametrize(
    ("method", "headers"),
    [("get", {"Sec-Purpose": "prefetch"}), ("get", {"Sec-Purpose": "prefetch;prerender"}), ("head", {})],
)
def test_loading_ahead_of_time_is_not_opening(as_alice, account, method, headers):
    [key] = deliver(account, letter())
    getattr(as_alice, method)(url("message", key), headers=headers)
    assert not message(key).is_read


@pytest.mark.parametrize("name", ["message_body", "message_original", "message_download"])
def test_its_pieces_do_not_mark_it_read(as_alice, account, name):
    [key] = deliver(account, letter())
    response = as_alice.get(url(name, key))
    b"".join(response) if response.streaming else response.content
    assert not message(key).is_read


def test_nobody_else_marks_it_read(as_bob, account):
    [key] = deliver(account, letter())
    assert as_bob.get(url("message", key)).status_code == 404
    assert not message(key).is_read


# ── Beside its list ─────────────────────────────────────────────────────────
def test_the_page_shows_the_list_around_the_message(as_alice, account):
    ids = deliver(account, *numbered(3 * PAGE_SIZE))
    text = page(as_alice, ids[120])
    assert re.search(rf'<li class="row[^"]*is-open" id="row-{ids[120]}"', text)
    assert f"Letter {120 - PAGE_SIZE}" not in text
    assert 'data-pane="reader"' in text


def test_the_page_it_was_opened_from_stays(as_alice, account):
    ids = deliver(account, *numbered(2 * PAGE_SIZE))
    listed = flat(as_alice.get(url("folder", folder_of(account).pk)))
    [older] = re.findall(r'href="([^"]+)" rel="next"', listed)
    second = as_alice.get(unescape(older))
    [link] = re.findall(rf'href="([^"]*/message/{ids[60]}/[^"]*)"', flat(second))
    opened = as_alice.get(unescape(link))
    assert subjects(opened) == subjects(second)
    assert f'href="{older}"' in flat(opened), "the way back leads to the same page"


def test_all_accounts_stay_the_list(as_alice, account):
    [key] = deliver(account, letter())
    text = page(as_alice, key, all=1)
    assert "All accounts" in text
    assert f'href="{url("mail_all")}"' in reader(text)
    assert re.findall(r'data-color="blue"> <label', text)


def test_an_unread_list_may_lack_the_open_message(as_alice, account):
    ids = deliver(account, letter("Read", date="Mon, 23 Nov 2026 09:00:00 +0000"), letter("Unread"))
    text = page(as_alice, ids[0], unread=1)
    assert f'id="row-{ids[0]}"' not in text
    assert f'id="row-{ids[1]}"' in text


def test_htmx_gets_the_reader_alone(as_alice, account):
    [key] = deliver(account, letter("Only this"))
    text = page(as_alice, key, READER)
    assert "<html" not in text
    assert "<title>Only this · Mailhub</title>" in text
    assert 'id="list"' not in text
    assert 'id="fresh"' in text
    assert 'hx-swap-oob="innerHTML:.side-scroll"' in text


def test_htmx_gets_the_list_of_the_open_message(as_alice, account):
    [key] = deliver(account, letter())
    text = page(as_alice, key, HTMX | {"HX-Target": "list"})
    assert 'id="list"' in text
    assert '<article class="reader"' not in text


# ── HTML, plain text, pictures ──────────────────────────────────────────────
def test_web_pictures_are_blocked_until_asked_for(as_alice, account):
    [key] = deliver(account, letters.multipart(letters.html(REMOTE)))
    text = page(as_alice, key)
    assert "Web pictures are blocked, so the sender cannot tell that you read this." in text
    assert f"{url('message', key)}?pictures=1" in text
    asked = page(as_alice, key, pictures=1)
    assert "Web pictures are blocked" not in asked
    assert f'src="{url("message_body", key)}?pictures=1"' in frame(asked)


def test_a_message_without_web_pictures_says_nothing_of_them(as_alice, account):
    for key in deliver(account, letter(), letters.multipart(letters.html("<p>Hello</p>"))):
        assert "Web pictures" not in page(as_alice, key)


def test_html_and_plain_text_can_be_switched(as_alice, account):
    both = letters.multipart(letters.text("plain words"), letters.html("<p>designed</p>"), kind="alternative")
    [key] = deliver(account, both)
    text = page(as_alice, key)
    assert "Show as plain text" in text
    plain = page(as_alice, key, plain=1)
    assert "Show as designed" in plain
    assert frame(plain).count("?plain=1") == 1


@pytest.mark.parametrize(
    "raw", [letter(), letters.multipart(letters.html("<p>only</p>"))], ids=["text", "html"]
)
def test_one_rendering_offers_no_switch(as_alice, account, raw):
    [key] = deliver(account, raw)
    for query in ({}, {"plain": 1}):
        text = page(as_alice, key, **query)
        assert "Show as" not in text


def test_mail_with_colours_of_its_own_gets_a_white_sheet(as_alice, account):
    coloured, bare = deliver(
        account,
        letters.multipart(letters.html('<div style="background:#fff;color:#000">x</div>')),
        letters.multipart(letters.html("<p>x</p>")),
    )
    assert "is-paper" in frame(page(as_alice, coloured))
    assert "is-paper" not in frame(page(as_alice, bare))


# ── Attachments ─────────────────────────────────────────────────────────────
def test_attachments_stand_in_a_strip_with_their_sizes(as_alice, account):
    raw = letters.multipart(
        letters.text("See below"),
        letters.attached("application/pdf", "plan.pdf", b"x" * 118_000),
        letters.attached("image/png", "shed.png", letters.PNG),
    )
    [key] = deliver(account, raw)
    shown = reader(page(as_alice, key))
    assert "2 attachments" in shown
    assert "118 KB" in shown
    assert f'href="{url("attachment", key, 0)}" download' in shown
    assert f'href="{url("inline_part", key, 1)}" target="_blank" rel="noopener noreferrer"' in shown
    assert url("inline_part", key, 0) not in shown


def test_pictures_of_the_text_are_files_only_when_the_text_does_not_show_them(as_alice, account):
    related = letters.multipart(
        letters.html('<p>Look: <img src="cid:shed"> <img src="cid:drawing"></p>'),
        letters.embedded("image/png", "shed", letters.PNG),
        letters.embedded("image/svg+xml", "drawing", letters.SVG),
        kind="related",
    )
    [key] = deliver(account, related)
    shown = reader(page(as_alice, key))
    assert url("attachment", key, 0) not in shown
    assert url("attachment", key, 1) in shown, "a drawing is not shown in the text, so it can be kept"


def test_a_message_of_files_only_says_so(as_alice, account):
    [key] = deliver(account, letters.multipart(letters.attached("application/pdf", "a.pdf", b"1")))
    shown = reader(page(as_alice, key))
    assert "only files" in shown
    assert "<iframe" not in shown


# ── Broken mail ─────────────────────────────────────────────────────────────
def test_what_could_not_be_decoded_can_be_downloaded(as_alice, acme, account):
    [key] = deliver(account, letter())
    with tenancy.scope(acme.pk):
        Message.objects.filter(pk=key).update(is_undecodable=True)
    shown = reader(page(as_alice, key))
    assert "could not be decoded" in shown
    assert shown.count(f'href="{url("message_download", key)}" download') == 2


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 50, b"\r\n", bytes(range(256)), b"Content-Type: multipart/mixed\r\n\r\n"]
)
def test_the_oddest_message_can_be_opened(as_alice, account, raw):
    [key] = deliver(account, raw)
    page(as_alice, key)
    for name in ("message_body", "message_original"):
        assert as_alice.get(url(name, key)).status_code == 200


# ── The original ────────────────────────────────────────────────────────────
def test_the_original_is_shown_as_text(as_alice, account):
    [key] = deliver(account, letter(body="<b>bold</b>\r\n", headers="X-Odd: <i>yes</i>\r\n"))
    response = as_alice.get(url("message_original", key))
    text = flat(response)
    assert "X-Odd: &lt;i&gt;yes&lt;/i&gt;" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "This is the first" not in text


def test_a_long_original_is_cut_and_says_so(as_alice, account):
    [key] = deliver(account, letter(body="Line of text.\r\n" * 40_000))
    response = as_alice.get(url("message_original", key))
    assert "This is the first 200 KB of 600 KB." in flat(response)
    assert len(response.content) < 260_000


# ── Trash and Spam ──────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("role", "offers", "not_offered"),
    [
        (Folder.Role.INBOX, {"trash", "unread", "spam"}, {"put_back", "discard", "not_spam"}),
        (Folder.Role.TRASH, {"put_back", "discard", "unread"}, {"trash", "spam", "not_spam"}),
        (Folder.Role.SPAM, {"not_spam", "trash", "unread"}, {"put_back", "discard", "spam"}),
    ],
)
def test_each_folder_offers_what_can_be_done_there(as_alice, account, role, offers, not_offered):
    [key] = deliver(account, letter(), role=role)
    shown = reader(page(as_alice, key))
    found = set(re.findall(r'data-action="(\w+)"', shown))
    assert offers <= found
    assert not not_offered & found


# ── Doors ───────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["message", "message_body", "message_original", "message_download"])
def test_mail_is_private_to_its_owner_also_from_admins(
    as_bob, as_charlie, client, acme, bob, account, umbrella, name
):
    [key] = deliver(account, letter())
    with tenancy.scope(acme.pk):
        bob.memberships.filter(organization=acme).update(role="admin")
    assert as_bob.get(url(name, key)).status_code == 404
    assert as_charlie.get(url(name, key)).status_code == 404
    assert as_charlie.get(reverse(name, args=["umbrella", key])).status_code == 404
    assert client.get(url(name, key)).status_code == 302


def test_a_message_that_is_gone_is_not_found(as_alice, acme, account):
    [key] = deliver(account, letter())
    with tenancy.scope(acme.pk):
        services.discard(Message.objects.filter(pk=key))
    for name in ("message", "message_body", "message_original", "message_download"):
        assert as_alice.get(url(name, key)).status_code == 404


def test_odd_query_strings_do_no_harm(as_alice, account):
    [key] = deliver(account, letter())
    for query in ({"at": "é"}, {"folder": "999999"}, {"unread": "<"}, {"plain": "x", "pictures": "y"}):
        assert as_alice.get(f"{url('message', key)}?{urlencode(query)}").status_code == 200
