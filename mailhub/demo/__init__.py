"""The demo mail provider: two lifelike mailboxes on this machine, to try Mailhub without an account."""

from mailhub.demo.state import DemoMailbox, Details, details, environment

__all__ = ["DemoMailbox", "Details", "details", "environment"]
