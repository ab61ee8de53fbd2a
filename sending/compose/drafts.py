"""Drafts: kept as they are typed, never over a newer one; sent once, however often the button is pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import locks
from accounts.models import MailAccount, Membership
from mailbox.models import Message
from sending.compose import attachments, letter, signatures
from sending.identities import identities
from sending.message import recipients
from sending.message.build import ComposeError
from sending.models import Draft, Identity, OutgoingMessage, Signature
from sending.outbox import outbox
from sending.outbox.limits import TooMany
from sending.outbox.outbox import OutboxError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

TEXT_LIMIT: Final = 1_000_000  # characters
SUBJECT_LIMIT: Final = 1000
PEOPLE: Final = ("to", "cc", "bcc")
# What `OutgoingMessage.written` keeps, for the message to be opened again.
_KEPT: Final = (
    "kind",
    "in_reply_to",
    "references",
    "to",
    "cc",
    "bcc",
    "subject",
    "html",
    "text",
    "is_plain",
    "quote_html",
    "quote_text",
    "with_quote",
)
_NAMES: Final = {
    "to": gettext_lazy("To"),
    "cc": gettext_lazy("Cc"),
    "bcc": gettext_lazy("Bcc"),
    "subject": gettext_lazy("Subject"),
}


class DraftError(Exception):
    """What was asked for is not possible; `errors` says why, for each field ("" for the whole)."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(", ".join(errors))
        self.errors = dict(errors)

    @classmethod
    def of(cls, name: str, *sentences: _StrPromise | str) -> DraftError:
        """About one field."""
        return cls({name: [str(sentence) for sentence in sentences if sentence]})


class Conflict(Exception):
    """The draft was saved elsewhere meanwhile; `current` is that one. Nothing was written."""

    def __init__(self, current: Draft) -> None:
        super().__init__(f"version {current.version}")
        self.current = current


@dataclass(frozen=True, slots=True)
class Fields:
    """What a person has typed and chosen. `identity` and `signature` are ids of rows that may be used."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    html: str = ""
    text: str = ""
    is_plain: bool = False
    with_quote: bool = True
    identity: Identity | None = None
    signature: int | None = None
    pictures: Mapping[str, str] = field(default_factory=dict)  # address on the page → content id


# ── Keeping ─────────────────────────────────────────────────────────────────
def save(draft: Draft, version: int, fields: Fields) -> Draft:
    """Keep what is typed, right or wrong. Raises Conflict when another window was quicker, and DraftError."""
    _check(fields)
    with transaction.atomic():
        _share(draft, *([fields.identity.account_id] if fields.identity else []))
        row = (
            Draft.objects.select_for_update(of=("self",))
            .select_related("account", "identity")
            .filter(pk=draft.pk)
            .first()
        )
        if row is None:
            raise Draft.DoesNotExist
        if row.version != version:
            if _says(row, fields):
                return row  # the same once more: a page that was loaded again, an answer that got lost
            raise Conflict(row)
        for name in ("to", "cc", "bcc", "subject", "is_plain", "with_quote"):
            setattr(row, name, getattr(fields, name))
        # A page has one of the two; the other is kept for when the person changes their mind.
        if fields.is_plain:
            row.text = _lines(fields.text)
        else:
            row.html = letter.clean(fields.html, fields.pictures)
        _choose(row, fields)
        row.version, row.is_touched = row.version + 1, True
        row.save()
        Draft.objects.filter(pk=row.pk).update(updated_at=Now())
    return row


def _share(draft: Draft, *account_ids: int) -> None:
    """Also the account of the letter that is answered, which may be another one than the draft's."""
    answered = Message.objects.filter(pk=draft.original_id or 0).values_list("account", flat=True)
    locks.share(draft.account_id, *account_ids, *answered)


def _says(row: Draft, fields: Fields) -> bool:
    """Whether the draft holds just this already."""
    text = row.text if fields.is_plain else row.html
    wanted = _lines(fields.text) if fields.is_plain else letter.clean(fields.html, fields.pictures)
    names = (*PEOPLE, "subject", "is_plain", "with_quote")
    same = all(getattr(row, name) == getattr(fields, name) for name in names)
    chosen = fields.identity is None or fields.identity.pk == row.identity_id
    return same and chosen and text == wanted and fields.signature == row.signature_id


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check(fields: Fields) -> None:
    """What no column could hold."""
    errors: dict[str, list[str]] = {}
    for name in (*PEOPLE, "subject", "text", "html"):
        value, limit = getattr(fields, name), TEXT_LIMIT
        if name in PEOPLE:
            limit = recipients.TYPED_LIMIT
        elif name == "subject":
            limit = SUBJECT_LIMIT
        if "\0" in value:
            errors[name] = [_("There is a character in here that mail cannot carry. Write it anew.")]
        elif len(value) > limit:
            errors[name] = [_("This is too long to be kept. Shorten it; nothing is lost meanwhile.")]
    if errors:
        raise DraftError(errors)


def _choose(row: Draft, fields: Fields) -> None:
    """The sender address, and the signature: with another address comes its own one."""
    if fields.identity is not None and fields.identity.pk != row.identity_id:
        row.identity, row.account = fields.identity, fields.identity.account
        row.signature = signatures.for_draft(fields.identity, row.kind)
        return
    chosen = Signature.objects.filter(account=row.account_id, pk=fields.signature or 0)
    row.signature = chosen.first()


def switch(draft: Draft) -> Draft:
    """From formatted to plain text or back; what was written comes along. Raises as `advance` does."""
    if draft.is_plain:
        draft.html, draft.is_plain = letter.html_of(draft.text), False
    else:
        draft.text, draft.is_plain = letter.text_of(draft.html), True
    with transaction.atomic():
        advance(draft)
        draft.save(update_fields=["html", "text", "is_plain", "version"])
    return draft


def advance(draft: Draft) -> None:
    """The next version of a draft that is about to be saved; its row stays locked until the transaction ends.

    Raises Conflict when another window was quicker, Draft.DoesNotExist when that one has sent or deleted it.
    """
    _share(draft)
    row = Draft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    if row.version != draft.version:
        raise Conflict(row)
    draft.version += 1


# ── Sending ─────────────────────────────────────────────────────────────────
def send(draft: Draft, due_at: datetime | None = None) -> OutgoingMessage:
    """Put the message into the outbox; the draft is gone then. Raises DraftError, which names the fields."""
    errors = problems(draft)
    if errors:
        raise DraftError(errors)
    assert draft.identity is not None
    try:
        with transaction.atomic():
            # Before the organization, as in `save`, which may be part of the same transaction.
            _share(draft)
            list(Draft.objects.filter(pk=draft.pk).select_for_update().values_list("pk"))
            outgoing = outbox.queue(
                draft.identity,
                letter.letter_of(draft),
                key=draft.key,
                due_at=due_at,
                written=written(draft),
                answers=draft.original if draft.kind in (Draft.Kind.REPLY, Draft.Kind.REPLY_ALL) else None,
            )
            Draft.objects.filter(pk=draft.pk).delete()
    except ComposeError as error:
        raise _refused(error) from None
    except (OutboxError, TooMany) as error:
        raise DraftError.of("", error.sentence, error.remedy) from None
    return outgoing


def problems(draft: Draft) -> dict[str, list[str]]:
    """What keeps the draft from being sent, for each field."""
    errors: dict[str, list[str]] = {}
    identity = draft.identity
    if identity is None:
        errors["identity"] = [_("Choose the address to send from.")]
    elif sentence := identities.why_not(identity):
        errors["identity"] = [str(sentence)]
    anybody = False
    for name in PEOPLE:
        typed = recipients.read_recipients(getattr(draft, name))
        anybody = anybody or bool(typed.people)
        if typed.bad:
            errors[name] = [
                _("“%(typed)s” is not a full address. Correct it or take it out.") % {"typed": piece[:200]}
                for piece in typed.bad[:20]
            ]
    if not anybody and not any(errors.get(name) for name in PEOPLE):
        errors["to"] = [_("Nobody is to get this yet. Say who.")]
    if sentence := attachments.too_much(draft):
        errors["files"] = [sentence]
    return errors


def _refused(error: ComposeError) -> DraftError:
    name = error.field if error.field in (*PEOPLE, "subject") else ""
    if name:
        words = {"field": _NAMES[name]}
        return DraftError.of(
            name, _("There is something in “%(field)s” that mail cannot carry. Write it anew.") % words
        )
    return DraftError.of(
        "", _("Something in this message cannot go out by mail. Check names of files and of the sender.")
    )


# ── Taking back ─────────────────────────────────────────────────────────────
def written(draft: Draft) -> dict[str, Any]:
    """What `restore` needs; the files are in the frozen bytes."""
    ids = {name: getattr(draft, f"{name}_id") for name in ("account", "identity", "original", "signature")}
    return {name: getattr(draft, name) for name in _KEPT} | ids


def take_back(outgoing: OutgoingMessage) -> Draft:
    """Send it no more, and open it again. Raises outbox.TooLate."""
    with transaction.atomic():
        draft = restore(outgoing, outbox.take_back(outgoing))
        # All of it is in the draft now, and would be kept twice.
        outgoing.parts.all().delete()
        OutgoingMessage.objects.filter(pk=outgoing.pk).update(written={})
    return draft


def restore(outgoing: OutgoingMessage, values: Mapping[str, Any]) -> Draft:
    """A draft of what was taken back, with its files; what was deleted meanwhile stays away."""
    account = MailAccount.objects.get(pk=outgoing.account_id)
    fields = {name: values[name] for name in _KEPT if name in values}
    identity = Identity.objects.filter(account=account, pk=values.get("identity") or 0).first()
    with transaction.atomic():
        draft = Draft.objects.create(
            organization_id=outgoing.organization_id,
            account=account,
            identity=identity or identities.default_for(account),
            original=Message.objects.filter(
                account__owner=account.owner_id, pk=values.get("original") or 0
            ).first(),
            signature=Signature.objects.filter(account=account, pk=values.get("signature") or 0).first(),
            is_touched=True,
            **fields,
        )
        attachments.restore(draft, outbox.raw_bytes(outgoing))
    return draft


def find_draft(membership: Membership, pk: int) -> Draft | None:
    """A draft of the member's own, with what its page shows."""
    rows = Draft.objects.visible_to(membership).select_related(
        "organization", "account__organization", "identity__account__outgoing_server", "original", "signature"
    )
    return rows.filter(pk=pk).first()


def touch(draft: Draft) -> None:
    """Something was put into it."""
    Draft.objects.filter(pk=draft.pk).update(is_touched=True, updated_at=Now())
