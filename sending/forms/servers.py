"""The form for an account's outgoing server: what a test proves, and nothing but a passed test may save."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.servers import hosts
from accounts.servers.failures import MailError
from sending.identities import server_guess, servers
from sending.models import OutgoingServer

Login = OutgoingServer.Login
PLAIN: Final = MailAccount.Encryption.PLAIN
ENCRYPTIONS: Final = [
    (MailAccount.Encryption.SSL, _("SSL")),
    (MailAccount.Encryption.STARTTLS, _("STARTTLS")),
    (PLAIN, _("None")),
]
LOGINS: Final = [
    (Login.SAME, Login.SAME.label),
    (Login.OWN, Login.OWN.label),
    (Login.NONE, _("The server lets me send without signing in")),
]
USUAL_PORTS: Final = {"ssl": 465, "starttls": 587, "plain": 587}
PLAIN_TEXT: Final = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class ServerForm(forms.Form):
    """How an account's mail goes out by a server that is named here.

    The passwords that are stored go without being typed again only where they are known to work. Or whoever sits at
    an unlocked screen could have them sent to a server of theirs.
    """

    host = forms.CharField(
        label=_("Server"), max_length=253, widget=forms.TextInput(attrs=PLAIN_TEXT), required=False
    )
    port = forms.IntegerField(
        label=_("Port"),
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )
    encryption = forms.ChoiceField(label=_("Encryption"), choices=ENCRYPTIONS, required=False)
    login = forms.ChoiceField(label=_("Signing in"), choices=LOGINS, widget=forms.RadioSelect)
    username = forms.CharField(
        label=_("User name"), max_length=254, widget=forms.TextInput(attrs=PLAIN_TEXT), required=False
    )
    # Never strip: a password may begin or end with a space. Django does not render it again.
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    # Of the account itself; asked for only where it would go to a server that does not know it yet.
    same_password = forms.CharField(
        label=_("Password of the account"),
        max_length=1000,
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, account: MailAccount, **kwargs: Any) -> None:
        self.account, self.saved = account, servers.server_of(account)
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        """Check server and port, and find the password to sign in with."""
        data = super().clean() or self.cleaned_data
        data["encryption"] = data.get("encryption") or MailAccount.Encryption.SSL
        if not data.get("port") and "port" not in self.errors:
            data["port"] = USUAL_PORTS[data["encryption"]]
        self._check_server(data)
        if data.get("login") == Login.OWN:
            self._check_own(data)
        elif data.get("login") == Login.SAME:
            self._check_same(data)
        else:
            data["username"] = data["password"] = ""
        return data

    def _check_server(self, data: dict[str, Any]) -> None:
        host, port = data.get("host"), data.get("port")
        if not host:
            if "host" not in self.errors:
                self.add_error("host", _("Enter the name of the server; the provider can tell you."))
            return
        try:
            data["host"] = hosts.check_host(host)
        except MailError as error:
            self.add_error("host", f"{error.sentence} {error.remedy}")
            return
        try:
            if port:
                hosts.check_port(port, "smtp", data["host"])
        except MailError:
            self.add_error("port", _("Mail cannot go out by this port. Use 465, 587 or 2525."))

    def _check_own(self, data: dict[str, Any]) -> None:
        if not data.get("username") and "username" not in self.errors:
            self.add_error("username", _("Enter the user name."))
        if data.get("password") or "password" in self.errors:
            return
        if self.saved is None or not self.saved.password:
            self.add_error("password", _("Enter the password."))
        elif self._leads_elsewhere(self.saved, data):
            self.add_error("password", _("Enter the password again, because it would go another way now."))
        else:
            data["password"] = self.saved.password

    def _leads_elsewhere(self, saved: OutgoingServer, data: dict[str, Any]) -> bool:
        is_moved = (data.get("host"), data.get("port")) != (saved.host, saved.port)
        return is_moved or (data["encryption"] == PLAIN and saved.encryption != PLAIN)

    def _check_same(self, data: dict[str, Any]) -> None:
        account, typed = self.account, data.get("same_password", "")
        data["username"], data["password"] = servers.same_username(account), account.password
        if not data.get("host") or self._knows_password(data) or "same_password" in self.errors:
            return
        if not typed:
            self.add_error(
                "same_password", _("Enter the password again, because it would go to another server now.")
            )
        elif not constant_time_compare(typed, account.password):
            # Not told that it is another one: that would let it be guessed here.
            data.update(login=Login.OWN, password=typed)

    def _knows_password(self, data: dict[str, Any]) -> bool:
        saved, is_plain = self.saved, data["encryption"] == PLAIN
        if saved is not None and saved.is_custom and saved.login == Login.SAME and saved.host == data["host"]:
            return not is_plain or PLAIN in (saved.encryption, self.account.encryption)
        is_familiar = server_guess.is_familiar(data["host"], self.account)
        return is_familiar and (not is_plain or self.account.encryption == PLAIN)

    def settings(self, sender: str) -> dict[str, Any]:
        """What a test needs and saving takes, as plain values. Valid forms only."""
        names = ("host", "port", "encryption", "login", "username", "password")
        kept = {name: self.cleaned_data[name] for name in names}
        return {"account": self.account.pk, "sender": sender, **kept}


def initial_of(account: MailAccount) -> dict[str, Any]:
    """What the form shows: the settings that are saved, else what the provider's preset knows; no password."""
    saved = servers.server_of(account)
    if saved is not None and saved.is_custom:
        names = ("host", "port", "encryption", "login", "username")
        return {name: getattr(saved, name) for name in names}
    found = server_guess.guess_server(account)
    return {
        "host": found.host,
        "port": found.port,
        "encryption": found.encryption,
        "login": Login.SAME,
        "username": "",
    }
