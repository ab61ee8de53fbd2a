"""Every main page, wide and on the phone: it says its language and its name, and never scrolls sideways.

That no page makes the browser complain, breaks the policy or asks another machine is checked for every test of this
folder (tests/e2e/browser.py).
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance

pytestmark = chromium.MARKS

DOOR = ["accounts/login/", "accounts/signup/", "accounts/password/reset/"]
INSIDE = [
    "mail/",
    "mail/all/",
    "mail/{account}/folders/",
    "mail/{account}/drafts/",
    "mail/{account}/outbox/",
    "settings/accounts/",
    "settings/accounts/connect/",
    "settings/accounts/{account}/",
    "settings/accounts/{account}/fetching/",
    "settings/accounts/{account}/sending/",
    "settings/accounts/{account}/history/",
    "settings/accounts/{account}/not-here/",
    "settings/accounts/{account}/delete/",
    "settings/addresses/",
    "settings/addresses/new/",
    "settings/signatures/",
    "settings/signatures/new/{account}/",
    "settings/templates/",
    "settings/templates/new/",
    "settings/away/",
    "settings/away/{account}/",
    "settings/storage/",
    "settings/profile/",
    "settings/look/",
    "settings/security/",
    "settings/leave/",
    "console/",
    "console/people/",
    "console/accounts/",
    "console/fetching/",
    "console/disclaimer/",
]
SIZES = pytest.mark.parametrize("size", [chromium.WIDE, chromium.PHONE], ids=["wide", "phone"])


def look_at(page: Page) -> list[str]:
    """What is wrong with the page."""
    wrong = []
    if page.locator("html").get_attribute("lang") not in ("en", "id"):
        wrong.append("has no language")
    if not re.fullmatch(r"\S.* · Mailhub", page.title()):
        wrong.append(f"has the title {page.title()!r}")
    over = page.locator("html").evaluate("node => node.scrollWidth - node.clientWidth")
    if over > 0:
        wrong.append(f"is {over} px too wide")
    if page.locator("h1:visible, .top-title:visible").count() == 0:
        wrong.append("has no heading")
    return [f"{page.url} {words}" for words in wrong]


@SIZES
def test_pages_inside(
    browser: Browser, instance: Instance, alices_session: dict, size: dict[str, int]
) -> None:
    with chromium.opened(browser, size, storage_state=alices_session) as context:
        page = context.new_page()
        page.goto(f"{instance.address}/o/acme/settings/accounts/")
        account = page.locator(".account-card").first.get_attribute("data-account")
        wrong = []
        for path in INSIDE:
            walks.go(page, path.format(account=account))
            wrong += look_at(page)
        page.goto(f"{instance.address}/o/acme/mail/")
        for subject in ("Photos from the allotment, and the key", "Contract draft, third round"):
            walks.row(page, subject).locator(".row-link").click()
            expect(page.locator("article.reader h1")).to_contain_text(subject)
            wrong += look_at(page)
            page.goto(f"{instance.address}/o/acme/mail/")
        assert wrong == []


@SIZES
def test_pages_at_the_door(browser: Browser, instance: Instance, size: dict[str, int]) -> None:
    wrong = []
    with chromium.opened(browser, size) as context:
        page = context.new_page()
        for path in DOOR:
            page.goto(f"{instance.address}/{path}")
            wrong += look_at(page)
    assert wrong == []


def test_a_complaint_of_the_browser_fails_the_test(browser: Browser, instance: Instance) -> None:
    """Else nothing in this folder would prove that pages keep to the policy."""

    def misbehave() -> None:
        with chromium.opened(browser, chromium.WIDE) as context:
            page = context.new_page()
            page.goto(f"{instance.address}/accounts/login/")
            page.evaluate("() => { new Image().src = 'https://elsewhere.example/pixel.gif' }")
            page.evaluate("() => { document.body.setAttribute('style', 'color: red') }")
            with page.expect_event("pageerror"):
                page.evaluate("() => { setTimeout(() => { throw new Error('broken') }) }")

    with pytest.raises(AssertionError) as caught:
        misbehave()
    words = str(caught.value)
    assert "Content Security Policy" in words
    assert "elsewhere.example" in words
    assert "broken" in words


def test_a_page_that_is_not_there_leads_back(alice: Page, instance: Instance) -> None:
    answer = alice.request.get(f"{instance.address}/o/umbrella/mail/")
    assert answer.status == 404
    assert "<h1" in answer.text()
    assert 'href="/"' in answer.text()


def test_it_works_without_script(browser: Browser, instance: Instance, alices_session: dict) -> None:
    """Slower, but every click leads somewhere: open, star, Trash, undo."""
    subject = "Contract draft, third round"
    with chromium.opened(
        browser, chromium.WIDE, storage_state=alices_session, java_script_enabled=False
    ) as context:
        page = context.new_page()
        page.goto(f"{instance.address}/o/acme/mail/")
        walks.row(page, subject).locator(".row-link").click()
        expect(page.locator("article.reader h1")).to_have_text(subject)
        page.get_by_role("button", name="Move to Trash").click()
        expect(walks.row(page, subject)).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(walks.row(page, subject)).to_have_count(1)
