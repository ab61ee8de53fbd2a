"""`make screenshots`: the pictures of README.md, from a whole instance with its demo, through headless Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.e2e import browser as chromium  # noqa: E402
from tests.e2e import walks  # noqa: E402
from tests.e2e.instance import Instance  # noqa: E402

SHOTS = ROOT / "docs" / "shots"


def take(page: Page, name: str) -> None:
    """One picture of what the window shows."""
    walks.settle(page)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")
    print(f"docs/shots/{name}.png")


def open_letter(page: Page, subject: str) -> None:
    """Open a message from the list and wait until its text is there."""
    page.locator(".row-link").filter(has_text=subject).first.click()
    expect(page.locator("iframe.body-frame")).to_be_visible()
    expect(page.frame_locator("iframe.body-frame").locator("p").first).to_be_visible()


def connect_demo(page: Page) -> None:
    """The demo's second mailbox, up to the passed test."""
    walks.go(page, "settings/accounts/connect/")
    page.get_by_role("button", name="Fill in").click()
    page.get_by_role("button", name="Test", exact=False).last.click()
    expect(page.get_by_text("20 messages")).to_be_visible()


def wide(browser: Browser, instance: Instance, scheme: str) -> None:
    """The pictures at 1280 px."""
    with chromium.opened(browser, {"width": 1280, "height": 860}, color_scheme=scheme) as context:
        page = context.new_page()
        walks.sign_in(page, instance, walks.ALICE)
        open_letter(page, "Photos from the allotment")
        take(page, f"mailbox-1280-{scheme}")
        if scheme == "light":
            connect_demo(page)
            page.locator(".wizard").first.evaluate("element => element.scrollIntoView()")
            take(page, "connect-1280-light")
        walks.go(page, "settings/accounts/")
        take(page, f"accounts-1280-{scheme}")
        walks.go(page, "console/")
        take(page, f"console-1280-{scheme}")


def narrow(browser: Browser, instance: Instance, scheme: str) -> None:
    """The pictures at 390 px."""
    with chromium.opened(browser, chromium.PHONE, color_scheme=scheme) as context:
        page = context.new_page()
        walks.sign_in(page, instance, walks.ALICE)
        take(page, f"mailbox-390-{scheme}")
        open_letter(page, "Photos from the allotment")
        take(page, f"message-390-{scheme}")


def main() -> None:
    """Start an instance, wait for its first fetch, take the pictures, end it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mailhub-shots-") as name:
        Path(name).chmod(0o755)
        instance = Instance(Path(name) / "home")
        try:
            instance.start()
            with sync_playwright() as playwright:
                browser = chromium.launch(playwright)
                with chromium.opened(browser, chromium.WIDE) as context:
                    page = context.new_page()
                    walks.sign_in(page, instance, walks.ALICE)
                    expect(page.get_by_text("Photos from the allotment").first).to_be_visible(timeout=60_000)
                for scheme in ("light", "dark"):
                    wide(browser, instance, scheme)
                    narrow(browser, instance, scheme)
                browser.close()
        finally:
            instance.end()


if __name__ == "__main__":
    main()
