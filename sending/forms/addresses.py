"""Forms for sender addresses, and for the code that proves one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Membership
from sending.identities import address_verification
from sending.identities.address_verification import NotWritable
from sending.message import header_encoding
from sending.models import Identity

PLAIN_TEXT = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class AddressField(forms.EmailField):
    """An address that a code can be mailed to, as it goes out: the domain in ASCII."""

    widget = forms.EmailInput(attrs=PLAIN_TEXT)

    def clean(self, value: Any) -> str:
        """The address. Raises ValidationError."""
        typed: str = super().clean(value)
        if not typed:
            return ""
        try:
            return address_verification.writable(typed)
        except NotWritable as error:
            raise ValidationError(error.sentence) from None


class NameField(forms.CharField):
    """A name as it stands before an address: one line."""

    def clean(self, value: Any) -> str:
        """The name. Raises ValidationError."""
        try:
            return header_encoding.clean(super().clean(value), "name")
        except header_encoding.ComposeError:
            raise ValidationError(_("A name is one line of letters. Remove what is not.")) from None


class EditAddressForm(forms.Form):
    """Name and where replies go. The address itself never changes: another one is another sender address."""

    name = NameField(label=_("Sender name"), max_length=150, required=False)
    reply_to = AddressField(label=_("Replies go to"), max_length=254, required=False)


class NewAddressForm(EditAddressForm):
    """Another address for one of the member's accounts."""

    account = forms.ModelChoiceField(label=_("Account"), queryset=MailAccount.objects.none())
    address = AddressField(label=_("E-mail address"), max_length=254)

    field_order = ("account", "address", "name", "reply_to")

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = self.fields["account"]
        assert isinstance(accounts, forms.ModelChoiceField)
        accounts.queryset = MailAccount.objects.visible_to(membership).select_related("organization")
        accounts.empty_label = None


class CodeForm(forms.Form):
    """The code from the mail. Whether it is right is not this form's to say."""

    code = forms.CharField(
        label=_("Code"),
        max_length=30,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}
        ),
        error_messages={"required": _("Enter the code from the mail.")},
    )


def initial_of(identity: Identity) -> dict[str, Any]:
    """What the form shows of an address."""
    return {"name": identity.name, "reply_to": identity.reply_to}
