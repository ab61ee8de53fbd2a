"""Removing a mail account: hidden at once, then its mail goes in batches, also when a worker dies or a task is lost."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from accounts import leases, locks, signals, tenancy, unsent
from accounts.models import MailAccount, User
from accounts.services import record

# Nobody takes up a removal whose last batch is not that old (seconds).
LEASE_SECONDS = 60


def start(account: MailAccount, actor: User, *, unsent_confirmed: int | None = None) -> None:
    """Hide the account and stop all that goes on in it; `finish` takes away the rest. Within the scope.

    `unsent_confirmed`: so many messages that have not gone out may be lost with it; None when that was checked.
    Raises unsent.NotConfirmed.
    """
    own = MailAccount.objects.filter(organization=account.organization_id, owner=account.owner_id)
    with transaction.atomic():
        # First of all locks, and nothing is queued for sending meanwhile.
        locks.organization(account.organization_id)
        if unsent_confirmed is not None:
            unsent.check([account], unsent_confirmed)
        heirs = own.filter(removing_until=None).exclude(pk=account.pk).order_by("position", "pk")
        heir = heirs.values_list("pk", flat=True).first()
        list(
            own.filter(pk__in=[account.pk, heir or account.pk]).order_by("pk").select_for_update(no_key=True)
        )
        rows = own.filter(pk=account.pk, removing_until=None)
        was_default = rows.filter(is_default=True).exists()
        if not rows.update(removing_until=Now() + timedelta(seconds=LEASE_SECONDS), is_default=False):
            return
        if was_default and heir is not None:
            own.filter(pk=heir).update(is_default=True)
        signals.mail_account_deleting.send(MailAccount, account=account)
        record(account.organization_id, actor, "mail_account.deleted", account.email)


def finish(organization_id: int, account_id: int) -> None:
    """Delete an account that was hidden, a batch each transaction. Safe to run twice, and at once."""
    while _batch(organization_id, account_id):
        pass


def remove(account: MailAccount, actor: User) -> None:
    """Both at once. Within the scope, whose transaction then is as long as there is mail."""
    start(account, actor)
    finish(account.organization_id, account.pk)


def due(limit: int) -> list[tuple[int, int]]:
    """Removals that nobody is at, as (organization, account)."""
    with tenancy.system():
        rows = MailAccount.objects.filter(removing_until__lt=Now()).order_by("removing_until")
        return list(rows.values_list("organization", "pk")[:limit])


def _batch(organization_id: int, account_id: int) -> bool:
    """Whether something may be left."""
    with leases.short_scope(organization_id):
        locks.hold(account_id)
        account = MailAccount.objects.filter(pk=account_id, removing_until__isnull=False).first()
        if account is None:
            return False
        MailAccount.objects.filter(pk=account_id).update(
            removing_until=Now() + timedelta(seconds=LEASE_SECONDS)
        )
        # Storage last: whoever charges it has taken all its other locks before.
        answers = signals.mail_account_emptying.send(MailAccount, account=account)
        if any(is_left for _receiver, is_left in answers):
            return True
        account.delete()
        return False
