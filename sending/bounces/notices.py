"""Failure notices in prose, as Exim, qmail, Exchange and many providers write them.

No format holds them together. So a notice counts only with all of these: the id of a message (the caller sees to
that, and looks for it among the account's own), the mark of a mail system that nobody else carries, and words that
say for good that something did not arrive. A person who quotes such a notice, an away reply, a receipt and a delay
lack one of them. Where there is doubt it is none: a bounce that is missed is still a letter in the inbox.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mailbox.mime.bodies import is_text, text_of, words_of_html
from mailbox.mime.headers import Headers, one_line
from mailbox.mime.structure import Part
from sending.bounces.notice_phrases import ARRIVED, COPY, DELAYED, FAILED, FINAL
from sending.bounces.recipient_reports import (
    RECIPIENTS_LIMIT,
    TEXT_LIMIT,
    Action,
    RecipientReport,
    status_in,
)

NOTICE_LIMIT: Final = 100_000  # characters of a notice that are read
IDS_LIMIT: Final = 20

# Names that only machines have; and those behind which a person may sit.
_DAEMON: Final = re.compile(
    r"(?:mailer|mail)[-_.]?daemon|mdaemon|mail-?delivery(?:-?(?:sub)?system)?|microsoftexchange[0-9a-f]{32}"
    r"|bounces?|undeliver(?:ed|able)",
    re.IGNORECASE,
)
_DAEMON_NAME: Final = re.compile(
    r"mail(?:er)?[- ]daemon|mail delivery (?:sub)?system|mail delivery service",
    re.IGNORECASE,
)
_POSTMASTER: Final = re.compile(
    r"post-?master|mail-?(?:admin|master|system)|mailer|administrator", re.IGNORECASE
)
_ANSWER: Final = re.compile(
    r"\s*(?:re|aw|antw|sv|vs|odp|ynt|rv|r|rif|res|bls|balas)\s*(?:\[\d+\])?\s*:", re.IGNORECASE
)

_CODE: Final = re.compile(r"(?<![\d.])5\d\d[ -]|(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")
_LABELLED_ID: Final = re.compile(r"\bmessage[- ]?id[ \t]*:?\s{0,3}(<[^<>\s]{3,250}>)", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"[^\s<>()\[\],;:\"'|*@]{1,64}@[A-Za-z0-9\u0080-\uffff][A-Za-z0-9.\u0080-\uffff-]{1,252}"
)
_DIAGNOSTIC: Final = re.compile(
    r"(?<![\d.])[45]\d\d[ -][^\n]*(?:\n[ \t]+[^\n]+){0,4}|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}\b[^\n]*"
)
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/tr|/td|/li|/h\d)\b[^<>]*>", re.IGNORECASE)
_BLANK: Final = re.compile(r"\n[ \t]*\n")


class Mark(Enum):
    """Who a header shows to have written a letter, the surest first."""

    DAEMON = auto()
    POSTMASTER = auto()  # an office, and automatically
    AUTOMATIC = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class NoticeText:
    """The words of a letter: those above what came back, and the message ids that are named anywhere."""

    head: str = ""
    message_ids: tuple[str, ...] = ()


def text_of_notice(raw: bytes, leaves: Sequence[Part]) -> NoticeText:
    """The text of a letter as `read_notice` takes it; files in it are not looked into."""
    texts = [part for part in leaves if is_text(part)]
    plain = [part for part in texts if part.content_type == "text/plain"]
    pieces = [text_of(raw, part)[:NOTICE_LIMIT] for part in plain]
    if not any(piece.strip() for piece in pieces):
        pages = (text_of(raw, part)[:NOTICE_LIMIT] for part in texts if part not in plain)
        pieces = [words_of_html(_BREAK.sub("\n\\g<0>", page)) for page in pages]
    text = "\n\n".join(pieces)[:NOTICE_LIMIT].replace("\r\n", "\n").replace("\r", "\n")
    found = [match[1] for _, match in zip(range(IDS_LIMIT), _LABELLED_ID.finditer(text), strict=False)]
    below = COPY.search(text)
    head = _LABELLED_ID.sub("", text[: below.start()] if below else text)
    return NoticeText(head, tuple(dict.fromkeys(found)))


def read_notice(
    headers: Headers, text: NoticeText, *, is_in_thread_only: bool = False, has_original: bool = False
) -> tuple[RecipientReport, ...]:
    """Whom a letter says that mail did not reach; nothing when it is no failure notice.

    One without an address stands for a notice that names nobody. `is_in_thread_only`: our message is named as one
    that this answers, which an away reply does too. `has_original`: a message or its header came back in a part.
    """
    subject, head = headers.text(b"subject"), text.head
    failed = _failed_recipients(headers)
    is_named_so = FAILED.search(subject) is not None
    is_said = is_named_so or FAILED.search(head) is not None
    if not (failed or is_said or _CODE.search(head)) or _is_other(headers) or _is_delay(subject, head):
        return ()
    named = failed or _named(
        head, _addresses(headers, b"from", b"sender", b"reply-to", b"to", b"delivered-to")
    )
    match _mark(headers, subject):
        case Mark.DAEMON if not is_in_thread_only or named or is_named_so:
            pass
        case Mark.POSTMASTER if is_said and (not is_in_thread_only or is_named_so):
            pass
        # Anybody's away reply may have this mark.
        case Mark.AUTOMATIC if is_said and not is_in_thread_only and (has_original or is_named_so):
            pass
        case _:
            return ()
    if not named and FAILED.search(head) is not None:
        return (_report("", head),)
    return tuple(_report(each, head) for each in named[:RECIPIENTS_LIMIT])


def may_be_notice(name: str, address: str, subject: str, preview: str) -> bool:
    """Whether a letter is worth reading as a notice, by what lists show of it."""
    if is_daemon(name, address) or _POSTMASTER.fullmatch(address.rpartition("@")[0]) or not address:
        return True
    return any(FAILED.search(text[:1000]) is not None for text in (subject, preview))


# ── Who wrote it ────────────────────────────────────────────────────────────


def is_daemon(name: str, address: str) -> bool:
    """Whether mail systems write under this name."""
    local = address.rpartition("@")[0] or address or name
    return _DAEMON.fullmatch(local.strip("<> ")) is not None or _DAEMON_NAME.search(name) is not None


def _mark(headers: Headers, subject: str) -> Mark:
    """Whether a mail system wrote it, as far as a header can show that."""
    people = headers.addresses(b"from") or headers.addresses(b"sender")
    if b"x-failed-recipients" in headers or any(is_daemon(each.name, each.address) for each in people):
        return Mark.DAEMON
    is_null = b"return-path" in headers and not headers.raw(b"return-path").strip(b"<> \t\r\n")
    said = [value.partition(b";")[0].strip().lower() for value in headers.all(b"auto-submitted")]
    if _ANSWER.match(subject) or not (is_null or any(each not in (b"", b"no") for each in said)):
        return Mark.NONE
    is_office = not people or any(_POSTMASTER.fullmatch(each.address.rpartition("@")[0]) for each in people)
    return Mark.POSTMASTER if is_office else Mark.AUTOMATIC


def _is_other(headers: Headers) -> bool:
    """Whether it is something else that machines write: a receipt, an answer that somebody is away."""
    content_type = headers.raw(b"content-type")[:1000].lower()
    if any(each in content_type for each in (b"disposition-notification", b"feedback-report", b"calendar")):
        return True
    is_away = b"vacation" in b" ".join(headers.all(b"auto-submitted")).lower()
    return is_away or any(name in headers for name in (b"x-autoreply", b"x-autorespond", b"list-id"))


def _is_delay(subject: str, head: str) -> bool:
    if DELAYED.search(subject):
        return True
    return DELAYED.search(head) is not None and FINAL.search(head) is None


# ── Whom it names ───────────────────────────────────────────────────────────


def _failed_recipients(headers: Headers) -> list[str]:
    """As Exim and Google write them."""
    values = headers.all(b"x-failed-recipients")[:RECIPIENTS_LIMIT]
    found = (_ADDRESS.finditer(value[:20_000].decode("utf-8", "replace")) for value in values)
    return list(dict.fromkeys(match[0] for each in found for match in each))


def _addresses(headers: Headers, *names: bytes) -> set[str]:
    return {each.address.casefold() for name in names for each in headers.addresses(name) if each.address}


def _named(head: str, others: set[str]) -> list[str]:
    """The addresses in the text but those that the notice comes from and goes to, and those it says were reached."""
    found: list[str] = []
    for paragraph in _BLANK.split(head):
        if ARRIVED.search(paragraph) and not FAILED.search(paragraph):
            continue
        found += (match[0].strip(".").rstrip("-") for match in _ADDRESS.finditer(paragraph))
        if len(found) > 2 * RECIPIENTS_LIMIT:
            break
    wanted = dict.fromkeys(each for each in found if each.casefold() not in others)
    return [
        each
        for each in wanted
        if not is_daemon("", each) and not _POSTMASTER.fullmatch(each.rpartition("@")[0])
    ]


def _report(address: str, head: str) -> RecipientReport:
    """What the text says below an address, up to the next one; of the whole text when it names nobody."""
    start = head.find(address) + len(address) if address and address in head else 0
    following = _ADDRESS.search(head, start)
    piece = head[start : following.start() if following and address else len(head)]
    diagnostic = _DIAGNOSTIC.search(piece) or _DIAGNOSTIC.search(head, start)
    said = one_line(diagnostic[0])[:TEXT_LIMIT].strip() if diagnostic else ""
    return RecipientReport(
        one_line(address)[:320], one_line(address)[:320], Action.FAILED, status_in(said), said
    )
