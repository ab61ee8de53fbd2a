"""Forms for how an account is fetched: what is allowed, what the plan allows, and what is said when it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.formats import MB, number
from accounts.models import MailAccount, Organization
from fetching.models import FetchDefaults, FetchRules
from fetching.models.settings import DAYS, MESSAGES_A_CYCLE, MINUTES
from mailbox.models import Folder, Label

Delete = FetchRules.Delete
First = FetchRules.First

# Sizes are typed and shown in these, everywhere.

_ABOUT_DELETING = {
    Delete.KEEP: gettext_lazy("The safe choice: everything there stays as it is."),
    Delete.AFTER_STORING: gettext_lazy(
        "As soon as a message is stored here, it goes there. The mailbox there stays small."
    ),
    Delete.AFTER_DAYS: gettext_lazy("The provider keeps each message for a while after it was stored here."),
    Delete.WHEN_DELETED_HERE: gettext_lazy(
        "What you delete here, and then from the Trash, goes there too. What you keep here stays there."
    ),
}
_ABOUT_FIRST = {
    First.EVERYTHING: gettext_lazy("All mail that is there, however old."),
    First.LAST_DAYS: gettext_lazy(
        "You say how many. Older mail stays at the provider, and you can ask for more later."
    ),
    First.ONLY_NEW: gettext_lazy("Nothing of what is there already. You can ask for more later."),
}


def defaults_of(organization_id: int) -> FetchRules:
    """What new accounts of the organization begin with."""
    return FetchDefaults.objects.filter(organization=organization_id).first() or FetchDefaults()


def _number(label: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )


class WishesForm(forms.Form):
    """What is fetched of the mail that is there, and when mail is deleted there. What is not sent stays as it is."""

    first_fetch = forms.ChoiceField(
        label=gettext_lazy("Which mail"), choices=First.choices, required=False, widget=forms.RadioSelect
    )
    first_days = _number(gettext_lazy("Days back"))
    delete_policy = forms.ChoiceField(
        label=gettext_lazy("At the provider"),
        choices=Delete.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    delete_after_days = _number(gettext_lazy("Days until deleting"))

    # What holds now; a subclass sets it before it calls `super().__init__`.
    rules: FetchRules

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(self.rules) | dict(kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        """A number of days is needed where it means something, and kept as it is elsewhere."""
        data = super().clean() or self.cleaned_data
        for choice, days, meaning in (
            ("first_fetch", "first_days", First.LAST_DAYS),
            ("delete_policy", "delete_after_days", Delete.AFTER_DAYS),
        ):
            if choice not in self.errors:
                data[choice] = data.get(choice) or getattr(self.rules, choice)
            if data.get(choice) == meaning and days not in self.errors:
                self._check(days, data.get(days), *DAYS)
            elif data.get(choice) != meaning:
                self.errors.pop(days, None)
                data[days] = None
            if data.get(days) is None:
                data[days] = getattr(self.rules, days)
        return data

    def _check(self, name: str, value: int | None, low: int, high: int, why: str = "") -> None:
        if value is None or not low <= value <= high:
            words = _("Enter a number from %(low)s to %(high)s.")
            words %= {"low": number(low), "high": number(high)}
            self.add_error(name, f"{why} {words}".strip())

    def wishes(self) -> dict[str, Any]:
        """Values for columns of FetchRules, as plain ones. Valid forms only."""
        return {
            name: self.cleaned_data[name]
            for name in ("first_fetch", "first_days", "delete_policy", "delete_after_days")
        }

    # ── For the templates ───────────────────────────────────────────────────
    @property
    def delete_choices(self) -> list[tuple[str, str, str, bool]]:
        """Value, label, what it means, and whether it is chosen."""
        return self._choices("delete_policy", Delete, _ABOUT_DELETING)

    @property
    def first_choices(self) -> list[tuple[str, str, str, bool]]:
        """The same for what is fetched the first time."""
        return self._choices("first_fetch", First, _ABOUT_FIRST)

    def _choices(self, name: str, of: Any, about: Mapping[Any, Any]) -> list[tuple[str, str, str, bool]]:
        chosen = self[name].value() or getattr(self.rules, name)
        return [(value, str(label), str(about[of(value)]), value == chosen) for value, label in of.choices]


class RulesForm(WishesForm):
    """All of FetchRules, within what the organization's plan allows."""

    interval_minutes = _number(gettext_lazy("Minutes between two fetches"))
    is_adaptive = forms.BooleanField(label=gettext_lazy("Less often while nothing comes"), required=False)
    newest_first = forms.BooleanField(label=gettext_lazy("Newest mail first"), required=False)
    max_message_mb = _number(gettext_lazy("Largest message"))
    messages_per_cycle = _number(gettext_lazy("Messages a fetch"))
    arrive_read = forms.BooleanField(label=gettext_lazy("New mail arrives as read"), required=False)

    def __init__(
        self, *args: Any, organization: Organization, rules: FetchRules | None = None, **kwargs: Any
    ) -> None:
        self.organization = organization
        self.rules = rules or defaults_of(organization.pk)
        super().__init__(*args, **kwargs)
        # A plan may have become smaller since: what is shown is what holds.
        minutes, size = self.initial["interval_minutes"], self.initial["max_message_mb"]
        self.initial["interval_minutes"] = max(minutes, self.least_minutes)
        self.initial["max_message_mb"] = min(size, self.most_mb) if size else None

    @property
    def least_minutes(self) -> int:
        """The shortest pause that is allowed."""
        return max(MINUTES[0], self.organization.fetch_minutes_limit)

    @property
    def most_minutes(self) -> int:
        """The longest."""
        return max(MINUTES[1], self.least_minutes)

    @property
    def most_mb(self) -> int:
        """The largest message that the plan allows, in MB."""
        return max(1, self.organization.message_bytes_limit // MB)

    @property
    def minutes_words(self) -> str:
        """What the plan says about it."""
        least = self.least_minutes
        words = ngettext(
            "Your plan allows %(count)s minute or more.", "Your plan allows %(count)s minutes or more.", least
        )
        return words % {"count": number(least)}

    @property
    def mb_words(self) -> str:
        """What the plan says about sizes."""
        return _("Your plan allows up to %(count)s MB.") % {"count": number(self.most_mb)}

    @property
    def has_rare(self) -> bool:
        """Whether what hardly anybody changes was changed, or is wrong."""
        rare = ("max_message_mb", "messages_per_cycle")
        return any(self[name].value() not in (None, "") or self[name].errors for name in rare)

    def clean(self) -> dict[str, Any]:
        """Numbers within their limits; an empty size or number of messages means no limit of one's own."""
        data = super().clean()
        if "interval_minutes" not in self.errors:
            limits = self.least_minutes, self.most_minutes
            self._check("interval_minutes", data.get("interval_minutes"), *limits, self.minutes_words)
        if data.get("max_message_mb") is not None:
            self._check("max_message_mb", data["max_message_mb"], 1, self.most_mb, self.mb_words)
        if data.get("messages_per_cycle") is not None:
            self._check("messages_per_cycle", data["messages_per_cycle"], *MESSAGES_A_CYCLE)
        return data

    def values(self) -> dict[str, Any]:
        """Values for the columns of FetchRules. Valid forms only."""
        names = ("interval_minutes", "is_adaptive", "newest_first", "messages_per_cycle", "arrive_read")
        megabytes = self.cleaned_data["max_message_mb"]
        return (
            self.wishes()
            | {name: self.cleaned_data[name] for name in names}
            | {"max_message_bytes": megabytes * MB if megabytes else None}
        )


class FetchSettingsForm(RulesForm):
    """How one account is fetched, and where its new mail goes."""

    folder = forms.ModelChoiceField(
        Folder.objects.none(),
        label=gettext_lazy("Folder"),
        required=False,
        empty_label=gettext_lazy("Inbox"),
    )
    label = forms.ModelChoiceField(
        Label.objects.none(),
        label=gettext_lazy("Label"),
        required=False,
        empty_label=gettext_lazy("No label"),
    )

    def __init__(self, *args: Any, account: MailAccount, **kwargs: Any) -> None:
        settings = account.fetch_settings
        super().__init__(
            *args,
            organization=account.organization,
            rules=settings,
            initial={"folder": settings.folder_id, "label": settings.label_id},
            **kwargs,
        )
        own = Folder.objects.filter(account=account, role=Folder.Role.OWN)
        self._choose_from("folder", own, lambda folder: folder.label)
        self._choose_from("label", Label.objects.filter(account=account), str)

    def _choose_from(self, name: str, rows: Any, words: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows
        field.label_from_instance = words  # type: ignore[method-assign]

    def values(self) -> dict[str, Any]:
        """Values for the columns of FetchSettings. Valid forms only."""
        return super().values() | {name: self.cleaned_data[name] for name in ("folder", "label")}


def _initial(rules: FetchRules) -> dict[str, Any]:
    names = (
        *("interval_minutes", "is_adaptive", "messages_per_cycle", "first_fetch", "first_days"),
        *("newest_first", "delete_policy", "delete_after_days", "arrive_read"),
    )
    size = rules.max_message_bytes
    return {name: getattr(rules, name) for name in names} | {"max_message_mb": size and max(1, size // MB)}
