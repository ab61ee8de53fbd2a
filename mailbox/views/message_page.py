"""One message: beside its list where there is room, else as a page of its own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest
from mailbox import services
from mailbox.mime.opened_message import open_message
from mailbox.models import Folder, Label, Message
from mailbox.models.messages import AddressDict
from mailbox.stored_bytes import StoredBytes
from mailbox.views import list_context, message_body
from mailbox.views.list_context import ListPlace
from mailbox.views.message_body import MessageBody
from mailbox.views.message_files import visible
from mailbox.views.page_fragments import asks_for, render_page

PARTS = {"list": "mail/_list_swap.html", "message": "mail/_reader_swap.html"}
# So many bytes of the original are shown; the whole of it can be downloaded.
ORIGINAL_LIMIT = 200_000
FILES_SHOWN = 200
PEOPLE_SHOWN = 100  # of each field


@dataclass(frozen=True, slots=True)
class FileRow:
    """One attachment as the strip shows it."""

    position: int
    filename: str
    size: int
    is_picture: bool


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A message ready to be read."""

    message: Message
    shown: MessageBody
    files: list[FileRow]
    body_query: str  # how the frame asks for the same body

    @property
    def initials(self) -> str:
        """One or two letters for the sender's avatar."""
        words = [word for word in self.message.sender.replace("@", " ").split() if word[0].isalnum()]
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()

    @property
    def to(self) -> list[AddressDict]:
        """Who it was sent to."""
        return self._addresses("to")

    @property
    def cc(self) -> list[AddressDict]:
        """Who got a copy."""
        return self._addresses("cc")

    @property
    def recipients(self) -> SafeString:
        """All of them in one line, by name where they have one."""
        people = self.to[:PEOPLE_SHOWN] + self.cc[:PEOPLE_SHOWN]
        return format_html_join(
            ", ", "<bdi>{}</bdi>", [(each["name"] or each["address"],) for each in people]
        )

    @property
    def reply_to(self) -> list[AddressDict]:
        """Where the sender wants answers, when that is elsewhere."""
        return [to for to in self._addresses("reply_to") if to["address"] != self.message.from_address]

    @property
    def headers(self) -> list[tuple[str, list[AddressDict], int]]:
        """The address fields by name: who is shown, and how many more there are."""
        fields = [(_("To"), self.to), (_("Copy"), self.cc), (_("Replies go to"), self.reply_to)]
        return [
            (name, people[:PEOPLE_SHOWN], max(0, len(people) - PEOPLE_SHOWN))
            for name, people in fields
            if people
        ]

    def _addresses(self, field: str) -> list[AddressDict]:
        return list(self.message.recipients.get(field, []))

    @property
    def files_size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def files_shown(self) -> list[FileRow]:
        """The first of them; the others are in the original."""
        return self.files[:FILES_SHOWN]

    @property
    def files_left(self) -> int:
        """How many are not shown."""
        return len(self.files) - len(self.files_shown)

    @property
    def is_in_trash(self) -> bool:
        """Whether it can be put back or deleted for good."""
        return self.message.folder.role == Folder.Role.TRASH

    @property
    def is_in_spam(self) -> bool:
        """Whether it can be taken out of Spam."""
        return self.message.folder.role == Folder.Role.SPAM


@access.member
@require_safe
def message(request: MemberRequest, message: int) -> HttpResponse:
    """A message with its list; opening it marks it read."""
    found = visible(request, message)
    # A browser that loads pages ahead of time has not opened them.
    is_opened = request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", "")
    if is_opened and not found.is_read:
        services.set_read(Message.objects.filter(pk=found.pk), True)
        found.is_read = True
    place = _place(request, found)
    context: dict[str, object] = {"open_id": found.pk, "reading": _read(request, found)}
    if asks_for(request, "message"):
        source = list_context.source(request, place)
        context |= source.context | {"seen": source.seen}
    else:
        shown = list_context.build(request, place, found)
        context |= shown.context | {"listing": shown, "place": place}
    return render_page(request, "mail/message.html", context, parts=PARTS)


def _place(request: MemberRequest, found: Message) -> ListPlace:
    """The list it was opened from. A label may be gone since; then the message's folder."""
    place = ListPlace.read(request, found.folder_id)
    if place.label and not Label.objects.visible_to(request.membership).filter(pk=place.label).exists():
        return ListPlace.of(request, folder=found.folder_id)
    return place


def _read(request: MemberRequest, found: Message) -> MessagePage:
    wishes = {wish: "1" for wish in ("plain", "pictures") if request.GET.get(wish)}
    # What the frame will show is rendered there; here it is only known, and no picture decoded for that.
    shown = message_body.body_of(
        open_message(StoredBytes(found)),
        plain="plain" in wishes,
        pictures="pictures" in wishes,
        write=False,
    )
    files = [
        FileRow(row.position, row.filename, row.size, row.content_type in message_body.RASTER_TYPES)
        for row in found.attachments.all()
        if row.position not in shown.shown_files
    ]
    return MessagePage(found, shown, files, f"?{urlencode(wishes)}" if wishes else "")


@access.member
@require_safe
def message_original(request: MemberRequest, message: int) -> HttpResponse:
    """The beginning of the message as its server sent it: headers and source, as text."""
    found = visible(request, message)
    start = next(services.stream_raw(found.organization_id, found.pk), b"")[:ORIGINAL_LIMIT]
    context = list_context.source(request, _place(request, found)).context | {
        "message": found,
        "source": start.decode("utf-8", "replace").replace("\x00", "\N{SYMBOL FOR NULL}"),
        "shown_bytes": len(start),
        "is_cut": len(start) < found.size,
    }
    return render_page(request, "mail/original.html", context)
