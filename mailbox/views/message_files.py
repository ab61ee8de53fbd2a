"""The pieces of a message that are documents of their own: body, attachments, pictures, the original.

None of them may run anything: what the sender wrote is served as data, or in a sandbox of its own.
"""

from __future__ import annotations

import re

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.templatetags.static import static
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts import access
from accounts.access import MemberRequest
from mailbox import services
from mailbox.html import rendering
from mailbox.mime.contents import WHOLE_LIMIT
from mailbox.mime.opened_message import AttachmentInfo, OpenedMessage, open_message
from mailbox.models import Message
from mailbox.stored_bytes import StoredBytes
from mailbox.views import message_body as body_view

FILE_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
NAME_LENGTH = 80


def visible(request: MemberRequest, message: int) -> Message:
    """The message, if it is the person's own. Raises Http404."""
    own = Message.objects.visible_to(request.membership).select_related("account", "folder")
    return get_object_or_404(own, pk=message)


def _sealed(response: HttpResponseBase, policy: str) -> None:
    """Headers of everything that a sender has written. django-csp leaves a policy that is there alone."""
    response["Content-Security-Policy"] = policy
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"


@access.member
@require_safe
def message_body(request: MemberRequest, message: int) -> HttpResponse:
    """The body for the frame. `plain`: its text, not its HTML; `pictures`: with pictures from the web."""
    opened = open_message(StoredBytes(visible(request, message)))
    pictures = bool(request.GET.get("pictures"))
    shown = body_view.body_of(opened, plain=bool(request.GET.get("plain")), pictures=pictures)
    document = rendering.document(
        shown.html,
        css_url=static("mailhub/css/message_frame.css"),
        lang=get_language() or "en",
        paper=shown.is_paper,
    )
    response = HttpResponse(document)
    _sealed(response, rendering.BODY_CSP_REMOTE if pictures else rendering.BODY_CSP)
    return response


@access.member
@require_safe
def message_download(request: MemberRequest, message: int) -> HttpResponseBase:
    """The message as its server sent it, byte for byte, read from the database piece by piece."""
    found = visible(request, message)
    response = StreamingHttpResponse(
        services.stream_raw(found.organization_id, found.pk), content_type="application/octet-stream"
    )
    response["Content-Length"] = found.size
    response["Content-Disposition"] = content_disposition_header(True, file_name(found.subject))
    _sealed(response, FILE_CSP)
    return response


def file_name(subject: str) -> str:
    """A name for the .eml file that every system takes, made of the subject."""
    name = " ".join(_NOT_IN_NAMES.sub(" ", subject).split())[:NAME_LENGTH].strip(" .")
    return f"{name or 'message'}.eml"


@access.member
@require_safe
def attachment(request: MemberRequest, message: int, position: int) -> HttpResponseBase:
    """One attachment to keep. The browser is not told its type, so that it cannot open it in our name."""
    opened, info = _file(request, message, position)
    response = _content(opened, position, "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(
        True, info.filename or f"file-{position + 1}"
    )
    _sealed(response, FILE_CSP)
    return response


@access.member
@require_safe
def inline_part(request: MemberRequest, message: int, position: int) -> HttpResponseBase:
    """One picture to look at; anything but a raster picture is not found here."""
    opened, info = _file(request, message, position)
    if info.content_type not in body_view.RASTER_TYPES:
        raise Http404
    response = _content(opened, position, info.content_type)
    response["Content-Disposition"] = "inline"
    _sealed(response, FILE_CSP)
    return response


def _file(request: MemberRequest, message: int, position: int) -> tuple[OpenedMessage, AttachmentInfo]:
    opened = open_message(StoredBytes(visible(request, message)))
    try:
        return opened, opened.info(position)
    except LookupError:
        raise Http404


def _content(opened: OpenedMessage, position: int, content_type: str) -> HttpResponseBase:
    """A large file goes out piece by piece, as it is read; a small one at once, with its length."""
    part = opened.files[position]
    if part.end - part.start > WHOLE_LIMIT:
        return StreamingHttpResponse(opened.pieces(position), content_type=content_type)
    return HttpResponse(opened.content(position), content_type=content_type)
