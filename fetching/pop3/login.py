"""Which ways to sign in a server offers, best first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from accounts.servers import sasl
from fetching.pop3 import commands
from fetching.pop3.capabilities import Capabilities
from fetching.pop3.commands import Command
from fetching.pop3.errors import LocalProtocolError

Answer = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to sign in: send the commands one by one, answer the n-th challenge with the n-th answer."""

    name: str
    commands: tuple[Command, ...]
    answers: tuple[Answer, ...] = field(default=(), repr=False)


def methods(
    username: str, password: str, *, offered: Capabilities | None, timestamp: bytes | None, encrypted: bool
) -> list[Method]:
    """The ways to try, in order; empty when there is none.

    `offered` is None when the server does not know CAPA, `timestamp` is the greeting's. Inside TLS the password
    itself comes first, by PLAIN whose encoding is the clearest; outside it, digests.
    """
    found = []
    for build in _builders(username, password, offered or Capabilities(), timestamp, encrypted):
        try:
            found.append(build())
        except (sasl.Unsendable, LocalProtocolError):
            continue  # this way cannot carry these characters, or so many of them; another may
    # RFC 2449, 6.2 has servers name USER, not all do. But one that offers STLS instead waits for that, and
    # would refuse the password only after having seen it in the clear.
    if not encrypted and offered is not None and offered.stls and not offered.user:
        return [method for method in found if method.name != "USER"]
    return found


def _builders(
    username: str, password: str, offered: Capabilities, timestamp: bytes | None, encrypted: bool
) -> Iterator[Callable[[], Method]]:
    ascii_only = username.isascii() and password.isascii()
    plain = [partial(_plain, username, password)] if "PLAIN" in offered.sasl else []
    # LOGIN says nothing about encodings.
    login = [partial(_login, username, password)] if "LOGIN" in offered.sasl and ascii_only else []
    user = [partial(_user, username, password)] if ascii_only or offered.utf8_user else []
    cram = [partial(_cram_md5, username, password)] if "CRAM-MD5" in offered.sasl and ascii_only else []
    if encrypted:
        # The password is safe here, and a server that keeps only its hash can check nothing else. Such servers
        # offer CRAM-MD5 all the same, and a timestamp without knowing APOP.
        yield from plain
        # One that says what it can do and leaves USER out (RFC 2449, 6.2) may mean it.
        is_doubtful = bool(offered.sasl) and not offered.user
        yield from (*login, *cram, *user) if is_doubtful else (*user, *login, *cram)
        return
    yield from cram
    if timestamp is not None and ascii_only:
        yield partial(_apop, username, password, timestamp)
    yield from (*user, *plain, *login)


# AUTH goes without an initial response: servers of RFC 1734 do not know it, all others ask for it.


def _cram_md5(username: str, password: str) -> Method:
    answer = partial(sasl.cram_md5, username, password)
    answer(b"")  # complain about odd characters now, not in the middle of the exchange
    return Method("CRAM-MD5", (commands.auth("CRAM-MD5", answers=1),), (answer,))


def _plain(username: str, password: str) -> Method:
    answer = sasl.plain(username, password)
    return Method("PLAIN", (commands.auth("PLAIN", answers=1),), (lambda _: answer,))


def _login(username: str, password: str) -> Method:
    name, secret = sasl.login(username, password)
    return Method("LOGIN", (commands.auth("LOGIN", answers=2),), (lambda _: name, lambda _: secret))


def _apop(username: str, password: str, timestamp: bytes) -> Method:
    digest = _apop_digest(timestamp, password)
    return Method("APOP", (commands.apop(username.encode("ascii"), digest),))


def _apop_digest(timestamp: bytes, password: str) -> str:
    """MD5 of the greeting's timestamp, angle brackets included, and the password (RFC 1939, 7)."""
    # LOGIN checks what may be in a password; raises sasl.Unsendable.
    _, secret = sasl.login("", password)
    return hashlib.md5(timestamp + secret, usedforsecurity=False).hexdigest()


def _user(username: str, password: str) -> Method:
    # sasl.login checks and encodes; the RFC for other than ASCII is 6856, 2.2.
    name, secret = sasl.login(username, password)
    return Method("USER", (commands.user(name), commands.password(secret)))
