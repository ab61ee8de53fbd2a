"""Signatures and templates in a real browser: the editor, the preview beside it, placeholders, and no script at all."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e import browser as chromium

pytestmark = chromium.MARKS


@pytest.fixture
def settings(browser, instance, alices_session):
    with chromium.opened(browser, chromium.WIDE, storage_state=alices_session) as context:
        page = context.new_page()
        page.goto(f"{instance.address}/o/acme/settings/templates/new/")
        yield page


def preview(page):
    return page.frame_locator("iframe[name=preview]").locator("body")


def test_a_template_is_written_in_the_editor(settings):
    page = settings
    page.fill("#id_name", "Offer")
    page.fill("#id_subject", "For ")
    page.get_by_role("button", name="{{ organization }}").click()
    expect(page.locator("#id_subject")).to_have_value("For {{ organization }}")
    page.get_by_role("textbox", name="Text").click()
    page.keyboard.type("Dear ")
    page.get_by_role("button", name="{{ first_name }}").click()
    page.keyboard.type(", ")
    page.get_by_role("button", name="Bold").click()
    page.keyboard.type("hello")
    expect(preview(page)).to_contain_text("Dear Marta, hello")
    expect(preview(page)).to_contain_text("For Acme")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit Offer").click()
    expect(page.locator("#id_html")).to_have_value("<p>Dear {{ first_name }}, <strong>hello</strong></p>")
    # One step back leaves the page, however often the preview was shown.
    page.go_back()
    expect(page.get_by_role("link", name="Edit Offer")).to_be_visible()


def test_what_the_editor_does_not_know_is_written_as_html_and_kept(settings, instance):
    page = settings
    page.goto(f"{instance.address}/o/acme/settings/signatures/")
    page.get_by_role("link", name="New signature").first.click()
    page.fill("#id_name", "Colours")
    page.get_by_role("button", name="HTML").click()
    html = '<p style="color:#1b5fc1">Alice</p>'
    page.fill("#id_html", html)
    expect(preview(page)).to_contain_text("Alice")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit Colours").click()
    expect(page.locator("#id_html")).to_be_visible()
    expect(page.locator("#id_html")).to_have_value(html)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="HTML").click()
    expect(page.get_by_role("textbox", name="Signature")).to_have_text("Alice")


def test_the_sentence_about_being_away_follows_the_choices(settings, instance):
    page = settings
    page.goto(f"{instance.address}/o/acme/settings/away/")
    page.locator(".writing-name").first.click()
    page.get_by_label("Answer while I am away").check()
    sentence = page.locator("#away-sentence")
    expect(sentence).to_contain_text("everybody who writes to")
    page.get_by_label("Members of the organization").check()
    expect(sentence).to_contain_text("members of Acme who write to")
    page.get_by_label("Days between two replies").fill("7")
    page.get_by_label("Members of the organization").focus()
    expect(sentence).to_contain_text("once in 7 days")


def test_without_script_html_is_typed_and_previewed(browser, instance, alices_session):
    with chromium.opened(
        browser, chromium.PHONE, storage_state=alices_session, java_script_enabled=False
    ) as context:
        page = context.new_page()
        page.goto(f"{instance.address}/o/acme/settings/templates/new/")
        page.fill("#id_name", "Plain")
        page.fill("#id_html", "Hi {{ first_name }}\nfrom <b>here</b>")
        page.get_by_role("button", name="Show").click()
        expect(preview(page)).to_contain_text("Hi Marta")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("link", name="Plain")).to_be_visible()
