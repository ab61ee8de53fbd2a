"""`make screenshots`: the pictures of README.md, from a whole instance with its demo, through headless Chromium."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mailhub import demo  # noqa: E402
from tests.e2e import browser as chromium  # noqa: E402
from tests.e2e import walks  # noqa: E402
from tests.e2e.instance import Instance  # noqa: E402

SHOTS = ROOT / "docs" / "shots"
WIDE = {"width": 1280, "height": 860}
LETTER = "Photos from the allotment, and the key"
# Slower than the demo usually is, so that its first fetch holds still long enough.
PACE_MS = 500
# The fetch is pictured once so many messages of forty are there.
HALF_WAY = 16


def main() -> None:
    """Start an instance, take the pictures, end it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for old in SHOTS.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="mailhub-shots-") as name:
        Path(name).chmod(0o755)  # the database's files belong to another user when root starts it
        instance = Instance(Path(name) / "home")
        slow_down(instance.home)
        try:
            instance.start()
            with sync_playwright() as playwright:
                browser = chromium.launch(playwright)
                take_all(browser, instance)
                browser.close()
        finally:
            instance.end()
    size = sum(path.stat().st_size for path in SHOTS.glob("*.png"))
    print(f"{size / 1_000_000:.1f} MB together")


def take_all(browser: Browser, instance: Instance) -> None:
    """In the order in which things happen to Alice."""
    with signed_in(browser, instance, WIDE) as page:
        first_fetch(page, instance)
        connect(page, instance)
    for scheme in ("light", "dark"):
        with signed_in(browser, instance, WIDE, scheme) as page:
            read(page, LETTER)
            take(page, f"mailbox-1280-{scheme}")
            walks.go(page, "settings/accounts/")
            take(page, f"accounts-1280-{scheme}")
            walks.go(page, "console/")
            take(page, f"console-1280-{scheme}")
            write(page)
            take(page, f"compose-1280-{scheme}")
    with signed_in(browser, instance, chromium.PHONE) as page:
        take(page, "mailbox-390-light")
    with signed_in(browser, instance, chromium.PHONE, "dark") as page:
        read(page, LETTER)
        take(page, "message-390-dark")
    with signed_in(browser, instance, WIDE) as page:
        page.locator(".user-menu > summary").click()
        page.locator(".user-menu button[name=language][value=id]").click()
        expect(page.locator("html")).to_have_attribute("lang", "id")
        read(page, "Undangan makan siang hari Minggu")
        take(page, "mailbox-1280-light-id")


@contextmanager
def signed_in(
    browser: Browser, instance: Instance, size: dict[str, int], scheme: str = "light"
) -> Iterator[Page]:
    """Alice's inbox."""
    with chromium.opened(browser, size, color_scheme=scheme) as context:
        page = context.new_page()
        walks.sign_in(page, instance, walks.ALICE)
        yield page


def slow_down(home: Path) -> None:
    """Let the demo's first provider take its time over each message."""
    demo.details(home)
    state = home / "demo" / "demo.json"
    kept = json.loads(state.read_text())
    kept["mailboxes"][0]["pace_ms"] = PACE_MS
    state.write_text(json.dumps(kept))


def first_fetch(page: Page, instance: Instance) -> None:
    """The demo's own first fetch, which the clock has begun, and then its end."""
    expect(walks.rows(page)).not_to_have_count(0, timeout=60_000)
    bar = page.locator(".first-fetch progress")
    while int(bar.get_attribute("value") or 0) < HALF_WAY:
        expect(bar).not_to_have_attribute("value", bar.get_attribute("value") or "", timeout=60_000)
    take(page, "first-fetch-1280-light")
    expect(page.locator(".first-fetch")).to_have_count(0, timeout=120_000)
    expect(walks.rows(page)).to_have_count(instance.count(instance.provider.mailboxes[0].address))


def connect(page: Page, instance: Instance) -> None:
    """The visitors' mailbox: the passed test, then its mail."""
    walks.go(page, "settings/accounts/connect/")
    page.locator("[data-demo]").click()
    result = walks.press_test(page)
    page.locator("#wizard").evaluate("node => node.scrollIntoView()")
    take(page, "connect-1280-light")
    result.locator("[data-save]").click()
    # How it sends is settled later.
    page.get_by_role("link", name="Later").first.click()
    page.wait_for_url("**/mail/folder/*/")
    count = instance.count(instance.provider.mailboxes[-1].address)
    expect(walks.rows(page)).to_have_count(count, timeout=60_000)


def read(page: Page, subject: str) -> None:
    """Open a letter, and wait for its text and pictures."""
    walks.read(page, subject)
    body = page.frame_locator("iframe.body-frame")
    expect(body.locator("p, div").first).to_be_visible()
    for picture in body.locator("img").all():
        expect(picture).to_have_js_property("complete", True)


def write(page: Page) -> None:
    """An answer that is being written."""
    walks.go(page, "mail/")
    read(page, LETTER)
    page.keyboard.press("r")
    page.wait_for_url("**/mail/write/*/")
    editor = page.locator(".ProseMirror")
    expect(editor).to_be_editable()
    editor.press("Control+Home")
    page.keyboard.type("Thank you, they are lovely. I have the ")
    page.keyboard.press("Control+b")
    page.keyboard.type("key")
    page.keyboard.press("Control+b")
    page.keyboard.type(" and bring it on Saturday.")
    page.locator("[data-attach]").set_input_files(
        {"name": "Watering plan.pdf", "mimeType": "application/pdf", "buffer": bytes(210_000)}
    )
    expect(page.get_by_role("link", name="Watering plan.pdf")).to_be_visible()
    expect(page.locator("#saved")).to_contain_text("Saved")


def take(page: Page, name: str) -> None:
    """One picture of what the window shows, without pointer, notes that pass, or a half-done transition."""
    page.mouse.move(0, 0)
    for note in page.locator("[data-toast] [data-close]").all():
        note.click()
    walks.settle(page)
    page.evaluate("document.fonts.ready")
    # The caret stays: hiding it leaves style attributes behind, which the policy refuses at the next swap.
    page.screenshot(path=SHOTS / f"{name}.png", animations="disabled", caret="initial")
    print(f"docs/shots/{name}.png")


if __name__ == "__main__":
    main()
