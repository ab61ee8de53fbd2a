r"""A POP3 server that behaves, keeps its mail in memory, remembers what was said, and misbehaves on request.

    with MailboxServer([b"Subject: one\r\n\r\n"], drop_after="RETR 1") as server:
        ...
    assert server.said("DELE") == []

Its attributes may be changed between sessions; `messages` as well, which is how mail arrives or vanishes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from tests.servers.loopback import Gone, LoopbackServer, Peer
from tests.servers.tls import Certificate

CAPABILITIES = (
    "TOP",
    "UIDL",
    "USER",
    "PIPELINING",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "SASL PLAIN LOGIN CRAM-MD5",
)
TIMESTAMP = "<1896.697170952@mailbox.test>"


@dataclass(eq=False)
class Letter:
    """One message in the maildrop."""

    uidl: bytes
    data: bytes

    @property
    def wire(self) -> bytes:
        """As RETR sends it (RFC 1939, 3)."""
        data = self.data if not self.data or self.data.endswith(b"\r\n") else self.data + b"\r\n"
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        return (b"." if data.startswith(b".") else b"") + stuffed + b".\r\n"


@dataclass
class Faults:
    """What to do wrong. A command is named by its verb ("RETR") or in full ("RETR 3")."""

    err_on: dict[str, str] = field(default_factory=dict)  # refuse with this line
    raw_on: dict[str, bytes] = field(default_factory=dict)  # answer with these bytes
    drop_on: str = ""  # hang up instead of answering
    drop_after: str = ""  # answer, do what was asked, hang up
    drop_within: tuple[str, int] = ("", 0)  # hang up after so many bytes of the answer
    stall_on: str = ""  # never answer
    lose_quit: bool = False  # do what QUIT asks, hang up without the answer
    on_command: Callable[[Session, str], None] | None = None  # called first, with the redacted command


class MailboxServer(LoopbackServer):
    """One mailbox, for one session at a time. `messages` are bytes, or (unique-id, bytes).

    `encryption` is "plain", "ssl" or "starttls"; the latter two need a certificate. `capabilities` are lines
    of CAPA, None for a server that does not know CAPA; `capabilities_after` are those after signing in.
    `counters` has sessions, sign_ins, refused, retrieved, deleted and pipelined. What Faults has can be given
    by name.
    """

    def __init__(
        self,
        messages: Iterable[bytes | tuple[bytes, bytes]] = (),
        *,
        username: str = "ada@example.org",
        password: str = "correct horse",
        encryption: str = "plain",
        certificate: Certificate | None = None,
        capabilities: Iterable[str] | None = CAPABILITIES,
        capabilities_after: Iterable[str] | None = None,
        apop: bool = False,
        uidl: bool = True,
        challenge: bytes = b"+ ",
        login_delay: float = 0,
        segment: int = 0,
        **faults: object,
    ) -> None:
        super().__init__(certificate=certificate if encryption == "ssl" else None, segment=segment)
        self.stls_certificate = certificate if encryption == "starttls" else None
        self.username, self.password, self.encryption = username, password, encryption
        self.capabilities = None if capabilities is None else list(capabilities)
        self.capabilities_after = (
            self.capabilities if capabilities_after is None else list(capabilities_after)
        )
        self.apop, self.uidl, self.challenge = apop, uidl, challenge
        self.greeting = f"+OK Mailbox ready {TIMESTAMP}" if apop else "+OK Mailbox ready"
        self.login_delay, self.last_sign_in = login_delay, float("-inf")
        self.faults = Faults(**faults)
        self.counters: Counter[str] = Counter()
        self.mutex, self.maildrop = threading.Lock(), threading.Lock()
        self._numbers = count(1)
        self.messages: list[Letter] = []
        self.deliver(*messages)

    def deliver(self, *messages: bytes | tuple[bytes, bytes]) -> None:
        """New mail; sessions that are open do not see it (RFC 1939, 5)."""
        for message in messages:
            uidl, data = (
                message if isinstance(message, tuple) else (b"uid-%06d" % next(self._numbers), message)
            )
            self.messages.append(Letter(uidl, data))

    def behave(self) -> None:
        """Take all faults back."""
        self.faults = Faults()

    def serve(self, peer: Peer) -> None:
        """One session."""
        self.counters["sessions"] += 1
        session = Session(self, peer)
        try:
            session.run()
        finally:
            session.unlock()


class Session:
    """From greeting to QUIT. `letters` is the maildrop as it was at sign-in."""

    def __init__(self, server: MailboxServer, peer: Peer) -> None:
        self.server, self.peer = server, peer
        self.user = ""
        self.signed_in = self.locked = self.over = False
        self.letters: list[Letter] = []
        self.deleted: set[int] = set()
        self.after: Callable[[], None] | None = None  # done once the answer is sent

    def run(self) -> None:
        """Greet, then answer until the end."""
        self.peer.send(self.server.greeting.encode() + b"\r\n")
        while not self.over:
            line = self.peer.read_line()
            if self.peer.waiting:
                self.server.counters["pipelined"] += 1
            self.handle(line)

    def handle(self, line: bytes) -> None:
        """Answer one command, or do instead what the faults say."""
        verb, _, argument = line.partition(b" ")
        name = verb.decode("ascii", "replace").upper()
        shown = self.redact(name, argument.decode("utf-8", "replace"))
        self.peer.said.append(shown)
        faults = self.server.faults
        if faults.on_command:
            faults.on_command(self, shown)
        if faults.drop_on in (name, shown):
            raise Gone
        if faults.stall_on in (name, shown):
            self.peer.stall()
        answer = self.answer(name, shown, argument)
        command, size = faults.drop_within
        if command in (name, shown):
            self.peer.send(answer[:size])
            raise Gone
        if self.after:
            self.after()
        if faults.lose_quit and name == "QUIT":
            raise Gone
        self.peer.send(answer)
        if faults.drop_after in (name, shown):
            raise Gone

    def redact(self, name: str, argument: str) -> str:
        """The command as the transcript shows it."""
        if name == "PASS":
            argument = "***"
        elif name in ("APOP", "AUTH") and " " in argument:
            argument = argument.rpartition(" ")[0] + " ***"
        return f"{name} {argument}".strip()

    def answer(self, name: str, shown: str, argument: bytes) -> bytes:
        """The whole answer to a command."""
        faults = self.server.faults
        self.after = None
        for key in (shown, name):
            if key in faults.err_on:
                return faults.err_on[key].encode() + b"\r\n"
            if key in faults.raw_on:
                return faults.raw_on[key]
        method = getattr(self, f"do_{name.lower()}", None)
        allowed = (
            ("CAPA", "QUIT", "NOOP", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET")
            if self.signed_in
            else ("CAPA", "QUIT", "USER", "PASS", "APOP", "AUTH", "STLS", "UTF8")
        )
        if method is None or name not in allowed:
            return b"-ERR unknown command\r\n"
        return method(argument)

    # ── Before signing in ───────────────────────────────────────────────────

    def do_capa(self, argument: bytes) -> bytes:
        server = self.server
        lines = server.capabilities_after if self.signed_in else server.capabilities
        if lines is None:
            return b"-ERR unknown command\r\n"
        lines = list(lines)
        if server.stls_certificate and not self.peer.secure:
            lines.append("STLS")
        return b"+OK\r\n" + "".join(f"{line}\r\n" for line in lines).encode() + b".\r\n"

    def do_stls(self, argument: bytes) -> bytes:
        if self.server.stls_certificate is None or self.peer.secure:
            return b"-ERR no STLS here\r\n"
        self.peer.send(b"+OK begin\r\n")
        self.peer.start_tls(self.server.stls_certificate)
        return b""

    def do_utf8(self, argument: bytes) -> bytes:
        offered = any(line.split()[0] == "UTF8" for line in self.server.capabilities or ())
        return b"+OK UTF8 enabled\r\n" if offered else b"-ERR unknown command\r\n"

    def do_user(self, argument: bytes) -> bytes:
        self.user = argument.decode("utf-8", "replace")
        return b"+OK\r\n"

    def do_pass(self, argument: bytes) -> bytes:
        return self.sign_in(self.user, argument == self.server.password.encode())

    def do_apop(self, argument: bytes) -> bytes:
        if not self.server.apop:
            return b"-ERR unknown command\r\n"
        user, _, digest = argument.decode().rpartition(" ")
        expected = hashlib.md5((TIMESTAMP + self.server.password).encode()).hexdigest()
        return self.sign_in(user, digest == expected)

    def do_auth(self, argument: bytes) -> bytes:
        mechanism = argument.decode().upper()
        if mechanism == "PLAIN":
            _, user, password = self.ask(b"").split(b"\0")
            return self.sign_in(user.decode(), password == self.server.password.encode())
        if mechanism == "LOGIN":
            user = self.ask(b"Username:").decode()
            return self.sign_in(user, self.ask(b"Password:") == self.server.password.encode())
        if mechanism == "CRAM-MD5":
            challenge = TIMESTAMP.encode()
            user, _, digest = self.ask(challenge).decode().rpartition(" ")
            expected = hmac.new(self.server.password.encode(), challenge, "md5").hexdigest()
            return self.sign_in(user, digest == expected)
        return b"-ERR unsupported mechanism\r\n"

    def ask(self, challenge: bytes) -> bytes:
        self.peer.send(self.server.challenge + base64.b64encode(challenge) + b"\r\n")
        answer = self.peer.read_line()
        self.peer.said.append("***")
        return base64.b64decode(answer)

    def sign_in(self, user: str, right: bool) -> bytes:
        server = self.server
        if user != server.username or not right:
            server.counters["refused"] += 1
            return b"-ERR [AUTH] Authentication failed.\r\n"
        if time.monotonic() - server.last_sign_in < server.login_delay:
            return f"-ERR [LOGIN-DELAY] wait {server.login_delay:.0f} seconds\r\n".encode()
        # A session that has just been dropped may need a moment to let go.
        if not server.maildrop.acquire(timeout=1):
            return b"-ERR [IN-USE] Mailbox is locked by another session\r\n"
        self.locked = self.signed_in = True
        with server.mutex:
            self.letters = list(server.messages)
        server.last_sign_in = time.monotonic()
        server.counters["sign_ins"] += 1
        return b"+OK signed in\r\n"

    def unlock(self) -> None:
        if self.locked:
            self.locked = False
            self.server.maildrop.release()

    # ── After signing in ────────────────────────────────────────────────────

    def do_noop(self, argument: bytes) -> bytes:
        return b"+OK\r\n"

    def do_stat(self, argument: bytes) -> bytes:
        present = self.present()
        return b"+OK %d %d\r\n" % (len(present), sum(len(letter.data) for _, letter in present))

    def do_list(self, argument: bytes) -> bytes:
        return self.rows(argument, lambda letter: b"%d" % len(letter.data))

    def do_uidl(self, argument: bytes) -> bytes:
        if not self.server.uidl:
            return b"-ERR unknown command\r\n"
        return self.rows(argument, lambda letter: letter.uidl)

    def do_retr(self, argument: bytes) -> bytes:
        letter = self.letter(argument)
        if letter is None:
            return b"-ERR no such message\r\n"
        self.server.counters["retrieved"] += 1
        return b"+OK %d octets\r\n" % len(letter.data) + letter.wire

    def do_top(self, argument: bytes) -> bytes:
        number, _, lines = argument.partition(b" ")
        letter = self.letter(number)
        if letter is None or not lines.isdigit():
            return b"-ERR no such message\r\n"
        header, blank, body = letter.data.partition(b"\r\n\r\n")
        shown = b"\r\n".join(body.split(b"\r\n")[: int(lines)])
        return b"+OK\r\n" + Letter(b"", header + blank + shown).wire

    def do_dele(self, argument: bytes) -> bytes:
        if self.letter(argument) is None:
            return b"-ERR no such message\r\n"
        self.deleted.add(int(argument))
        return b"+OK\r\n"

    def do_rset(self, argument: bytes) -> bytes:
        self.deleted.clear()
        return b"+OK\r\n"

    def do_quit(self, argument: bytes) -> bytes:
        self.over = True
        self.after = self.update
        return b"+OK bye\r\n"

    def update(self) -> None:
        """What QUIT does (RFC 1939, 6)."""
        gone = {id(self.letters[number - 1]) for number in self.deleted}
        with self.server.mutex:
            self.server.messages = [letter for letter in self.server.messages if id(letter) not in gone]
            self.server.counters["deleted"] += len(gone)
        self.unlock()

    def present(self) -> list[tuple[int, Letter]]:
        return [(n, letter) for n, letter in enumerate(self.letters, 1) if n not in self.deleted]

    def letter(self, number: bytes) -> Letter | None:
        if not number.isdigit() or not 1 <= int(number) <= len(self.letters) or int(number) in self.deleted:
            return None
        return self.letters[int(number) - 1]

    def rows(self, argument: bytes, value: Callable[[Letter], bytes]) -> bytes:
        if not argument:
            rows = b"".join(b"%d %s\r\n" % (number, value(letter)) for number, letter in self.present())
            return b"+OK\r\n" + rows + b".\r\n"
        letter = self.letter(argument)
        if letter is None:
            return b"-ERR no such message\r\n"
        return b"+OK %s %s\r\n" % (argument, value(letter))
