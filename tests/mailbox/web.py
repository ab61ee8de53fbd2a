"""What the tests of the mailbox's pages share: addresses, letters by the hour, and reading what a page says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import unescape

from django.urls import reverse
from django.utils.http import urlencode

from accounts import tenancy
from accounts.models import MailAccount
from mailbox.models import Folder
from tests.factories import letter

HTMX = {"HX-Request": "true"}


def folder_of(account: MailAccount, role: str = Folder.Role.INBOX) -> Folder:
    with tenancy.scope(account.organization_id):
        return Folder.objects.select_related("account").get(account=account, role=role)


def url(name: str, *args: object, **query: object) -> str:
    return reverse(name, args=["acme", *args]) + (f"?{urlencode(query)}" if query else "")


def numbered(count: int, start: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)) -> list[bytes]:
    return [letter(f"Letter {n}", date=format_datetime(start - timedelta(hours=n))) for n in range(count)]


def flat(response) -> str:
    """The page with every run of white space as one space, which is all that browsers see of it."""
    return " ".join(response.content.decode().split())


def subjects(response) -> list[str]:
    return [
        unescape(found) for found in re.findall(r'class="row-subject">.*?<bdi>(.*?)</bdi>', flat(response))
    ]


def links(response, words: str) -> list[str]:
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', flat(response))
    return [unescape(address) for address, inside in found if re.sub(r"<[^>]+>", "", inside).strip() == words]
