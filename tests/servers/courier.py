"""A private Courier POP3 server: STLS, CRAM-MD5 offered though passwords are hashed, UTF8, mail in Maildirs."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.servers.jail import JailedServer
from tests.servers.loopback import PATIENCE

_LIB = "/usr/lib/courier"
_MODULE = "/usr/lib/courier-authlib/libauthpam.so.0"
_AUTHENTICATION = 'authmodulelist="authpam"\ndaemons=3\nDEBUG_LOGIN=0\nDEFAULTOPTIONS=""\n'


class Courier(JailedServer):
    """See JailedServer. Passwords are checked by a process of their own, which lives as long as the `with` block."""

    package = "courier-pop"
    programs = (
        f"{_LIB}/courier/courierpop3login",
        f"{_LIB}/courier/courierpop3d",
        f"{_LIB}/courier-authlib/authdaemond",
        "/usr/bin/couriertls",
    )
    encryptions = ("plain", "starttls")
    # Digests as well inside TLS: this server cannot check them and says so only by refusing.
    mechanisms = {"POP3AUTH": "", "POP3AUTH_TLS": "CRAM-MD5 PLAIN LOGIN"}
    _authentication: subprocess.Popen | None = None

    def __enter__(self) -> Courier:
        self.put(_MODULE)
        etc = self.root / "etc/courier"
        etc.mkdir()
        (etc / "authdaemonrc").write_text(_AUTHENTICATION)
        (etc / "server.pem").write_bytes(b"".join(Path(each).read_bytes() for each in self.certificate_files))
        (self.root / "run/courier/authdaemon").mkdir(parents=True)
        # It ends with us, even if we are killed; and its children with it.
        self._authentication = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "chroot", self.root, f"{_LIB}/courier-authlib/authdaemond"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._authentication.stderr is not None
        for line in self._authentication.stderr:
            if "Installation complete" in line:
                break
        else:
            raise RuntimeError("Courier's authentication does not start")
        return super().__enter__()

    def __exit__(self, *exception) -> None:
        super().__exit__(*exception)
        assert self._authentication is not None
        self._authentication.send_signal(signal.SIGTERM)
        try:
            self._authentication.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._authentication.kill()
            self._authentication.wait(PATIENCE)
        assert self._authentication.stderr is not None
        self._authentication.stderr.close()

    def command(self) -> list[str]:
        return [f"{_LIB}/courier/courierpop3login", f"{_LIB}/courier/courierpop3d", "Maildir"]

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            **self.mechanisms,
            "TCPREMOTEIP": self.host,
            "TCPREMOTEPORT": "1",
            "TCPLOCALIP": self.host,
            "TCPLOCALPORT": "110",
            "POP3_STARTTLS": "YES",
            "COURIERTLS": "/usr/bin/couriertls",
            "TLS_CERTFILE": "/etc/courier/server.pem",
        }

    def fill(self, user: str, messages: Iterable[bytes]) -> None:
        maildir = self.root / "home" / user / "Maildir"
        shutil.rmtree(maildir, ignore_errors=True)
        for folder in (maildir, *(maildir / name for name in ("cur", "new", "tmp"))):
            folder.mkdir()
            self.own(folder)
        for number, raw in enumerate(messages):
            path = maildir / "cur" / f"{1_700_000_000 + number}.M{number:06d}P1.test:2,S"
            path.write_bytes(raw)
            self.own(path)

    def count(self, user: str) -> int:
        return len(list((self.root / "home" / user / "Maildir/cur").iterdir()))
