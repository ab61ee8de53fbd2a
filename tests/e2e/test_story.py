"""The main story, against the real thing: a newcomer signs up, connects a mailbox, and reads and tidies the mail."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance

pytestmark = chromium.MARKS

NEWCOMER = walks.Newcomer()
STEPS = [
    "Server found",
    "Connected",
    "Secure",
    "Mail server answers",
    "Signed in",
    "Can tell messages apart",
    "Mail listed",
]
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PICTURES = "https://gambar.kotak-co.example/"
ORDER, BOXES, PRESS, ARTWORK = "order-1048", "boxes", "press", "artwork"


@pytest.fixture(scope="module")
def nadia(browser: Browser, instance: Instance) -> Iterator[Page]:
    """The newcomer's page, from the front door up to the letters of the demo's shop."""
    with chromium.opened(browser, chromium.WIDE, asked_for=(PICTURES,)) as context:
        page = context.new_page()
        walks.sign_up(page, instance, NEWCOMER)
        yield page


@pytest.fixture(scope="module")
def shop(nadia: Page, instance: Instance) -> Page:
    """The same page with the visitors' mailbox connected: what the page says is all she knows."""
    box = instance.provider.mailboxes[-1]
    nadia.locator(".welcome").get_by_role("link", name="Connect an account").click()
    for told in (box.address, box.password, str(instance.provider.pop3s_port)):
        expect(nadia.locator("#demo")).to_contain_text(told)
    nadia.get_by_role("button", name="Fill in").click()
    result = walks.press_test(nadia)
    expect(result.locator("h2")).to_have_text("It works")
    expect(result.locator(".test-step.is-ok > strong")).to_have_text(STEPS)
    expect(result.locator(".big-fact")).to_contain_text(f"{instance.count(box.address)} messages")
    result.get_by_role("button", name="Save and fetch the mail").click()
    nadia.get_by_role("link", name="Later").first.click()
    nadia.wait_for_url("**/mail/folder/*/")
    expect(walks.rows(nadia)).to_have_count(instance.count(box.address), timeout=60_000)
    return nadia


@pytest.fixture
def inbox(shop: Page) -> Page:
    """The shop's inbox, wherever the test before has left it."""
    walks.go(shop, "mail/")
    return shop


def subject_of(instance: Instance, name: str) -> str:
    return message_from_bytes(instance.letter("sales@toko.example", name), policy=default)["Subject"]


def body(page: Page):
    return page.frame_locator("iframe.body-frame")


def test_a_newcomer_signs_up_and_fetches_a_first_mailbox(shop: Page, instance: Instance) -> None:
    assert walks.slug(shop) == "toko-nadia"
    expect(shop.locator(".org")).to_contain_text(NEWCOMER.organization)
    expect(shop.get_by_role("heading", name="Inbox")).to_be_visible()
    expect(shop.locator(".account.is-open > .entry")).to_contain_text("Toko Kertas")
    count = instance.count("sales@toko.example")
    expect(shop.locator(".folders .has-unread .entry-count")).to_contain_text(str(count))
    expect(shop).to_have_title(f"Inbox ({count}) · Mailhub")
    # The bar at the side has moved with the mail that came in, without a new page.
    walks.expect_space_used(shop, sum(map(len, instance.letters("sales@toko.example"))))


def test_html_is_shown_as_designed_and_pictures_from_the_web_only_when_asked_for(
    inbox: Page, instance: Instance
) -> None:
    asked: list[str] = []

    def answer(route) -> None:
        asked.append(route.request.url)
        assert "referer" not in route.request.headers
        route.fulfill(body=PIXEL, content_type="image/gif")

    inbox.context.route(f"{PICTURES}**", answer)
    reader = walks.read(inbox, subject_of(instance, BOXES))
    expect(body(inbox).get_by_text("untuk semua kotak kirim").first).to_be_visible()
    expect(reader.get_by_text("Web pictures are blocked")).to_be_visible()
    assert asked == []
    with inbox.expect_request(f"{PICTURES}**"):
        reader.get_by_role("link", name="Show pictures").click()
    expect(body(inbox).locator("img[alt^=Tumpukan]")).to_have_js_property("complete", True)
    expect(reader.get_by_text("Web pictures are blocked")).to_have_count(0)
    inbox.context.unroute(f"{PICTURES}**")


def test_plain_text_is_read_as_it_was_written(inbox: Page, instance: Instance) -> None:
    letter = message_from_bytes(instance.letter("sales@toko.example", PRESS), policy=default)
    walks.read(inbox, letter["Subject"])
    expect(inbox.locator("article.reader .notice")).to_have_count(0)
    for line in letter.get_body(("plain",)).get_content().split("\r\n"):
        expect(body(inbox).locator("body")).to_contain_text(line)


def test_attachments_and_the_original_come_out_byte_for_byte(
    inbox: Page, instance: Instance, tmp_path
) -> None:
    raw = instance.letter("sales@toko.example", ARTWORK)
    letter = message_from_bytes(raw, policy=default)
    reader = walks.read(inbox, letter["Subject"])
    attached = {part.get_filename(): part.get_payload(decode=True) for part in letter.iter_attachments()}
    assert attached
    expect(reader.locator(".attachment")).to_have_count(len(attached))
    for name, content in attached.items():
        with inbox.expect_download() as download:
            reader.locator(".attachment-get").and_(inbox.get_by_role("link", name=f"Download {name}")).click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / "attached")
        assert (tmp_path / "attached").read_bytes() == content

    reader.get_by_label("More").click()
    reader.get_by_role("link", name="Show the original").click()
    source = inbox.locator("pre.source")
    expect(source).to_contain_text("Return-Path: ")
    with inbox.expect_download() as download:
        inbox.get_by_role("link", name="Download as .eml").click()
    download.value.save_as(tmp_path / "original")
    assert (tmp_path / "original").read_bytes() == raw
    inbox.get_by_role("link", name="Back to the message").click()
    expect(inbox.locator("article.reader h1")).to_have_text(letter["Subject"])


def test_a_star_and_an_unread_mark_stay(inbox: Page, instance: Instance) -> None:
    subject = subject_of(instance, ORDER)
    reader = walks.read(inbox, subject)
    row = walks.row(inbox, subject)
    expect(row).not_to_have_class("is-unread")
    row.locator(".row-star").click()
    expect(row.locator(".row-star")).to_have_attribute("aria-pressed", "true")
    unread = int(inbox.locator(".folders .entry-count").first.inner_text().split()[0])
    reader.get_by_role("button", name="Mark as unread").click()
    expect(inbox.get_by_text("Choose a message to read it here.")).to_be_visible()
    expect(inbox.locator(".folders .entry-count").first).to_contain_text(str(unread + 1))
    inbox.reload()
    expect(row.locator(".row-star")).to_have_attribute("aria-pressed", "true")
    expect(row.locator(".vh", has_text="Unread")).to_have_count(1)


def test_trash_gives_back_and_emptying_it_frees_the_space(inbox: Page, instance: Instance) -> None:
    kept, thrown = subject_of(instance, ORDER), subject_of(instance, ARTWORK)
    full = walks.space_used(inbox)
    for subject in (kept, thrown):
        walks.read(inbox, subject).get_by_role("button", name="Move to Trash").click()
        expect(walks.row(inbox, subject)).to_have_count(0)
        if subject == kept:
            inbox.locator("[data-toast]").get_by_role("button", name="Undo").click()
            expect(walks.row(inbox, subject)).to_have_count(1)
    assert walks.space_used(inbox) == full, "what lies in Trash still takes space"

    inbox.locator(".folders").get_by_role("link", name="Trash").click()
    expect(walks.rows(inbox)).to_have_count(1)
    inbox.get_by_role("button", name="Empty Trash").click()
    question = inbox.get_by_role("dialog", name="Empty Trash?")
    expect(question).to_contain_text("cannot be undone")
    question.get_by_role("button", name="Delete 1 message").click()
    expect(inbox.get_by_text("Trash is empty")).to_be_visible()
    walks.expect_space_used(inbox, full - len(instance.letter("sales@toko.example", ARTWORK)))


def test_a_second_account_is_watched_coming_in_and_switched_to(inbox: Page, instance: Instance) -> None:
    """The demo's first provider is slow on purpose: the bar can be seen moving."""
    box = instance.provider.mailboxes[0]
    walks.go(inbox, "settings/accounts/connect/")
    walks.fill_in(inbox, box, instance.provider)
    walks.press_test(inbox).get_by_role("button", name="Save and fetch the mail").click()
    inbox.get_by_role("link", name="Later").first.click()
    strip = inbox.locator(".first-fetch")
    expect(strip).to_contain_text("First fetch")
    expect(strip).to_contain_text(f"of {instance.count(box.address)} messages")
    seen = strip.locator("progress").get_attribute("value")
    expect(strip.locator("progress")).not_to_have_attribute("value", seen)
    expect(strip).to_have_count(0, timeout=60_000)
    expect(inbox.locator(".account.is-open > .entry")).to_contain_text(box.name)
    expect(walks.row(inbox, "Photos from the allotment, and the key")).to_be_visible()

    inbox.locator(".account > .entry", has_text="Toko Kertas").click()
    expect(inbox.locator(".list-head .where")).to_have_text("sales@toko.example")
    inbox.locator(".side").get_by_role("link", name="All accounts").click()
    expect(inbox.locator(".list-head .where")).to_have_text("2 accounts")
    expect(walks.row(inbox, "Photos from the allotment, and the key")).to_be_visible()
    expect(walks.row(inbox, subject_of(instance, ORDER))).to_be_visible()
