"""Which list a person looks at, and where in it: what every link and form of the mailbox carries along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import MemberRequest
from accounts.models import MailAccount
from mailbox import pages
from mailbox.models import Folder, Message
from mailbox.views.parts import number


@dataclass(frozen=True, slots=True)
class Place:
    """One folder (its id) or the inboxes of all accounts (None); the page's cursor; whether only unread."""

    slug: str
    folder: int | None
    at: str = ""
    unread: bool = False

    @classmethod
    def read(cls, request: MemberRequest, folder: int | None = None) -> Place:
        """The place as the query string or the form says it. Raises Http404 when it names no list."""
        values = request.POST if request.method == "POST" else request.GET
        if folder is None and str(values.get("folder", "")).isdecimal():
            folder = int(str(values["folder"]))
        if folder is None and not values.get("all"):
            raise Http404
        return cls(
            slug=request.membership.organization.slug,
            folder=None if values.get("all") else folder,
            at=str(values.get("at", "")),
            unread=bool(values.get("unread")),
        )

    @property
    def is_all(self) -> bool:
        """Whether this is the list of all accounts."""
        return self.folder is None

    @property
    def fields(self) -> dict[str, str]:
        """The place as form fields; those that say nothing are left out."""
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
        if self.folder is None:
            return reverse("mail_all", args=[self.slug]) + query
        return reverse("folder", args=[self.slug, self.folder]) + query

    @property
    def fresh_url(self) -> str:
        """Where the list asks whether there is anything new."""
        return f"{reverse('mail_fresh', args=[self.slug])}?{urlencode(self.fields)}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list ready to be shown."""

    place: Place
    folders: list[Folder]  # with their accounts
    page: pages.Page

    @property
    def folder(self) -> Folder | None:
        """The one folder shown, None for all accounts."""
        return None if self.place.is_all else self.folders[0]

    @property
    def title(self) -> str:
        """The name of the list."""
        return self.folder.label if self.folder else _("All accounts")

    @property
    def where(self) -> str:
        """The line below the name."""
        if self.folder:
            return self.folder.account.email
        count = len(self.folders)
        return ngettext("%(count)s account", "%(count)s accounts", count) % {"count": number(count)}

    @property
    def unread_count(self) -> int:
        """Unread messages in the whole list, not only on this page."""
        return sum(folder.unread_count for folder in self.folders)

    @property
    def seen(self) -> int:
        """The number that rises when mail comes in; see `views.lists.mail_fresh`."""
        return seen(self.place, self.folders)

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
        return pages.by_day(self.page.messages)

    @property
    def span(self) -> str:
        """The days this page covers."""
        return pages.span(self.page.messages)

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
        return replace(self.place, at="").url

    @property
    def unread_url(self) -> str:
        """The same list with the unread filter the other way."""
        return replace(self.place, at="", unread=not self.place.unread).url


def seen(place: Place, folders: list[Folder]) -> int:
    """How many messages the list holds, from the folders' counters: nothing is counted."""
    return sum(folder.unread_count if place.unread else folder.messages_count for folder in folders)


def folders_of(request: MemberRequest, place: Place) -> list[Folder]:
    """The folders that a list joins. Raises Http404 when the person has no such folder."""
    visible = Folder.objects.visible_to(request.membership).select_related("account")
    if place.folder is None:
        return list(visible.filter(role=Folder.Role.INBOX).order_by("account__position", "account_id"))
    folders = list(visible.filter(pk=place.folder))
    if not folders:
        raise Http404
    return folders


def build(request: MemberRequest, place: Place, message: Message | None = None) -> Listing:
    """The list at its page; with `message`, the page that shows it. At most six queries, mostly three."""
    folders = folders_of(request, place)
    ids = [folder.pk for folder in folders]
    page = pages.page(ids, at=place.at, unread_only=place.unread)
    if message is not None and message not in page:
        page = pages.page_around(ids, message, unread_only=place.unread)
    return Listing(replace(place, at=page.at), folders, page)


def default_account(request: MemberRequest) -> MailAccount | None:
    """The account that opens first: the chosen one, else the first in the person's order."""
    return (
        MailAccount.objects.visible_to(request.membership).order_by("-is_default", "position", "id").first()
    )
