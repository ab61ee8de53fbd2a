"""Who may change whom in an organization, and the writes that do it."""

from __future__ import annotations

from django.db import transaction

from accounts import locks, removal, services, unsent
from accounts.models import Invitation, MailAccount, Membership, Role


class NotAllowed(Exception):
    """The actor's role does not reach that far."""


class Gone(NotAllowed):
    """The actor or the member has left the organization meanwhile."""


class LastOwner(Exception):
    """An organization without an owner would belong to nobody."""


def may_change(actor: Membership, member: Membership) -> bool:
    """Owners may change everybody; admins everybody but owners."""
    return actor.role == Role.OWNER or (actor.is_admin and member.role != Role.OWNER)


def grantable(actor: Membership) -> list[Role]:
    """The roles an actor may give; only owners make owners."""
    return [Role.OWNER, Role.ADMIN, Role.MEMBER] if actor.role == Role.OWNER else [Role.ADMIN, Role.MEMBER]


def change_role(actor: Membership, member: Membership, role: str) -> None:
    """Give a member another role. Raises NotAllowed, Gone, LastOwner."""
    with transaction.atomic():
        _lock(actor, member)
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


def remove(actor: Membership, member: Membership, *, unsent_confirmed: int = 0) -> list[MailAccount]:
    """Take a person out of the organization; returns their mail accounts there, whose removal has begun.

    The caller has it finished. People may always leave by themselves. `unsent_confirmed`: so many messages that have
    not gone out may be lost. Raises NotAllowed, Gone, LastOwner, unsent.NotConfirmed.
    """
    with transaction.atomic():
        _lock(actor, member)
        if actor.pk != member.pk and not may_change(actor, member):
            raise NotAllowed
        _keep_an_owner(member)
        own = MailAccount.objects.filter(organization=member.organization_id, owner=member.user_id)
        accounts = list(own.filter(removing_until=None).order_by("pk"))
        unsent.check(accounts, unsent_confirmed)
        for account in accounts:
            removal.start(account, actor.user)
        services.record(member.organization_id, actor.user, "member.removed", member.user.email)
        member.delete()
        return accounts


def withdraw(actor: Membership, invitation: Invitation) -> None:
    """Make an invitation's link useless. Raises NotAllowed."""
    with transaction.atomic():
        _lock(actor, actor)
        if not actor.is_admin:
            raise NotAllowed
        services.record(invitation.organization_id, actor.user, "invitation.withdrawn", invitation.email)
        invitation.delete()


def is_last_owner(member: Membership) -> bool:
    """Whether nobody else owns the organization."""
    owners = Membership.objects.filter(organization=member.organization_id, role=Role.OWNER)
    return member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists()


def _lock(actor: Membership, member: Membership) -> None:
    """One change of members at a time; then look again at both, whose roles may be others by now. Raises Gone."""
    locks.organization(member.organization_id)
    roles = dict(Membership.objects.filter(pk__in=(actor.pk, member.pk)).values_list("pk", "role"))
    if not {actor.pk, member.pk} <= roles.keys():
        raise Gone
    actor.role, member.role = roles[actor.pk], roles[member.pk]


def _keep_an_owner(member: Membership) -> None:
    if is_last_owner(member):
        raise LastOwner
