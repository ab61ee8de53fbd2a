"""What a draft becomes: its text cleaned, with signature, quote and last words, as the letter that goes out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Final

from django.utils import timezone

from mailbox.html.sanitizer import SOURCE_LIMIT, sanitize
from sending.compose import signatures
from sending.message import format_flowed, recipients, reply_rules
from sending.message.build import Address, Attachment, InlineImage, Letter, new_message_id
from sending.models import Draft, Identity, Signature

_CID: Final = re.compile(r'src="cid:([^"]+)"')
_WRAPPED: Final = "<div>", "</div>"
_EMPTY: Final = re.compile(r"(?:<p>(?:<br>|\s)*</p>|<br>|\s)*")


# ── Safe HTML ───────────────────────────────────────────────────────────────
def clean(source: str, pictures: Mapping[str, str] | None = None) -> str:
    """What a person has written as it may go out; `pictures`: addresses on the page → content ids."""
    for address, content_id in (pictures or {}).items():
        source = source.replace(f'src="{html.escape(address)}"', f'src="cid:{html.escape(content_id)}"')
    cleaned = sanitize(source, show_remote=True, cid_url=lambda content_id: f"cid:{content_id}").html
    inner = _unwrapped(cleaned)
    return "" if _EMPTY.fullmatch(inner) else inner


def shown(source: str, cid_url: Callable[[str], str | None], *, show_remote: bool = True) -> str:
    """The same for a page, with pictures at addresses of ours."""
    return _unwrapped(sanitize(source, show_remote=show_remote, cid_url=cid_url).html)


def quotable(source: str, known: Callable[[str], bool]) -> str:
    """The HTML of a message as it may stand in another; pictures it carried stay where they are `known`."""

    def cid_url(content_id: str) -> str | None:
        return f"cid:{content_id}" if known(content_id) else None

    return sanitize(source[:SOURCE_LIMIT], show_remote=True, cid_url=cid_url).html


def _unwrapped(cleaned: str) -> str:
    """Without the division that the sanitizer puts in place of a body, or there would be one more each time."""
    before, after = _WRAPPED
    if not (cleaned.startswith(before) and cleaned.endswith(after)):
        return cleaned
    inner = cleaned[len(before) : -len(after)]
    depth = 0
    for tag in re.finditer(r"<(/?)div\b", inner):
        depth += -1 if tag[1] else 1
        if depth < 0:
            return cleaned
    return inner


def html_of(text: str) -> str:
    """Plain text as paragraphs."""
    return "".join(f"<p>{reply_rules.html_of_text(part)}</p>" for part in re.split(r"\n{2,}", text) if part)


def text_of(source: str) -> str:
    """HTML as plain text."""
    return format_flowed.text_of_html(source).strip("\n")


# ── The letter ──────────────────────────────────────────────────────────────
def letter_of(draft: Draft) -> Letter:
    """The letter that goes out, dated now. Its recipients must have been checked. Raises ComposeError."""
    identity = draft.identity
    if identity is None:
        raise ValueError("a letter from nobody")
    body = None if draft.is_plain else html_of_draft(draft)
    images, attachments = _files(draft, body)
    return Letter(
        sender=Address(sender_name(identity), identity.address),
        reply_to=(Address("", identity.reply_to),) if identity.reply_to else (),
        date=timezone.localtime().replace(microsecond=0),
        message_id=new_message_id(identity.address),
        subject=draft.subject,
        in_reply_to=draft.in_reply_to,
        references=tuple(draft.references),
        text=plain_of(draft) if draft.is_plain else None,
        html=body,
        images=images,
        attachments=attachments,
        to=recipients.read_recipients(draft.to).people,
        cc=recipients.read_recipients(draft.cc).people,
        bcc=recipients.read_recipients(draft.bcc).people,
    )


def sender_name(identity: Identity) -> str:
    """The name in From."""
    return identity.name or identity.account.from_name


def html_of_draft(draft: Draft) -> str:
    """All that the letter says, as HTML."""
    quote = draft.quote_html if draft.with_quote else ""
    mark = signature_html(draft.signature)
    # What follows the dashes is hidden by some readers: so only where nothing but the signature does.
    is_below = draft.signature is not None and draft.signature.place == Signature.Place.BELOW
    if mark and (not quote or is_below):
        mark = f"{format_flowed.SIGNATURE}<br>{mark}"
    mark = f'<div class="signature">{mark}</div>' if mark else ""
    parts = [draft.html, quote, mark] if is_below else [draft.html, mark, quote]
    last_words = signatures.disclaimer(draft.organization)[0]
    return "\n<br>\n".join(part for part in (*parts, last_words) if part)


def signature_html(signature: Signature | None) -> str:
    """The signature for a letter in HTML, "" without one."""
    return signatures.render(signature, html=True) if signature else ""


def signature_text(signature: Signature | None) -> str:
    """The signature for plain text, "" without one."""
    return signatures.render(signature, html=False) if signature else ""


def plain_of(draft: Draft) -> str:
    """The same as plain text."""
    quote = draft.quote_text if draft.with_quote else ""
    mark = signature_text(draft.signature)
    is_below = draft.signature is not None and draft.signature.place == Signature.Place.BELOW
    if mark and (not quote or is_below):
        mark = f"{format_flowed.SIGNATURE}\n{mark}"
    parts = [draft.text.rstrip(), quote, mark] if is_below else [draft.text.rstrip(), mark, quote]
    last_words = signatures.disclaimer(draft.organization)[1]
    return "\n\n".join(part for part in (*parts, last_words) if part)


# ── Files ───────────────────────────────────────────────────────────────────
def _files(draft: Draft, body: str | None) -> tuple[tuple[InlineImage, ...], tuple[Attachment, ...]]:
    """Pictures that the text shows, and files. A picture that was taken out of the text goes nowhere."""
    used = cids(body) if body is not None else frozenset()
    quoted = cids(draft.quote_html)
    images, attachments = [], []
    for file in draft.files.all():
        content = bytes(file.data)
        if not file.content_id:
            attachments.append(Attachment(file.filename, file.content_type, content))
        elif file.content_id in used:
            images.append(InlineImage(file.content_id, file.filename, file.content_type, content))
        elif body is None and (draft.kind == Draft.Kind.FORWARD or file.content_id not in quoted):
            # Plain text shows none: what belongs to the letter goes along as a file.
            attachments.append(Attachment(file.filename, file.content_type, content))
    return tuple(images), tuple(attachments)


def cids(source: str) -> frozenset[str]:
    """The content ids of the pictures that sanitized HTML shows."""
    return frozenset(html.unescape(found) for found in _CID.findall(source))
