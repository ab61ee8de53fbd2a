"""Which ways to sign in a server offers, best first."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from accounts.servers import sasl
from sending.smtp import commands
from sending.smtp.commands import Command
from sending.smtp.errors import LocalProtocolError
from sending.smtp.extensions import Extensions

Answer = Callable[[bytes], bytes]

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")


@dataclass(frozen=True, slots=True)
class Method:
    """One way to sign in: send the command, answer the n-th challenge with the n-th answer."""

    name: str
    command: Command
    answers: tuple[Answer, ...] = field(default=(), repr=False)


def methods(username: str, password: str, *, offered: Extensions, encrypted: bool) -> list[Method]:
    """The ways to try, in order; empty when there is none, or none that can carry these characters."""
    found = []
    for build in _builders(username, password, offered, encrypted):
        try:
            found.append(build())
        except (sasl.Unsendable, LocalProtocolError):
            continue  # this way cannot carry these characters, or so many of them; another may
    return found


def _builders(
    username: str, password: str, offered: Extensions, encrypted: bool
) -> Iterator[Callable[[], Method]]:
    in_the_clear = []
    if "PLAIN" in offered.auth:
        in_the_clear.append(partial(_plain, username, password))
    is_ascii = username.isascii() and password.isascii()
    # LOGIN and CRAM-MD5 say nothing about encodings.
    if "LOGIN" in offered.auth and is_ascii:
        in_the_clear.append(partial(_login, username, password))
    # Inside TLS the password is safe, and a server that keeps only its hash can check nothing else; such servers
    # offer CRAM-MD5 all the same.
    if encrypted:
        yield from in_the_clear
    if "CRAM-MD5" in offered.auth and is_ascii:
        yield partial(_cram_md5, username, password)
    if not encrypted:
        yield from in_the_clear


def _plain(username: str, password: str) -> Method:
    # Every server that knows AUTH knows initial responses too (RFC 4954, 4); it saves a turn.
    initial = b64encode(sasl.plain(username, password)).decode("ascii")
    return Method("PLAIN", commands.auth("PLAIN", initial))


def _login(username: str, password: str) -> Method:
    name, secret = sasl.login(username, password)
    return Method("LOGIN", commands.auth("LOGIN"), (lambda _: name, lambda _: secret))


def _cram_md5(username: str, password: str) -> Method:
    answer = partial(sasl.cram_md5, username, password)
    answer(b"")  # complain about odd characters now, not in the middle of the exchange
    return Method("CRAM-MD5", commands.auth("CRAM-MD5"), (answer,))
