"""A private popa3d: no CAPA, no TLS, passwords hashed, mail in one file."""

from __future__ import annotations

from tests.servers.jail import MboxServer


class Popa3d(MboxServer):
    """See JailedServer."""

    package = "popa3d"
    programs = ("/usr/sbin/popa3d",)

    def command(self) -> list[str]:
        return ["/usr/sbin/popa3d"]
