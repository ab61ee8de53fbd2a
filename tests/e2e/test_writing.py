"""Writing, against real servers: what is composed arrives byte for byte, in its thread, and can be undone."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from mailhub.embedded.process import wait_until
from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance

pytestmark = chromium.MARKS

LETTER, LETTER_FILE = "Photos from the allotment, and the key", "garden"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = bytes(range(256)) * 400
# The lines that the provider puts on top of what it was handed.
TRACE = re.compile(rb"Return-Path: .*\r\nX-Envelope-To: (.*)\r\nReceived: .*\r\n\t.*\r\n\t.*\r\n")


def write(page: Page) -> Locator:
    """A new letter by its key."""
    page.keyboard.press("c")
    page.wait_for_url("**/mail/write/*/")
    editor = page.locator(".ProseMirror")
    expect(editor).to_be_editable()
    return editor


def expect_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text(re.compile(r"^Saved \d\d[:.]\d\d$"))


def to(page: Page, name: str, typed: str) -> None:
    if not page.locator(f"#{name}").is_visible():
        page.get_by_role("button", name="Cc, Bcc").click()
    page.locator(f"#{name}").fill(typed)
    page.locator(f"#{name}").press("Enter")


def taken(instance: Instance) -> list[Path]:
    """What the provider was handed for people elsewhere, the newest last."""
    return sorted((instance.home / "demo" / "sent").glob("*.eml"))


def handed_in(instance: Instance, known: list[Path]) -> tuple[list[str], bytes]:
    """The recipients and the bytes of the one message that came after `known`."""
    wait_until(lambda: len(taken(instance)) > len(known), 60)
    (path,) = set(taken(instance)) - set(known)
    raw = path.read_bytes()
    trace = TRACE.match(raw)
    return trace[1].decode().split(", "), raw[trace.end() :]


def stored_copy(page: Page, subject: str) -> bytes:
    """The newest message of that subject in Sent, downloaded."""
    walks.go(page, "mail/")
    page.locator(".folders a[title=Sent]").click()
    expect(walks.row(page, subject).first).to_be_visible(timeout=30_000)
    walks.row(page, subject).first.locator(".row-link").click()
    reader = page.locator("article.reader[data-message]")
    expect(reader.locator("h1")).to_have_text(subject)
    address = page.url.split("?")[0] + "download/"
    return page.request.get(address).body()


def test_a_letter_with_a_file_and_a_picture_arrives_as_the_copy_in_sent(
    alice: Page, instance: Instance
) -> None:
    known = taken(instance)
    editor = write(alice)
    to(alice, "to", "Müller, Zoë <zoe@elsewhere.example>".replace("Müller, Zoë", '"Müller, Zoë"'))
    to(alice, "bcc", "secret@elsewhere.example")
    alice.locator("#subject").fill("Pläne für den Garten")
    editor.click()
    alice.keyboard.type("Dear Zoë, ")
    alice.keyboard.press("Control+b")
    alice.keyboard.type("look:")
    alice.locator("[data-picture]").set_input_files(
        {"name": "plot.png", "mimeType": "image/png", "buffer": PICTURE}
    )
    expect(editor.get_by_role("img", name="plot.png")).to_have_js_property("complete", True)
    alice.locator("[data-attach]").set_input_files(
        {"name": "Plan für alle.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    expect(alice.get_by_role("link", name="Plan für alle.pdf")).to_be_visible()
    expect_saved(alice)
    alice.keyboard.press("Control+Enter")
    expect(alice.locator(".toast")).to_contain_text("Sending…")

    recipients, raw = handed_in(instance, known)
    assert recipients == ["zoe@elsewhere.example", "secret@elsewhere.example"]
    letter = message_from_bytes(raw, policy=default)
    assert letter["Subject"] == "Pläne für den Garten"
    assert letter["To"] == '"Müller, Zoë" <zoe@elsewhere.example>'
    assert "secret" not in raw.decode("latin-1")
    assert not letter.defects
    (picture,) = [part for part in letter.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == PICTURE
    html = letter.get_body(("html",)).get_content()
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert "<strong>look:" in html
    assert "Dear Zoë, look:" in letter.get_body(("plain",)).get_content()
    (file,) = letter.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("Plan für alle.pdf", PDF)
    assert stored_copy(alice, "Pläne für den Garten") == raw


def test_a_reply_stands_in_its_thread_with_the_table_of_the_original(alice: Page, instance: Instance) -> None:
    known = taken(instance)
    walks.read(alice, LETTER)
    original = message_from_bytes(
        alice.request.get(alice.url.split("?")[0] + "download/").body(), policy=default
    )
    alice.keyboard.press("r")
    alice.wait_for_url("**/mail/write/*/")
    editor = alice.locator(".ProseMirror")
    expect(editor).to_be_focused()
    alice.keyboard.type("What a green!")
    expect(alice.frame_locator(".below-frame").get_by_text("the shed is finally painted")).to_be_visible()
    expect_saved(alice)
    alice.get_by_role("button", name="Send", exact=True).click()
    expect(alice.get_by_role("heading", name="Inbox")).to_be_visible()
    recipients, raw = handed_in(instance, known)
    letter = message_from_bytes(raw, policy=default)
    assert recipients == [original["From"].addresses[0].addr_spec]
    assert letter["Subject"] == f"Re: {LETTER}"
    assert letter["In-Reply-To"].strip() == original["Message-ID"].strip()
    assert letter["References"].split()[-1] == original["Message-ID"].strip()
    text = letter.get_body(("plain",)).get_content()
    assert text.index("What a green!") < text.index("wrote:") < text.index("> Dear Alice,")


def test_a_message_is_taken_back_and_is_a_draft_again(alice: Page, instance: Instance) -> None:
    known = taken(instance)
    editor = write(alice)
    to(alice, "to", "zoe@elsewhere.example")
    alice.locator("#subject").fill("Too early")
    editor.click()
    alice.keyboard.type("Not yet")
    alice.locator("[data-attach]").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"}
    )
    expect(alice.get_by_role("link", name="a.txt")).to_be_visible()
    alice.keyboard.press("Control+Enter")
    alice.locator(".toast").get_by_role("button", name="Undo").click()
    alice.wait_for_url("**/mail/write/*/")
    expect(alice.locator(".ProseMirror")).to_have_text("Not yet")
    expect(alice.get_by_role("link", name="a.txt")).to_be_visible()
    expect(alice.locator("#subject")).to_have_value("Too early")
    # It is in Drafts, and deleting it there asks first.
    walks.go(alice, "mail/")
    alice.locator(".folders a[title=Drafts]").click()
    alice.get_by_role("link", name="Too early").click()
    alice.get_by_role("link", name="Delete the draft").click()
    alice.get_by_role("button", name="Delete the draft").click()
    expect(alice.get_by_role("link", name="Too early")).to_have_count(0)
    assert taken(instance) == known


def test_people_are_suggested_and_what_is_wrong_is_shown_at_its_place(
    browser: Browser, instance: Instance, alices_session: dict
) -> None:
    # Not watched: the browser notes the refusal (422) as an error.
    with browser.new_context(storage_state=alices_session, locale="en-GB") as context:
        page = context.new_page()
        page.goto(f"{instance.address}/o/acme/mail/")
        walks.rows(page).first.wait_for(timeout=60_000)
        write(page)
        page.locator("#to").press_sequentially("marta")
        expect(page.get_by_role("option").filter(has_text="Marta Lindqvist")).to_be_visible()
        page.keyboard.press("Enter")
        page.locator("#to").press_sequentially("lena@choir,")
        expect(page.locator(".recipient")).to_have_count(2)
        expect(page.locator(".recipient.is-bad")).to_have_text("lena@choir")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#to-note")).to_contain_text("“lena@choir” is not a full address")
        expect(page.locator("#to")).to_be_focused()


def test_two_windows_of_one_draft_lose_nothing(
    browser: Browser, instance: Instance, alices_session: dict
) -> None:
    # Not watched: the browser notes the refusal of the second window as an error, which it is.
    with browser.new_context(storage_state=alices_session) as context:
        one, other = context.new_page(), context.new_page()
        one.goto(f"{instance.address}/o/acme/mail/")
        write(one)
        one.locator("#subject").fill("One")
        expect_saved(one)
        other.goto(one.url)
        other.locator("#subject").fill("Two")
        expect_saved(other)
        one.locator("#subject").fill("Three")
        expect(one.locator("#composer-note")).to_contain_text("changed in another window")
        expect(one.locator("#subject")).to_have_value("Three")
        one.locator("#subject").press("End")
        one.keyboard.type("!")
        expect_saved(one)
        other.reload()
        expect(other.locator("#subject")).to_have_value("Three!")


def test_on_the_phone_nothing_is_wider_than_the_page(alice_on_the_phone: Page) -> None:
    page = alice_on_the_phone
    walks.read(page, LETTER)
    page.locator(".reply-bar").click()
    page.wait_for_url("**/mail/write/*/")
    expect(page.locator(".ProseMirror")).to_be_editable()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
