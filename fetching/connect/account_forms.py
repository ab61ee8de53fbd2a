"""Forms for connecting an account and changing its settings. Nothing here talks to a server."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Membership
from accounts.models.mail_accounts import COLOR_NAMES
from accounts.providers import lookup
from accounts.servers import hosts
from accounts.servers.failures import MailError
from fetching.connect.settings_forms import WishesForm, defaults_of

ENCRYPTIONS = [
    (MailAccount.Encryption.SSL, _("SSL")),
    (MailAccount.Encryption.STARTTLS, _("STARTTLS")),
    (MailAccount.Encryption.PLAIN, _("None")),
]
PLAIN_TEXT = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
# What most people never touch when they connect.
EXTRAS = (
    *("from_name", "from_address", "reply_to"),
    *("first_fetch", "first_days", "delete_policy", "delete_after_days"),
)
USUAL_PORTS = {"ssl": 995, "starttls": 110, "plain": 110}


class ServerForm(forms.Form):
    """How the mailbox is reached: what a test proves and nothing but a passed test may save.

    With `account`, its own settings are changed and an empty password means the one that is stored.
    """

    host = forms.CharField(label=_("Server"), max_length=253, required=False)
    port = forms.IntegerField(
        label=_("Port"),
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )
    encryption = forms.ChoiceField(label=_("Encryption"), choices=ENCRYPTIONS, required=False)
    username = forms.CharField(label=_("User name"), max_length=254, required=False)
    # Never strip: a password may begin or end with a space. Django does not render it again.
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self, *args: Any, membership: Membership, account: MailAccount | None = None, **kwargs: Any
    ) -> None:
        self.membership, self.account = membership, account
        super().__init__(*args, **kwargs)
        for name in ("host", "username"):
            self.fields[name].widget.attrs |= PLAIN_TEXT

    def clean(self) -> dict[str, Any]:
        """Fill in what the provider's preset knows, then check server, port, password and duplicates."""
        data = super().clean() or self.cleaned_data
        self._fill(data)
        for name, error in (
            ("host", _("Enter the name of the server; the provider can tell you.")),
            ("username", _("Enter the user name.")),
        ):
            # A right address may still bring both, so a wrong one is the only thing to say.
            if not data.get(name) and not {name, "email", "provider"} & set(self.errors):
                self.add_error(name, error)
        self._check_server(data)
        self._check_password(data)
        self._check_duplicate(data)
        return data

    def _fill(self, data: dict[str, Any]) -> None:
        data["encryption"] = data.get("encryption") or MailAccount.Encryption.SSL
        if not data.get("port") and "port" not in self.errors:
            data["port"] = USUAL_PORTS[data["encryption"]]

    def _check_server(self, data: dict[str, Any]) -> None:
        host, port = data.get("host"), data.get("port")
        if not host:
            return
        try:
            data["host"] = hosts.check_host(host)
        except MailError as error:
            self.add_error("host", f"{error.sentence} {error.remedy}")
            return
        if port:
            try:
                hosts.check_port(port, "pop3", data["host"])
            except MailError as error:
                self.add_error("port", f"{error.sentence} {error.remedy}")

    def _check_password(self, data: dict[str, Any]) -> None:
        if data.get("password") or "password" in self.errors:
            return
        if self.account is None:
            self.add_error("password", _("Enter the password."))
        elif self._leads_elsewhere(self.account, data):
            # Or whoever sits at an unlocked screen could have the stored password sent to a server of theirs.
            self.add_error("password", _("Enter the password again, because it would go another way now."))
        else:
            data["password"] = self.account.password

    def _leads_elsewhere(self, account: MailAccount, data: dict[str, Any]) -> bool:
        is_moved = (data.get("host"), data.get("port")) != (account.host, account.port)
        is_plain = data["encryption"] == MailAccount.Encryption.PLAIN
        return is_moved or (is_plain and account.encryption != MailAccount.Encryption.PLAIN)

    def _check_duplicate(self, data: dict[str, Any]) -> None:
        host, username = data.get("host"), data.get("username")
        if not host or not username:
            return
        # Two accounts on one mailbox would store everything twice and delete each other's mail.
        name = username.lower().removeprefix("recent:")  # Gmail's other view of the same mailbox (U18)
        is_twin = Q(username__iexact=name) | Q(username__iexact=f"recent:{name}")
        twins = MailAccount.objects.visible_to(self.membership).filter(is_twin, host=host)
        if self.account:
            twins = twins.exclude(pk=self.account.pk)
        twin = twins.first()
        if twin:
            self.add_error(
                None, _("Your account “%(name)s” already fetches this mailbox.") % {"name": twin.name}
            )

    def settings(self) -> dict[str, Any]:
        """What a test needs and saving takes, as plain values for `probing.start`. Valid forms only."""
        names = ("host", "port", "encryption", "username", "password")
        settings = {name: self.cleaned_data[name] for name in names}
        if self.account is None:
            return settings
        # What a server must be able to do depends on the rules (RFC 1939, 7: UIDL is optional).
        rules = {"delete_policy": str(self.account.fetch_settings.delete_policy)}
        return settings | {"account": self.account.pk, "rules": rules}


class AccountFields(forms.Form):
    """How an account is called: saved without a test."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    name = forms.CharField(label=_("Account name"), max_length=80, required=False)
    is_default = forms.BooleanField(label=_("Open this account first when I sign in"), required=False)

    def clean(self) -> dict[str, Any]:
        """An account needs a name; its address will do."""
        data = super().clean() or self.cleaned_data
        data["name"] = data.get("name") or data.get("email", "")
        return data

    def account_fields(self) -> dict[str, Any]:
        """Values for the columns of MailAccount. Valid forms only."""
        return {name: self.cleaned_data[name] for name in ("email", "name", "is_default")}


class ConnectForm(WishesForm, AccountFields, ServerForm):
    """Everything about a new account. Server and user name may be left empty where a preset knows them."""

    provider = forms.CharField(max_length=30, required=False, label=_("Provider"))
    # With these its sender addresses begin (sending/identities/identities.py), where they are changed from then on.
    from_name = forms.CharField(label=_("Sender name"), max_length=150, required=False)
    from_address = forms.EmailField(label=_("Sender address"), max_length=254, required=False)
    reply_to = forms.EmailField(label=_("Replies go to"), max_length=254, required=False)

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        self.rules = defaults_of(membership.organization_id)
        super().__init__(*args, membership=membership, **kwargs)
        self.fields["email"].widget.attrs |= PLAIN_TEXT

    @property
    def has_wrong_extras(self) -> bool:
        """Whether an error stands at a field that the page keeps folded."""
        return bool(set(EXTRAS) & set(self.errors))

    def clean_provider(self) -> str:
        """A known provider whose mail can be fetched, or "" for any other."""
        provider = lookup.by_slug(self.cleaned_data["provider"])
        if provider is None:
            return ""
        if not provider.connectable:
            raise forms.ValidationError(provider.note)
        return provider.slug

    def _fill(self, data: dict[str, Any]) -> None:
        email = data.get("email", "")
        provider = lookup.by_slug(data.get("provider", "")) or lookup.for_address(email)
        if provider and not provider.connectable and not data.get("host") and "provider" not in self.errors:
            self.add_error("provider", provider.note)
        if provider and provider.pop_host and not data.get("host"):
            data.update(host=provider.pop_host, port=provider.pop_port, encryption=provider.encryption)
        if provider and email and not data.get("username"):
            data["username"] = lookup.username_for(provider, email)
        data["provider"] = provider.slug if provider and provider.pop_host else ""
        data["username"] = data.get("username") or email
        super()._fill(data)

    def account_fields(self) -> dict[str, Any]:
        """Values for the columns of MailAccount. Valid forms only."""
        senders = {name: self.cleaned_data[name] for name in ("from_name", "from_address", "reply_to")}
        return super().account_fields() | senders

    def settings(self) -> dict[str, Any]:
        """The server's part and the account's, ready for `accounts.services.add_mail_account`."""
        account = self.account_fields() | {"provider": self.cleaned_data["provider"]}
        return super().settings() | account | {"rules": self.wishes()}


class AccountForm(AccountFields):
    """An existing account's name, colour and address."""

    color = forms.ChoiceField(label=_("Colour"), choices=list(COLOR_NAMES.items()), widget=forms.RadioSelect)

    def account_fields(self) -> dict[str, Any]:
        """Values for the columns of MailAccount. Valid forms only."""
        return super().account_fields() | {"color": self.cleaned_data["color"]}


def initial_of(account: MailAccount) -> dict[str, Any]:
    """What the forms show of an existing account; never its password."""
    names = ("email", "name", "is_default", "color")
    server = ("host", "port", "encryption", "username")
    return {name: getattr(account, name) for name in names + server}
