"""What the tests of sending share about accounts: settled servers, addresses, proofs."""

from __future__ import annotations

from django.utils import timezone

from accounts import tenancy
from accounts.models import MailAccount
from sending.models import AddressProof, Identity, OutgoingServer

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def settle(account: MailAccount, **values) -> OutgoingServer:
    """The account can send, as after a passed test; with `is_login=True` its addresses are proven by that."""
    is_login = values.pop("is_login", False)
    fields = {"host": "smtp.post.example", "port": 465, "tested_at": timezone.now(), **values}
    with tenancy.scope(account.organization_id):
        account.identities.update(is_login=is_login)
        server, _ = OutgoingServer.objects.update_or_create(
            account=account, defaults={"organization_id": account.organization_id, **fields}
        )
    return server


def prove(account: MailAccount, address: str, *, user=None) -> AddressProof:
    """The account's owner (or `user`) has typed in the code for an address."""
    with tenancy.scope(account.organization_id):
        return AddressProof.objects.create(
            organization_id=account.organization_id,
            user=user or account.owner,
            address=address,
            verified_at=timezone.now(),
        )


def identities_of(account: MailAccount) -> list[Identity]:
    with tenancy.scope(account.organization_id):
        return list(Identity.objects.filter(account=account).select_related("account__organization"))


def relay(settings) -> None:
    """The operator has a mail server that Mailhub may send through."""
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "relay.internal", 25
    settings.EMAIL_USE_SSL = settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mailhub", "relay secret"
