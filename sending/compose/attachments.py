"""Files of a draft: taken up within limits, given back to the page, put away."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from mailbox.mime.charsets import safe
from sending.compose import room
from sending.message import reply_rules
from sending.message.build import Attachment, InlineImage
from sending.models import Draft, DraftFile

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# What most providers take.
BYTES: Final = 25 * 1000 * 1000
COUNT: Final = 50
# Pictures that browsers decode as pictures and as nothing else: no SVG, which is a document with scripts.
PICTURES: Final = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,38}")
_NOT_IN_NAMES: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f/\\\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+"
)


class FileError(Exception):
    """A file cannot be taken up; `sentence` says why and what to do."""

    def __init__(self, sentence: _StrPromise | str) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def add(
    draft: Draft, filename: str, content_type: str, content: bytes, *, in_text: bool = False
) -> DraftFile:
    """Take up a file; with `in_text` a picture that the text is to show. Raises FileError."""
    kind = content_type.partition(";")[0].strip().lower()
    kind = kind if _TYPE.fullmatch(kind) else "application/octet-stream"
    if in_text and not is_picture(kind, content):
        raise FileError(_("Only PNG, JPEG, GIF and WebP pictures can stand in the text. Attach it instead."))
    with transaction.atomic():
        # Uploads of several files at once are counted one after the other.
        room.lock(draft.account_id)
        if not Draft.objects.select_for_update(of=("self",)).filter(pk=draft.pk).exists():
            raise FileError(_("This draft is no longer there. Nothing was attached."))
        present = draft.files.all()
        if present.count() >= COUNT:
            raise FileError(_("A message can have 50 files. Take one out first, or put several into one."))
        if (present.aggregate(total=Sum("size"))["total"] or 0) + len(content) > BYTES:
            raise FileError(too_large())
        try:
            room.check_bytes(draft.account_id, len(content))
        except room.NoRoom as full:
            raise FileError(full.sentence) from None
        file = _create(draft, filename, kind, f"{secrets.token_hex(12)}@mailhub" if in_text else "", content)
        Draft.objects.filter(pk=draft.pk).update(is_touched=True, updated_at=Now())
    return file


def too_large() -> str:
    """The sentence about files that are larger together than a message may be."""
    return _("The files of a message can have 25 MB together. Take one out, or share it in another way.")


def is_picture(content_type: str, content: bytes) -> bool:
    """Whether browsers may show it: it says that it is a picture, and begins like one."""
    return content_type in PICTURES and content.startswith(PICTURES[content_type])


def carry(draft: Draft, found: Iterable[Attachment | InlineImage]) -> list[str]:
    """Put what another message carries into a new draft; returns the names of those that had no room."""
    left_out, free = [], BYTES
    for count, each in enumerate(found):
        if len(each.content) > free or count >= COUNT:
            left_out.append(each.filename or each.content_type)
            continue
        free -= len(each.content)
        content_id = each.content_id if isinstance(each, InlineImage) else ""
        kind = each.content_type.lower()
        _create(
            draft,
            each.filename,
            kind if _TYPE.fullmatch(kind) else "application/octet-stream",
            content_id,
            each.content,
        )
    return left_out


def restore(draft: Draft, raw: bytes) -> None:
    """The files of a message that was frozen already."""
    carried = reply_rules.carried(raw)
    carry(draft, [*carried.images, *carried.attachments])


def too_much(draft: Draft) -> str:
    """What is wrong with all files together, "" when nothing is."""
    total = draft.files.aggregate(total=Sum("size"))["total"] or 0
    return too_large() if total > BYTES else ""


def remove(draft: Draft, pk: int) -> None:
    """Take a file out; twice is once."""
    with transaction.atomic():
        draft.files.filter(pk=pk).delete()
        Draft.objects.filter(pk=draft.pk).update(is_touched=True, updated_at=Now())


def _create(draft: Draft, filename: str, kind: str, content_id: str, content: bytes) -> DraftFile:
    return DraftFile.objects.create(
        organization_id=draft.organization_id,
        draft=draft,
        filename=name_of(filename),
        content_type=kind,
        content_id=content_id[:300],
        size=len(content),
        data=content,
    )


def name_of(filename: str) -> str:
    """The name without its folder and without what no name should have; its ending stays when it is cut."""
    name = " ".join(_NOT_IN_NAMES.sub(" ", safe(filename).replace("\\", "/").rpartition("/")[2]).split())
    if len(name) > 200:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: 199 - len(ending)]}.{ending}" if dot and len(ending) <= 20 else name[:200]
    return name or str(_("file"))
