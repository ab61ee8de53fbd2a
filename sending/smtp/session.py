"""The beginning of an SMTP session: TLS, greeting, EHLO, signing in."""

from __future__ import annotations

from typing import Final

from accounts.servers import sasl
from accounts.servers.failures import MailError
from accounts.servers.transport import Credentials, OnStep, ServerAddress, StepClock, Transport
from sending.smtp import commands, login, refusals
from sending.smtp.dialogue import Dialogue, Limits, Phase, own
from sending.smtp.errors import LocalProtocolError
from sending.smtp.extensions import Extensions
from sending.smtp.replies import Reply

# What we call ourselves where the caller gives no name. An address literal that every client behind a router
# uses says nothing about the machine Mailhub runs on.
CLIENT_NAME: Final = "[127.0.0.1]"


def connect(
    address: ServerAddress, credentials: Credentials | None, limits: Limits, on_step: OnStep | None = None
) -> tuple[Dialogue, StepClock]:
    """The bare connection; reports resolved and connected. Raises MailError."""
    clock = StepClock(on_step)
    try:
        transport = Transport(address, limits, lambda found: clock.done("resolved", found), protocol="smtp")
    except MailError as error:
        raise own(error) from error
    clock.done("connected")
    return Dialogue(transport, limits, credentials), clock


def open_session(
    dialogue: Dialogue,
    encryption: str,
    credentials: Credentials | None,
    clock: StepClock,
    client_name: str = CLIENT_NAME,
) -> None:
    """From the bare connection to where mail may be sent; `dialogue.offered` says what the server can do there.

    Reports secure (not for "plain"), greeting and signed_in (not without credentials), in this order. Raises
    MailError.
    """
    if encryption == "ssl":
        secure(dialogue, clock)
    greeting(dialogue)
    if encryption == "starttls":
        greeted = clock.lap()
        hello(dialogue, client_name)
        starttls(dialogue)
        secure(dialogue, clock)
        dialogue.conn.tls_started()
        # Only now, so that the steps come in the same order for both kinds of TLS.
        clock.report("greeting", greeted)
    else:
        clock.done("greeting")
    dialogue.proven = dialogue.transport.secure is not None
    # Again after STARTTLS: what was said in the clear may be anybody's (RFC 3207, 4.2).
    hello(dialogue, client_name)
    if credentials is not None:
        sign_in(dialogue, credentials)
        dialogue.phase = Phase.SIGNED_IN
        clock.done("signed_in")


def greeting(dialogue: Dialogue) -> None:
    """Wait for the greeting. What is no SMTP server is not quoted to anybody."""
    try:
        reply = dialogue.reply(within=dialogue.limits.greeting)
    except MailError as error:
        if error.code == "protocol_error":
            raise MailError("not_smtp") from error
        raise
    if not reply.is_positive:
        raise dialogue.refused(refusals.greeting(reply), reply)


def secure(dialogue: Dialogue, clock: StepClock) -> None:
    """The handshake."""
    try:
        dialogue.transport.start_tls()
    except MailError as error:
        dialogue.broken = True
        raise own(error) from error
    dialogue.phase = Phase.SECURED
    clock.done("secure", dialogue.transport.protection)


def hello(dialogue: Dialogue, client_name: str) -> None:
    """EHLO, and HELO for a server that does not know it (RFC 5321, 3.2)."""
    try:
        greet = (commands.ehlo(client_name), commands.helo(client_name))
    except LocalProtocolError:
        greet = (commands.ehlo(CLIENT_NAME), commands.helo(CLIENT_NAME))
    reply = dialogue.ask(greet[0])
    dialogue.offered = Extensions.parse(reply.lines) if reply.is_positive else Extensions()
    if reply.is_permanent:
        reply = dialogue.ask(greet[1])
    if not reply.is_positive:
        raise dialogue.refused(refusals.session(reply), reply)


def starttls(dialogue: Dialogue) -> None:
    """Agree on a handshake, or raise: there is no going on without (RFC 3207, 4.1)."""
    if not dialogue.offered.starttls:
        raise MailError("starttls_missing")
    reply = dialogue.ask(commands.starttls())
    if not reply.is_positive:
        raise MailError("smtp_busy" if reply.is_temporary else "starttls_missing")


def sign_in(dialogue: Dialogue, credentials: Credentials) -> None:
    """Sign in the best way there is. One wrong password at most: a second one may lock the account."""
    encrypted = dialogue.transport.secure is not None

    def methods(username: str, password: str) -> list[login.Method]:
        return login.methods(username, password, offered=dialogue.offered, encrypted=encrypted)

    refused: list[Reply] = []
    for method in methods(credentials.username, credentials.password):
        reply = attempt(dialogue, method)
        if reply.is_positive:
            return
        refused.append(reply)
        if not refusals.may_try_another(reply):
            break
    if not refused:
        raise MailError(_why_there_is_no_way(dialogue, bool(methods("a", "a")), encrypted))
    # What one way says of the sign-in is worth more than that another is not known.
    judged = [reply for reply in refused if not refusals.is_unsupported(reply)]
    if not judged:
        raise dialogue.refused(refusals.Refusal("sign_in_missing"), refused[-1])
    raise dialogue.refused(refusals.sign_in(judged[-1]), judged[-1])


def _why_there_is_no_way(dialogue: Dialogue, others_could: bool, encrypted: bool) -> str:
    if others_could:
        return "password_unencodable"
    # Most servers offer AUTH only once the line is encrypted.
    return "encryption_needed" if dialogue.offered.starttls and not encrypted else "sign_in_missing"


def attempt(dialogue: Dialogue, method: login.Method) -> Reply:
    """Sign in one way; returns the verdict."""
    try:
        reply = dialogue.ask(method.command)
        for answer in method.answers:
            if not reply.is_intermediate:
                break
            dialogue.write(dialogue.conn.respond(answer(reply.text.encode())))
            reply = dialogue.reply()
        if reply.is_intermediate:  # more questions than the mechanism has
            dialogue.write(dialogue.conn.cancel())
            reply = dialogue.reply()
    except sasl.BadChallenge as error:
        raise MailError("protocol_error") from error
    except LocalProtocolError as error:
        raise MailError("password_unencodable") from error
    except MailError as error:
        # Some servers answer a wrong password by hanging up, and so do some that are merely in trouble.
        if error.code == "sending_interrupted":
            raise MailError("authentication_unclear") from error
        raise
    return reply
