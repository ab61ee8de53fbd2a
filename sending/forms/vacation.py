"""The form for an away reply: from when until when, for whom, and what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from sending.compose.signatures import clean_text
from sending.message import header_encoding
from sending.message.addresses import AddressError, for_sending
from sending.models import VacationReply
from sending.vacation.rules import LONGEST

TEXT_LIMIT: Final = 10_000
ADDRESSES_LIMIT: Final = 20
EVERY_DAY: Final = list(range(7))
_OF_DAYS: Final = _("Enter a number from 1 to 30.")
_MOMENT: Final = "%Y-%m-%dT%H:%M"


def _moment(label: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(format=_MOMENT, attrs={"type": "datetime-local"})
    invalid = {"invalid": _("Enter a date and a time.")}
    return forms.DateTimeField(label=label, required=False, widget=widget, error_messages=invalid)


def _hour(label: Any) -> forms.TimeField:
    widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    return forms.TimeField(
        label=label,
        required=False,
        widget=widget,
        error_messages={"invalid": _("Enter a time such as 09:00.")},
    )


def _words(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"max_length": _("This is too long. Leave something out.")},
    )


class AwayForm(forms.Form):
    """Times are of the reader's time zone, which the page names."""

    is_on = forms.BooleanField(label=_("Answer while I am away"), required=False)
    starts_at = _moment(_("From"))
    ends_at = _moment(_("Until"))
    weekdays = forms.TypedMultipleChoiceField(
        label=_("On"),
        coerce=int,
        required=False,
        choices=list(WEEKDAYS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    from_hour = _hour(_("From"))
    until_hour = _hour(_("Until"))
    audience = forms.ChoiceField(
        label=_("Who gets it"), choices=VacationReply.Audience, widget=forms.RadioSelect
    )
    interval_days = forms.IntegerField(
        label=_("Days between two replies to the same person"),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        validators=[MinValueValidator(1, _OF_DAYS), MaxValueValidator(LONGEST.days, _OF_DAYS)],
        error_messages={"required": _OF_DAYS, "invalid": _OF_DAYS},
    )
    subject = forms.CharField(label=_("Subject"), required=False, max_length=200, strip=False)
    text = _words(_("Text"))
    members_text = _words(_("Another text for members"))
    also_addresses = forms.CharField(
        label=_("Further addresses of mine"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3, "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, reply: VacationReply | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(reply or VacationReply())
        super().__init__(*args, **kwargs)

    def clean_subject(self) -> str:
        """One line."""
        try:
            return header_encoding.clean(self.cleaned_data["subject"], "subject")
        except header_encoding.ComposeError:
            raise ValidationError(_("This must be one line.")) from None

    def clean_weekdays(self) -> list[int]:
        """None are meant for every day by what is kept; here somebody has forgotten to choose."""
        days: list[int] = sorted(set(self.cleaned_data["weekdays"]))
        if not days:
            raise ValidationError(_("Choose at least one day."))
        return [] if days == EVERY_DAY else days

    def clean_text(self) -> str:
        """Plain text."""
        return clean_text(self.cleaned_data["text"])

    def clean_members_text(self) -> str:
        """Plain text."""
        return clean_text(self.cleaned_data["members_text"])

    def clean_also_addresses(self) -> str:
        """One a line, as they would go out."""
        typed = [each for each in re.split(r"[\s,;]+", self.cleaned_data["also_addresses"]) if each]
        if len(typed) > ADDRESSES_LIMIT:
            raise ValidationError(_("These are too many addresses. Keep the 20 that matter."))
        try:
            return "\n".join(dict.fromkeys(for_sending(each) for each in typed))
        except AddressError:
            raise ValidationError(_("Enter one e-mail address a line.")) from None

    def clean(self) -> dict[str, Any]:
        """What only makes sense together."""
        data = super().clean() or self.cleaned_data
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("This is before it begins. Choose a later time."))
        elif data.get("is_on") and ends and ends <= timezone.now():
            self.add_error("ends_at", _("This is over already. Choose a later time, or none."))
        if bool(data.get("from_hour")) != bool(data.get("until_hour")) and not self.errors:
            missing = "until_hour" if data.get("from_hour") else "from_hour"
            self.add_error(missing, _("Enter both hours, or neither."))
        if data.get("is_on") and not data.get("text") and "text" not in self.errors:
            self.add_error("text", _("Write what the reply says."))
        return data

    def values(self, time_zone: str) -> dict[str, Any]:
        """What `absences.change` keeps."""
        return {**self.cleaned_data, "time_zone": time_zone}


def _initial(reply: VacationReply) -> Mapping[str, Any]:
    names = (
        "is_on",
        "starts_at",
        "ends_at",
        "from_hour",
        "until_hour",
        "audience",
        "interval_days",
        "subject",
    )
    found = {name: getattr(reply, name) for name in (*names, "text", "members_text", "also_addresses")}
    for name in ("starts_at", "ends_at"):
        moment: datetime | None = found[name]
        found[name] = timezone.localtime(moment) if moment else None
    return {**found, "weekdays": reply.weekdays or EVERY_DAY}
