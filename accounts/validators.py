"""What the names of people and organizations, and time zones, may be; for models, so that every form asks."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_JOINERS = "\u200c\u200d"  # they belong to Persian and to emoji
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# A name is read by others, also in mail to strangers: it must not be what a mail program makes a link of.
_LINK = re.compile(r"[a-z][a-z0-9+.-]*:/|//|\bwww[.]|[^\s@]+@[^\s@]+[.]\w", re.IGNORECASE)


def plain_name(name: str) -> None:
    """One line of letters, without a link or an address. Raises ValidationError."""
    if any(unicodedata.category(each) in _UNPRINTABLE and each not in _JOINERS for each in name):
        raise ValidationError(
            _("The name holds a character that cannot be shown. Type it again, on one line.")
        )
    if _LINK.search(unicodedata.normalize("NFKC", name)):
        raise ValidationError(_("A name holds no link and no address. Leave it out."))


def known_time_zone(name: str) -> None:
    """A name of the IANA time zone database. Raises ValidationError."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("There is no such time zone. Choose one like “Asia/Jakarta”."))


def known_language(code: str) -> None:
    """A language that Mailhub speaks. Raises ValidationError."""
    if code not in dict(settings.LANGUAGES):
        raise ValidationError(_("Mailhub does not speak this language."))
