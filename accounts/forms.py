"""Forms about people: signing up, one's own profile and look, founding and inviting."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from accounts import invitations, services
from accounts.models import Membership, Organization, Role, User
from accounts.validators import plain_name

MAX_INVITED_AT_ONCE = 50
# Old names of zones that have another name too, and machines' own.
OLD_AREAS = ("Etc", "SystemV", "US", "Canada", "Brazil", "Chile", "Mexico", "posix", "right")


class TimeZoneField(forms.CharField):
    """What the browser says its time zone is; what is unknown becomes UTC: nobody can correct it here."""

    widget = forms.HiddenInput(attrs={"data-time-zone": ""})

    def __init__(self) -> None:
        super().__init__(required=False, max_length=64)

    def clean(self, value: Any) -> str:
        """A name that `zoneinfo` knows."""
        return value if value in zoneinfo.available_timezones() else "UTC"


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """Signing up founds an organization, or joins the one that invited."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        validators=[plain_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    organization = forms.CharField(
        label=_("Organization"),
        max_length=100,
        validators=[plain_name],
        help_text=_("Your company or household. You can invite others into it."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    time_zone = TimeZoneField()

    field_order = ("name", "organization", "email", "password1", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitations.kept(context.request)
        email, password = self.fields["email"], self.fields["password1"]
        email.label, password.label = _("E-mail address"), _("Password")
        password.help_text = _("At least 8 characters, and not one that many people use.")
        for field in (email, password):
            field.widget.attrs.pop("placeholder", None)
        if self.invitation:
            del self.fields["organization"]
            email.initial = self.invitation.email
            email.disabled = True

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """allauth's way to save: a person, or the answer when there cannot be one."""
        try:
            saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        except services.InvitationError:  # withdrawn while the form was open
            return None, render(request, "people/invitation_gone.html", status=404)
        except IntegrityError:  # the same address signed up at this moment: a second click, or somebody else
            self.account_already_exists = True
            return self.try_save(request)
        return saved

    def save(self, request: HttpRequest) -> User:
        """The person and their membership, or neither. Raises services.InvitationError."""
        with transaction.atomic():
            user: User = super().save(request)
            if self.invitation:
                invitations.accept(request, self.invitation, user)
            else:
                services.found_organization(self.cleaned_data["organization"], user)
        return user


class FoundForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Found another organization."""

    class Meta:
        model = Organization
        fields = ("name",)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """How others in the organization see a person."""

    class Meta:
        model = User
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


def language_choices() -> list[tuple[str, str]]:
    """Each language by its own name: who looks for theirs may not read the present one."""
    return [(code, capfirst(get_language_info(code)["name_local"])) for code, _name in settings.LANGUAGES]


def time_zone_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All time zones by continent, as a select shows them."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        area, _slash, place = name.partition("/")
        if place and area not in OLD_AREAS:
            groups.setdefault(area, []).append((name, place.replace("_", " ")))
    return [("UTC", [("UTC", "UTC")]), *sorted(groups.items())]


class LookForm(forms.ModelForm):  # type: ignore[type-arg]
    """Language, theme, time zone."""

    class Meta:
        model = User
        fields = ("language", "theme", "time_zone")
        widgets = {"theme": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"] = forms.ChoiceField(
            label=_("Language"),
            required=False,
            choices=[("", _("As the browser asks for")), *language_choices()],
        )
        self.fields["time_zone"] = forms.ChoiceField(label=_("Time zone"), choices=time_zone_choices())


class InviteForm(forms.Form):
    """Addresses to invite, in any separated way, and the role they get. All or none."""

    emails = forms.CharField(
        label=_("Invite by e-mail"),
        max_length=8_000,
        help_text=_("One or more addresses, with commas between them."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )
    role = forms.ChoiceField(label=_("Role"), initial=Role.MEMBER)

    def __init__(self, membership: Membership, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.membership = membership
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = [(Role.MEMBER.value, Role.MEMBER.label), (Role.ADMIN.value, Role.ADMIN.label)]

    def clean_emails(self) -> list[str]:
        """Lower-case addresses, each once, none of a member."""
        addresses = list(dict.fromkeys(re.findall(r"[^\s,;<>]+", self.cleaned_data["emails"].lower())))
        if not addresses:
            raise ValidationError(_("Enter at least one address."))
        if len(addresses) > MAX_INVITED_AT_ONCE:
            raise ValidationError(
                _("Invite at most %(count)s people at once. Nobody has been invited yet."),
                params={"count": MAX_INVITED_AT_ONCE},
            )
        for address in addresses:
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(
                    _("“%(address)s” is not a full address. Nobody has been invited yet."),
                    params={"address": address},
                ) from None
        member = (
            Membership.objects.filter(organization=self.membership.organization, user__email__in=addresses)
            .select_related("user")
            .first()
        )
        if member:
            raise ValidationError(
                _("%(person)s is already in this organization. Nobody has been invited yet."),
                params={"person": member.user.email},
            )
        return addresses
