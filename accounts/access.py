"""Access to an organization's pages: a slug becomes a membership or 404; a stranger never learns that it exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse, TemplateResponse

from accounts import tenancy
from accounts.models import Membership, Organization, User

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request that was let in: inside its organization's scope, by one of its members."""

    user: User
    membership: Membership


def number_in(text: str) -> int | None:
    """The id (or another whole number) that a form or an address names; None for anything else.

    18 digits fit every column; far more would be an error already when Python reads them.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def render(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> TemplateResponse:
    """The page, rendered once the view is over and committed; headers may be set until then."""
    return TemplateResponse(request, template, dict(context or {}), status=status)


View = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def memberships_of(user: User) -> list[Membership]:
    """Every organization of one person, by name; for the switcher and for the way in after signing in."""
    with tenancy.system():
        return list(
            Membership.objects.filter(user=user).select_related("organization").order_by("organization__name")
        )


def _members_only(view: View[P], *, admin: bool) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def enter(request: Any, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise Http404
        # The whole view runs in the scope, so no query of it can reach another tenant's row. Views therefore
        # never talk to a mail server: tasks do.
        with tenancy.scope(organization.pk):
            membership = Membership.objects.filter(organization=organization, user=request.user).first()
            if membership is None or (admin and not membership.is_admin):
                raise Http404
            membership.organization, membership.user = organization, request.user
            request.membership = membership
            response = view(request, *args, **kwargs)
        # What it wrote is committed, and its locks are free, before the page is rendered, which only reads.
        if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
            with tenancy.scope(organization.pk, read_only=True):
                response.render()
        return response

    return login_required(enter)


def member(view: View[P]) -> Callable[..., HttpResponseBase]:
    """The view is for members of the organization named in the address. It gets no `slug`: see the request."""
    return _members_only(view, admin=False)


def admin(view: View[P]) -> Callable[..., HttpResponseBase]:
    """The view is for owners and admins of the organization; others get 404 like strangers."""
    return _members_only(view, admin=True)
