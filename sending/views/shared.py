"""What the pages of this app share: one's own account, addresses of pages, whether htmx asks."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.access import MemberRequest
from accounts.models import MailAccount


def own_account(request: MemberRequest, account_id: int) -> MailAccount:
    """The member's own account with its outgoing server, or 404."""
    accounts = MailAccount.objects.visible_to(request.membership).select_related(
        "organization", "outgoing_server"
    )
    return get_object_or_404(accounts, pk=account_id)


def org_url(request: MemberRequest, name: str, *args: Any) -> str:
    """`reverse` within the organization of the request."""
    return reverse(name, args=[request.membership.organization.slug, *args])


def is_htmx(request: MemberRequest) -> bool:
    """Whether htmx asks, for a part of a page."""
    return bool(getattr(request, "htmx", False))
