r"""An SMTP server that behaves, keeps what it accepted, remembers what was said, and misbehaves on request.

    with SubmissionServer(drop_on="RCPT") as server:
        ...
    assert server.accepted == []

Its attributes may be changed between sessions.
"""

from __future__ import annotations

import base64
import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.servers.loopback import Gone, LoopbackServer, Peer
from tests.servers.tls import Certificate

EXTENSIONS = (
    "PIPELINING",
    "SIZE 10000000",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "AUTH PLAIN LOGIN CRAM-MD5",
)
CHALLENGE = b"<1896.697170952@mail.test>"


class Letter(NamedTuple):
    """One message that was accepted; `data` is without dot-stuffing."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    parameters: str = ""  # of MAIL FROM


@dataclass
class Faults:
    """What to do wrong. A command is named by its verb ("RCPT") or in full ("RCPT TO:<a@b.example>").

    The end of the message goes by the name "DOT", the greeting by "GREETING", answers to challenges by "***".
    """

    refuse: Mapping[str, str] = field(default_factory=dict)  # answer with this line or these lines
    raw_on: Mapping[str, bytes] = field(default_factory=dict)  # answer with these bytes
    drop_on: str = ""  # hang up instead of answering
    drop_after: str = ""  # answer, do what was asked, hang up
    lose_reply: str = ""  # do what was asked, hang up without the answer
    stall_on: str = ""  # never answer
    drop_within_data: int | None = None  # hang up after so many bytes of the message
    reset: bool = False  # hang up by RST where something above hangs up
    early: bytes = b""  # say this while the message is still coming, and hang up
    on_command: Callable[[Session, str], None] | None = None  # called first, with the redacted command


class SubmissionServer(LoopbackServer):
    """Takes mail from one person. `accepted` is what it is answerable for, `parts` what came without its end.

    `encryption` is "plain", "ssl" or "starttls"; the latter two need a certificate. `extensions` are the lines of
    EHLO, None for a server that does not know it. `counters` has sessions, sign_ins and refused. What Faults has
    can be given by name.
    """

    def __init__(
        self,
        *,
        username: str = "ada@example.org",
        password: str = "correct horse",
        encryption: str = "plain",
        certificate: Certificate | None = None,
        extensions: Iterable[str] | None = EXTENSIONS,
        sign_in: bool = True,
        segment: int = 0,
        **faults: object,
    ) -> None:
        super().__init__(certificate=certificate if encryption == "ssl" else None, segment=segment)
        self.starttls_certificate = certificate if encryption == "starttls" else None
        self.username, self.password, self.encryption = username, password, encryption
        self.extensions = None if extensions is None else list(extensions)
        self.sign_in = sign_in
        self.faults = Faults(**faults)
        self.counters: Counter[str] = Counter()
        self.accepted: list[Letter] = []
        self.parts: list[bytes] = []

    def behave(self) -> None:
        """Take all faults back."""
        self.faults = Faults()

    def serve(self, peer: Peer) -> None:
        """One session."""
        self.counters["sessions"] += 1
        Session(self, peer).run()


class Session:
    """From greeting to QUIT."""

    def __init__(self, server: SubmissionServer, peer: Peer) -> None:
        self.server, self.peer = server, peer
        self.signed_in = self.over = False
        self.sender: str | None = None
        self.parameters = ""
        self.recipients: list[str] = []

    def run(self) -> None:
        """Greet, then answer until the end."""
        self.give("GREETING", "220 mail.test ESMTP ready")
        while not self.over:
            line = self.peer.read_line()
            verb, _, argument = line.decode("utf-8", "replace").partition(" ")
            name = verb.upper()
            shown = self.redact(name, argument)
            self.peer.said.append(shown)
            if self.server.faults.on_command:
                self.server.faults.on_command(self, shown)
            self.give(shown, getattr(self, f"do_{name.lower()}", self.unknown), argument)

    def give(self, shown: str, answer: str | Callable[[str], str], argument: str = "") -> None:
        """Answer, or do instead what the faults say; `answer` may be the function that finds it."""
        faults, names = self.server.faults, (shown, shown.split(" ")[0])
        if faults.drop_on in names:
            self.hang_up()
        if faults.stall_on in names:
            self.peer.stall()
        for name in names:
            if name in faults.raw_on:
                self.peer.send(faults.raw_on[name])
                return
            if name in faults.refuse:
                self.peer.send(faults.refuse[name].replace("\n", "\r\n").encode() + b"\r\n")
                return
        reply = answer if isinstance(answer, str) else answer(argument)
        if faults.lose_reply in names:
            self.hang_up()
        if reply:
            self.peer.send(reply.replace("\n", "\r\n").encode() + b"\r\n")
        if faults.drop_after in names:
            self.hang_up()

    def hang_up(self) -> None:
        if self.server.faults.reset:
            self.peer.reset()
        raise Gone

    def redact(self, name: str, argument: str) -> str:
        """The command as the transcript shows it."""
        if name == "AUTH" and " " in argument:
            argument = argument.partition(" ")[0] + " ***"
        return f"{name} {argument}".strip()

    # ── Commands ────────────────────────────────────────────────────────────

    def unknown(self, argument: str) -> str:
        return "502 5.5.1 unknown command"

    def do_ehlo(self, argument: str) -> str:
        server = self.server
        if server.extensions is None:
            return "500 what?"
        lines = ["mail.test greets you", *server.extensions]
        if server.starttls_certificate and not self.peer.secure:
            lines = [line for line in lines if not line.startswith("AUTH")] + ["STARTTLS"]
        return "\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"])

    def do_helo(self, argument: str) -> str:
        return "250 mail.test"

    def do_starttls(self, argument: str) -> str:
        if self.server.starttls_certificate is None or self.peer.secure:
            return "502 5.5.1 no STARTTLS here"
        self.peer.send(b"220 2.0.0 go ahead\r\n")
        self.peer.start_tls(self.server.starttls_certificate)
        return ""

    def do_auth(self, argument: str) -> str:
        mechanism, _, initial = argument.partition(" ")
        password = self.server.password.encode()
        if mechanism == "PLAIN":
            _, user, secret = (base64.b64decode(initial) if initial else self.ask(b"")).split(b"\0")
            return self.check(user, secret == password)
        if mechanism == "LOGIN":
            user = self.ask(b"Username:")
            return self.check(user, self.ask(b"Password:") == password)
        if mechanism == "CRAM-MD5":
            user, _, digest = self.ask(CHALLENGE).rpartition(b" ")
            return self.check(user, digest.decode() == hmac.new(password, CHALLENGE, "md5").hexdigest())
        return "504 5.5.4 unrecognized authentication type"

    def ask(self, challenge: bytes) -> bytes:
        self.peer.send(b"334 " + base64.b64encode(challenge) + b"\r\n")
        answer = self.peer.read_line()
        self.peer.said.append("***")
        if "***" in (self.server.faults.drop_on, self.server.faults.lose_reply):
            self.hang_up()
        return base64.b64decode(answer)

    def check(self, user: bytes, right: bool) -> str:
        if user.decode() != self.server.username or not right:
            self.server.counters["refused"] += 1
            return "535 5.7.8 Error: authentication failed"
        self.server.counters["sign_ins"] += 1
        self.signed_in = True
        return "235 2.7.0 signed in"

    def do_mail(self, argument: str) -> str:
        if self.server.sign_in and not self.signed_in:
            return "530 5.7.0 Authentication required"
        if self.sender is not None:
            return "503 5.5.1 nested MAIL"
        path, _, self.parameters = argument.removeprefix("FROM:").partition(" ")
        self.sender, self.recipients = path.strip("<>"), []
        return "250 2.1.0 taken"

    def do_rcpt(self, argument: str) -> str:
        if self.sender is None:
            return "503 5.5.1 MAIL first"
        self.recipients.append(argument.removeprefix("TO:").strip("<>"))
        return "250 2.1.5 taken"

    def do_rset(self, argument: str) -> str:
        self.sender = None
        return "250 2.0.0 forgotten"

    def do_quit(self, argument: str) -> str:
        self.over = True
        return "221 2.0.0 bye"

    def do_data(self, argument: str) -> str:
        if not self.recipients:
            return "554 5.5.1 no valid recipients"
        self.peer.send(b"354 end with a dot\r\n")
        data = self.receive()
        self.peer.said.append("DOT")

        def take(_: str) -> str:
            self.server.accepted.append(
                Letter(self.sender or "", tuple(self.recipients), data, self.parameters)
            )
            self.sender = None
            return "250 2.0.0 queued as 42"

        self.give("DOT", take)
        return ""

    def receive(self) -> bytes:
        """The message up to the final dot, un-stuffed."""
        faults, lines, size = self.server.faults, [], 0
        try:
            while True:
                if faults.early:
                    self.peer.send(faults.early)
                    raise Gone
                if faults.drop_within_data is not None and size >= faults.drop_within_data:
                    self.hang_up()
                line = self.peer.read_line()
                if line == b".":
                    return b"".join(each + b"\r\n" for each in lines)
                size += len(line) + 2
                lines.append(line[1:] if line.startswith(b".") else line)
        except Gone:
            self.server.parts.append(b"".join(each + b"\r\n" for each in lines))
            raise
