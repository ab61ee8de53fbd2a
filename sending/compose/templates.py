"""Templates: messages to begin with, one's own or shared, with placeholders and nothing else in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import locks
from accounts.models import Membership
from sending.compose.signatures import HTML_LIMIT, clean_html, clean_text
from sending.message import header_encoding, placeholders
from sending.message.format_flowed import text_of_html
from sending.message.placeholders import PlaceholderError, Values
from sending.models import Draft, DraftFile, MessageTemplate, TemplateFile

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LIMIT: Final = 200  # templates a person can have
FILES_BYTES: Final = 10_000_000  # of one template
OWNER_BYTES: Final = 100_000_000  # of all templates of a person
FIELDS: Final = ("name", "subject", "html", "text", "is_plain", "to", "cc", "bcc")
LENGTHS: Final = {"name": 80, "subject": 1000, "to": 20_000, "cc": 20_000, "bcc": 20_000}
ONE_LINE: Final = LENGTHS.keys()

_FILE_FIELDS: Final = ("filename", "content_type", "content_id", "size", "data")
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,40}/[a-z0-9][a-z0-9!#$&^_.+-]{0,50}")


class TemplateError(Exception):
    """A template cannot be kept so; `sentence` says why, `field` where."""

    def __init__(self, field: str, sentence: _StrPromise | str) -> None:
        super().__init__(field, str(sentence))
        self.field, self.sentence = field, sentence


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its placeholders replaced; recipients as typed."""

    subject: str
    html: str
    text: str
    is_plain: bool
    to: str
    cc: str
    bcc: str


def check(values: Mapping[str, Any]) -> None:
    """Raise TemplateError for what stands for nothing, saying what and where."""
    for field, is_html in (("subject", False), ("html", True), ("text", False)):
        source = values.get(field, "")
        try:
            placeholders.check(source, is_html=is_html)
        except PlaceholderError as error:
            raise TemplateError(field, _sentence(error, line_of(error, source, is_html=is_html))) from None


def line_of(error: PlaceholderError, source: str, *, is_html: bool) -> int:
    """In which line, counted from 1, a person sees the error.

    HTML that was typed has lines of its own; an editor writes everything in one, and shows a line a paragraph.
    """
    if not is_html or "\n" in source:
        return error.line
    before = text_of_html(source[: error.position] + "x")
    return sum(1 for line in before.split("\n") if line.strip("> ")) or 1


def _sentence(error: PlaceholderError, line: int) -> str:
    match error.why:
        case "open":
            text = _("In line %(line)s “{{%(name)s” is not closed. Put }} behind the name.")
        case "tag":
            text = _(
                "In line %(line)s “{{%(name)s}}” is part of a link. A placeholder can only stand in the text."
            )
        case _:
            text = _("In line %(line)s “{{%(name)s}}” stands for nothing. Choose one from the list.")
    return text % {"line": line, "name": error.name}


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are kept. Raises TemplateError."""
    found = {name: values[name] for name in FIELDS if name in values}
    for name in ONE_LINE & found.keys():
        try:
            found[name] = header_encoding.clean(found[name], name)
        except header_encoding.ComposeError:
            raise TemplateError(name, gettext_lazy("This must be one line.")) from None
        if len(found[name]) > LENGTHS[name]:
            raise TemplateError(name, gettext_lazy("This is too long. Leave something out."))
    if not found.get("name", "-"):
        raise TemplateError("name", gettext_lazy("Give the template a name."))
    for name in ("html", "text"):
        if len(found.get(name, "")) > HTML_LIMIT:
            raise TemplateError(name, gettext_lazy("This template is too long. Leave something out."))
    # As typed first, because the lines are still those that the person sees; then what is left after cleaning,
    # because a name may have come together only there.
    check(found)
    if "html" in found:
        found["html"] = clean_html(found["html"])
    if "text" in found:
        found["text"] = clean_text(found["text"])
    check(found)
    return found


def save(
    membership: Membership, template: MessageTemplate | None, values: Mapping[str, Any]
) -> MessageTemplate:
    """A new template of the member, or a changed one of theirs. Raises TemplateError."""
    found = _cleaned(values)
    with transaction.atomic():
        # Those that are made at the same moment are counted one after the other.
        locks.organization(membership.organization_id)
        if template is None and MessageTemplate.objects.filter(owner=membership.user).count() >= LIMIT:
            raise TemplateError(
                "name", gettext_lazy("You have as many templates as you can have. Delete one first.")
            )
        row = template or MessageTemplate(organization=membership.organization, owner=membership.user)
        for name, value in found.items():
            setattr(row, name, value)
        row.is_shared = bool(values.get("is_shared", row.is_shared))
        row.account = None if row.is_shared else values.get("account", row.account)
        row.save()
    return row


# ── Files ───────────────────────────────────────────────────────────────────
def add_file(template: MessageTemplate, *, filename: str, content_type: str, data: bytes) -> TemplateFile:
    """One more file of the template. Raises TemplateError."""
    name = " ".join(_UNSAFE.sub(" ", filename.replace("\\", "/").rpartition("/")[2]).split())
    stem, dot, ending = name.rpartition(".")
    name = f"{stem[: 200 - len(ending)]}{dot}{ending}" if stem and len(ending) < 20 else name[:200]
    with transaction.atomic():
        # The organization, because files of all templates of a person are counted together.
        locks.organization(template.organization_id)
        _check_sizes(template, template.files.all(), len(data))
        return TemplateFile.objects.create(
            organization_id=template.organization_id,
            template=template,
            filename=name or "file",
            content_type=content_type if _TYPE.fullmatch(content_type) else "application/octet-stream",
            size=len(data),
            data=data,
        )


def _check_sizes(template: MessageTemplate, files: Iterable[DraftFile | TemplateFile], more: int = 0) -> None:
    if sum(file.size for file in files) + more > FILES_BYTES:
        raise TemplateError("files", gettext_lazy("The files of a template may have 10 MB together."))
    own = TemplateFile.objects.filter(template__owner=template.owner_id)
    if (own.aggregate(size=Sum("size"))["size"] or 0) + more > OWNER_BYTES:
        raise TemplateError(
            "files", gettext_lazy("The files of your templates fill 100 MB. Delete some of them first.")
        )


def save_draft_as(membership: Membership, draft: Draft, name: str) -> MessageTemplate:
    """A template of what is being written, files included. Raises TemplateError."""
    values = {field: getattr(draft, field) for field in FIELDS if field != "name"}
    for field in ("to", "cc", "bcc"):  # kept as typed, maybe one a line
        values[field] = ", ".join(line.strip(" ,;") for line in values[field].splitlines() if line.strip())
    with transaction.atomic():
        row = save(membership, None, values | {"name": name, "account": draft.account})
        files = list(draft.files.all())
        _check_sizes(row, (), sum(file.size for file in files))
        TemplateFile.objects.bulk_create(
            TemplateFile(
                organization_id=row.organization_id,
                template=row,
                **{name: getattr(file, name) for name in _FILE_FIELDS},
            )
            for file in files
        )
    return row


def fill(template: MessageTemplate, values: Values) -> Filled:
    """The template for one letter. Raises PlaceholderError for one that was saved before a name was taken away."""
    return Filled(
        subject=placeholders.fill_line(template.subject, values),
        html=placeholders.fill_html(template.html, values),
        text=placeholders.fill_text(template.text, values),
        is_plain=template.is_plain,
        to=template.to,
        cc=template.cc,
        bcc=template.bcc,
    )


def copy_files(template: MessageTemplate, draft: Draft) -> None:
    """Put the template's files into a draft, and note that the template was used."""
    with transaction.atomic():
        DraftFile.objects.bulk_create(
            DraftFile(
                organization_id=draft.organization_id,
                draft=draft,
                **{name: getattr(file, name) for name in _FILE_FIELDS},
            )
            for file in template.files.all()
        )
        MessageTemplate.objects.filter(pk=template.pk).update(used_at=timezone.now())
