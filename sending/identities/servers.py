"""By which server an account sends: how to reach it, what it proves, and saving what a test has shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import locks, services
from accounts.models import MailAccount, User
from accounts.providers import lookup
from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, ServerAddress
from sending.message import addresses
from sending.models import Identity, OutgoingServer
from sending.smtp.session import CLIENT_NAME

_SMTP: Final = "django.core.mail.backends.smtp.EmailBackend"
_RELAY_PORTS: Final = {"ssl": 465, "starttls": 587, "plain": 25}


@dataclass(frozen=True, slots=True)
class Route:
    """How to hand mail over: where, signed in as whom, and what we call ourselves there."""

    address: ServerAddress
    credentials: Credentials | None
    is_relay: bool = False
    client_name: str = CLIENT_NAME


# ── Ways ────────────────────────────────────────────────────────────────────
def server_of(account: MailAccount) -> OutgoingServer | None:
    """The account's settings for sending; None until they are settled."""
    return getattr(account, "outgoing_server", None)


def route_of(account: MailAccount) -> Route:
    """How to send from an account. Raises MailError while that is not settled."""
    server = server_of(account)
    found = None
    if server is not None and is_set_up(server):
        found = custom(server, account) if server.is_custom else relay()
    if found is None:
        raise MailError("sending_not_set_up")
    return found


def custom(server: OutgoingServer, account: MailAccount) -> Route:
    """The way to a server that a person has named; `server` need not be saved yet."""
    address = ServerAddress(server.host, server.port, server.encryption)
    return Route(address, credentials(server, account), client_name=client_name())


def relay() -> Route | None:
    """The way through Mailhub's own mail server; None when the operator has configured none (EMAIL_URL)."""
    if settings.EMAIL_BACKEND != _SMTP or not settings.EMAIL_HOST:
        return None
    encryption = "ssl" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "plain"
    port = settings.EMAIL_PORT or _RELAY_PORTS[encryption]
    user = settings.EMAIL_HOST_USER
    return Route(
        ServerAddress(settings.EMAIL_HOST, int(port), encryption, by_operator=True),
        Credentials(user, settings.EMAIL_HOST_PASSWORD or "") if user else None,
        is_relay=True,
        client_name=client_name(),
    )


def credentials(server: OutgoingServer, account: MailAccount) -> Credentials | None:
    """Who signs in; None where nobody does."""
    match server.login:
        case OutgoingServer.Login.SAME:
            return Credentials(same_username(account), account.password)
        case OutgoingServer.Login.OWN:
            return Credentials(server.username, server.password)
    return None


def same_username(account: MailAccount) -> str:
    """The user name for fetching, as it is for sending: Gmail's "recent:" asks for a view of the mailbox (U18)."""
    return account.username.removeprefix("recent:")


def client_name() -> str:
    """What we call ourselves (RFC 5321, 4.1.1.1): the public name, if there is one."""
    name = urlsplit(settings.MAILHUB_URL).hostname or ""
    try:
        ip_address(name)
    except ValueError:
        return name if "." in name else CLIENT_NAME
    return CLIENT_NAME


# ── What is settled, and what it proves ─────────────────────────────────────
def is_set_up(server: OutgoingServer | None) -> bool:
    """Whether mail can go out this way; a refused password only makes it wait."""
    if server is None:
        return False
    return server.tested_at is not None if server.is_custom else relay() is not None


def proves(address: str, server: OutgoingServer, account: MailAccount) -> bool:
    """Whether a server that has accepted `address` after signing in has thereby shown that it may be used.

    This speaks for mail that goes through this very server, and for nothing else: anybody can run a server that
    accepts every name. So it never counts for Mailhub's relay, nor for where replies go.
    """
    login = credentials(server, account) if server.is_custom else None
    if login is None:
        return False
    wanted = addresses.key(address)
    if addresses.key(login.username) == wanted:
        return True
    # Without encryption nobody knows which server it was.
    return server.encryption != MailAccount.Encryption.PLAIN and _is_provider_of(wanted, server.host)


def _is_provider_of(address: str, host: str) -> bool:
    domain, host = address.rpartition("@")[2], host.lower()
    provider = lookup.for_address(address)
    if provider is not None and provider.smtp_host:
        return host == provider.smtp_host
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


# ── Saving ──────────────────────────────────────────────────────────────────
def save_tested_server(account: MailAccount, actor: User, tested: Mapping[str, Any]) -> Identity | None:
    """Save what a test has proven; returns the address it was made with, None when that is gone meanwhile.

    `tested` has host, port, encryption, login, username, password and sender. The address is proven by the way
    when the sign-in speaks for it (`proves`); what another server may have proven before is forgotten.
    """
    names = ("host", "port", "encryption", "login")
    values = {name: tested[name] for name in (*names, "username")}
    # Only the user name of the sign-in for fetching is noted, to see when it becomes another (`resume`).
    values["password"] = tested["password"] if tested["login"] == OutgoingServer.Login.OWN else ""
    with transaction.atomic():
        locks.share(account.pk)
        server = _save(account, is_custom=True, tested_at=timezone.now(), **values)
        identity = account.identities.filter(address__iexact=tested["sender"]).first()
        account.identities.update(is_login=False)
        if identity is not None:
            identity.is_login = proves(identity.address, server, account)
            identity.save(update_fields=["is_login"])
        services.record(
            account.organization_id,
            actor,
            "sending.settled",
            account.email,
            host=server.host,
            port=server.port,
        )
    return identity


def save_relay_server(account: MailAccount, actor: User) -> None:
    """Send through Mailhub from now on: only addresses that a code has proven."""
    with transaction.atomic():
        locks.share(account.pk)
        _save(account, is_custom=False, tested_at=None, host="", username="", password="")
        account.identities.update(is_login=False)
        services.record(account.organization_id, actor, "sending.settled", account.email, host="")


def _save(account: MailAccount, **values: Any) -> OutgoingServer:
    # What was refused before was refused with other settings.
    fresh = {"paused_since": None, "not_before": None, "error_code": "", "error_text": ""}
    server, _created = OutgoingServer.objects.update_or_create(
        account=account, defaults={"organization": account.organization, **values, **fresh}
    )
    server.account = account  # and so account.outgoing_server, which may hold an older one
    return server


def resume(account: MailAccount) -> None:
    """The password for fetching was tested and saved: where sending uses it too, what waits goes out again.

    But if somebody else signs in now, sending is no longer settled: its server has never seen this password, which
    may be of another provider, and an address that the old sign-in had proven must be proven by the new one.
    """
    server = OutgoingServer.objects.filter(
        account=account, login=OutgoingServer.Login.SAME, is_custom=True
    ).first()
    if server is None:
        return
    with transaction.atomic():
        locks.share(account.pk)
        OutgoingServer.objects.filter(pk=server.pk).update(paused_since=None, error_code="", error_text="")
        if server.username not in ("", same_username(account)):
            OutgoingServer.objects.filter(pk=server.pk).update(tested_at=None)
        for identity in account.identities.filter(is_login=True):
            if not proves(identity.address, server, account):
                account.identities.filter(pk=identity.pk).update(is_login=False)
