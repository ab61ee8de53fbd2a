"""Language and theme, keyboard, and the phone."""

from __future__ import annotations

import gettext
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e import browser as chromium
from tests.e2e import walks

pytestmark = chromium.MARKS

PHOTOS = "Photos from the allotment, and the key"
LOCALE = Path(__file__).resolve().parents[2] / "mailhub" / "locale"


def choose(page: Page, name: str, value: str) -> None:
    """Press the button in the person's menu, and wait until the server knows."""
    page.locator(".user-menu > summary").click()
    with page.expect_response(f"**/settings/{name}/"):
        page.locator(f".user-menu button[name={name}][value={value}]").click()


def test_indonesian_and_dark_are_chosen_in_the_menu_and_stay(alice: Page) -> None:
    translated = gettext.translation("django", LOCALE, ["id"]).gettext
    assert translated("Inbox") != "Inbox"
    try:
        choose(alice, "language", "id")
        expect(alice.locator("html")).to_have_attribute("lang", "id")
        expect(alice.locator(".list-head h1")).to_have_text(translated("Inbox"))
        choose(alice, "theme", "dark")
        expect(alice.locator("html")).to_have_attribute("data-theme", "dark")
        alice.reload()
        expect(alice.locator("html")).to_have_attribute("data-theme", "dark")
        ground = alice.locator("body").evaluate("node => getComputedStyle(node).backgroundColor")
        assert max(int(part) for part in ground.strip("rgba()").split(",")[:3]) < 60
        walks.go(alice, "settings/accounts/")
        expect(alice.locator("h1")).to_have_text(translated("Mail accounts"))
    finally:
        choose(alice, "language", "en")
        expect(alice.locator("html")).to_have_attribute("lang", "en")
        choose(alice, "theme", "system")
        expect(alice.locator("html")).not_to_have_attribute("data-theme", "dark")


def test_the_keyboard_goes_through_the_list_and_opens(alice: Page) -> None:
    first, second = (walks.rows(alice).nth(number) for number in (0, 1))
    alice.keyboard.press("j")
    expect(first.locator(".row-link")).to_be_focused()
    alice.keyboard.press("j")
    expect(second.locator(".row-link")).to_be_focused()
    alice.keyboard.press("k")
    expect(first.locator(".row-link")).to_be_focused()
    alice.keyboard.press("j")
    alice.keyboard.press("o")
    expect(second).to_have_attribute("class", "row is-open")
    expect(alice.locator("article.reader h1")).to_have_text(second.locator(".row-subject bdi").inner_text())
    walks.settle(alice)
    alice.keyboard.press("Escape")
    expect(alice.get_by_text("Choose a message to read it here.")).to_be_visible()


def test_selection_and_help_by_keyboard(alice: Page) -> None:
    alice.keyboard.press("j")
    alice.keyboard.press("x")
    alice.keyboard.press("j")
    alice.keyboard.press("x")
    expect(alice.locator("#selected-count")).to_have_text("2")
    alice.keyboard.press("Escape")
    expect(alice.locator("#bulk")).to_be_hidden()
    alice.keyboard.press("?")
    keys = alice.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    alice.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_keys_do_nothing_while_a_word_is_typed(alice: Page) -> None:
    walks.go(alice, "console/people/")
    alice.get_by_placeholder("Find a person").fill("")
    alice.keyboard.type("bob ?")
    expect(alice.get_by_placeholder("Find a person")).to_have_value("bob ?")
    expect(alice.locator("dialog[open]")).to_have_count(0)


def test_the_phone_shows_one_thing_at_a_time(alice_on_the_phone: Page) -> None:
    page = alice_on_the_phone
    expect(page.locator("article.reader")).to_be_hidden()
    expect(page.locator("#side")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    drawer = page.locator("#side")
    expect(drawer).to_be_visible()
    drawer.locator(".folders").get_by_role("link", name="Trash").tap()
    page.wait_for_url("**/folder/*/")
    expect(drawer).to_be_hidden()
    expect(page.locator(".top-title")).to_contain_text("Trash")
    page.locator(".dock").get_by_role("link", name="Mail").tap()
    expect(page.locator(".top-title")).to_contain_text("Inbox")

    walks.row(page, PHOTOS).locator(".row-link").tap()
    expect(page.locator("article.reader h1")).to_have_text(PHOTOS)
    expect(page.locator("#list")).to_be_hidden()
    page.get_by_role("link", name="Back to the list").tap()
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("article.reader")).to_be_hidden()
    page.go_back()
    expect(page.locator("article.reader h1")).to_have_text(PHOTOS)
    expect(page.locator("#list")).to_be_hidden()
