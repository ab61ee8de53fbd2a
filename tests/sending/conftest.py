"""What the tests of sending share: a server that takes mail from Ada, her account, a queue, a browser's button."""

from __future__ import annotations

import pytest

from accounts.models import MailAccount
from sending import tasks
from tests.sending.outgoing import sender
from tests.sending.pages import FORM, gmx, page_of
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


@pytest.fixture
def queued(monkeypatch) -> list[tuple]:
    """Tests and codes that were ordered, instead of a worker."""
    calls: list[tuple] = []
    for name in ("probe", "send_code"):
        monkeypatch.setattr(
            getattr(tasks, name), "delay", lambda *args, name=name: calls.append((name, *args))
        )
    return calls


@pytest.fixture
def press(django_capture_on_commit_callbacks):
    """Post and commit, as one request of a real server does."""

    def post(client, url, data=None, **headers):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, data or {}, headers=headers)

    return post


@pytest.fixture
def box(acme, alice) -> MailAccount:
    """Alice's account as the connect page has just saved it."""
    return gmx(acme, alice)


@pytest.fixture
def started(box, as_alice, queued, press) -> str:
    """The id of a test of FORM that Alice has begun."""
    answer = press(as_alice, f"{page_of(box)}test/", FORM)
    return answer.url.partition("test=")[2].partition("#")[0]
