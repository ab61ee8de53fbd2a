"""Answering and passing on: whom it goes to, its subject, its thread, what is quoted, what is carried along.

Words that people read ("… wrote:", "Forwarded message") come from the caller, in the reader's language.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from mailbox.html.normalizer import words
from mailbox.mime.headers import MORE, Address
from mailbox.mime.opened_message import open_message
from mailbox.mime.parsing import Parsed
from sending.message.addresses import key
from sending.message.build import Attachment, InlineImage, trimmed

_ID: Final = re.compile(r"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>")
_CONTENT_ID: Final = re.compile(r"[!-;=?-~]{1,300}")

# What programs put before a subject, in the languages they speak. The short ones are words or initials too, so
# they count only as programs write them.
_LONG: Final = words(
    """
    re fw fwd antw odp ynt res rif bls balas trs doorst enc ilt vast atb továbbítás
    回复 答复 回覆 转发 轉寄 返信 転送
    """
)
_SHORT: Final = words("AW Aw WG Wg SV Sv VS Vs VL Vl VB Vb TR Tr RV Rv PD Pd R I")
_PREFIX: Final = re.compile(
    rf"\s*(?:(?i:{'|'.join(sorted(_LONG))})|{'|'.join(sorted(_SHORT))})\s?(?:\[\d{{1,3}}\]|\(\d{{1,3}}\)|\^\d{{1,3}})?\s?[:：]"
)


class Recipients(NamedTuple):
    """Whom an answer goes to."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]


class TooManyPeople(Exception):
    """A message went to more people than are read of it: an answer to all of them would leave some out."""


class Thread(NamedTuple):
    """Where an answer stands (RFC 5322, 3.6.4)."""

    in_reply_to: str
    references: tuple[str, ...]


class CarriedParts(NamedTuple):
    """The files of a message that is passed on inline."""

    attachments: tuple[Attachment, ...]
    images: tuple[InlineImage, ...]


# ── Whom ────────────────────────────────────────────────────────────────────


def reply_recipients(original: Parsed, own: Collection[str], *, to_all: bool = False) -> Recipients:
    """Whom the answer to a message goes to; `own` are all addresses of the person who answers.

    To Reply-To, else From (RFC 5322, 3.6.2); `to_all` adds everybody of To and Cc. Nobody is named twice, and the
    person who answers not at all, unless there is nobody else. The answer to one's own message goes on to
    those it went to. Raises TooManyPeople.
    """
    mine = {key(each) for each in own}
    sender = Address(original.from_name, original.from_address)
    asked = original.reply_to or (sender,)
    if key(sender.address) in mine and all(key(each.address) in mine for each in asked):
        to, cc = original.to, (original.cc if to_all else ())
    else:
        to, cc = (asked + original.to, original.cc) if to_all else (asked, ())
    if MORE in (*to, *cc):
        raise TooManyPeople
    seen = set(mine)
    found = Recipients(_fresh(to, seen), _fresh(cc, seen))
    if not found.to:
        # Those that were only copied are to be written to; and a note to oneself is answered to oneself.
        found = Recipients(found.cc or _fresh(asked, set()), ())
    return found


def _fresh(people: Iterable[Address], seen: set[str]) -> tuple[Address, ...]:
    """Those with an address that is not in `seen` yet; adds them."""
    found = []
    for person in people:
        if person.address and key(person.address) not in seen:
            seen.add(key(person.address))
            found.append(person)
    return tuple(found)


# ── Subject and thread ──────────────────────────────────────────────────────


def base_subject(subject: str) -> str:
    """The subject without what answering and passing on put before it, in whatever language and how often."""
    text, start = " ".join(subject.split()), 0
    while (found := _PREFIX.match(text, start)) is not None:
        start = found.end()
    return text[start:].strip()


def reply_subject(subject: str) -> str:
    """`Re: …`, which needs no translation (RFC 5322, 3.6.5)."""
    return f"Re: {base_subject(subject)}".strip()


def forward_subject(subject: str) -> str:
    """`Fwd: …`."""
    return f"Fwd: {base_subject(subject)}".strip()


def thread_of(original: Parsed) -> Thread:
    """The thread fields of an answer; ids that could not be written again are left out."""
    if not _ID.fullmatch(original.message_id):
        return Thread("", ())
    before = [each for each in original.references if _ID.fullmatch(each)]
    if not before and _ID.fullmatch(original.in_reply_to):
        before = [original.in_reply_to]
    chain = dict.fromkeys([*before, original.message_id])
    chain[original.message_id] = chain.pop(original.message_id)  # last, even if it was named before
    return Thread(original.message_id, trimmed(tuple(chain)))


# ── What is quoted ──────────────────────────────────────────────────────────


def quoted_text(text: str, attribution: str) -> str:
    """The text behind `>` marks, below a line such as "On Monday, Marta wrote:"."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")
    return "\n".join([attribution, *(_marked(line) for line in lines)])


def _marked(line: str) -> str:
    line = line.rstrip() if line.rstrip() != "--" else "-- "
    return f">{line}" if line.startswith(">") or not line else f"> {line}"


def quoted_html(fragment: str, attribution: str) -> str:
    """Sanitized HTML as a quote, below a line such as "On Monday, Marta wrote:"."""
    return (
        f'<div class="quote"><div>{html.escape(attribution)}</div>'
        '<blockquote type="cite" style="margin:0 0 0 0.8ex;border-left:1px solid #ccc;padding-left:1ex">'
        f"{fragment}</blockquote></div>"
    )


def forwarded_text(text: str, heading: str, fields: Sequence[tuple[str, str]]) -> str:
    """The text of a message that is passed on, below its sender, date, subject and recipients."""
    head = [heading, *(f"{label}: {value}" for label, value in fields)]
    return "\n".join([*head, "", text.replace("\r\n", "\n").rstrip()])


def forwarded_html(fragment: str, heading: str, fields: Sequence[tuple[str, str]]) -> str:
    """The same for sanitized HTML."""
    head = "".join(f"<div><b>{html.escape(label)}:</b> {html.escape(value)}</div>" for label, value in fields)
    return f'<div class="quote"><div>{html.escape(heading)}</div>{head}<br>{fragment}</div>'


def html_of_text(text: str) -> str:
    """Plain text as HTML, each line where it was."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "<br>".join(_with_spaces(html.escape(line)) for line in lines)


def _with_spaces(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return "&nbsp;" * indent + line[indent:].replace("  ", " &nbsp;")


# ── What is carried along ───────────────────────────────────────────────────


def carried(raw: bytes, positions: Collection[int] | None = None) -> CarriedParts:
    """The files of a message, to be passed on with its text; `positions` picks some of them."""
    files: list[Attachment] = []
    images: list[InlineImage] = []
    message = open_message(raw)
    for info in message.infos:
        if positions is not None and info.position not in positions:
            continue
        content = message.content(info.position)
        is_picture = info.is_inline and info.content_type.startswith("image/")
        if is_picture and _CONTENT_ID.fullmatch(info.content_id):
            images.append(InlineImage(info.content_id, info.filename, info.content_type, content))
        else:
            files.append(Attachment(info.filename, info.content_type, content))
    return CarriedParts(tuple(files), tuple(images))


def as_attachment(raw: bytes, subject: str) -> Attachment:
    """A whole message as a file, for passing on untouched."""
    stem = re.sub(r"[^\w .()-]+", "_", base_subject(subject)).strip(" ._")[:80]
    return Attachment(f"{stem or 'message'}.eml", "message/rfc822", raw)
