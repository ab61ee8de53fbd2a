"""Setting up sending with the demo provider's real server, and proving an alias by the code that comes by mail."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from mailhub.embedded.process import wait_until
from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance

pytestmark = chromium.MARKS

ALIAS = "allotment@shop.example"


def code_for(instance: Instance, address: str) -> str:
    """The code in the newest mail to somebody, once a worker has written it."""

    def codes() -> list[str]:
        mails = sorted((instance.home / "outbox").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        texts = [text for path in mails if f"To: {address}\n" in (text := path.read_text())]
        return [found for text in texts for found in re.findall(r"^    (\d{3} \d{3})$", text, re.MULTILINE)]

    assert wait_until(lambda: bool(codes()), 60)
    return codes()[-1]


def open_sending(page: Page) -> None:
    """The page about sending of Alice's account."""
    walks.go(page, "settings/addresses/")
    row = page.locator(".sender-address", has_text="alice.hartono@post.example").first
    row.locator("a[href*='/sending/']").click()
    expect(page.get_by_role("heading", name="Sending", exact=True)).to_be_visible()


def test_settings_are_tested_step_by_step_and_saved_after_a_test_that_passed(alice: Page) -> None:
    open_sending(alice)
    expect(alice.locator("#id_username")).to_be_hidden()
    alice.get_by_label("Its own user name and password").check()
    alice.locator("#id_username").fill("alice.hartono@post.example")
    alice.locator("#id_password").fill("wrong")
    alice.locator("#test-button").click()
    expect(alice.locator("#result h2")).to_have_text("Sign-in failed")
    expect(alice.locator("#id_password")).to_have_attribute("aria-invalid", "true")
    expect(alice.locator("[data-save]")).to_have_count(0)

    alice.get_by_label("The same as for fetching").check()
    alice.locator("#test-button").click()
    expect(alice.locator("#result h2")).to_have_text("It works")
    expect(alice.locator(".test-step.is-ok")).to_have_count(7)
    alice.locator("#id_port").press("End")
    alice.locator("#id_port").type("1")
    expect(alice.locator("[data-save]")).to_be_disabled()
    expect(alice.locator("[data-stale]")).to_be_visible()
    alice.locator("#id_port").press("Backspace")
    alice.locator("#test-button").click()
    expect(alice.locator("[data-save]")).to_be_enabled()
    alice.locator("[data-save]").click()
    expect(alice.locator("[data-toast]")).to_contain_text("can send now")


def test_the_usual_port_follows_the_encryption(alice: Page) -> None:
    open_sending(alice)
    alice.locator("#id_port").fill("465")
    alice.locator("#id_encryption").select_option("starttls")
    expect(alice.locator("#id_port")).to_have_value("587")
    alice.locator("#id_encryption").select_option("plain")
    expect(alice.locator("#plain-warning")).to_be_visible()
    alice.locator("#id_encryption").select_option("ssl")
    expect(alice.locator("#id_port")).to_have_value("465")
    expect(alice.locator("#plain-warning")).to_be_hidden()


def test_a_stored_password_is_typed_again_before_a_stranger_gets_it(alice: Page) -> None:
    open_sending(alice)
    alice.locator("#id_host").fill("smtp.elsewhere.example")
    alice.locator("#id_port").fill("465")
    alice.get_by_label("The same as for fetching").check()
    expect(alice.locator("#id_same_password")).to_have_count(0)
    alice.locator("#test-button").click()
    expect(alice.locator("#id_same_password")).to_be_focused()


def test_an_alias_is_proven_by_a_code_and_removed_again(alice: Page, instance: Instance) -> None:
    walks.go(alice, "settings/addresses/")
    alice.get_by_role("link", name="Add an address").click()
    alice.get_by_label("E-mail address").fill(ALIAS)
    alice.get_by_role("button", name="Add and send the code").click()
    alice.wait_for_url("**/verify/")
    code = alice.get_by_label("Code")
    expect(code).to_be_focused()
    code.fill(code_for(instance, ALIAS))
    alice.get_by_role("button", name="Confirm").click()
    alice.wait_for_url("**/settings/addresses/")
    row = alice.locator(".sender-address", has_text=ALIAS)
    expect(row.locator(".badge")).to_have_text("Ready")

    row.get_by_role("link", name="Edit").click()
    alice.get_by_role("link", name="Remove").click()
    alice.get_by_role("button", name="Remove the address").click()
    alice.wait_for_url("**/settings/addresses/")
    expect(alice.locator(".sender-address", has_text=ALIAS)).to_have_count(0)
