"""Every write of more than one row about people, organizations and mail accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.text import slugify

from accounts import limits, locks, signals, tenancy
from accounts.models import AuditEvent, Invitation, MailAccount, Membership, Organization, Role, User
from accounts.models.mail_accounts import COLORS

# Editing one of these means that a running fetch no longer talks to the right mailbox.
REACH = ("kind", "host", "port", "encryption", "username", "password")


class LimitReached(Exception):
    """The plan allows no further one; `limit` is how many it allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the plan allows {limit}")
        self.limit = limit


class NotAdmin(Exception):
    """Whoever invites is no admin of the organization any more."""


class InvitationError(Exception):
    """The invitation is used, expired, or for somebody else."""


def record(organization_id: int, actor: User | None, action: str, target: str = "", **detail: Any) -> None:
    """Write down who did what. `detail` must never hold a secret."""
    AuditEvent.objects.create(
        organization_id=organization_id, actor=actor, action=action, target=target[:300], detail=detail
    )


def free_slug(name: str) -> str:
    """An address for an organization of that name which nobody has yet."""
    base = slugify(name)[:40] or "organization"
    taken = set(Organization.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(slug for n in range(2, len(taken) + 3) if (slug := f"{base}-{n}") not in taken)


def _with_free_slug(name: str) -> Organization:
    """A new row; when somebody takes the address at the same moment, the next one."""
    for _try in range(20):
        try:
            with transaction.atomic():
                return Organization.objects.create(name=name, slug=free_slug(name))
        except IntegrityError:
            continue
    raise RuntimeError("no free address for an organization")


def found_organization(name: str, owner: User, *, plan: str = "") -> Organization:
    """Found an organization with its owner; `plan` is a slug, "" for the default plan."""
    with transaction.atomic():
        organization = _with_free_slug(name)
        with tenancy.scope(organization.pk):
            Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
            signals.organization_founded.send(Organization, organization=organization, plan=plan)
            record(organization.pk, owner, "organization.founded", name)
    return organization


def invite(membership: Membership, emails: Sequence[str], role: str) -> list[Invitation]:
    """Invite addresses, all or none; an open invitation to one of them is replaced. Returns the rows.

    Their mail is due at once: queue `tasks.mail_invitation` for after the commit, and the clock finds what was
    not queued. Raises NotAdmin, LimitReached (the plan), limits.TooMany (a day).
    """
    emails = sorted({email.strip().lower() for email in emails})
    organization = membership.organization
    with transaction.atomic():
        locks.organization(organization.pk)
        actor = Membership.objects.filter(pk=membership.pk).first()
        if actor is None or not actor.is_admin:
            raise NotAdmin
        Invitation.objects.filter(organization=organization, email__in=emails, accepted_at=None).delete()
        waiting = Invitation.objects.filter(
            organization=organization, accepted_at=None, expires_at__gt=timezone.now()
        ).count()
        members = Membership.objects.filter(organization=organization).count()
        if members + waiting + len(emails) > organization.member_limit:
            raise LimitReached(organization.member_limit)
        rows = [
            Invitation.objects.create(
                organization=organization, email=email, role=role, invited_by=membership.user
            )
            for email in emails
        ]
        for email in emails:
            record(organization.pk, membership.user, "invitation.sent", email, role=role)
        limits.count_invitations(membership.user_id, organization.pk, emails)
    return rows


def make_invitation_key(invitation: Invitation) -> str:
    """A new key for the link in the mail; only its hash is kept, and an earlier link stops working."""
    key = Invitation.new_key()
    invitation.key_hash = Invitation.hash_key(key)
    invitation.save(update_fields=["key_hash"])
    return key


def accept_invitation(invitation: Invitation, user: User) -> Membership:
    """Make the invited person a member. Must run in the invitation's scope. Raises InvitationError."""
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if not invitation.is_open or invitation.email != user.email:
            raise InvitationError
        membership, _created = Membership.objects.get_or_create(
            organization=invitation.organization, user=user, defaults={"role": invitation.role}
        )
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        record(invitation.organization_id, user, "invitation.accepted", user.email)
    return membership


def add_mail_account(membership: Membership, fields: Mapping[str, Any]) -> MailAccount:
    """Save a mail account whose settings were just tested. Raises LimitReached."""
    organization = membership.organization
    with transaction.atomic():
        locks.organization(organization.pk)
        existing = MailAccount.objects.filter(organization=organization, removing_until=None)
        if existing.count() >= organization.mail_account_limit:
            raise LimitReached(organization.mail_account_limit)
        own = existing.filter(owner=membership.user)
        values = dict(fields)
        is_default = bool(values.pop("is_default", False)) or not own.exists()
        used = list(own.values_list("color", flat=True))
        account = MailAccount(organization=organization, owner=membership.user, **values)
        if "color" not in values:
            account.color = min(COLORS, key=lambda color: (used.count(color), COLORS.index(color)))
        account.position = (own.aggregate(last=Max("position"))["last"] or 0) + 1
        if is_default:
            own.filter(is_default=True).update(is_default=False)
        account.is_default = is_default
        account.save()
        signals.mail_account_added.send(MailAccount, account=account)
        record(organization.pk, membership.user, "mail_account.added", account.email, host=account.host)
    return account


def change_mail_account(account: MailAccount, actor: User, fields: Mapping[str, Any]) -> None:
    """Save new settings; a running fetch of the old ones is told to stop by the generation number."""
    with transaction.atomic():
        values = dict(fields)
        own = MailAccount.objects.filter(organization=account.organization_id, owner=account.owner_id)
        if values.pop("is_default", False):
            # One at a time, or two accounts would both open first.
            locks.organization(account.organization_id)
            touched = own.filter(Q(pk=account.pk) | Q(is_default=True)).order_by("pk")
            list(touched.select_for_update(no_key=True))
            own.filter(is_default=True).update(is_default=False)
            account.is_default = True
        moved = [name for name in REACH if name in values and values[name] != getattr(account, name)]
        for name, value in values.items():
            setattr(account, name, value)
        account.save()
        if moved:
            MailAccount.objects.filter(pk=account.pk).update(generation=F("generation") + 1)
            account.refresh_from_db(fields=["generation"])
        is_reach = any(name in values for name in REACH)
        signals.mail_account_changed.send(MailAccount, account=account, is_reach=is_reach)
        record(account.organization_id, actor, "mail_account.changed", account.email, fields=sorted(values))


def order_mail_accounts(membership: Membership, ids: Sequence[int]) -> None:
    """Put the member's accounts in this order; the side panel shows them so, and what is not named comes last."""
    with transaction.atomic():
        own = MailAccount.objects.visible_to(membership).order_by("pk")
        accounts = list(own.select_for_update(no_key=True))
        places = {key: place for place, key in enumerate(ids, 1)}
        for account in accounts:
            account.position = places.get(account.pk, len(places) + 1)
        MailAccount.objects.bulk_update(accounts, ["position"])
