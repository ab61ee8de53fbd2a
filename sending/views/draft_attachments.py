"""Files of a draft: uploaded with and without script, looked at, taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest
from accounts.requests import org_url
from sending.compose import attachments
from sending.compose.attachments import FileError
from sending.models import Draft, DraftFile

FILE_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"


def own_draft(request: MemberRequest, draft: int) -> Draft:
    """A draft of the member's own, or 404."""
    return get_object_or_404(Draft.objects.visible_to(request.membership), pk=draft)


def wants_json(request: MemberRequest) -> bool:
    """Whether the script of the page asks."""
    return request.headers.get("Accept") == "application/json"


def file_url(request: MemberRequest, file: DraftFile) -> str:
    """Where a file is looked at."""
    return org_url(request, "draft_file", file.draft_id, file.pk)


def attach(draft: Draft, uploads: Sequence[UploadedFile[Any]], *, in_text: bool = False) -> list[DraftFile]:
    """Take up what was uploaded. Raises FileError at the first that has no room; those before it stay."""
    if not uploads:
        # Nothing was chosen, or it was so large that it was cut off on its way (sending/compose/upload_limit.py).
        raise FileError(attachments.too_large())
    taken = []
    for upload in uploads:
        if (upload.size or 0) > attachments.BYTES:
            raise FileError(attachments.too_large())
        content_type = upload.content_type or ""
        taken.append(attachments.add(draft, upload.name or "", content_type, upload.read(), in_text=in_text))
    return taken


@access.member
@require_POST
def draft_file_add(request: MemberRequest, draft: int) -> HttpResponse:
    """Attach files; with `in_text` a picture for the text."""
    row = own_draft(request, draft)
    try:
        taken = attach(row, request.FILES.getlist("file"), in_text=bool(request.POST.get("in_text")))
    except FileError as error:
        if wants_json(request):
            return JsonResponse({"error": str(error.sentence)}, status=422)
        messages.error(request, str(error.sentence))
    else:
        if wants_json(request):
            return JsonResponse({"files": [_described(request, each) for each in taken]})
    return redirect(org_url(request, "draft", row.pk))


def _described(request: MemberRequest, file: DraftFile) -> dict[str, object]:
    return {
        "id": file.pk,
        "name": file.filename,
        "size": file.size,
        "url": file_url(request, file),
        "remove": org_url(request, "draft_file_remove", file.draft_id, file.pk),
    }


@access.member
@require_safe
def draft_file(request: MemberRequest, draft: int, file: int) -> HttpResponse:
    """One file: a picture to look at, anything else to keep."""
    row = get_object_or_404(own_draft(request, draft).files, pk=file)
    content = bytes(row.data)
    is_picture = attachments.is_picture(row.content_type, content)
    response = HttpResponse(
        content, content_type=row.content_type if is_picture else "application/octet-stream"
    )
    response["Content-Disposition"] = content_disposition_header(not is_picture, row.filename) or "attachment"
    response["Content-Security-Policy"] = FILE_CSP
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=3600"
    return response


@access.member
@require_POST
def draft_file_remove(request: MemberRequest, draft: int, file: int) -> HttpResponse:
    """Take a file out."""
    row = own_draft(request, draft)
    if not row.files.filter(pk=file).exists() and not wants_json(request):
        raise Http404
    attachments.remove(row, file)
    return HttpResponse(status=204) if wants_json(request) else redirect(org_url(request, "draft", row.pk))
