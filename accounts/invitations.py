"""An invitation's way from the link in the mail through signing in or signing up to membership."""

from __future__ import annotations

import logging

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django.utils import timezone

from accounts import mail, services, tenancy
from accounts.models import Invitation, Membership, Organization, User

logger = logging.getLogger(__name__)

# Only which invitation it is; the key itself stays in the mail.
SESSION_KEY = "invitation"
# The organization a person works in, for pages that are not below its address.
ORGANIZATION_KEY = "organization"


def due() -> list[tuple[int, int]]:
    """Organization and id of each open invitation whose mail was not queued: its task was lost."""
    now = timezone.now()
    with tenancy.system():
        rows = Invitation.objects.filter(mail_due_at__lte=now, accepted_at=None, expires_at__gt=now)
        return list(rows.order_by("mail_due_at").values_list("organization_id", "pk")[:500])


def send_mail(organization_id: int, invitation_id: int) -> bool:
    """Queue the invitation's mail if that is due; whether it was. Safe to run twice.

    The key, the mail that holds it and that it is no longer due are written together; from then on the mail is tried
    again by itself (`accounts.system_mail`).
    """
    with tenancy.scope(organization_id):
        now = timezone.now()
        rows = Invitation.objects.filter(pk=invitation_id, accepted_at=None)
        found = (
            rows.filter(mail_due_at__lte=now, expires_at__gt=now)
            .select_related("organization", "invited_by")
            .select_for_update(of=("self",))
            .first()
        )
        if found is None:
            return False
        mail.invitation(found, services.make_invitation_key(found))
        rows.update(mail_due_at=None)
    return True


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
