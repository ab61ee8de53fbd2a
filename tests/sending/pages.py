"""What the tests of the pages about sending share: addresses of pages, a form filled in, tests that have ended."""

from __future__ import annotations

from html import unescape

from django.test import TestCase

from accounts import tenancy
from accounts.models import MailAccount
from accounts.servers import probes
from accounts.servers.probes import Probe
from sending import tasks
from sending.identities import address_verification, probe
from sending.models import Identity, OutgoingServer
from tests import factories

ADDRESSES = "/o/acme/settings/addresses/"
HTMX = {"HX-Request": "true"}
FORM = {"host": "mail.gmx.net", "port": "465", "encryption": "ssl", "login": "same"}


def gmx(acme, alice, **fields) -> MailAccount:
    """An account as the connect page has just saved it."""
    values = {"email": "alice@gmx.net", "host": "pop.gmx.net", "provider": "gmx", "username": "alice@gmx.net"}
    return factories.connect(acme, alice, **{"name": "Alice at GMX", "encryption": "ssl", **values, **fields})


def text(page: str) -> str:
    return unescape(" ".join(page.split()))


def page_of(account: MailAccount) -> str:
    return f"/o/acme/settings/accounts/{account.pk}/sending/"


def page_about(identity: Identity, what: str = "") -> str:
    return f"{ADDRESSES}{identity.pk}/{what}"


def ended(test: str, state: str = "passed", **fields) -> None:
    """The worker has come to an end with the test."""
    done = [{"name": name, "seconds": 0.1, "detail": ""} for name in fields.pop("done", probe.STEPS)]
    probes.write(probe.KIND, test, Probe(state=state, steps=done, seconds=1.4, **fields))


def server_of(account: MailAccount) -> OutgoingServer | None:
    with tenancy.scope(account.organization_id):
        return OutgoingServer.objects.filter(account=account).first()


def code_for(membership, queued, outbox) -> str:
    """The worker mails the code that was ordered last; what the mail says."""
    name, *args = queued.pop()
    assert name == "send_code"
    with TestCase.captureOnCommitCallbacks(execute=True):
        tasks.send_code(*args)
    return next(line.strip() for line in outbox[-1].body.splitlines() if line.startswith("    "))


def is_proven(membership, address: str) -> bool:
    with tenancy.scope(membership.organization_id):
        return address_verification.is_proven(membership, address)
