"""Mail that Mailhub itself writes to people, one function a kind, in the reader's language.

Each is queued (`accounts.system_mail`) in the caller's transaction and goes out after it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import system_mail
from accounts.models import Invitation, MailAccount, User
from accounts.models.people import INVITATION_DAYS
from accounts.servers.failures import Failure

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Words = str | _StrPromise


def invitation(found: Invitation, key: str) -> None:
    """The link that lets somebody in; the row with its organization and inviter."""
    reader = User.objects.filter(email=found.email).first()
    inviter, organization = found.invited_by, _unlinked(found.organization.name)
    # Who has not said what they read probably reads what the inviter reads.
    language = (reader.language if reader else "") or (inviter.language if inviter else "")
    with translation.override(language or settings.LANGUAGE_CODE):
        person = _unlinked(str(inviter)) if inviter else _("Somebody")
        _send(
            found.email,
            _("%(person)s invites you to %(organization)s")
            % {"person": person, "organization": organization},
            "email/invitation.txt",
            timedelta(days=INVITATION_DAYS),
            organization=organization,
            inviter=person,
            days=INVITATION_DAYS,
            url=_address("invitation", found.organization_id, key),
        )


def account_needs_you(account: MailAccount, failure: Failure) -> None:
    """Fetching has stopped until the owner does something; sent once a time."""
    subject = gettext_lazy("No new mail from %(account)s: Mailhub needs you")
    words = {"sentence": failure.sentence, "remedy": failure.remedy}
    _tell_owner(account, subject, "email/account_needs_you.txt", "mail_account_edit", **words)


def sending_needs_you(account: MailAccount, sentence: Words, remedy: Words) -> None:
    """Nothing goes out from an account until its owner does something."""
    subject = gettext_lazy("Nothing goes out from %(account)s: Mailhub needs you")
    words = {"sentence": sentence, "remedy": remedy}
    _tell_owner(account, subject, "email/sending_needs_you.txt", "outbox", **words)


def not_sent(account: MailAccount, lines: Sequence[tuple[str, Words, Words]], *, more: int = 0) -> None:
    """Messages that were refused, or maybe sent: subject, how it ended, and a sentence; `more` are not named."""
    named = [(" ".join(subject.split()), badge, sentence) for subject, badge, sentence in lines]
    subject = gettext_lazy("Not sent from %(account)s")
    _tell_owner(account, subject, "email/not_sent.txt", "outbox", lines=named, more=more)


def _tell_owner(account: MailAccount, subject: _StrPromise, template: str, page: str, **context: Any) -> None:
    """Write to the owner, in their language; `page` is where they can do something about it."""
    owner = account.owner
    with translation.override(owner.language or settings.LANGUAGE_CODE):
        url = _address(page, account.organization.slug, account.pk)
        _send(
            owner.email,
            str(subject) % {"account": account.name},
            template,
            system_mail.GOOD_FOR,
            account=account,
            owner=owner,
            url=url,
            **context,
        )


def address_code(
    user: User, organization: str, slug: str, address: str, code: str, *, minutes: int, language: str
) -> None:
    """The code that proves an address to be its asker's; it may reach somebody who has never heard of us."""
    with translation.override(language or user.language or settings.LANGUAGE_CODE):
        _send(
            address,
            _("Is %(address)s yours?") % {"address": address},
            "email/address_code.txt",
            timedelta(minutes=minutes),
            address=address,
            person=_unlinked(str(user)),
            email=user.email,
            organization=_unlinked(organization),
            code=f"{code[:3]} {code[3:]}",
            minutes=minutes,
            url=_address("addresses", slug),
        )


def _unlinked(name: str) -> str:
    """A name as strangers may read it: one line, short, and nothing that a mail program makes a link of."""
    shown = "".join(
        each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each) != "Cf"
    )
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", shown).split())
    # Also the dots of other scripts, which browsers take for one in a host name.
    return re.sub(r"(?<=\S)([.\u3002:@/\\\\])(?=\S)", r"\1 ", line)[:80]


def _address(name: str, *args: Any) -> str:
    return f"{settings.MAILHUB_URL}{reverse(name, args=args)}"


def _send(to: str, subject: str, template: str, good_for: timedelta, **context: Any) -> None:
    system_mail.queue(to, subject, render_to_string(template, context), good_for=good_for)
