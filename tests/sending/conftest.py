"""What the tests of the outbox share: a server that takes mail from Ada, and her account."""

from __future__ import annotations

import pytest

from accounts.models import MailAccount
from tests.sending.outgoing import sender
from tests.servers.smtp import SubmissionServer


@pytest.fixture
def server(settings):
    with SubmissionServer() as running:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [running.entry]
        yield running


@pytest.fixture
def ada(acme, alice, server) -> MailAccount:
    """Alice's account that can send, under the name of Ada."""
    return sender(acme, alice, server)
