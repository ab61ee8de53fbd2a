"""Who may change whom in an organization, and the writes that do it."""

from __future__ import annotations

from django.db import transaction

from accounts import services
from accounts.models import Invitation, MailAccount, Membership, Organization, Role


class NotAllowed(Exception):
    """The actor's role does not reach that far."""


class LastOwner(Exception):
    """An organization without an owner would belong to nobody."""


def may_change(actor: Membership, member: Membership) -> bool:
    """Owners may change everybody; admins everybody but owners."""
    return actor.role == Role.OWNER or (actor.is_admin and member.role != Role.OWNER)


def grantable(actor: Membership) -> list[Role]:
    """The roles an actor may give; only owners make owners."""
    return [Role.OWNER, Role.ADMIN, Role.MEMBER] if actor.role == Role.OWNER else [Role.ADMIN, Role.MEMBER]


def change_role(actor: Membership, member: Membership, role: str) -> None:
    """Give a member another role. Raises NotAllowed, LastOwner."""
    with transaction.atomic():
        _lock(member)
        if not may_change(actor, member) or role not in grantable(actor):
            raise NotAllowed
        if role != Role.OWNER:
            _keep_an_owner(member)
        before, member.role = member.role, role
        member.save(update_fields=["role"])
        services.record(
            member.organization_id,
            actor.user,
            "member.role_changed",
            member.user.email,
            before=before,
            role=role,
        )


def remove(actor: Membership, member: Membership) -> None:
    """Take a person out of the organization, with their mail accounts there and all that is stored in them.

    People may always leave by themselves. Raises NotAllowed, LastOwner.
    """
    with transaction.atomic():
        _lock(member)
        if actor.pk != member.pk and not may_change(actor, member):
            raise NotAllowed
        _keep_an_owner(member)
        for account in MailAccount.objects.filter(organization=member.organization_id, owner=member.user_id):
            services.delete_mail_account(account, actor.user)
        services.record(member.organization_id, actor.user, "member.removed", member.user.email)
        member.delete()


def withdraw(actor: Membership, invitation: Invitation) -> None:
    """Make an invitation's link useless."""
    with transaction.atomic():
        services.record(invitation.organization_id, actor.user, "invitation.withdrawn", invitation.email)
        invitation.delete()


def is_last_owner(member: Membership) -> bool:
    """Whether nobody else owns the organization."""
    owners = Membership.objects.filter(organization=member.organization_id, role=Role.OWNER)
    return member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists()


def _lock(member: Membership) -> None:
    """One change of members at a time, or two owners could demote each other; then look again."""
    Organization.objects.select_for_update().get(pk=member.organization_id)
    member.refresh_from_db(fields=["role"])


def _keep_an_owner(member: Membership) -> None:
    if is_last_owner(member):
        raise LastOwner
