"""What the page of a letter sends: read as it is, since a draft keeps right and wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from accounts.access import number_in
from accounts.models import Membership
from sending.compose.drafts import DraftError, Fields
from sending.models import Identity

LATEST: Final = timedelta(days=365)


def read_fields(membership: Membership, data: Mapping[str, str], pictures: Mapping[str, str]) -> Fields:
    """The fields. `pictures`: addresses of pictures on the page → content ids."""
    identities = Identity.objects.visible_to(membership).select_related(
        "account", "signature_new", "signature_reply"
    )
    chosen = number_in(data.get("identity", ""))
    return Fields(
        to=data.get("to", ""),
        cc=data.get("cc", ""),
        bcc=data.get("bcc", ""),
        subject=data.get("subject", ""),
        html=data.get("html", ""),
        text=data.get("text", ""),
        is_plain=data.get("is_plain") == "1",
        with_quote="quote_shown" not in data or bool(data.get("with_quote")),
        identity=identities.filter(pk=chosen).first() if chosen else None,
        signature=number_in(data.get("signature", "")),
        pictures=pictures,
    )


def version(data: Mapping[str, str]) -> int:
    """Which version of the draft the page has shown; 0 is never the newest."""
    return number_in(data.get("version", "")) or 0


def due_at(text: str) -> datetime:
    """When to send it, from a date and time in the person's time zone. Raises DraftError."""
    try:
        local = parse_datetime(text.strip())
    except ValueError:
        local = None
    if local is None or timezone.is_aware(local):
        raise DraftError.of("due", _("Choose a date and a time."))
    try:
        moment = timezone.make_aware(local)
        is_past, is_far = moment <= timezone.now(), moment > timezone.now() + LATEST
    except OverflowError:
        raise DraftError.of("due", _("Choose a time within a year.")) from None
    if is_past:
        raise DraftError.of("due", _("This time has passed. Choose a later one."))
    if is_far:
        raise DraftError.of("due", _("Choose a time within a year."))
    return moment
