"""An invitation's way from the link in the mail through signing in or signing up to membership."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.http import HttpRequest

from accounts import services, tenancy
from accounts.models import Invitation, Membership, Organization, User

# Only which invitation it is; the key itself stays in the mail.
SESSION_KEY = "invitation"
# The organization a person works in, for pages that are not below its address.
ORGANIZATION_KEY = "organization"


def find(organization_id: int, key: str) -> Invitation | None:
    """The open invitation that the key in a link belongs to."""
    if not Organization.objects.filter(pk=organization_id).exists():
        return None
    with tenancy.scope(organization_id):
        invitation = (
            Invitation.objects.select_related("organization", "invited_by")
            .filter(organization=organization_id, key_hash=Invitation.hash_key(key))
            .first()
        )
    return invitation if invitation and invitation.is_open else None


def keep(request: HttpRequest, invitation: Invitation) -> None:
    """Remember the invitation until the visitor has signed in or up.

    The key came by mail, so whoever holds it reads that address: it needs no second proof.
    """
    request.session[SESSION_KEY] = {"organization": invitation.organization_id, "id": invitation.pk}
    get_adapter().stash_verified_email(request, invitation.email)


def kept(request: HttpRequest) -> Invitation | None:
    """The remembered invitation, if it is still open."""
    memory = request.session.get(SESSION_KEY)
    if not memory:
        return None
    with tenancy.scope(memory["organization"]):
        invitation = (
            Invitation.objects.select_related("organization", "invited_by").filter(pk=memory["id"]).first()
        )
    return invitation if invitation and invitation.is_open else None


def accept(request: HttpRequest, invitation: Invitation, user: User) -> Membership:
    """Make the person a member and let the next page open there. Raises services.InvitationError."""
    with tenancy.scope(invitation.organization_id):
        membership = services.accept_invitation(invitation, user)
    forget(request)
    request.session[ORGANIZATION_KEY] = invitation.organization.slug
    return membership


def forget(request: HttpRequest) -> None:
    """The invitation was accepted, or is not for this person."""
    request.session.pop(SESSION_KEY, None)
    get_adapter().unstash_verified_email(request)
