"""What the tests of fetching share: a server with five letters, a queue that is looked at, a browser's button."""

from __future__ import annotations

import pytest

from accounts.models import MailAccount
from fetching import tasks
from tests import factories
from tests.fetching.connecting import FORM, TEST
from tests.fetching.fetched import LETTERS
from tests.servers.pop3 import MailboxServer


@pytest.fixture
def server(settings):
    with MailboxServer(LETTERS, username="box", password="secret") as running:
        settings.MAILHUB_ALLOWED_MAIL_HOSTS = [f"127.0.0.1:{running.port}"]
        yield running


@pytest.fixture
def queued(monkeypatch) -> list[tuple]:
    """What was queued, instead of a worker."""
    calls: list[tuple] = []
    monkeypatch.setattr(tasks.probe, "delay", lambda *args: calls.append(("probe", *args)))
    monkeypatch.setattr(
        tasks,
        "queue",
        lambda claim: calls.append(("fetch", claim.organization_id, claim.account_id, claim.token)),
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
def started(acme, as_alice, queued, press) -> str:
    """The id of a test of FORM that Alice has begun."""
    answer = press(as_alice, TEST, FORM)
    return answer.url.partition("test=")[2].partition("#")[0]


@pytest.fixture
def harbour(acme, alice) -> MailAccount:
    return factories.connect(
        acme,
        alice,
        name="Harbour",
        host="pop.harbour.example",
        encryption="ssl",
        username="info",
        password="old",
    )
