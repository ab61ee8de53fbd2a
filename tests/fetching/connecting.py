"""What the tests of connecting share: addresses, a form filled in, tests that have ended."""

from __future__ import annotations

from accounts import tenancy
from accounts.models import MailAccount
from accounts.servers import probes
from accounts.servers.probes import Probe
from fetching.connect import probe

CONNECT = "/o/acme/settings/accounts/connect/"
TEST = f"{CONNECT}test/"
SAVE = f"{CONNECT}save/"
HTMX = {"HX-Request": "true"}
FORM = {
    "email": "alice.hartono@gmx.de",
    "name": "Alice at GMX",
    "password": "correct horse",
    "from_name": "Alice Hartono",
}


def ended(test: str, state: str = "passed", **fields) -> None:
    """The worker has come to an end with the test."""
    done = [{"name": name, "seconds": 0.1, "detail": ""} for name in fields.pop("done", probe.STEPS)]
    probes.write(probe.KIND, test, Probe(state=state, steps=done, seconds=1.4, **fields))


def accounts_of(acme) -> list[MailAccount]:
    with tenancy.scope(acme.pk):
        return list(MailAccount.objects.order_by("pk"))
