"""Debian's Chromium for the browser tests, and an ear for what it complains about."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Playwright, Request, WebError, expect

BINARY = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    # Whatever a page may ask for, nothing leaves this machine. Not by intercepting requests: that changes what
    # Chromium makes of redirects.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="Chromium is not installed (apt-get install chromium)"),
]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_INSIDE = re.compile(r"https?://127\.0\.0\.1[:/]|data:|blob:|about:")

expect.set_options(timeout=20_000)  # two cores may be busy with other tests


def launch(playwright: Playwright) -> Browser:
    """Start Chromium with a profile of its own."""
    return playwright.chromium.launch(executable_path=BINARY, args=ARGUMENTS)


@dataclass
class Watch:
    """What a person would not see: script errors, refusals by the policy, requests to other machines."""

    complaints: list[str] = field(default_factory=list)
    asked_for: tuple[str, ...] = ()

    def on(self, context: BrowserContext) -> None:
        """Listen to every page and frame of this context, from now on."""
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium says there, too, what the Content-Security-Policy refused and which address answered with an error.
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        if not _INSIDE.match(request.url) and not request.url.startswith(self.asked_for):
            self.complaints.append(f"would leave this machine: {request.url}")


@contextmanager
def opened(
    browser: Browser, size: dict[str, int], *, asked_for: tuple[str, ...] = (), **options: object
) -> Iterator[BrowserContext]:
    """A fresh context of that size. Ends with an AssertionError when the browser complained about anything.

    `asked_for`: how addresses elsewhere begin that a test has the person ask for, and answers itself.
    """
    is_phone = size["width"] < 500
    usual = {"locale": "en-GB", "timezone_id": "Asia/Jakarta", "has_touch": is_phone, "is_mobile": is_phone}
    context = browser.new_context(viewport=size, **usual | options)
    context.set_default_timeout(20_000)
    watch = Watch(asked_for=asked_for)
    watch.on(context)
    try:
        yield context
    finally:
        context.close()
    assert not watch.complaints, "\n".join(watch.complaints)
