"""Which protocol an account is fetched by; the engine knows only `fetching.source`."""

from __future__ import annotations

from accounts.servers.transport import Credentials, ServerAddress
from fetching.pop3.source import Pop3Source
from fetching.source import Limits, Source


def open_source(address: ServerAddress, credentials: Credentials, limits: Limits, pipelining: bool) -> Source:
    """A signed-in connection to the account's server; so far always POP3 (RFC 1939). Raises MailError."""
    return Pop3Source.open(address, credentials, limits, pipelining=pipelining)
