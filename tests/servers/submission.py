"""A private Dovecot that takes mail from those who sign in, and passes it on to a server of the test's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.servers.dovecot import Dovecot, binary, free_ports


def is_installed() -> bool:
    """Whether Dovecot is here with its submission part."""
    return binary() is not None and Path("/usr/lib/dovecot/submission").exists()


@dataclass
class Submission(Dovecot):
    """As Dovecot; `starttls` and `tls` are the ports for submission, `relay_port` is where mail goes on to."""

    relay_port: int = 0
    starttls: int = 0
    tls: int = 0

    def __enter__(self) -> Submission:
        self.starttls, self.tls = free_ports(2)
        super().__enter__()
        return self

    def _config(self, passwords: Path, certificate: Path, key: Path) -> str:
        chroot = (
            "  chroot =\n" if "  chroot =\n" in (text := super()._config(passwords, certificate, key)) else ""
        )
        text = text.replace("protocols = pop3", "protocols = pop3 submission")
        return f"""{text}
hostname = submission.test
disable_plaintext_auth = yes
submission_relay_host = 127.0.0.1
submission_relay_port = {self.relay_port}
service submission-login {{
{chroot}  inet_listener submission {{
    port = {self.starttls}
  }}
  inet_listener submissions {{
    port = {self.tls}
    ssl = yes
  }}
}}
"""
