"""Signatures: kept for each account, carried by its sender addresses, one for new mail and one for answers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Membership, Organization
from accounts.services import record
from mailbox.html.sanitizer import sanitize
from sending.message import format_flowed, header_encoding, reply_rules
from sending.models import Disclaimer, Draft, Identity, Signature

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LIMIT: Final = 20  # signatures an account can have
NAME_LIMIT: Final = 80
HTML_LIMIT: Final = 100_000

# What a database does not take, or no letter should bring, among what people paste.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SHOWN: Final = re.compile(r"<(?:img|hr)\b")


class SignatureError(Exception):
    """A signature cannot be kept so; `sentence` says why."""

    def __init__(self, sentence: _StrPromise | str) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


# ── What may be kept ────────────────────────────────────────────────────────
def clean_html(source: str) -> str:
    """A fragment as it may go into a letter: no script, no frame, nothing from elsewhere but pictures and links.

    What shows nothing at all, as the empty paragraph of an editor, is "". The same again gives the same.
    """
    clean = sanitize(source, show_remote=True, cid_url=lambda cid: f"cid:{cid}").html
    if not format_flowed.text_of_html(clean).strip() and not _SHOWN.search(clean):
        return ""
    # The sanitizer's own division, or there would be one more with each save.
    return clean.removeprefix("<div>").removesuffix("</div>") if clean.startswith("<div>") else clean


def clean_text(source: str) -> str:
    """Plain text with `\n` between its lines, without control characters and blank ends."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _CONTROLS.sub("", "\n".join(line.rstrip() for line in lines)).strip("\n")


def clean_name(name: str) -> str:
    """A name as one line. Raises SignatureError."""
    try:
        name = header_encoding.clean(name, "name")
    except header_encoding.ComposeError:
        raise SignatureError(_("A name is one line of letters. Remove what is not.")) from None
    if not name:
        raise SignatureError(_("Give the signature a name."))
    return name[:NAME_LIMIT]


def _check_length(html: str, text: str, sentence: _StrPromise) -> None:
    if max(len(html), len(text)) > HTML_LIMIT:
        raise SignatureError(sentence)


# ── Signatures ──────────────────────────────────────────────────────────────
def save(
    account: MailAccount, signature: Signature | None, *, name: str, html: str, text: str, place: str
) -> Signature:
    """A new signature, or a changed one. Raises SignatureError."""
    name = clean_name(name)
    too_long = _("This signature is too long. Leave something out, or make its pictures smaller.")
    _check_length(html, text, too_long)
    html, text = clean_html(html), clean_text(text)
    if not html and not text:
        raise SignatureError(_("Write the signature first."))
    with transaction.atomic():
        # One after the other, so that the number of signatures holds.
        MailAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        if signature is None and account.signatures.count() >= LIMIT:
            raise SignatureError(_("This account has as many signatures as it can have. Delete one first."))
        row = signature or Signature(account=account, organization_id=account.organization_id)
        row.name, row.html, row.text, row.place = name, html, text, place
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            raise SignatureError(_("Another signature of this account has this name.")) from None
    return row


def assign(signature: Signature, *, new: Collection[int], reply: Collection[int]) -> None:
    """Let these sender addresses (ids, of the same account) carry it: in new mail, in answers. Others lose it."""
    with transaction.atomic():
        own = Identity.objects.filter(account=signature.account_id)
        for column, ids in (("signature_new", new), ("signature_reply", reply)):
            own.filter(**{column: signature}).exclude(pk__in=ids).update(**{column: None})
            own.filter(pk__in=ids).update(**{column: signature})


def for_draft(identity: Identity, kind: str) -> Signature | None:
    """The signature that a message from this address begins with."""
    return identity.signature_new if kind == Draft.Kind.NEW else identity.signature_reply


def render(signature: Signature, html: bool) -> str:
    """The signature for a letter in HTML or in plain text; each is made from the other where it is empty."""
    if html:
        return signature.html or reply_rules.html_of_text(signature.text)
    return signature.text or format_flowed.text_of_html(signature.html)


# ── The organization's last words ───────────────────────────────────────────
def set_disclaimer(membership: Membership, *, is_on: bool, html: str, text: str) -> None:
    """What stands below every message that members write. Raises SignatureError."""
    _check_length(html, text, _("This text is too long. Leave something out."))
    html, text = clean_html(html), clean_text(text)
    if is_on and not html and not text:
        raise SignatureError(_("Write the text first."))
    with transaction.atomic():
        Disclaimer.objects.update_or_create(
            organization=membership.organization, defaults={"is_on": is_on, "html": html, "text": text}
        )
        record(membership.organization_id, membership.user, "disclaimer.changed", on=is_on)


def disclaimer(organization: Organization) -> tuple[str, str]:
    """The same as HTML and as plain text; both "" when there is none."""
    row = Disclaimer.objects.filter(organization=organization, is_on=True).first()
    if row is None:
        return "", ""
    return row.html or reply_rules.html_of_text(row.text), row.text or format_flowed.text_of_html(row.html)
