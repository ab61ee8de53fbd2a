"""Going into an organization, and founding another one."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts import access, invitations, limits, services
from accounts.forms import FoundForm
from accounts.models import Organization, Role, User


@access.member
def enter(request: access.MemberRequest) -> HttpResponse:
    """The organization's own address: remember it as the one to open after signing in, and show its mail."""
    slug = request.membership.organization.slug
    request.session[invitations.ORGANIZATION_KEY] = slug
    return redirect("mail", slug)


@login_required
def found(request: HttpRequest) -> HttpResponse:
    """Found another organization; where strangers may not sign up, only support staff may."""
    assert isinstance(request.user, User)
    is_open = settings.MAILHUB_SIGNUP_OPEN or request.user.is_staff
    form = FoundForm(request.POST or None)
    if request.method == "POST" and is_open and form.is_valid():
        try:
            organization = _found(request.user, form.cleaned_data["name"])
        except limits.TooMany:
            form.add_error(
                "name", _("You have founded many organizations. Ask the people who run this Mailhub.")
            )
        else:
            return redirect("organization", organization.slug)
    context = {"form": form, "is_open": is_open, "memberships": access.memberships_of(request.user)}
    return render(request, "people/new_organization.html", context)


def _found(user: User, name: str) -> Organization:
    """Within what a person may found; support staff have no limit. Raises limits.TooMany."""
    if not user.is_staff:
        owned = sum(each.role == Role.OWNER for each in access.memberships_of(user))
        if owned >= limits.OWNED:
            raise limits.TooMany("person", str(user.pk))
        limits.count_founding(user.pk)
    return services.found_organization(name, user)
