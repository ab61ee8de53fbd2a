"""A private Dovecot for tests and benchmarks: POP3 plain, STLS and TLS on free loopback ports, all in one folder.

Nothing under /etc is read or written. As root the mail belongs to the user "mail", because Dovecot does not serve
mail as root; the folder must therefore be one that others can enter.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.tls import make_ca

MAIL_USER = "mail"
START_SECONDS = 20
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def binary() -> str | None:
    """The Dovecot to start; None when it is not installed with its POP3 part."""
    found = shutil.which("dovecot", path=_PATH)
    return found if found and Path("/usr/lib/dovecot/pop3").exists() else None


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass
class Dovecot:
    """Started by `with Dovecot(folder, {"user": "password"})`; `pop3` offers STLS, `pop3s` is TLS at once."""

    folder: Path
    users: dict[str, str]
    uidl_format: str = "%08Xu%08Xv"
    host: str = "127.0.0.1"
    # More loopback addresses it listens on, for what counts connections a server.
    aliases: tuple[str, ...] = ()
    pop3: int = 0
    pop3s: int = 0
    ca_file: Path = field(default=Path())
    process: subprocess.Popen | None = None

    def __enter__(self) -> Dovecot:
        self.pop3, self.pop3s = free_ports(2)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        for name in ("run", "mail"):
            (self.folder / name).mkdir(exist_ok=True)
        authority = make_ca(self.folder)
        self.ca_file = Path(authority.ca_file)
        certificate, key = authority.issue("127.0.0.1")
        self._own(self.folder / "mail")
        passwords = self.folder / "users"
        passwords.write_text("".join(f"{name}:{{PLAIN}}{secret}\n" for name, secret in self.users.items()))
        for name in self.users:
            self.fill(name, ())
        config = self.folder / "dovecot.conf"
        config.write_text(self._config(passwords, Path(certificate), Path(key)))
        self.process = subprocess.Popen(
            [binary() or "dovecot", "-F", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def fill(self, user: str, messages: Iterable[bytes], *, start: int = 0) -> None:
        """Put messages (line ends as in Unix) into the user's mailbox, in this order."""
        maildir = self.folder / "mail" / user / "Maildir"
        for folder in (maildir.parent, maildir, *(maildir / name for name in ("cur", "new", "tmp"))):
            if not folder.exists():
                folder.mkdir()
                self._own(folder)
        for number, raw in enumerate(messages, start):
            # S and W are the sizes on disk and on the wire, as a delivery agent writes them.
            size, wire = len(raw), len(raw) + raw.count(b"\n")
            name = f"{1_700_000_000 + number}.M{number:06d}P1.test,S={size},W={wire}:2,S"
            path = maildir / "cur" / name
            path.write_bytes(raw)
            self._own(path)

    def deliver(self, user: str, raw: bytes, number: int) -> None:
        """Hand in one new message while the server runs, as a delivery agent does; `number` is its own for ever."""
        maildir = self.folder / "mail" / user / "Maildir"
        size, wire = len(raw), len(raw) + raw.count(b"\n")
        name = f"{1_700_000_000 + number}.M{number:06d}P2.test,S={size},W={wire}"
        draft = maildir / "tmp" / name
        draft.write_bytes(raw)
        self._own(draft)
        draft.rename(maildir / "new" / name)

    def messages(self, user: str) -> list[bytes]:
        """What lies in the mailbox now. Not to be asked while somebody else is at it."""
        maildir = self.folder / "mail" / user / "Maildir"
        return [path.read_bytes() for part in ("cur", "new") for path in sorted((maildir / part).iterdir())]

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            user = pwd.getpwnam(MAIL_USER)
            os.chown(path, user.pw_uid, user.pw_gid)

    def _wait(self) -> None:
        assert self.process is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection((self.host, self.pop3), 1) as line:
                    line.settimeout(5)
                    if line.recv(10).startswith(b"+OK"):
                        return
            except OSError:
                time.sleep(0.05)
        log = self.folder / "dovecot.log"
        raise RuntimeError(f"Dovecot does not start: {log.read_text()[-500:] if log.exists() else 'no log'}")

    def _config(self, passwords: Path, certificate: Path, key: Path) -> str:
        root = os.geteuid() == 0
        owner = pwd.getpwnam(MAIL_USER) if root else pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(owner.pw_gid).gr_name
        run, mail = self.folder / "run", self.folder / "mail"
        internal = (
            "" if root else f"default_internal_user = {owner.pw_name}\ndefault_internal_group = {group}\n"
        )
        internal += "" if root else f"default_login_user = {owner.pw_name}\n"
        chroot = "" if root else "  chroot =\n"
        return f"""
base_dir = {run}
state_dir = {run}
log_path = {self.folder / "dovecot.log"}
info_log_path = /dev/null
protocols = pop3
listen = {", ".join((self.host, *self.aliases))}
{internal}mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
first_valid_uid = {owner.pw_uid}
first_valid_gid = {owner.pw_gid}
mail_home = {mail}/%u
mail_location = maildir:~/Maildir
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 0
default_process_limit = 200
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {passwords}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={mail}/%u allow_all_users=yes
}}
service anvil {{
{chroot}}}
service stats {{
{chroot}}}
service pop3-login {{
  service_count = 0
{chroot}  inet_listener pop3 {{
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    port = {self.pop3s}
    ssl = yes
  }}
}}
protocol pop3 {{
  pop3_no_flag_updates = yes
  pop3_uidl_format = {self.uidl_format}
}}
"""
