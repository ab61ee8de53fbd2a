"""Which server an account probably sends by: what the provider's preset says, or what follows from the other server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings

from accounts.models import MailAccount
from accounts.providers import lookup
from accounts.providers.lookup import PROVIDERS, Provider

_FETCHING_LABELS: Final = ("pop", "pop3", "pops", "pop3s", "imap", "imaps")


@dataclass(frozen=True, slots=True)
class ServerGuess:
    """What the form is filled in with. `own_network`: that server takes mail from its provider's lines only."""

    host: str
    port: int = 465
    encryption: str = "ssl"
    own_network: bool = False


def guess_server(account: MailAccount) -> ServerGuess:
    """The likely server; its provider's preset first, by the server that mail is fetched from."""
    if demo := _demo(account):
        return demo
    preset = _by_server(account.host) or lookup.by_slug(account.provider)
    if preset is None or not preset.smtp_host:
        preset = lookup.for_address(account.email)
    if preset is None or not preset.smtp_host:
        return ServerGuess(_counterpart(account.host))
    return ServerGuess(preset.smtp_host, preset.smtp_port, preset.smtp_encryption, preset.smtp_own_network)


def is_familiar(host: str, account: MailAccount) -> bool:
    """Whether a server belongs to the one the password for fetching is known to work at.

    Only such a server gets it unasked. Names are told apart in full: what only ends alike may be a neighbour's.
    """
    preset = _by_server(account.host)
    known = {account.host, _counterpart(account.host), preset.smtp_host if preset else ""}
    return host.lower() in {name.lower() for name in known if name}


def _by_server(host: str) -> Provider | None:
    return next((each for each in PROVIDERS if host and host in (each.pop_host, each.imap_host)), None)


def _counterpart(host: str) -> str:
    """ "pop.hoster.example" has its neighbour "smtp.hoster.example"; any other name serves both."""
    label, _dot, rest = host.partition(".")
    return f"smtp.{rest}" if label.lower() in _FETCHING_LABELS and "." in rest else host


def _demo(account: MailAccount) -> ServerGuess | None:
    """The demo provider chose its ports itself."""
    demo = settings.MAILHUB_DEMO_MAILBOX
    if not demo or "smtp_port" not in demo or (account.host, account.port) != (demo["host"], demo["port"]):
        return None
    return ServerGuess(demo["host"], int(demo["smtp_port"]))
