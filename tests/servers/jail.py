"""Mail servers of Debian that cannot be installed together: unpacked beside each other, each run in a root of its own.

`tools/system.sh` unpacks them. A jail holds copies of a server's programs and libraries with its own accounts, so that
nothing under /etc is read or written; to enter it takes root. A process serves one connection, as under inetd, and
ends with it: what a killed run leaves behind is a folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.servers.loopback import LoopbackServer, Peer
from tests.servers.tls import make_ca

UNPACKED = Path("/usr/local/lib/mailhub/servers")
OWNER = "mail"  # whose the mail is; servers refuse to read any as root
_PAM = ("pam_unix", "pam_permit")
_SERVICE = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"


class JailedServer(LoopbackServer):
    """One mailbox for each of `users` (name: password), in a jail below `folder`; `with` starts and stops it."""

    package = ""
    programs: tuple[str, ...] = ()
    encryptions: tuple[str, ...] = ("plain",)
    adds: tuple[bytes, ...] = ()  # the fields it writes into headers

    def __init__(self, folder: Path, users: dict[str, str]) -> None:
        super().__init__()
        self.root, self.users = folder / "root", users
        authority = make_ca(folder)
        self.ca_file = authority.ca_file
        self.certificate_files = authority.issue(self.host)
        for name in ("dev", "etc/pam.d", "home", "tmp", "var/mail", "var/lib/popa3d"):
            (self.root / name).mkdir(parents=True)
        for name in ("tmp", "var/mail"):
            (self.root / name).chmod(0o1777)
        (self.root / "dev/null").touch()
        for program in self.programs:
            self.put(program)
        for module in _PAM:
            self.put(f"/lib/x86_64-linux-gnu/security/{module}.so")
        self._write_accounts()

    @classmethod
    def is_installed(cls) -> bool:
        """Whether it is unpacked here and can be run."""
        return os.geteuid() == 0 and all(
            (UNPACKED / cls.package / each[1:]).exists() for each in cls.programs
        )

    # ── To be said by each server ───────────────────────────────────────────

    def command(self) -> list[str]:
        """What serves one connection on its standard input and output, within the jail."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Of that process."""
        return {"PATH": "/usr/bin:/usr/sbin"}

    def fill(self, user: str, messages: Iterable[bytes]) -> None:
        """Put messages (line ends as in Unix) into the user's mailbox, in this order."""
        raise NotImplementedError

    def count(self, user: str) -> int:
        """How many messages lie in the mailbox now."""
        raise NotImplementedError

    # ── The jail ────────────────────────────────────────────────────────────

    def put(self, path: str) -> None:
        """Copy a file of the package, or else of this machine, with the libraries it needs."""
        package = UNPACKED / self.package
        source = package / path[1:] if (package / path[1:]).exists() else Path(path)
        for each in (source, *self._libraries(source)):
            inside = each.relative_to(package) if each.is_relative_to(package) else each.relative_to("/")
            target = self.root / inside
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(each, target)

    def own(self, *paths: Path) -> None:
        """Hand files over to the user whose mail it is."""
        user = pwd.getpwnam(OWNER)
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)

    def run(self, *words: str) -> None:
        """Run one of the programs to its end."""
        subprocess.run(["chroot", self.root, *words], check=True, stdout=subprocess.DEVNULL)

    def serve(self, peer: Peer) -> None:
        """One session."""
        peer.socket.settimeout(None)  # the process shares the mode of the socket
        subprocess.run(
            ["chroot", self.root, *self.command()],
            stdin=peer.socket,
            stdout=peer.socket,
            stderr=subprocess.DEVNULL,
            env=self.environment(),
        )

    def _libraries(self, program: Path) -> list[Path]:
        own = UNPACKED / self.package / "usr/lib"
        found = subprocess.run(
            ["ldd", program], stdout=subprocess.PIPE, text=True, check=True, env={"LD_LIBRARY_PATH": str(own)}
        )
        return [Path(word) for word in found.stdout.split() if word.startswith("/")]

    def _write_accounts(self) -> None:
        owner, nobody = pwd.getpwnam(OWNER), pwd.getpwnam("nobody")
        etc = self.root / "etc"
        people = ["root:x:0:0::/:/bin/sh"]
        # As whom they run before anybody has signed in.
        people += [
            f"{name}:x:{nobody.pw_uid}:{nobody.pw_gid}::/:/bin/false" for name in ("popa3d", "courier")
        ]
        secrets = []
        for name, password in self.users.items():
            people.append(f"{name}:x:{owner.pw_uid}:{owner.pw_gid}::/home/{name}:/bin/sh")
            hashed = subprocess.run(
                ["openssl", "passwd", "-6", "-stdin"],
                input=password,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            secrets.append(f"{name}:{hashed.stdout.strip()}:19000:0:99999:7:::")
            home = self.root / "home" / name
            home.mkdir()
            self.own(home)
        (etc / "passwd").write_text("\n".join(people) + "\n")
        (etc / "shadow").write_text("\n".join(secrets) + "\n")
        groups = {"root": 0, "mail": owner.pw_gid, "courier": nobody.pw_gid}
        (etc / "group").write_text("".join(f"{name}:x:{number}:\n" for name, number in groups.items()))
        (etc / "nsswitch.conf").write_text("passwd: files\nshadow: files\ngroup: files\n")
        for service in ("other", "pop3", "popa3d"):
            (etc / "pam.d" / service).write_text(_SERVICE)


class MboxServer(JailedServer):
    """One whose mail is in a file for each user, below /var/mail."""

    def fill(self, user: str, messages: Iterable[bytes]) -> None:
        path = self.root / "var/mail" / user
        # No line of seeded mail begins with "From ", which would have to be quoted.
        path.write_bytes(b"".join(b"From x Thu Jan  4 00:00:00 2024\n" + raw + b"\n" for raw in messages))
        self.own(path)

    def count(self, user: str) -> int:
        path = self.root / "var/mail" / user
        return path.read_bytes().count(b"From x Thu Jan") if path.exists() else 0
