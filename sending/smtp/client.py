"""Handing one message to a server, and testing a server without handing it any.

What matters most is what is known when something breaks. Up to the final dot nothing was sent, whatever
happens, and trying again is safe. From the final dot until its reply was read nobody can know: that is
`Verdict.UNKNOWN`, and only a person may try again. So the caller is told right before the dot goes out, and
must have that on disk when the call returns.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from accounts.servers.failures import ErrorClass, MailError, describe
from accounts.servers.transport import Credentials, OnStep, ServerAddress
from sending.message.addresses import AddressError, for_sending
from sending.smtp import commands, content, refusals, session
from sending.smtp.commands import Command
from sending.smtp.dialogue import Dialogue, Limits, Phase
from sending.smtp.errors import LocalProtocolError
from sending.smtp.extensions import Extensions
from sending.smtp.refusals import Refusal
from sending.smtp.replies import Reply
from sending.smtp.session import CLIENT_NAME

__all__ = [
    "Answer",
    "Delivery",
    "Envelope",
    "Limits",
    "Phase",
    "RecipientResult",
    "Verdict",
    "deliver",
    "probe",
]

PROBE_LIMITS: Final = Limits(session=90)

# At MAIL FROM a failure of these is about the account and its settings: the message was not judged and can wait.
_ABOUT_THE_ACCOUNT: Final = (ErrorClass.AUTHENTICATION, ErrorClass.CERTIFICATE, ErrorClass.CONFIG)
_ABOUT_US: Final = "blocked_here"  # no setting of the account would help
_LIMIT_PAUSE: Final = 3600


class Verdict(StrEnum):
    """What became of a message, or of one of its recipients."""

    ACCEPTED = "accepted"
    # The server said no to this message, its sender or its recipient.
    TEMPORARY = "refused_temporary"  # try again later, to these recipients only
    PERMANENT = "refused_permanent"  # never again as it is
    # It was not judged, and it was surely not sent; whether trying again makes sense says the error's class.
    NOT_SENT = "not_sent"
    # It may have been sent. Never to be tried again without a person's word.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who it is from for the servers, "" for the null path, and who it goes to; Bcc are only here."""

    sender: str
    recipients: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.recipients:
            raise ValueError("a message to nobody")


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to keep: `text` is clean, and empty where it may not be shown."""

    code: int
    enhanced: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """How it went with one recipient; `failure` is a code of accounts.servers.failures, "" when accepted.

    `ended_session`: the server hung up, or went silent, when it was asked for this one.
    """

    address: str
    verdict: Verdict
    failure: str = ""
    answer: Answer | None = None
    retry_after: int | None = None
    ended_session: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended. `answer` is the reply that decided it, None when nothing did.

    ACCEPTED means that the server took the message for at least one recipient; each recipient's own verdict
    says for whom. For the others there is an `error`.
    """

    phase: Phase
    verdict: Verdict
    recipients: tuple[RecipientResult, ...]
    answer: Answer | None = None
    error: MailError | None = None


def deliver(
    address: ServerAddress,
    credentials: Credentials | None,
    envelope: Envelope,
    message: bytes,
    *,
    on_hand_over: Callable[[], None],
    on_end: Callable[[Delivery], None] = lambda _found: None,
    limits: Limits | None = None,
    client_name: str = CLIENT_NAME,
) -> Delivery:
    """Hand a message over; its bytes have CRLF line ends and no line above 998 octets.

    `on_hand_over` is called right before the final dot is sent. What it raises comes out of here, and the
    message was then not sent. `on_end` hears what is returned before the farewell, on which nothing depends, if
    the server lived to decide. Nothing else than what these two raise is raised.
    """
    attempt = _Attempt(envelope, message)
    dialogue = None
    try:
        dialogue, clock = session.connect(address, credentials, limits or Limits())
        session.open_session(dialogue, address.encryption, credentials, clock, client_name)
        attempt.run(dialogue, on_hand_over)
        on_end(attempt.delivery(dialogue.phase))
        _say_goodbye(dialogue)
    except MailError as error:
        attempt.fail(error, dialogue)
    finally:
        if dialogue is not None:
            dialogue.close()
    return attempt.delivery(dialogue.phase if dialogue else Phase.STARTED)


def probe(
    address: ServerAddress,
    credentials: Credentials | None,
    sender: str,
    *,
    on_step: OnStep | None = None,
    limits: Limits = PROBE_LIMITS,
    client_name: str = CLIENT_NAME,
) -> Extensions:
    """Sign in, offer `sender` as sender, take that back, leave; returns what the server can do.

    `on_step` hears of resolved, connected, secure, greeting, signed_in, sender and finished; secure and
    signed_in only where there is something to do. No message is sent. Raises MailError.
    """
    dialogue, clock = session.connect(address, credentials, limits, on_step)
    try:
        session.open_session(dialogue, address.encryption, credentials, clock, client_name)
        path, offered = _path(sender), dialogue.offered
        utf8 = offered.utf8 and not path.isascii()
        reply = dialogue.ask(_command(lambda: commands.mail_from(path, utf8=utf8)))
        if not reply.is_positive:
            raise dialogue.refused(refusals.sender(reply), reply)
        clock.done("sender")
        # The sender was taken; that is all that was to be found out.
        with suppress(MailError):
            dialogue.ask(commands.rset(), within=limits.farewell)
            dialogue.ask(commands.quit_(), within=limits.farewell)
        clock.done("finished")
        return offered
    finally:
        dialogue.close()


class _Attempt:
    """One message on its way, and what is known of it so far."""

    def __init__(self, envelope: Envelope, message: bytes) -> None:
        self._envelope = envelope
        self._message = message
        self._utf8 = False
        self._results = [RecipientResult(address, Verdict.NOT_SENT) for address in envelope.recipients]
        self._taken: list[int] = []  # whose RCPT was accepted
        self._verdict = Verdict.NOT_SENT
        self._answer: Answer | None = None
        self._error: MailError | None = None

    def run(self, dialogue: Dialogue, on_hand_over: Callable[[], None]) -> None:
        """From the signed-in session to the verdict."""
        if not self._begin(dialogue) or not self._name_recipients(dialogue):
            return
        dialogue.phase = Phase.ENVELOPE
        reply = dialogue.ask(commands.data())
        if not reply.is_intermediate:
            self._judge(dialogue, reply, refusals.message(reply))
            return
        dialogue.phase = Phase.DATA_STARTED
        early = dialogue.content(content.stuffed(self._message))
        if early is not None:
            self._judge(dialogue, early, refusals.message(early))
            return
        # Else a server that takes its full time to answer would be hung up on, and the message be sent twice.
        if dialogue.transport.seconds_left < dialogue.limits.final_dot:
            raise MailError("sending_too_slow")
        on_hand_over()
        dialogue.phase = Phase.HANDED_OVER
        dialogue.write(dialogue.conn.end_of_data())
        reply = dialogue.reply(within=dialogue.limits.final_dot)
        if reply.is_positive:
            dialogue.phase = Phase.ACCEPTED
            self._accept(dialogue, reply)
        else:
            self._judge(dialogue, reply, refusals.message(reply))

    def fail(self, error: MailError, dialogue: Dialogue | None) -> None:
        """The attempt broke off before anything was decided."""
        if dialogue is not None and dialogue.phase is Phase.HANDED_OVER:
            self._verdict, error = Verdict.UNKNOWN, MailError("maybe_sent")
        self._error = error
        for number in self._taken:
            self._results[number] = replace(
                self._results[number], verdict=self._verdict, failure=error.code, answer=None
            )

    def delivery(self, phase: Phase) -> Delivery:
        """What is known in the end."""
        results = self._results
        if self._error is not None:
            results = [
                each if each.failure or each.verdict is Verdict.ACCEPTED else self._undecided(each)
                for each in results
            ]
        return Delivery(phase, self._verdict, tuple(results), self._answer, self._error)

    def _undecided(self, result: RecipientResult) -> RecipientResult:
        assert self._error is not None
        return replace(
            result, verdict=self._verdict, failure=self._error.code, retry_after=self._error.retry_after
        )

    # ── Steps ───────────────────────────────────────────────────────────────

    def _begin(self, dialogue: Dialogue) -> bool:
        """MAIL FROM; what the server said it cannot do is not even tried."""
        offered, size = dialogue.offered, len(self._message)
        try:
            content.check(self._message)
        except LocalProtocolError as error:
            raise MailError("internal") from error
        if offered.size is not None and size > offered.size:
            return self._refuse("too_large_to_send")
        eight_bit = content.is_eight_bit(self._message)
        sender = _path(self._envelope.sender)
        needs_utf8 = content.has_utf8_header(self._message) or not sender.isascii()
        if (eight_bit and not offered.eight_bit) or (needs_utf8 and not offered.utf8):
            return self._refuse("characters_refused")
        self._utf8 = offered.utf8 and (
            needs_utf8 or not all(address.isascii() for address in map(_path, self._envelope.recipients))
        )
        reply = dialogue.ask(
            _command(
                lambda: commands.mail_from(
                    sender, size=size if offered.has_size else None, eight_bit=eight_bit, utf8=self._utf8
                )
            )
        )
        if not reply.is_positive:
            self._judge(dialogue, reply, refusals.sender(reply), at_sender=True)
        return reply.is_positive

    def _name_recipients(self, dialogue: Dialogue) -> bool:
        """RCPT TO for each; whether one was taken. Others are refused one by one, which is no failure of all."""
        for number, result in enumerate(self._results):
            try:
                command = commands.rcpt_to(_path(result.address), utf8=self._utf8)
            except LocalProtocolError:
                self._results[number] = replace(
                    result, verdict=Verdict.PERMANENT, failure="characters_refused"
                )
                continue
            reply = self._ask_for(dialogue, number, command)
            if reply.is_positive:
                self._taken.append(number)
                continue
            refusal = refusals.recipient(reply)
            self._results[number] = _refused(dialogue, result, reply, refusal)
            if reply.code == 421:
                self._results[number] = replace(self._results[number], ended_session=True)
                raise dialogue.refused(refusal, reply)
            if refusals.too_many_recipients(reply):
                for later in range(number + 1, len(self._results)):
                    self._results[later] = _refused(dialogue, self._results[later], reply, refusal)
                break
        if self._taken:
            return True
        self._nobody(dialogue)
        return False

    def _ask_for(self, dialogue: Dialogue, number: int, command: Command) -> Reply:
        """The reply to one recipient. It is noted at whom the line broke: the next try asks the others first."""
        try:
            return dialogue.ask(command)
        except MailError as error:
            self._results[number] = replace(
                self._results[number], failure=error.code, retry_after=error.retry_after, ended_session=True
            )
            raise

    # ── Verdicts ────────────────────────────────────────────────────────────

    def _accept(self, dialogue: Dialogue, reply: Reply) -> None:
        self._verdict, self._answer = Verdict.ACCEPTED, _answer(dialogue, reply)
        for number in self._taken:
            self._results[number] = replace(
                self._results[number], verdict=Verdict.ACCEPTED, answer=self._answer
            )
        refused = [each for each in self._results if each.failure]
        if refused:
            self._error = _error(refused[0])

    def _judge(self, dialogue: Dialogue, reply: Reply, refusal: Refusal, *, at_sender: bool = False) -> None:
        """The server refused all of it."""
        self._answer = _answer(dialogue, reply)
        self._error = dialogue.refused(_with_pause(refusal), reply)
        concerned = self._taken or range(len(self._results))
        for number in concerned:
            self._results[number] = _refused(
                dialogue, self._results[number], reply, refusal, at_sender=at_sender
            )
            self._verdict = self._results[number].verdict

    def _nobody(self, dialogue: Dialogue) -> None:
        """No recipient was taken: what may still succeed decides."""
        order = (Verdict.NOT_SENT, Verdict.TEMPORARY, Verdict.PERMANENT)
        first = min(self._results, key=lambda each: order.index(each.verdict))
        self._verdict, self._answer, self._error = first.verdict, first.answer, _error(first)

    def _refuse(self, code: str) -> bool:
        """We know without asking that the server would not take it."""
        self._verdict, self._error = Verdict.PERMANENT, MailError(code)
        return False


def _refused(
    dialogue: Dialogue, result: RecipientResult, reply: Reply, refusal: Refusal, *, at_sender: bool = False
) -> RecipientResult:
    refusal, verdict = _with_pause(refusal), _verdict(reply, refusal)
    # Servers that nobody signs in to may ask for it at any moment.
    may_be_account = at_sender or (reply.code == 530 and dialogue.phase < Phase.SIGNED_IN)
    if may_be_account and refusal.code != _ABOUT_US:
        verdict = Verdict.NOT_SENT if describe(refusal.code).error_class in _ABOUT_THE_ACCOUNT else verdict
    return RecipientResult(
        result.address, verdict, refusal.code, _answer(dialogue, reply), refusal.retry_after
    )


def _verdict(reply: Reply, refusal: Refusal) -> Verdict:
    # A limit on what an account sends is over some day, whatever its code says; too many recipients likewise.
    if refusal.code == "sending_limit" or refusals.too_many_recipients(reply):
        return Verdict.TEMPORARY
    return Verdict.PERMANENT if reply.is_permanent else Verdict.TEMPORARY


def _with_pause(refusal: Refusal) -> Refusal:
    if refusal.code == "sending_limit" and refusal.retry_after is None:
        return Refusal(refusal.code, _LIMIT_PAUSE)
    return refusal


def _answer(dialogue: Dialogue, reply: Reply) -> Answer:
    return Answer(reply.code, reply.enhanced, dialogue.words(reply))


def _error(result: RecipientResult) -> MailError:
    return MailError(result.failure, result.answer.text if result.answer else "", result.retry_after)


def _command(build: Callable[[], Command]) -> Command:
    try:
        return build()
    except LocalProtocolError as error:
        raise MailError("characters_refused") from error


def _path(address: str) -> str:
    """The address for the envelope; one that is none stays as it is, and is refused when its command is made."""
    try:
        return for_sending(address) if address else ""
    except AddressError:
        return address


def _say_goodbye(dialogue: Dialogue) -> None:
    """QUIT. What was accepted is accepted, whatever the server says to it (or does not)."""
    with suppress(MailError):
        dialogue.ask(commands.quit_(), within=dialogue.limits.farewell)
