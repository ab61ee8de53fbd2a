"""Forms for signatures, the organization's last words, and templates; what may be kept is decided by the services."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Membership
from sending.compose.signatures import HTML_LIMIT, clean_text
from sending.message import reply_rules
from sending.models import Identity, MessageTemplate, Signature

WRITING: Final = {"rows": 8, "spellcheck": "true"}
PEOPLE: Final = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
_TAG: Final = re.compile(r"<[a-zA-Z/!]|&[a-z]{2,10};|&#")
_LONG: Final = {"max_length": _("This is too long. Leave something out.")}


class RichField(forms.CharField):
    """HTML from the editor. Where there is none, plain typing is welcome: its lines stay lines."""

    widget = forms.Textarea(attrs=WRITING)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=HTML_LIMIT, error_messages=_LONG, **kwargs)

    def clean(self, value: Any) -> str:
        """HTML, not sanitized yet."""
        typed: str = super().clean(value)
        return typed if _TAG.search(typed) else reply_rules.html_of_text(clean_text(typed))


class PlainField(forms.CharField):
    """Plain text of several lines. NUL is refused by Django."""

    widget = forms.Textarea(attrs=WRITING)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=HTML_LIMIT, error_messages=_LONG, **kwargs)


class SignatureForm(forms.Form):
    """A signature, and which of the account's addresses begin with it."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Only you see it."), required=False)
    html = RichField(label=_("Signature"))
    text = PlainField(label=_("As plain text"))
    place = forms.ChoiceField(label=_("In answers"), choices=Signature.Place, widget=forms.RadioSelect)
    new = forms.TypedMultipleChoiceField(
        label=_("New mail"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    reply = forms.TypedMultipleChoiceField(
        label=_("Answers and forwarded mail"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, account: MailAccount, signature: Signature | None, **kwargs: Any) -> None:
        own = list(account.identities.all())
        kwargs["initial"] = {"place": Signature.Place.ABOVE} | (_initial(signature, own) if signature else {})
        super().__init__(*args, **kwargs)
        for name in ("new", "reply"):
            field = self.fields[name]
            assert isinstance(field, forms.TypedMultipleChoiceField)
            field.choices = [(each.pk, each.address) for each in own]


def _initial(signature: Signature, own: Sequence[Identity]) -> dict[str, Any]:
    return {
        "name": signature.name,
        "html": signature.html or reply_rules.html_of_text(signature.text),
        "text": signature.text,
        "place": signature.place,
        "new": [each.pk for each in own if each.signature_new_id == signature.pk],
        "reply": [each.pk for each in own if each.signature_reply_id == signature.pk],
    }


class DisclaimerForm(forms.Form):
    """What stands below every message of the organization."""

    is_on = forms.BooleanField(label=_("Put it below every message"), required=False)
    html = RichField(label=_("Text"))
    text = PlainField(label=_("As plain text"))


class FilesInput(forms.ClearableFileInput):
    """Several files at once."""

    template_name = "django/forms/widgets/file.html"
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """None, one or several files, as a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """The files. Empty ones are refused."""
        given = data if isinstance(data, (list, tuple)) else [data]
        return [super(FilesField, self).clean(each, initial) for each in given if each]


class TemplateForm(forms.Form):
    """A template. The body that is not shown is not kept."""

    name = forms.CharField(label=_("Name"), required=False)
    account = forms.ModelChoiceField(
        label=_("For"),
        queryset=MailAccount.objects.none(),
        required=False,
        empty_label=_("All my accounts"),
    )
    is_shared = forms.BooleanField(
        label=_("Share it with the organization"),
        required=False,
        help_text=_("Everybody there can begin with it; only you can change it."),
    )
    subject = forms.CharField(label=_("Subject"), required=False, strip=False)
    is_plain = forms.TypedChoiceField(
        label=_("Kind of text"),
        choices=[("", _("Rich text")), ("1", _("Plain text"))],
        coerce=bool,
        required=False,
        widget=forms.RadioSelect,
    )
    html = RichField(label=_("Text"))
    text = PlainField(label=_("Text"))
    to = forms.CharField(label=_("To"), required=False, widget=forms.TextInput(attrs=PEOPLE))
    cc = forms.CharField(label=_("Cc"), required=False, widget=forms.TextInput(attrs=PEOPLE))
    bcc = forms.CharField(label=_("Bcc"), required=False, widget=forms.TextInput(attrs=PEOPLE))
    attachments = FilesField(label=_("Files"), required=False, max_length=255)
    remove = forms.TypedMultipleChoiceField(
        label=_("Take out"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self, *args: Any, membership: Membership, template: MessageTemplate | None = None, **kwargs: Any
    ) -> None:
        names = ("name", "account", "is_shared", "subject", "html", "text", "to", "cc", "bcc")
        if template:
            kwargs["initial"] = {name: getattr(template, name) for name in names}
            kwargs["initial"]["is_plain"] = "1" if template.is_plain else ""
        super().__init__(*args, **kwargs)
        accounts, remove = self.fields["account"], self.fields["remove"]
        assert isinstance(accounts, forms.ModelChoiceField)
        accounts.queryset = MailAccount.objects.visible_to(membership)
        assert isinstance(remove, forms.TypedMultipleChoiceField)
        remove.choices = (
            [(file.pk, file.filename) for file in template.files.defer("data")] if template else []
        )

    def clean(self) -> dict[str, Any]:
        """One body or the other."""
        data = super().clean() or self.cleaned_data
        data["is_plain"] = bool(data.get("is_plain"))
        data["html" if data["is_plain"] else "text"] = ""
        return data
