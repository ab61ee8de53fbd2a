"""How an action answers: with the pieces of the page that have changed, or, without script, with the page again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.access import MemberRequest, render
from mailbox.models import Message
from mailbox.views import list_context
from mailbox.views.list_context import ListPlace
from mailbox.views.page_fragments import htmx, open_message


def ask(
    request: MemberRequest, question: str, form: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Ask before acting, as a dialog over the page or, without script, as a page of its own.

    `form` names the template of the form that answers.
    """
    shown = {**context, "question": question, "form": form}
    if not htmx(request):
        return render(request, "mail/confirm.html", shown, status=status)
    response = render(request, "mail/_confirm_dialog.html", shown)
    response["HX-Retarget"] = "#asking"
    response["HX-Reswap"] = "innerHTML"
    return response


def reload(request: MemberRequest, place: ListPlace, *, whole: bool = False) -> HttpResponse:
    """The list once more; with `whole`, the page."""
    if not htmx(request):
        return redirect(place.url)
    response = HttpResponse(status=204)
    if whole:
        response["HX-Redirect"] = place.url
        return response
    here = htmx(request).current_url_abs_path or place.url
    response["HX-Location"] = json.dumps(
        {"path": here, "target": "#list", "swap": "outerHTML", "push": "false"}
    )
    return response


def changed(request: MemberRequest, ids: Sequence[int], *, closes: bool = False) -> HttpResponse:
    """The rows as they look now; with `closes` the reader closes when it shows one of them."""
    return _parts(request, changed=ids, closes=closes and open_message(request) in ids)


def gone(request: MemberRequest, ids: Sequence[int]) -> HttpResponse:
    """The rows leave the list; the reader closes when it showed one of them."""
    return _parts(request, gone=ids, closes=open_message(request) in ids)


def filed(request: MemberRequest, ids: Sequence[int], *, closes: bool = False) -> HttpResponse:
    """Rows that now have another folder or other labels: those that left this list go.

    With `closes` the reader closes when it shows one of these.
    """
    source = list_context.source(request, ListPlace.read(request))
    staying = Message.objects.filter(pk__in=ids, folder__in=source.folders)
    if source.label:
        staying = staying.filter(labels=source.label)
    kept = set(staying.values_list("pk", flat=True))
    left = [key for key in ids if key not in kept]
    return _parts(
        request,
        changed=sorted(kept),
        gone=left,
        labels_of=ids,
        closes=closes and open_message(request) in left,
    )


def _parts(
    request: MemberRequest,
    *,
    changed: Sequence[int] = (),
    gone: Sequence[int] = (),
    labels_of: Sequence[int] = (),
    closes: bool = False,
) -> HttpResponse:
    """Pieces of the page that htmx puts where they belong, each by its id; without htmx the list."""
    place = ListPlace.read(request)
    if not htmx(request):
        return redirect(place.url)
    source, opened = list_context.source(request, place), open_message(request)
    rows = Message.objects.select_related("account", "folder").prefetch_related("labels")
    context = source.context | {
        "seen": source.seen,
        "changed": rows.filter(pk__in=changed).order_by("pk"),
        "gone": gone,
        "open_id": None if closes else opened,
        "labelled": rows.filter(pk=opened).first() if opened and opened in labels_of else None,
        "closes": closes,
    }
    response = render(request, "mail/_changes.html", context)
    if closes:
        response["HX-Push-Url"] = place.url
    return response
