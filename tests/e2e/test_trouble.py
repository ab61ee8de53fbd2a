"""What goes wrong while connecting is said at once, with what to try; nothing is saved before a test has passed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance

pytestmark = chromium.MARKS


def connect_page(page: Page) -> Page:
    walks.go(page, "settings/accounts/connect/")
    return page


def test_a_wrong_password_is_named_with_a_remedy_and_nothing_is_saved(
    alice: Page, instance: Instance
) -> None:
    walks.go(alice, "settings/accounts/")
    before = alice.locator(".account-card").count()
    box = instance.provider.mailboxes[-1]
    walks.fill_in(connect_page(alice), box, instance.provider, password="not the password")
    result = walks.press_test(alice)
    expect(result).to_have_attribute("data-state", "failed")
    expect(result.locator("h2").first).to_have_text("Sign-in failed")
    expect(result.locator(".test-step.is-ok")).to_have_count(4)
    expect(result.locator(".test-step.is-bad")).to_contain_text("Sign-in refused")
    expect(result.locator(".test-step.is-wait")).to_have_count(2)
    expect(result).to_contain_text("What to try")
    expect(result).to_contain_text("Enter the password again")
    expect(result).to_contain_text("Nothing has been saved yet")
    expect(result.get_by_role("button", name="Save and fetch the mail")).to_have_count(0)
    expect(alice.locator("#id_password")).to_have_attribute("aria-invalid", "true")
    result.get_by_role("link", name="Go to the field").click()
    expect(alice.locator("#id_password")).to_be_focused()
    expect(alice.locator("#id_password")).to_have_value("not the password")
    walks.go(alice, "settings/accounts/")
    expect(alice.locator(".account-card")).to_have_count(before)


def test_what_was_tested_is_what_is_saved(alice: Page, instance: Instance) -> None:
    """A change after the test takes the Save button away until it is tested again."""
    box = instance.provider.mailboxes[-1]
    walks.fill_in(connect_page(alice), box, instance.provider)
    result = walks.press_test(alice)
    save = result.get_by_role("button", name="Save and fetch the mail")
    expect(save).to_be_enabled()
    alice.locator("#id_password").fill("something else")
    expect(save).to_be_disabled()
    expect(result).to_contain_text("You have changed the settings since")


def test_a_server_that_does_not_answer_is_named_at_its_step(alice: Page, instance: Instance) -> None:
    """Nothing listens at the submission port for POP3: the greeting is not one of a mail server."""
    provider = instance.provider
    box = provider.mailboxes[-1]
    walks.fill_in(connect_page(alice), box, provider)
    alice.get_by_label("Port").fill(str(provider.smtp_port))
    result = walks.press_test(alice)
    expect(result).to_have_attribute("data-state", "failed")
    expect(result.locator(".test-step.is-bad")).to_contain_text("No mail server answers")


def test_inner_addresses_and_ports_are_refused_before_anything_is_asked(
    alice: Page, instance: Instance
) -> None:
    """Mailhub is no way into the network it stands in, its own web server included."""
    provider = instance.provider
    walks.fill_in(connect_page(alice), provider.mailboxes[-1], provider)
    for host, port, field, words in (
        (provider.host, str(instance.port), "port", "This port cannot be used"),
        ("10.0.0.1", "995", "host", "This is not a server name"),
    ):
        alice.locator("#id_host").fill(host)
        alice.locator("#id_port").fill(port)
        alice.locator("#test-button").click()
        expect(alice.locator(f"#id_{field}")).to_have_attribute("aria-invalid", "true")
        expect(alice.locator(f"#id_{field}-note")).to_contain_text(words)
        expect(alice.locator("#result[data-state]")).to_have_count(0)


def test_empty_fields_are_named_where_they_are(alice: Page) -> None:
    connect_page(alice).locator("#test-button").click()
    expect(alice.locator("#id_email")).to_be_focused()
    expect(alice.locator("#id_email")).to_have_attribute("aria-invalid", "true")
    expect(alice.locator("#connect-form .error").first).to_be_visible()


def test_a_wrong_sign_in_says_so_and_no_more(visitor: Page, instance: Instance) -> None:
    for address in (walks.ALICE, "nobody@acme.example"):
        visitor.goto(f"{instance.address}/accounts/login/")
        visitor.get_by_label("E-mail address").fill(address)
        visitor.locator("input[name=password]").fill("not her password")
        visitor.get_by_role("button", name="Sign in").click()
        expect(visitor.get_by_role("alert")).to_be_visible()
        said = visitor.get_by_role("alert").inner_text()
        assert "password" in said
        assert address not in said
