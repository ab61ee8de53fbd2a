"""What views ask of a member's request: their own account, addresses within the organization, whether htmx asks."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.access import MemberRequest
from accounts.models import MailAccount


def own_account(request: MemberRequest, account_id: int, *related: str) -> MailAccount:
    """The member's own account with its organization and the rows named in `related`, or 404."""
    accounts = MailAccount.objects.visible_to(request.membership).select_related("organization", *related)
    return get_object_or_404(accounts, pk=account_id)


def org_url(request: MemberRequest, name: str, *args: Any) -> str:
    """`reverse` within the organization of the request."""
    return reverse(name, args=[request.membership.organization.slug, *args])


def is_htmx(request: MemberRequest) -> bool:
    """Whether htmx asks, for a part of a page."""
    return bool(getattr(request, "htmx", False))
