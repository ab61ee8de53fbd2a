"""A template put into a draft: its text before what is written, its files beside the others."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import Membership
from sending.compose import attachments, drafts, letter, room, templates
from sending.compose.attachments import FileError
from sending.message import placeholders, recipients
from sending.message.placeholders import Values
from sending.models import Draft, MessageTemplate


def insert_template(membership: Membership, draft: Draft, template: MessageTemplate) -> None:
    """Fill the template in. Raises PlaceholderError, FileError, and as `drafts.advance` does.

    Nothing has changed when it raises.
    """
    filled = templates.fill(template, values_of(membership, draft))
    draft.subject = (draft.subject or filled.subject)[:1000]
    for name in ("to", "cc", "bcc"):
        setattr(
            draft, name, ", ".join(text for text in (getattr(draft, name), getattr(filled, name)) if text)
        )
    if draft.is_plain:
        text = filled.text if filled.is_plain or not filled.html else letter.text_of(filled.html)
        draft.text = "\n\n".join(part for part in (text.rstrip(), draft.text) if part)
    else:
        html = letter.html_of(filled.text) if filled.is_plain or not filled.html else filled.html
        draft.html = letter.clean(html + draft.html)
    draft.is_touched = True
    with transaction.atomic():
        room.lock(draft.account_id)
        drafts.advance(draft)
        _check_room(draft, template)
        draft.save()
        templates.copy_files(template, draft)


def _check_room(draft: Draft, template: MessageTemplate) -> None:
    sizes = [each.files.aggregate(total=Sum("size"))["total"] or 0 for each in (draft, template)]
    count = draft.files.count() + template.files.count()
    if sum(sizes) > attachments.BYTES or count > attachments.COUNT:
        raise FileError(attachments.too_large())
    try:
        room.check_bytes(draft.account_id, sizes[1])
    except room.NoRoom as full:
        raise FileError(full.sentence) from None


def values_of(membership: Membership, draft: Draft) -> Values:
    """What placeholders stand for in this draft: its first recipient, who writes it, today."""
    people = recipients.read_recipients(draft.to).people
    name, address = (people[0].name, people[0].address) if people else ("", "")
    own = letter.sender_name(draft.identity) if draft.identity else membership.user.name
    return Values(
        name=name,
        first_name=placeholders.first_name_of(name),
        email=address,
        date=date_format(timezone.localdate(), "j F Y"),
        subject=draft.subject,
        my_name=own,
        my_first_name=placeholders.first_name_of(own),
        my_email=draft.identity.address if draft.identity else membership.user.email,
        organization=membership.organization.name,
    )
