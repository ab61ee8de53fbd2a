"""The peers: mpop, fetchmail and getmail6, set up as their manuals say, with an empty store; mail is kept there."""

from __future__ import annotations

import os
import poplib
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tools.bench.processes import Failed, Usage, give, measured, peer_user

POLL_SECONDS = 120
NETWORK_SECONDS = 600
SEEN_AT = 1_700_000_000


@dataclass(frozen=True)
class Box:
    """One mailbox as a client reaches it."""

    host: str
    port: int
    user: str
    password: str
    ca_file: Path
    tls: bool = False


class Peer:
    """One of them; a subclass writes its configuration and knows its memory of what was fetched."""

    name: ClassVar[str]
    package: ClassVar[str]
    program: ClassVar[str]
    # Exit codes of a run that found nothing new.
    nothing_new: ClassVar[tuple[int, ...]] = (0,)

    @classmethod
    def version(cls) -> str:
        """Of the Debian package; "" when the program is absent."""
        if shutil.which(cls.program) is None:
            return ""
        ask = ["dpkg-query", "--show", "--showformat", "${Version}", cls.package]
        try:
            return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return "of unknown version"

    def configure(self, home: Path, box: Box) -> list[str]:
        """Write what the program needs into `home`; returns the command."""
        raise NotImplementedError

    def remember(self, home: Path, box: Box, uidls: Sequence[str]) -> None:
        """Write the program's own record, as if it had fetched all these."""
        raise NotImplementedError

    def fetch(self, box: Box, expected: int, *, limit: float) -> Usage:
        """Fetch everything into an empty store; raises Failed unless `expected` messages arrived."""
        with _home(self.name) as home:
            command = self.configure(home, box)
            give(home)
            return self._run(home, command, expected, (0,), limit)

    @contextmanager
    def knowing(self, box: Box, uidls: Sequence[str]) -> Iterator[Poll]:
        """A home whose record already holds the whole mailbox, to be polled again and again."""
        with _home(self.name) as home:
            command = self.configure(home, box)
            self.remember(home, box, uidls)
            give(home)
            yield Poll(self, home, command)

    def _run(
        self, home: Path, command: Sequence[str], expected: int, fine: tuple[int, ...], limit: float
    ) -> Usage:
        environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(home), "TMPDIR": str(home)}
        environ["FETCHMAILHOME"] = str(home)
        usage = measured(command, environ=environ, folder=home, limit=limit, fine=fine, user=peer_user())
        arrived = len(os.listdir(home / "Maildir" / "new"))
        if arrived != expected:
            raise Failed(f"{self.name}: {arrived} of {expected} messages arrived. {usage.output[-600:]}")
        return usage


@dataclass(frozen=True)
class Poll:
    """A peer that has everything already."""

    peer: Peer
    home: Path
    command: Sequence[str]

    def run(self) -> Usage:
        """Ask once more; raises Failed when anything is fetched."""
        return self.peer._run(self.home, self.command, 0, self.peer.nothing_new, POLL_SECONDS)


class Mpop(Peer):
    """C, pipelined; an fsynced file a message."""

    name, package, program = "mpop", "mpop", "mpop"

    def configure(self, home: Path, box: Box) -> list[str]:
        """One account that keeps the mail and fetches what is not in `seen`."""
        trust = f"tls on\ntls_starttls off\ntls_trust_file {box.ca_file}" if box.tls else "tls off"
        _private(
            home / "mpoprc",
            f"account bench\nhost {box.host}\nport {box.port}\n{trust}\n"
            f"auth user\nuser {box.user}\npassword {box.password}\n"
            f"pipelining on\ntimeout {NETWORK_SECONDS}\n"
            f"keep on\nonly_new on\nuidls_file {home / 'seen'}\ndelivery maildir {home / 'Maildir'}\n",
        )
        return ["mpop", "-C", str(home / "mpoprc"), "-q", "bench"]

    def remember(self, home: Path, box: Box, uidls: Sequence[str]) -> None:
        """A head line for the mailbox, then its identifiers in order."""
        lines = [f" {len(uidls)} {box.host} {box.user}", *sorted(uidls)]
        _private(home / "seen", "\n".join(lines) + "\n")


class Fetchmail(Peer):
    """C, one command at a time; a shell and `cat` for each message, as its delivery agent."""

    name, package, program = "fetchmail", "fetchmail", "fetchmail"
    nothing_new = (0, 1)  # 1 says: there was no new mail

    def configure(self, home: Path, box: Box) -> list[str]:
        """No daemon, no bounces, UIDL. A process number that comes again fails (-C) instead of overwriting."""
        trust = f"ssl sslcertck sslcertfile {box.ca_file}" if box.tls else "sslproto ''"
        agent = f"set -C; exec cat >{home / 'Maildir' / 'new'}/$$"
        _private(
            home / "fetchmailrc",
            "set no bouncemail\n"
            f"poll {box.host} service {box.port} protocol pop3 uidl timeout {NETWORK_SECONDS}\n"
            f'  user "{box.user}" password "{box.password}" is nobody here {trust} keep mda "{agent}"\n',
        )
        return [
            *("fetchmail", "--silent", "--nodetach", "--nosyslog"),
            *("--fetchmailrc", str(home / "fetchmailrc"), "--idfile", str(home / "seen")),
        ]

    def remember(self, home: Path, box: Box, uidls: Sequence[str]) -> None:
        """A line for each identifier."""
        _private(home / "seen", "".join(f"{box.user}@{box.host} {uidl}\n" for uidl in uidls))


class Getmail(Peer):
    """Python, one command at a time; an fsynced file a message, written by a forked child."""

    name, package, program = "getmail6", "getmail6", "getmail"

    def configure(self, home: Path, box: Box) -> list[str]:
        """Its simplest retriever into a Maildir."""
        trust = f"ca_certs = {box.ca_file}\n" if box.tls else ""
        _private(
            home / "getmailrc",
            f"[retriever]\ntype = SimplePOP3{'SSL' if box.tls else ''}Retriever\n"
            f"server = {box.host}\nport = {box.port}\n{trust}timeout = {NETWORK_SECONDS}\n"
            f"username = {box.user}\npassword = {box.password}\n\n"
            f"[destination]\ntype = Maildir\npath = {home / 'Maildir'}/\n\n"
            "[options]\nread_all = false\ndelete = false\nverbose = 0\n",
        )
        return ["getmail", "--getmaildir", str(home), "--rcfile", "getmailrc"]

    def remember(self, home: Path, box: Box, uidls: Sequence[str]) -> None:
        """A file named after the mailbox: identifier, NUL, when it was first seen."""
        name = re.sub(r"[^\w.-]", "-", f"oldmail-{box.host}-{box.port}-{box.user}")
        _private(home / name, "".join(f"{uidl}\0{SEEN_AT}\n" for uidl in uidls))


ALL: tuple[Peer, ...] = (Mpop(), Fetchmail(), Getmail())


def installed() -> dict[str, Peer]:
    """By name, those that are here."""
    return {peer.name: peer for peer in ALL if shutil.which(peer.program)}


def uidls(box: Box) -> list[str]:
    """The mailbox's identifiers."""
    if box.tls:
        trust = ssl.create_default_context(cafile=box.ca_file)
        session: poplib.POP3 = poplib.POP3_SSL(box.host, box.port, timeout=NETWORK_SECONDS, context=trust)
    else:
        session = poplib.POP3(box.host, box.port, timeout=NETWORK_SECONDS)
    session.user(box.user)
    session.pass_(box.password)
    listed = [line.split()[1].decode() for line in session.uidl()[1]]
    session.quit()
    return listed


def round_trip(box: Box) -> float:
    """Milliseconds from a command to its answer: the median of a few, on one line."""
    session = poplib.POP3(box.host, box.port, timeout=NETWORK_SECONDS)
    times = []
    session.user(box.user)
    session.pass_(box.password)
    for _ in range(9):
        started = time.perf_counter()
        session.noop()
        times.append(time.perf_counter() - started)
    session.quit()
    return sorted(times)[4] * 1000


@contextmanager
def _home(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as made:
        home = Path(made)
        home.chmod(0o755)
        for part in ("", "cur", "new", "tmp"):
            (home / "Maildir" / part).mkdir()
        os.sync()  # what the last run left to be written is not this one's
        yield home


def _private(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
