"""One instance and one Chromium for all browser tests; each test gets pages of its own.

Package scope, not session: Playwright's event loop stays in the thread while it runs, and Django refuses to touch a
database there. Nothing here does; the tests of other folders do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance


@pytest.fixture(scope="package")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    running = Instance(tmp_path_factory.mktemp("e2e") / "home")
    try:
        running.start()
        yield running
    finally:
        running.end()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = chromium.launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="package")
def alices_session(instance: Instance, browser: Browser) -> dict:
    """Alice's cookies after signing in once."""
    with chromium.opened(browser, chromium.WIDE) as context:
        walks.sign_in(context.new_page(), instance, walks.ALICE)
        return context.storage_state()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    """A page that nobody has signed in to."""
    with chromium.opened(browser, chromium.WIDE) as context:
        yield context.new_page()


def _inbox(context: BrowserContext, instance: Instance) -> Page:
    page = context.new_page()
    page.goto(f"{instance.address}/o/acme/mail/")
    # The clock has ordered the first fetch by itself, and the list fills without a click.
    walks.rows(page).first.wait_for(timeout=60_000)
    return page


@pytest.fixture
def alice(browser: Browser, instance: Instance, alices_session: dict) -> Iterator[Page]:
    """Alice's inbox."""
    with chromium.opened(browser, chromium.WIDE, storage_state=alices_session) as context:
        yield _inbox(context, instance)


@pytest.fixture
def alice_on_the_phone(browser: Browser, instance: Instance, alices_session: dict) -> Iterator[Page]:
    """Alice's inbox, 390 px wide."""
    with chromium.opened(browser, chromium.PHONE, storage_state=alices_session) as context:
        yield _inbox(context, instance)
