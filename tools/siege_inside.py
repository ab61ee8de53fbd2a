"""What the siege does inside the instance, as pages do it: one JSON list a line in, one JSON value a line out."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailhub.settings")
django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import tenancy  # noqa: E402
from accounts.models import MailAccount, Membership  # noqa: E402
from accounts.servers.failures import MailError  # noqa: E402
from fetching import tasks as fetch_tasks  # noqa: E402
from fetching.connect import probe as fetch_probe  # noqa: E402
from fetching.views.account_pages import start_fetch  # noqa: E402
from sending import tasks as send_tasks  # noqa: E402
from sending.message.build import Address, Letter  # noqa: E402
from sending.models import Identity, OutgoingServer  # noqa: E402
from sending.outbox import outbox  # noqa: E402


def sends_through(slug: str, account: int, host: str, port: int) -> None:
    """The account sends through this server, as after a passed test."""
    organization = _membership(slug).organization_id
    login = {"login": "own", "username": "box", "password": "secret"}
    server = {"host": host, "port": port, "encryption": "plain", "tested_at": timezone.now()}
    with tenancy.scope(organization):
        Identity.objects.filter(account=account).update(is_login=True)
        OutgoingServer.objects.create(account_id=account, organization_id=organization, **server, **login)


def fetch_now(slug: str, account: int) -> bool:
    """The button "Fetch now"; whether it started at once."""
    with tenancy.scope(_membership(slug).organization_id):
        return start_fetch(MailAccount.objects.get(pk=account))


def send(slug: str, account: int) -> None:
    """A letter, due at once."""
    with tenancy.scope(_membership(slug).organization_id):
        identity = Identity.objects.select_related("account__outgoing_server", "organization").filter(
            account=account
        )[0]
        letter = Letter(
            sender=Address("", identity.address),
            to=(Address("", "bob@example.org"),),
            date=timezone.now().replace(microsecond=0),
            message_id=f"<{uuid.uuid4().hex}@example.org>",
            subject="Tea",
            text="At five?",
        )
        outgoing = outbox.queue(identity, letter, key=uuid.uuid4(), due_at=timezone.now())
        send_tasks.schedule_sending(outgoing)


def test(slug: str, host: str, port: int, username: str) -> str:
    """Begin a connection test; its id, "" when too many are running."""
    given = {"host": host, "port": port, "encryption": "plain", "username": username, "password": "secret"}
    try:
        probe = fetch_probe.start(_membership(slug), given)
    except MailError:
        return ""
    transaction.on_commit(lambda: fetch_tasks.probe.delay(probe))
    return probe


def tested(slug: str, probe: str) -> str:
    """How a connection test stands."""
    found = fetch_probe.result(probe, _membership(slug))
    return found.state if found else ""


def _membership(slug: str) -> Membership:
    with tenancy.system():
        return Membership.objects.select_related("organization", "user").get(organization__slug=slug)


COMMANDS: dict[str, Callable[..., Any]] = {
    call.__name__: call for call in (sends_through, fetch_now, send, test, tested)
}

if __name__ == "__main__":
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(COMMANDS[name](*arguments)), flush=True)
