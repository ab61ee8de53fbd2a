"""The beginning of a POP3 session: TLS, greeting, capabilities, signing in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from accounts.servers import hosts, sasl
from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, StepClock
from fetching.pop3 import commands, login, refusals
from fetching.pop3.capabilities import Capabilities
from fetching.pop3.commands import Command
from fetching.pop3.dialogue import Dialogue
from fetching.pop3.errors import LocalProtocolError
from fetching.pop3.events import Continuation, Err, Event, Greeting
from fetching.pop3.refusals import Refusal

# What the few lines of CAPA may take before a reply that has begun counts as one whose final dot never comes.
CAPA_SECONDS: Final = 10.0
# For a handshake that only tells why a server is silent.
TRIAL_SECONDS: Final = 5.0


def open_session(
    dialogue: Dialogue, encryption: str, credentials: Credentials, clock: StepClock
) -> Capabilities:
    """From the bare connection to the open mailbox; returns what the server offers there.

    Reports secure (not for "plain"), greeting and signed_in, in this order. Raises MailError.
    """
    if encryption == "ssl":
        try:
            secure(dialogue, clock)
        except MailError as error:
            if hosts.is_plain_text(error):
                raise MailError("starttls_needed") from error
            raise
    timestamp = greeting(dialogue)
    if encryption == "starttls":
        greeted = clock.lap()
        stls(dialogue)
        secure(dialogue, clock)
        dialogue.conn.tls_started()
        # Only now, so that the steps come in the same order for both kinds of TLS.
        clock.report("greeting", greeted)
    else:
        clock.done("greeting")
    dialogue.proven = dialogue.transport.secure is not None
    offered = capabilities(dialogue)
    if offered is not None and offered.utf8:
        dialogue.ask(commands.utf8())  # a refusal changes nothing
    sign_in(dialogue, credentials, offered, timestamp)
    # What is offered may depend on who asks (RFC 2449, 5): this answer is the one that counts. A server that
    # gives none here gets no pipelining.
    after = capabilities(dialogue) or replace(offered or Capabilities(), pipelining=False)
    clock.done("signed_in")
    return after


def greeting(dialogue: Dialogue) -> bytes | None:
    """Wait for the greeting; returns its APOP timestamp. What is no POP3 server is not quoted to anybody."""
    try:
        event = dialogue.reply(within=dialogue.limits.greeting)
    except MailError as error:
        if error.code == "protocol_error":
            raise MailError("not_pop3") from error
        if error.code == "timeout" and dialogue.transport.secure is None and _expects_tls(dialogue):
            raise MailError("ssl_needed") from error
        raise
    if isinstance(event, Err):
        raise dialogue.refused(refusals.greeting(event), event)
    assert isinstance(event, Greeting)
    return event.apop_timestamp


def _expects_tls(dialogue: Dialogue) -> bool:
    """Whether a server that says nothing waits for a handshake; nothing is said inside it."""
    try:
        dialogue.transport.start_tls(within=min(TRIAL_SECONDS, dialogue.limits.greeting))
    except MailError as error:
        return error.code.startswith("certificate_")
    return True


def secure(dialogue: Dialogue, clock: StepClock) -> None:
    """The handshake."""
    dialogue.transport.start_tls()
    clock.done("secure", dialogue.transport.protection)


def stls(dialogue: Dialogue) -> None:
    """Agree on a handshake, or raise: there is no going on without (RFC 2595, 4)."""
    offered = capabilities(dialogue)
    if offered is not None and not offered.stls:
        raise MailError("starttls_missing")
    event = dialogue.ask(commands.stls())
    if isinstance(event, Err):
        raise MailError("server_busy" if event.code == "SYS/TEMP" else "starttls_missing")


def capabilities(dialogue: Dialogue) -> Capabilities | None:
    """What the server offers now; None when it does not know CAPA, or does not know how to end its reply."""
    if dialogue.conn.capa_is_endless:
        return None
    dialogue.send([commands.capa()])
    end = time.monotonic() + dialogue.limits.command
    while True:
        try:
            event = dialogue.reply(within=CAPA_SECONDS)
        except MailError as error:
            if error.code not in ("timeout", "too_slow"):
                raise
            if dialogue.conn.end_capabilities():
                dialogue.broken = False
                return None
            # Not one line yet, so it is slow; whatever it says will be the reply to this.
            if time.monotonic() >= end or dialogue.transport.seconds_left <= 0:
                raise
            dialogue.broken = False
        else:
            return event if isinstance(event, Capabilities) else None


def sign_in(
    dialogue: Dialogue, credentials: Credentials, offered: Capabilities | None, timestamp: bytes | None
) -> None:
    """Sign in the best way there is.

    One attempt, since a second wrong one may lock the account. It does not count when the server does not know the
    way, and there is one more when the refusal speaks of the way and so perhaps not of the password.
    """
    encrypted = dialogue.transport.secure is not None

    def methods(username: str, password: str) -> list[login.Method]:
        return login.methods(username, password, offered=offered, timestamp=timestamp, encrypted=encrypted)

    err: Err | None = None
    judged: Err | None = None
    for method in methods(credentials.username, credentials.password):
        try:
            err = attempt(dialogue, method)
        except MailError as error:
            if judged is None or error.code not in ("connection_lost", "authentication_unclear"):
                raise
            break  # hung up after the first refusal, which says more
        if err is None:
            return
        if refusals.is_unsupported(err):
            continue
        is_last = judged is not None or not refusals.names_method(err, method.name)
        judged = err
        if is_last:
            break
    err = judged or err
    if err is None:
        raise MailError(_unsendable(credentials, methods))
    refusal = refusals.sign_in(err)
    if refusal.code == "login_delay" and refusal.retry_after is None and offered is not None:
        refusal = Refusal(refusal.code, offered.login_delay)
    raise dialogue.refused(refusal, err)


def _unsendable(credentials: Credentials, methods: Callable[[str, str], list[login.Method]]) -> str:
    """Why there is no way to sign in at all."""
    # Short enough for every command, whatever the encoding; see `commands.MAX_LINE`.
    if methods(credentials.username[:50], credentials.password[:50]):
        return "password_too_long"
    return "password_unencodable" if methods("a", "a") else "login_disabled"


def attempt(dialogue: Dialogue, method: login.Method) -> Err | None:
    """Sign in one way; None when it worked."""
    for command in method.commands:
        answers = iter(method.answers)
        dialogue.send([command])
        event = _verdict(dialogue, command)
        while isinstance(event, Continuation):
            try:
                line = dialogue.conn.respond(next(answers, lambda _challenge: b"")(event.challenge))
            except sasl.BadChallenge as error:
                raise MailError("protocol_error") from error
            except LocalProtocolError as error:
                raise MailError("password_unencodable") from error
            dialogue.write(line)
            event = _verdict(dialogue, command)
        if isinstance(event, Err):
            return event
    return None


def _verdict(dialogue: Dialogue, command: Command) -> Event:
    try:
        return dialogue.reply()
    except MailError as error:
        # Some servers answer a wrong password by hanging up, and so do some that are merely in trouble.
        if command.signs_in and error.code == "connection_lost":
            raise MailError("authentication_unclear") from error
        raise
