"""A private GNU mailutils pop3d: STLS, a timestamp for APOP in every greeting, passwords hashed, mail in one file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from tests.servers.jail import MboxServer

_CONFIG = """
logging { syslog no; };
auth { authentication generic:system; authorization system; };
apop-database-file /etc/apop.db;
tls-mode ondemand;
tls { ssl-certificate-file /etc/server.pem; ssl-key-file /etc/server.key; };
"""


class Mailutils(MboxServer):
    """See JailedServer. APOP works for those in `apop_users` and is refused like a wrong password to the others."""

    package = "mailutils-pop3d"
    programs = ("/usr/sbin/pop3d", "/usr/bin/popauth")
    encryptions = ("plain", "starttls")
    adds = (b"X-UIDL", b"X-UID", b"X-IMAPbase", b"Status")
    apop_users: Iterable[str] = ()

    def __enter__(self) -> Mailutils:
        etc = self.root / "etc"
        (etc / "mailutils.conf").write_text(_CONFIG)
        for source, name in zip(self.certificate_files, ("server.pem", "server.key"), strict=True):
            shutil.copy(source, etc / name)
            (etc / name).chmod(0o600)
        for user in self.apop_users:
            words = ("--add", "--file", "/etc/apop.db", "--user", user, "--password", self.users[user])
            self.run("/usr/bin/popauth", *words)
        return super().__enter__()

    def command(self) -> list[str]:
        return ["/usr/sbin/pop3d", "--inetd", "--config-file", "/etc/mailutils.conf"]
