"""Folders and labels by keyboard: new ones are made on the way, a label has a list, a move is taken back."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.e2e import browser as chromium
from tests.e2e import walks

pytestmark = chromium.MARKS

SUBJECT = "Contract draft, third round"


def asked(page: Page, key: str) -> Locator:
    """The dialog that a key opens."""
    page.keyboard.press(key)
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    return dialog


def answer(page: Page, field: str, name: str) -> None:
    """Type the name of something new and press Enter."""
    page.get_by_label(field).fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    walks.settle(page)


def test_a_letter_is_labelled_found_by_its_label_moved_and_brought_back(alice: Page) -> None:
    walks.row(alice, SUBJECT).locator(".row-link").focus()
    asked(alice, "l")
    answer(alice, "New label", "To sign")
    expect(walks.row(alice, SUBJECT).locator(".chip")).to_have_text("To sign")
    expect(walks.row(alice, SUBJECT).locator(".row-link")).to_be_focused()

    walks.read(alice, SUBJECT)
    alice.locator(".reader-labels a").click()
    expect(walks.rows(alice)).to_have_count(1)
    walks.row(alice, SUBJECT).locator(".row-link").focus()
    expect(asked(alice, "l").get_by_label("To sign")).to_be_checked()
    alice.keyboard.press("Space")
    alice.get_by_role("button", name="Set labels").click()
    expect(walks.rows(alice)).to_have_count(0)

    alice.locator(".folders .entry", has_text="Inbox").click()
    walks.row(alice, SUBJECT).locator(".row-link").focus()
    asked(alice, "v")
    answer(alice, "New folder", "Contracts")
    expect(walks.row(alice, SUBJECT)).to_have_count(0)
    expect(alice.locator(".folders .entry", has_text="Contracts")).to_be_visible()
    alice.get_by_role("button", name="Undo").click()
    expect(walks.row(alice, SUBJECT)).to_have_count(1)


def test_a_folder_is_renamed_and_deleted_on_its_page(alice: Page) -> None:
    alice.locator(".folders .entry", has_text="Folders and labels").click()
    alice.get_by_label("New folder").fill("Drafts of poems")
    alice.get_by_role("button", name="Make folder").click()
    alice.get_by_label("Rename Drafts of poems").click()
    alice.locator(".named-edit[open] input[name=name]").fill("Poems")
    alice.locator(".named-edit[open] button").click()
    alice.get_by_role("link", name="Delete Poems").click()
    alice.get_by_role("button", name="Delete folder").click()
    expect(alice.locator(".toast")).to_contain_text("Folder “Poems” deleted")
    expect(alice.locator(".folders .entry", has_text="Poems")).to_have_count(0)
