"""The beginning of a POP3 session: TLS, greeting, capabilities, signing in."""

from __future__ import annotations

from dataclasses import replace

from accounts.servers import sasl
from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, StepClock
from fetching.pop3 import commands, login, refusals
from fetching.pop3.capabilities import Capabilities
from fetching.pop3.commands import Command
from fetching.pop3.dialogue import Dialogue
from fetching.pop3.errors import LocalProtocolError
from fetching.pop3.events import Continuation, Err, Event, Greeting
from fetching.pop3.refusals import Refusal


def open_session(
    dialogue: Dialogue, encryption: str, credentials: Credentials, clock: StepClock
) -> Capabilities:
    """From the bare connection to the open mailbox; returns what the server offers there.

    Reports secure (not for "plain"), greeting and signed_in, in this order. Raises MailError.
    """
    if encryption == "ssl":
        secure(dialogue, clock)
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
        raise
    if isinstance(event, Err):
        raise dialogue.refused(refusals.greeting(event), event)
    assert isinstance(event, Greeting)
    return event.apop_timestamp


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
    """What the server offers now; None when it does not know CAPA."""
    event = dialogue.ask(commands.capa())
    return event if isinstance(event, Capabilities) else None


def sign_in(
    dialogue: Dialogue, credentials: Credentials, offered: Capabilities | None, timestamp: bytes | None
) -> None:
    """Sign in the best way there is. One attempt: a second wrong one may lock the account."""
    encrypted = dialogue.transport.secure is not None

    def methods(username: str, password: str) -> list[login.Method]:
        return login.methods(username, password, offered=offered, timestamp=timestamp, encrypted=encrypted)

    err: Err | None = None
    for method in methods(credentials.username, credentials.password):
        err = attempt(dialogue, method)
        if err is None:
            return
        if not refusals.is_unsupported(err):
            break
    if err is None:
        raise MailError("password_unencodable" if methods("a", "a") else "login_disabled")
    refusal = refusals.sign_in(err)
    if refusal.code == "login_delay" and refusal.retry_after is None and offered is not None:
        refusal = Refusal(refusal.code, offered.login_delay)
    raise dialogue.refused(refusal, err)


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
