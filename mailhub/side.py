"""What the frame around every page shows: accounts with their folders, the person's organizations, troubles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from accounts.access import memberships_of
from accounts.failures import ErrorClass, Failure, describe
from accounts.models import MailAccount, Membership, User
from fetching.models import FetchState
from mailbox.models import Folder
from quotas.models import StorageMeter

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

FOLDER_ICONS = {
    Folder.Role.INBOX: "inbox",
    Folder.Role.DRAFTS: "draft",
    Folder.Role.SENT: "send",
    Folder.Role.SPAM: "spam",
    Folder.Role.TRASH: "trash",
    Folder.Role.OWN: "folder",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How the state of an account is shown: an icon, a tone (ok, info, warn, bad, off) and a word."""

    icon: str
    tone: str
    word: str | _StrPromise


def mark(state: FetchState) -> Mark:
    """What a person should know about the account at a glance."""
    status = FetchState.Status
    if state.status == status.FAILED:
        if describe(state.error_code).error_class == ErrorClass.AUTHENTICATION:
            return Mark("key", "bad", _("Needs a password"))
        return Mark("alert", "bad", _("Needs you"))
    if state.is_fetching:
        return Mark("fetch", "info", _("Fetching"))
    marks = {
        status.BACKING_OFF: Mark("clock", "warn", _("Trying again soon")),
        status.PAUSED_QUOTA: Mark("storage", "warn", _("Waiting for space")),
        status.PAUSED: Mark("pause", "off", _("Paused")),
    }
    return marks.get(status(state.status), Mark("check", "ok", _("Up to date")))


@dataclass(slots=True)
class SideAccount:
    """One account of the side panel, with its folders when it is the open one."""

    account: MailAccount
    unread: int = 0
    inbox: Folder | None = None
    mark: Mark | None = None
    folders: list[Folder] = field(default_factory=list)
    is_open: bool = False


def accounts_of(membership: Membership, open_account: int | None) -> list[SideAccount]:
    """The person's accounts in their own order; two queries, however many there are."""
    entries: dict[int, SideAccount] = {}
    for account in MailAccount.objects.visible_to(membership).select_related("fetch_state"):
        entry = entries[account.pk] = SideAccount(account, is_open=account.pk == open_account)
        shown = mark(account.fetch_state)
        entry.mark = shown if shown.tone in ("bad", "warn", "info") else None
    for folder in Folder.objects.visible_to(membership).filter(account__in=entries):
        entry = entries[folder.account_id]
        if folder.role == Folder.Role.INBOX:
            entry.unread, entry.inbox = folder.unread_count, folder
        if entry.is_open:
            entry.folders.append(folder)
    return list(entries.values())


def organizations_of(request: Any) -> list[Membership]:
    """The signed-in person's memberships, read once a request."""
    if not hasattr(request, "_organizations"):
        user = request.user
        request._organizations = memberships_of(user) if isinstance(user, User) else []
    return list(request._organizations)


def storage_of(membership: Membership) -> StorageMeter | None:
    """The organization's meter; None only while the organization is being founded."""
    return StorageMeter.objects.filter(organization=membership.organization_id).first()


@dataclass(frozen=True, slots=True)
class Trouble:
    """One account that fetches nothing until its owner does something."""

    account: MailAccount
    mark: Mark
    failure: Failure


def troubles_of(membership: Membership) -> list[Trouble]:
    """The person's own accounts that are stopped."""
    stopped = FetchState.objects.filter(
        account__in=MailAccount.objects.visible_to(membership), status=FetchState.Status.FAILED
    ).select_related("account")
    return [Trouble(state.account, mark(state), describe(state.error_code)) for state in stopped.order_by("account__position")]


def waiting_for_space(membership: Membership) -> int:
    """How many messages wait at providers because storage is full, over the person's own accounts."""
    states = FetchState.objects.filter(
        account__in=MailAccount.objects.visible_to(membership), status=FetchState.Status.PAUSED_QUOTA
    )
    return sum(states.values_list("waiting_messages", flat=True))
