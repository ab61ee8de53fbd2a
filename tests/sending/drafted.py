"""What the tests of writing share: a draft with a file, fields as a page sends them, a letter with a picture."""

from __future__ import annotations

import base64
from typing import Any

from accounts import tenancy
from accounts.models import MailAccount
from mailbox.models import Message
from sending.compose import draft_creation, drafts
from sending.models import Draft, DraftFile
from tests import factories

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def draft_row(account: MailAccount, **fields: Any) -> Draft:
    """A draft with a file, within the scope."""
    draft = Draft.objects.create(
        organization_id=account.organization_id,
        account=account,
        identity=account.identities.order_by("pk").first(),
        **fields,
    )
    DraftFile.objects.create(
        organization_id=account.organization_id,
        draft=draft,
        filename="plan.txt",
        content_type="text/plain",
        size=4,
        data=b"plan",
    )
    return draft


def begin(
    account: MailAccount, kind: str = Draft.Kind.NEW, original: int | None = None, **options: Any
) -> Draft:
    """A draft as the page begins it."""
    membership = factories.membership(account.organization, account.owner)
    with tenancy.scope(account.organization_id):
        found = Message.objects.get(pk=original) if original else None
        begun = draft_creation.create_draft(membership, account, kind, found, **options)
        return drafts.find_draft(membership, begun.draft.pk)


def kept(draft: Draft) -> Draft:
    """As it is in the database now."""
    with tenancy.scope(draft.organization_id):
        return Draft.objects.select_related("account", "identity", "signature", "organization").get(
            pk=draft.pk
        )


def fields_of(draft: Draft, **changes: Any) -> dict[str, str]:
    """What the page of a draft sends."""
    values = {
        "version": draft.version,
        "key": draft.key,
        "is_plain": "1" if draft.is_plain else "0",
        "identity": draft.identity_id or "",
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "subject": draft.subject,
        "html": draft.html,
        "text": draft.text,
    }
    if draft.quote_text:
        values |= {"quote_shown": "1", "with_quote": "1"}
    return {name: str(value) for name, value in (values | changes).items() if value is not None}


def pictured(subject: str = "Garden", *, to: str = "box@mail.example", headers: str = "") -> bytes:
    """HTML mail with a table, a picture inside and a file."""
    picture = base64.b64encode(PIXEL).decode()
    return (
        f"From: Marta Lindqvist <marta@mail.example>\r\nTo: {to}, Tom <tom@mail.example>\r\n"
        f"Cc: Lena <lena@mail.example>\r\nSubject: {subject}\r\nDate: Mon, 23 Nov 2026 09:42:00 +0000\r\n"
        f"Message-ID: <garden@mail.example>\r\nReferences: <first@mail.example>\r\n{headers}MIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="out"\r\n\r\n'
        '--out\r\nContent-Type: multipart/related; boundary="in"\r\n\r\n'
        "--in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        '<table style="width:100%"><tr><td>Beans</td><td>Peas</td></tr></table>'
        '<script>alert(1)</script><img src="cid:plot@mail.example" alt="the plot">\r\n'
        "--in\r\nContent-Type: image/png\r\nContent-ID: <plot@mail.example>\r\n"
        f"Content-Disposition: inline; filename=plot.png\r\nContent-Transfer-Encoding: base64\r\n\r\n{picture}\r\n"
        "--in--\r\n--out\r\nContent-Type: text/csv\r\n"
        "Content-Disposition: attachment; filename=seeds.csv\r\n\r\nbeans,12\r\n--out--\r\n"
    ).encode()
