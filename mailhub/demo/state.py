"""What the demo provider keeps between starts under MAILHUB_HOME/demo/: ports, passwords, certificate."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailhub.embedded.process import LOOPBACK, free_port, locked, write_private

# Address, name, and the milliseconds the provider takes over each message it hands out. The first mailbox
# belongs to a slow provider on purpose, so that its first fetch can be watched.
MAILBOXES = (
    ("alice.hartono@post.example", "Alice Hartono", 90),
    ("sales@toko.example", "Toko Kertas", 0),
)

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


@dataclass(frozen=True)
class DemoMailbox:
    """One mailbox of the demo provider. `pace` is in seconds for each message handed out."""

    address: str
    username: str
    password: str = field(repr=False)
    name: str
    pace: float


@dataclass(frozen=True)
class Details:
    """What a person needs to connect a demo mailbox. Both ports speak TLS from the first byte (RFC 8314)."""

    host: str
    pop3s_port: int
    smtp_port: int
    mailboxes: tuple[DemoMailbox, ...]


def home_folder() -> Path:
    """MAILHUB_HOME by the same rule as `mailhub.settings`, which the launcher cannot import this early."""
    default = Path(__file__).resolve().parents[2] / "var"
    return Path(os.environ.get("MAILHUB_HOME") or default).resolve()


def demo_folder(home: Path | None = None) -> Path:
    """The folder that holds everything of the demo provider, created for its owner alone if it is absent."""
    folder = (home or home_folder()).resolve() / "demo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def details(home: Path | None = None) -> Details:
    """Return how to reach the demo provider; the first call chooses ports, passwords and the certificate."""
    folder = demo_folder(home)
    state = folder / "demo.json"
    if not state.exists():
        with locked(folder / ".lock"):
            if not state.exists():
                _create(folder, state)
    kept = json.loads(state.read_text())
    return Details(
        host=LOOPBACK,
        pop3s_port=kept["pop3s_port"],
        smtp_port=kept["smtp_port"],
        mailboxes=tuple(
            DemoMailbox(
                address=box["address"],
                username=box["address"],
                password=box["password"],
                name=box["name"],
                pace=box["pace_ms"] / 1000,
            )
            for box in kept["mailboxes"]
        ),
    )


def environment(home: Path | None = None, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables with which Mailhub's web and worker processes accept the demo provider.

    `base` is the environment to add to (default: this process's). What the operator allows and trusts there
    is kept: host lists are joined, and certificate authorities go into one file with the demo's.
    """
    base = os.environ if base is None else base
    provider = details(home)
    allowed = [host.strip() for host in base.get("MAILHUB_ALLOWED_MAIL_HOSTS", "").split(",") if host.strip()]
    allowed += [f"{provider.host}:{provider.pop3s_port}", f"{provider.host}:{provider.smtp_port}"]
    return {
        "MAILHUB_ALLOWED_MAIL_HOSTS": ",".join(dict.fromkeys(allowed)),
        "MAILHUB_MAIL_CA_FILE": str(_authorities(demo_folder(home), base.get("MAILHUB_MAIL_CA_FILE", ""))),
    }


def _authorities(folder: Path, operators: str) -> Path:
    ours, joined = folder / "ca.pem", folder / "ca-bundle.pem"
    if not operators:
        return ours
    theirs = Path(operators).resolve()
    if theirs in (ours, joined):  # asked again in an environment that already has our answer
        return theirs
    write_private(joined, f"{theirs.read_text().rstrip()}\n{ours.read_text()}")
    return joined


def _create(folder: Path, state: Path) -> None:
    # Only here: every later start is spared the import.
    from mailhub.demo.certificates import issue

    issued = issue(LOOPBACK)
    write_private(folder / "ca.pem", issued.authority)
    write_private(folder / "server.pem", issued.certificate + issued.key)
    pop3s_port = smtp_port = free_port()
    while smtp_port == pop3s_port:
        smtp_port = free_port()
    kept = {
        "pop3s_port": pop3s_port,
        "smtp_port": smtp_port,
        "mailboxes": [
            {"address": address, "name": name, "password": _password(), "pace_ms": pace}
            for address, name, pace in MAILBOXES
        ],
    }
    # Last: whoever sees this file finds the others complete.
    write_private(state, json.dumps(kept, indent=2) + "\n")


def _password() -> str:
    # About 59 bits, in groups that a person can copy by hand from the page that shows it.
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
