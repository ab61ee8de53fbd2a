"""The page behind the link of an invitation."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from accounts import invitations, services
from accounts.models import User


@never_cache
def invitation(request: HttpRequest, organization: int, key: str) -> HttpResponse:
    """Join when signed in with the invited address; else explain the way. Opening it changes nothing."""
    found = invitations.find(organization, key)
    if found is None:
        return render(request, "people/invitation_gone.html", status=404)
    if not isinstance(request.user, User):
        invitations.keep(request, found)
        context = {"invitation": found, "is_known": User.objects.filter(email=found.email).exists()}
        return render(request, "people/invitation.html", context)
    if request.user.email != found.email:
        return render(request, "people/invitation_other_user.html", {"invitation": found})
    if request.method == "POST":
        try:
            membership = invitations.accept(request, found, request.user)
        except services.InvitationError:
            return render(request, "people/invitation_gone.html", status=404)
        return redirect("organization", membership.organization.slug)
    return render(request, "people/invitation.html", {"invitation": found})
