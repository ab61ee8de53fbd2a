"""Ways through the pages that several tests (and the screenshots) take."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from mailhub.demo import DemoMailbox, Details
from mailhub.demo.people import PASSWORD
from tests.e2e.instance import Instance

ALICE, BOB = "alice@acme.example", "bob@acme.example"


def sign_in(page: Page, instance: Instance, email: str, password: str = PASSWORD) -> None:
    """Sign in, to the mailbox."""
    page.goto(f"{instance.address}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/mail/**")


@dataclass(frozen=True)
class Newcomer:
    """Somebody who does not know Mailhub yet."""

    name: str = "Nadia Putri"
    organization: str = "Toko Nadia"
    email: str = "nadia@toko.example"
    password: str = "tujuh belas mawar"


def sign_up(page: Page, instance: Instance, person: Newcomer) -> None:
    """Found an organization and confirm the address with the link that was sent."""
    page.goto(f"{instance.address}/accounts/signup/")
    page.get_by_label("Your name").fill(person.name)
    page.get_by_label("Organization").fill(person.organization)
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/confirm-email/")
    page.goto(instance.link_for(person.email))
    expect(page.get_by_text(person.email)).to_be_visible()
    page.get_by_role("button", name="Yes, confirm it").click()
    page.wait_for_url("**/mail/")


def settle(page: Page) -> None:
    """Wait until htmx has put everything in its place."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def slug(page: Page) -> str:
    """The organization in the page's address."""
    return page.url.partition("/o/")[2].partition("/")[0]


def go(page: Page, path: str) -> None:
    """To a page of the same organization, for example "settings/accounts/"."""
    origin = page.url.partition("/o/")[0]
    page.goto(f"{origin}/o/{slug(page)}/{path}")


# ── Connecting ──────────────────────────────────────────────────────────────
def fill_in(page: Page, box: DemoMailbox, provider: Details, password: str = "") -> None:
    """Type everything a provider told, as for a provider nobody has heard of."""
    page.get_by_role("radio", name="Other").check(force=True)
    page.get_by_label("E-mail address").fill(box.address)
    page.get_by_label("Account name").fill(box.name)
    page.get_by_label("User name").fill(box.username)
    page.get_by_role("textbox", name="Password").fill(password or box.password)
    page.get_by_role("textbox", name="Server").fill(provider.host)
    page.get_by_label("Port").fill(str(provider.pop3s_port))
    page.get_by_label("Encryption").select_option("ssl")


def press_test(page: Page) -> Locator:
    """Press the button; returns the panel once the test is over."""
    page.locator("#test-button").click()
    over = page.locator("#result:is([data-state=passed], [data-state=failed])")
    expect(over).to_be_visible()
    return over


# ── The mailbox ─────────────────────────────────────────────────────────────
def rows(page: Page) -> Locator:
    """The messages of the list."""
    return page.locator("#messages > .row")


def row(page: Page, subject: str) -> Locator:
    """The message of the list with exactly this subject."""
    return rows(page).filter(has=page.get_by_text(subject, exact=True))


def read(page: Page, subject: str) -> Locator:
    """Open a message of the list; returns the reader."""
    row(page, subject).locator(".row-link").click()
    reader = page.locator("article.reader[data-message]")
    expect(reader.locator("h1")).to_have_text(subject)
    settle(page)
    return reader


def expect_space_used(page: Page, size: int) -> None:
    """The bar in the side panel comes to show so many bytes."""
    expect(page.locator(".side-foot progress")).to_have_attribute("value", str(size))


def space_used(page: Page) -> int:
    """Bytes, as the bar in the side panel has them."""
    return int(page.locator(".side-foot progress").get_attribute("value"))
