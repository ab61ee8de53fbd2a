"""What the frame around every page shows: accounts with their folders, organizations, troubles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accounts.access import memberships_of
from accounts.models import MailAccount, Membership, User
from fetching.status import account_status
from fetching.status.account_status import AccountStatus
from mailbox.models import Folder, Label
from quotas.models import StorageMeter
from sending.models import Draft
from sending.outbox import status as outbox_status
from sending.outbox.status import OutboxSummary

FOLDER_ICONS = {
    Folder.Role.INBOX: "inbox",
    Folder.Role.DRAFTS: "draft",
    Folder.Role.SENT: "send",
    Folder.Role.SPAM: "spam",
    Folder.Role.TRASH: "trash",
    Folder.Role.OWN: "folder",
}


@dataclass(slots=True)
class SidebarAccount:
    """One account of the side panel, with its folders and labels when it is the open one."""

    account: MailAccount
    status: AccountStatus
    unread: int = 0
    folders: list[Folder] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    drafts: int = 0
    outbox: OutboxSummary | None = None  # none while it is empty
    is_open: bool = False


def accounts_of(membership: Membership, open_account: int | None) -> list[SidebarAccount]:
    """The person's accounts in their own order; a few queries, however many there are."""
    entries: dict[int, SidebarAccount] = {}
    accounts = list(MailAccount.objects.visible_to(membership).select_related("fetch_state"))
    outages = account_status.outages(accounts)
    for account in accounts:
        status = account_status.status_of(account, outages)
        entries[account.pk] = SidebarAccount(account, status, is_open=account.pk == open_account)
    for folder in Folder.objects.visible_to(membership).filter(account__in=list(entries)):
        entry = entries[folder.account_id]
        if folder.role == Folder.Role.INBOX:
            entry.unread = folder.unread_count
        if entry.is_open:
            entry.folders.append(folder)
    if open_account in entries:
        entries[open_account].outbox = outbox_status.summaries(membership, open_account).get(open_account)
        entries[open_account].drafts = Draft.objects.filter(account=open_account).touched().count()
        entries[open_account].labels = list(Label.objects.filter(account=open_account))
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
    """One account that only its owner can help, and where that is done."""

    account: MailAccount
    status: AccountStatus
    url: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """What keeps mail from coming in and going out: stopped accounts, outboxes that need their owner, full storage."""

    stopped: list[Trouble]
    outboxes: list[tuple[MailAccount, OutboxSummary]]
    waiting: int
    is_full: bool


def troubles_of(membership: Membership) -> Troubles:
    """Of the person's own accounts; what mends itself stays unmentioned."""
    slug = membership.organization.slug
    stopped, outboxes, full = [], [], []
    summaries = outbox_status.summaries(membership)
    for account in MailAccount.objects.visible_to(membership).select_related("fetch_state"):
        status = account_status.status_of(account)
        if status.needs_person:
            stopped.append(Trouble(account, status, status.action.url(slug, account.pk)))
        elif status.kind == account_status.StatusKind.SPACE:
            full.append(account.fetch_state.waiting_messages)
        summary = summaries.get(account.pk)
        if summary is not None and (summary.needs or summary.paused):
            outboxes.append((account, summary))
    return Troubles(stopped, outboxes, sum(full), bool(full))
