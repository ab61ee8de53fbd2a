"""What the page of a draft shows: who one is, what was typed, what is in the way, and the list of drafts."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import org_url
from mailbox.models import Folder
from sending.compose import attachments, letter
from sending.forms import compose as forms
from sending.identities import address_verification, identities
from sending.message import recipients
from sending.models import Draft, DraftFile, Identity, MessageTemplate
from sending.views.draft_attachments import file_url

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LIST_LIMIT = 200
TEMPLATES_LIMIT = 30
EMBEDDED_LIMIT = 16_000_000


@dataclass(frozen=True, slots=True)
class Sender:
    """One address of the From switch; `why_not` is "" for one that may be used."""

    identity: Identity
    why_not: _StrPromise | str
    is_chosen: bool

    @property
    def name(self) -> str:
        """The name in From."""
        return letter.sender_name(self.identity)


# ── One draft ───────────────────────────────────────────────────────────────
def render_draft(
    request: MemberRequest,
    row: Draft,
    *,
    errors: Mapping[str, list[str]] | None = None,
    version: int | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page."""
    files = list(row.files.defer("data"))
    urls = {file.content_id: file_url(request, file) for file in files if file.content_id}
    senders = _senders(request, row)
    chosen = next((each for each in senders if each.is_chosen), None)
    context = {
        "draft": row,
        "account": chosen.identity.account if chosen else row.account,
        "title": title(row),
        "version": version or row.version,
        "html": letter.shown(row.html, urls.get) if row.html else "",
        "senders": senders,
        "chosen": chosen,
        "files": [file for file in files if not file.content_id],
        "has_quote": bool(row.quote_text or row.quote_html),
        "has_below": bool(row.signature_id or row.quote_text or row.quote_html),
        "signatures": list(row.account.signatures.all()),
        "templates": list(_templates(request, row)),
        "errors": dict(errors or {}),
        "times": times(timezone.localtime()),
        "largest": attachments.BYTES,
        "back": _back(request, row),
    }
    response = render(request, "mail/compose.html", context, status=status)
    response["Cache-Control"] = "no-store"  # going back shows what was saved last
    return response


def title(row: Draft) -> str:
    """The heading, with the name of the person who is answered."""
    name = row.original.sender if row.original else ""
    match row.kind:
        case Draft.Kind.REPLY if name:
            return _("Reply to %(name)s") % {"name": name}
        case Draft.Kind.REPLY_ALL if name:
            return _("Reply to %(name)s and all") % {"name": name}
        case Draft.Kind.REPLY | Draft.Kind.REPLY_ALL:
            return _("Reply")
        case Draft.Kind.FORWARD:
            return _("Forward")
    return _("New message")


def _senders(request: MemberRequest, row: Draft) -> list[Sender]:
    proven = address_verification.proven(request.membership.organization_id, request.membership.user_id)
    found = []
    for identity in identities.all_of(request.membership):
        obstacle = identities.obstacle(identity, proven)
        why_not = identities.WORDS[obstacle] if obstacle else ""
        found.append(Sender(identity, why_not, identity.pk == row.identity_id))
    return found


def _templates(request: MemberRequest, row: Draft) -> models.QuerySet[MessageTemplate]:
    """Those for this account, the ones used last first."""
    mine = MessageTemplate.objects.visible_to(request.membership).defer("html", "text")
    fitting = mine.filter(models.Q(account=None) | models.Q(account=row.account_id))
    found: models.QuerySet[MessageTemplate] = fitting.order_by(
        models.F("used_at").desc(nulls_last=True), "name"
    )
    return found[:TEMPLATES_LIMIT]


def _back(request: MemberRequest, row: Draft) -> str:
    if row.original is not None:
        return org_url(request, "message", row.original.pk)
    return org_url(request, "mail_account", row.account_id)


def typed(request: MemberRequest, row: Draft) -> Draft:
    """The draft with what could not be saved in its fields, for the page alone: nothing typed is lost."""
    fields = forms.read_fields(request.membership, request.POST, pictures(request, row))
    for name in ("to", "cc", "bcc", "subject", "text", "is_plain", "with_quote"):
        value = getattr(fields, name)
        setattr(
            row, name, value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
        )
    row.html = letter.clean(fields.html.replace("\0", ""), fields.pictures)
    if fields.identity is not None:
        row.identity = fields.identity
    return row


def pictures(request: MemberRequest, row: Draft) -> dict[str, str]:
    """Addresses of the draft's pictures on the page → content ids."""
    inside = row.files.exclude(content_id="").defer("data")
    return {file_url(request, file): file.content_id for file in inside}


def embedded(row: Draft) -> Callable[[str], str | None]:
    """Pictures as data, because a sandboxed frame sends no cookie with what it loads."""
    files: dict[str, DraftFile] = {
        file.content_id: file for file in row.files.exclude(content_id="").defer("data")
    }
    room = EMBEDDED_LIMIT

    def find(content_id: str) -> str | None:
        nonlocal room
        file = files.get(content_id)
        if file is None or file.size > room or file.content_type not in attachments.PICTURES:
            return None
        room -= file.size
        return f"data:{file.content_type};base64,{base64.b64encode(bytes(file.data)).decode()}"

    return find


# ── Send later ──────────────────────────────────────────────────────────────
def times(now: datetime) -> list[tuple[str, str]]:
    """Times one often chooses, in the person's time zone: what the form sends, and the words."""
    found = []
    for hour, words in ((14, _("This afternoon, %(time)s")), (18, _("This evening, %(time)s"))):
        if now.hour < hour - 1:
            found.append((datetime.combine(now.date(), time(hour)), words))
            break
    found.append((datetime.combine(now.date() + timedelta(days=1), time(8)), _("Tomorrow, %(time)s")))
    monday = now.date() + timedelta(days=7 - now.weekday())
    if monday > now.date() + timedelta(days=1):
        found.append((datetime.combine(monday, time(8)), _("Monday, %(time)s")))
    return [
        (moment.isoformat(timespec="minutes"), words % {"time": date_format(moment, _("H:i"))})
        for moment, words in found
    ]


# ── The list ────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class DraftRow:
    """One line of the list."""

    draft: Draft
    people: str
    preview: str

    @classmethod
    def of(cls, row: Draft) -> DraftRow:
        """By name where there is one."""
        typed = recipients.read_recipients(row.to)
        people = ", ".join([*(each.name or each.address for each in typed.people), *typed.bad])
        text = row.text if row.is_plain else letter.text_of(row.html[:20_000])
        return cls(row, people[:300], " ".join(text[:300].split()))


def show_list(request: MemberRequest, account: MailAccount) -> HttpResponse:
    """The drafts of an account."""
    folder = Folder.objects.filter(account=account, role=Folder.Role.DRAFTS).first()
    rows = Draft.objects.visible_to(request.membership).touched().filter(account=account)
    listed = [DraftRow.of(row) for row in rows.order_by("-updated_at", "-pk")[:LIST_LIMIT]]
    context = {"account": account, "folder": folder, "drafts": listed}
    return render(request, "mail/drafts.html", context)


# ── Words ───────────────────────────────────────────────────────────────────
def changed() -> str:
    """A conflict."""
    return _(
        "This draft was changed in another window. What you have typed here is still here:"
        " save it again to keep it instead of the other."
    )


def is_gone() -> str:
    """It was sent or deleted elsewhere."""
    return _("This draft was sent or deleted in another window. Copy what you still need from here.")


def is_key(text: str) -> bool:
    """Whether it can be the key of a draft."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
