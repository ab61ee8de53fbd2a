"""How a draft begins: empty, as an answer, or with a message that is passed on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.formats import full_date
from accounts.models import MailAccount, Membership
from mailbox import services
from mailbox.html.sanitizer import SOURCE_LIMIT
from mailbox.mime.bodies import unflow
from mailbox.mime.headers import Address
from mailbox.mime.parsing import Body, Parsed, parse, read_body
from mailbox.models import Message
from sending.compose import attachments, letter, room, signatures
from sending.compose.drafts import DraftError
from sending.identities import identities
from sending.message import addresses, recipients, reply_rules
from sending.message.build import Attachment, InlineImage
from sending.models import Draft, Identity

Kind = Draft.Kind

# Characters that are quoted of one message; a draft is outside the storage that is charged.
QUOTED_TEXT = 300_000
QUOTED_HTML = 1_000_000
# An answer shows the pictures of its quote again, unless that would make it large.
PICTURES_OF_AN_ANSWER = 2_000_000


@dataclass(frozen=True, slots=True)
class NewDraft:
    """A new draft, the names of files that had no room in it, and to how many people it goes.

    `is_whole`: too long to be quoted, the message goes along as a file.
    """

    draft: Draft
    left_out: list[str]
    people: int = 0
    is_whole: bool = False


def create_draft(
    membership: Membership,
    account: MailAccount,
    kind: str = Kind.NEW,
    original: Message | None = None,
    *,
    as_file: bool = False,
) -> NewDraft:
    """Begin a draft from an account; `as_file` passes the message on untouched, as an attachment.

    So does a message that is passed on and too long to be quoted; an answer quotes its beginning. Raises NoRoom, and
    DraftError when an answer to all cannot name everybody: it must never go to fewer unseen.
    """
    if original is None:
        return _begin(account, identities.default_for(account), kind, {}, ())
    raw = services.raw_bytes(original)
    parsed = parse(raw)
    identity = _addressed(account, parsed) or identities.default_for(account)
    fields, people = _fields(membership, parsed, kind)
    values = fields | {"original": original}
    if not as_file:
        carried = _carried(raw, kind)
        quote, is_cut = _quote(parsed, read_body(raw), kind, {image.content_id for image in carried.images})
        if kind != Kind.FORWARD or not is_cut:
            files: list[Attachment | InlineImage] = [*carried.images, *carried.attachments]
            return replace(_begin(account, identity, kind, values | quote, files), people=people)
    begun = _begin(account, identity, kind, values, [reply_rules.as_attachment(raw, parsed.subject)])
    return replace(begun, people=people, is_whole=not as_file)


def _begin(
    account: MailAccount,
    identity: Identity | None,
    kind: str,
    values: dict[str, object],
    files: Sequence[Attachment | InlineImage],
) -> NewDraft:
    """The row and its files, if there is room for them. Raises NoRoom."""
    size = sum(len(value.encode()) for value in values.values() if isinstance(value, str))
    with transaction.atomic():
        room.lock(account.pk)
        room.check_count(account.pk)
        room.check_bytes(account.pk, size + min(attachments.BYTES, sum(len(each.content) for each in files)))
        draft = _create(account, identity, kind, values)
        return NewDraft(draft, attachments.carry(draft, files))


def _carried(raw: bytes, kind: str) -> reply_rules.CarriedParts:
    """What goes along: everything with a message that is passed on, small pictures of the text with an answer."""
    found = reply_rules.carried(raw)
    if kind == Kind.FORWARD:
        return found
    is_small = sum(len(image.content) for image in found.images) <= PICTURES_OF_AN_ANSWER
    return reply_rules.CarriedParts((), found.images if is_small else ())


def _create(account: MailAccount, identity: Identity | None, kind: str, values: dict[str, object]) -> Draft:
    return Draft.objects.create(
        organization_id=account.organization_id,
        account=account,
        identity=identity,
        kind=kind,
        signature=signatures.for_draft(identity, kind) if identity else None,
        **values,
    )


def _addressed(account: MailAccount, parsed: Parsed) -> Identity | None:
    """The sender address that the message was written to, if mail may be sent from it."""
    named = {addresses.key(each.address) for each in (*parsed.to, *parsed.cc)}
    rows = account.identities.select_related("account__outgoing_server").order_by(
        "-is_default", "position", "pk"
    )
    return next(
        (each for each in rows if addresses.key(each.address) in named and not identities.why_not(each)), None
    )


def _fields(membership: Membership, parsed: Parsed, kind: str) -> tuple[dict[str, object], int]:
    """Recipients, subject and thread; and how many people that are. Raises DraftError."""
    if kind == Kind.FORWARD:
        # RFC 5322 has no field for what is passed on; many programs thread it by References, as an answer.
        return {"subject": reply_rules.forward_subject(parsed.subject)[:1000]}, 0
    own = identities.own_addresses(membership)
    try:
        to, cc = reply_rules.reply_recipients(parsed, own, to_all=kind == Kind.REPLY_ALL)
    except reply_rules.TooManyPeople:
        raise _too_many() from None
    written = {"to": recipients.write_recipients(to), "cc": recipients.write_recipients(cc)}
    if any(len(text) > recipients.TYPED_LIMIT for text in written.values()):
        raise _too_many()
    thread = reply_rules.thread_of(parsed)
    return {
        **written,
        "subject": reply_rules.reply_subject(parsed.subject)[:1000],
        "in_reply_to": thread.in_reply_to,
        "references": list(thread.references),
    }, len(to) + len(cc)


def _too_many() -> DraftError:
    return DraftError.of(
        "",
        _("This message went to more people than one answer can name, so no answer to all was begun."),
        _("Reply to its sender alone, or write to a mailing list."),
    )


# ── The quote ───────────────────────────────────────────────────────────────
def _quote(parsed: Parsed, body: Body, kind: str, known: set[str]) -> tuple[dict[str, object], bool]:
    """What is answered or passed on, both as HTML and as plain text, and whether some of it was too long for that."""
    text, is_cut = _plain(body), _is_long(body)
    fragment = letter.quotable(body.html, known.__contains__) if body.html is not None else ""
    if len(text) > QUOTED_TEXT or is_cut:
        note = _("[The rest of this long message is not quoted.]")
        text, is_cut = f"{text[:QUOTED_TEXT]}\n\n{note}", True
    if body.html is None or is_cut or len(fragment) > QUOTED_HTML:
        # HTML cannot be cut anywhere.
        is_cut = is_cut or len(fragment) > QUOTED_HTML
        fragment = reply_rules.html_of_text(text)
    if kind == Kind.FORWARD:
        heading, fields = f"---------- {_('Forwarded message')} ----------", _details(parsed)
        return {
            "quote_html": reply_rules.forwarded_html(fragment, heading, fields),
            "quote_text": reply_rules.forwarded_text(text, heading, fields),
        }, is_cut
    line = _attribution(parsed)
    return {
        "quote_html": reply_rules.quoted_html(fragment, line),
        "quote_text": reply_rules.quoted_text(text, line),
    }, is_cut


def _is_long(body: Body) -> bool:
    return len(body.text or "") > QUOTED_TEXT or len(body.html or "") > SOURCE_LIMIT


def _plain(body: Body) -> str:
    """The text of a message, of a long one the beginning."""
    if not (body.text or "").strip():
        return letter.text_of((body.html or "")[:SOURCE_LIMIT])
    text = (body.text or "")[:QUOTED_TEXT].replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if not body.is_flowed:
        return text
    return "\n".join(f"{'>' * depth}{' ' if depth else ''}{line}" for depth, line in unflow(text.split("\n")))


def _attribution(parsed: Parsed) -> str:
    name = parsed.from_name or parsed.from_address or _("Unknown sender")
    if parsed.date is None:
        return _("%(name)s wrote:") % {"name": name}
    return _("On %(date)s, %(name)s wrote:") % {"date": full_date(parsed.date), "name": name}


def _details(parsed: Parsed) -> list[tuple[str, str]]:
    """The header of a message that is passed on, as far as it has one."""
    fields = [
        (_("From"), _people([Address(parsed.from_name, parsed.from_address)])),
        (_("Date"), full_date(parsed.date) if parsed.date else parsed.date_text),
        (_("Subject"), parsed.subject),
        (_("To"), _people(parsed.to)),
        (_("Cc"), _people(parsed.cc)),
    ]
    return [(label, value) for label, value in fields if value]


def _people(people: Iterable[Address]) -> str:
    return ", ".join(
        f"{each.name} <{each.address}>" if each.name and each.address else each.name or each.address
        for each in people
    ).strip()
