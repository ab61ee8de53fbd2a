"""The real worker and the real clock: mail comes in without anybody asking for it."""

from __future__ import annotations

import functools
from email.message import EmailMessage

from playwright.sync_api import Page, expect

from tests.e2e import browser as chromium
from tests.e2e import walks
from tests.e2e.instance import Instance

pytestmark = chromium.MARKS

# What a sender may try. None of it may run, load or lead anywhere.
HOSTILE = """<html><head><meta http-equiv="refresh" content="0; url=https://bait.example/refresh">
<base href="https://bait.example/"><link rel="stylesheet" href="https://bait.example/style.css">
<style>@import url(https://bait.example/import.css); body { background: url(https://bait.example/back.png) }</style>
<script>top.location = "https://bait.example/script"</script></head>
<body onload="parent.document.title = 'caught'">
<p id="said">You have won.</p><img src="x" onerror="parent.document.title = 'caught'">
<img src="https://bait.example/pixel.gif" width="1" height="1"><svg onload="parent.document.title = 'caught'"></svg>
<iframe src="https://bait.example/frame"></iframe><object data="https://bait.example/object"></object>
<form action="https://bait.example/form"><input name="password"><button>Claim</button></form>
<a href="javascript:parent.document.title = 'caught'">Here</a></body></html>"""


def letter(subject: str, text: str, html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Marta Lindqvist <marta@lindqvist.example>"
    message["To"] = "Alice Hartono <alice.hartono@post.example>"
    message["Subject"] = subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


@functools.cache
def deliver(instance: Instance) -> None:
    """Two letters for Alice, once; the clock then finds her account due."""
    address = instance.provider.mailboxes[0].address
    instance.send(letter("The kettle is on", "Come over.\n"), address)
    instance.send(letter("You have won", "You have won.\n", HOSTILE), address)
    instance.let_time_pass(address)


def test_the_first_fetch_of_a_new_account_needs_no_click(alice: Page, instance: Instance) -> None:
    count = instance.count(instance.provider.mailboxes[0].address)
    expect(walks.rows(alice)).to_have_count(count, timeout=60_000)
    walks.go(alice, "settings/accounts/")
    expect(alice.locator(".account-card .badge").first).to_have_text("Up to date")
    expect(alice.locator(".account-card")).to_contain_text(f"{count} messages")


def test_new_mail_appears_by_itself_and_leaves_the_open_letter_alone(alice: Page, instance: Instance) -> None:
    open_letter = walks.read(alice, "Photos from the allotment, and the key")
    deliver(instance)
    arrived = walks.row(alice, "The kettle is on")
    expect(arrived).to_be_visible(timeout=60_000)
    walks.settle(alice)
    expect(open_letter.locator("h1")).to_have_text("Photos from the allotment, and the key")
    expect(arrived.locator(".vh", has_text="Unread")).to_have_count(1)
    walks.read(alice, "The kettle is on")
    expect(alice.frame_locator("iframe.body-frame").get_by_text("Come over.")).to_be_visible()


def test_a_hostile_letter_can_do_nothing(alice: Page, instance: Instance) -> None:
    """Whatever it tried would be a complaint of the browser or a request that leaves this machine."""
    deliver(instance)
    expect(walks.row(alice, "You have won")).to_be_visible(timeout=60_000)
    walks.read(alice, "You have won")
    frame = alice.frame_locator("iframe.body-frame")
    expect(frame.get_by_text("You have won.")).to_be_visible()
    expect(
        frame.locator("script, iframe, object, form, input, meta[http-equiv=refresh], [onload], [onerror]")
    ).to_have_count(0)
    expect(frame.locator("a[href^=javascript]")).to_have_count(0)
    expect(alice).to_have_title("You have won · Mailhub")
    assert alice.url.startswith(instance.address)
