"""Which list a person looks at, and where in it: what every link and form of the mailbox carries along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from django.db.models import Max, QuerySet
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import MemberRequest, number_in
from accounts.formats import number
from accounts.models import MailAccount
from mailbox import pagination
from mailbox.models import Folder, Label, Message, MessageLabel

ARRIVED_LIMIT = 1_000  # new messages of a label are not counted further


@dataclass(frozen=True, slots=True)
class ListPlace:
    """One folder or one label (their ids), else the inboxes of all accounts; the page's cursor; only unread?"""

    slug: str
    folder: int | None
    at: str = ""
    unread: bool = False
    label: int | None = None

    @classmethod
    def of(cls, request: MemberRequest, *, folder: int | None = None, label: int | None = None) -> ListPlace:
        """The place in that list as the query string or the form says it."""
        values = request.POST if request.method == "POST" else request.GET
        slug, unread = request.membership.organization.slug, bool(values.get("unread"))
        return cls(slug, folder, at=str(values.get("at", "")), unread=unread, label=label)

    @classmethod
    def read(cls, request: MemberRequest, folder: int | None = None) -> ListPlace:
        """The place in the list that is named there too, else in the `folder`. Raises Http404 without any."""
        values = request.POST if request.method == "POST" else request.GET
        if values.get("all"):
            return cls.of(request)
        label = _id(values, "label")
        folder = folder or _id(values, "folder")
        if not (label or folder):
            raise Http404
        return cls.of(request, label=label) if label else cls.of(request, folder=folder)

    @property
    def is_all(self) -> bool:
        """Whether this is the list of all accounts."""
        return self.folder is None and self.label is None

    @property
    def fields(self) -> dict[str, str]:
        """The place as form fields; those that say nothing are left out."""
        if self.label is not None:
            values = {"label": str(self.label)}
        else:
            values = {"all": "1"} if self.folder is None else {"folder": str(self.folder)}
        return values | ({"at": self.at} if self.at else {}) | ({"unread": "1"} if self.unread else {})

    @property
    def query(self) -> str:
        """What follows the address of a message, so that it knows the list it was opened from."""
        values = {key: value for key, value in self.fields.items() if key != "folder"}
        return f"?{urlencode(values)}" if values else ""

    @property
    def url(self) -> str:
        """The list itself."""
        values = {key: value for key, value in self.fields.items() if key in ("at", "unread")}
        query = f"?{urlencode(values)}" if values else ""
        if self.label is not None:
            return reverse("label", args=[self.slug, self.label]) + query
        if self.folder is not None:
            return reverse("folder", args=[self.slug, self.folder]) + query
        return reverse("mail_all", args=[self.slug]) + query

    @property
    def first(self) -> ListPlace:
        """The newest messages of the same list."""
        return replace(self, at="")

    @property
    def fresh_url(self) -> str:
        """Where the list asks whether there is anything new."""
        return f"{reverse('mail_fresh', args=[self.slug])}?{urlencode(self.fields)}"


def _id(values: QueryDict, name: str) -> int | None:
    return number_in(str(values.get(name, "")))


@dataclass(frozen=True, slots=True)
class ListSource:
    """What a list is made of: folders with their accounts, and the label that their messages must have."""

    place: ListPlace
    folders: list[Folder]
    label: Label | None = None

    @property
    def folder(self) -> Folder | None:
        """The one folder shown, None for all accounts and for a label."""
        return self.folders[0] if self.place.folder is not None else None

    @property
    def account(self) -> MailAccount | None:
        """The one account whose mail this is, None for all accounts."""
        if self.label:
            return self.label.account
        return self.folder.account if self.folder else None

    @property
    def context(self) -> dict[str, object]:
        """What pages, their parts and the side panel know of the present place."""
        return {"place": self.place, "folder": self.folder, "label": self.label, "account": self.account}

    @property
    def seen(self) -> int:
        """A number that rises when mail comes in: of the folders' counters or an index, for nothing is counted."""
        if self.label:
            return self._labelled.aggregate(newest=Max("message"))["newest"] or 0
        return sum(each.unread_count if self.place.unread else each.messages_count for each in self.folders)

    def arrived(self, known: int) -> int:
        """How many messages came since `seen` was `known`."""
        if not self.label:
            return max(self.seen - known, 0)
        new = self._labelled.filter(message__gt=known, message__folder__in=self.folders)
        if self.place.unread:
            new = new.filter(message__is_read=False)
        return new[:ARRIVED_LIMIT].count()

    @property
    def _labelled(self) -> QuerySet[MessageLabel]:
        return MessageLabel.objects.filter(label=self.label)

    def read(self, message: Message | None = None) -> pagination.Page:
        """The page at the place's cursor; with `message`, the page that shows it."""
        ids = [folder.pk for folder in self.folders]
        label, unread = self.place.label, self.place.unread
        page = pagination.page(ids, at=self.place.at, label=label, unread_only=unread)
        if message is not None and message not in page:
            page = pagination.page_around(ids, message, label=label, unread_only=unread)
        return page


@dataclass(frozen=True, slots=True)
class ListPage(ListSource):
    """A list ready to be shown."""

    page: pagination.Page = field(default_factory=lambda: pagination.Page([]))

    @property
    def title(self) -> str:
        """The name of the list."""
        if self.label:
            return self.label.name
        return self.folder.label if self.folder else _("All accounts")

    @property
    def where(self) -> str:
        """The line below the name."""
        if self.account:
            return self.account.email
        count = len(self.folders)
        return ngettext("%(count)s account", "%(count)s accounts", count) % {"count": number(count)}

    @property
    def unread_count(self) -> int:
        """Unread messages in the whole list, not only on this page; a label's are not counted."""
        return 0 if self.label else sum(folder.unread_count for folder in self.folders)

    @property
    def is_trash(self) -> bool:
        """Whether messages here can be put back or deleted for good."""
        return self.folder is not None and self.folder.role == Folder.Role.TRASH

    @property
    def is_spam(self) -> bool:
        """Whether messages here can be taken out of Spam."""
        return self.folder is not None and self.folder.role == Folder.Role.SPAM

    @property
    def can_be_emptied(self) -> bool:
        """Whether there is something that may be deleted as a whole."""
        return (self.is_trash or self.is_spam) and bool(self.folder and self.folder.messages_count)

    @property
    def days(self) -> Iterator[tuple[str, list[Message]]]:
        """The messages under their days."""
        return pagination.by_day(self.page.messages)

    @property
    def span(self) -> str:
        """The days this page covers."""
        return pagination.span(self.page.messages)

    @property
    def newer_url(self) -> str:
        """The page before, "" on the first."""
        return replace(self.place, at=self.page.newer).url if self.page.newer else ""

    @property
    def older_url(self) -> str:
        """The page after, "" on the last."""
        return replace(self.place, at=self.page.older).url if self.page.older else ""

    @property
    def first_url(self) -> str:
        """The newest messages of this list."""
        return self.place.first.url

    @property
    def unread_url(self) -> str:
        """The same list with the unread filter the other way."""
        return replace(self.place, at="", unread=not self.place.unread).url


def source(request: MemberRequest, place: ListPlace) -> ListSource:
    """What the list is made of. Raises Http404 when the person has no such folder or label.

    A label's list leaves out Spam and Trash.
    """
    visible = Folder.objects.visible_to(request.membership).select_related("account")
    if place.label is not None:
        own = Label.objects.visible_to(request.membership).select_related("account")
        label = get_object_or_404(own, pk=place.label)
        kept = visible.exclude(role__in=(Folder.Role.SPAM, Folder.Role.TRASH))
        return ListSource(place, list(kept.filter(account=label.account_id)), label)
    if place.folder is not None:
        return ListSource(place, [get_object_or_404(visible, pk=place.folder)])
    inboxes = visible.filter(role=Folder.Role.INBOX)
    return ListSource(place, list(inboxes.order_by("account__position", "account_id")))


def build(request: MemberRequest, place: ListPlace, message: Message | None = None) -> ListPage:
    """The list at its page; with `message`, the page that shows it. At most eight queries, mostly four."""
    found = source(request, place)
    page = found.read(message)
    return ListPage(replace(place, at=page.at), found.folders, found.label, page)


def default_account(request: MemberRequest) -> MailAccount | None:
    """The account that opens first: the chosen one, else the first in the person's order."""
    return (
        MailAccount.objects.visible_to(request.membership).order_by("-is_default", "position", "id").first()
    )
