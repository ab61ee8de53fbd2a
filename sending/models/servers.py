"""By which server an account sends: its provider's own, or Mailhub's relay."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from accounts.models import MailAccount
from accounts.tenancy import TenantModel


class OutgoingServer(TenantModel):
    """The outgoing settings of one account; no row means that they have not been settled yet."""

    class Login(models.TextChoices):
        """What the server is shown."""

        SAME = "same", _("The same as for fetching")
        OWN = "own", _("Its own user name and password")
        NONE = "none", _("None")

    account = models.OneToOneField(
        MailAccount, models.CASCADE, primary_key=True, related_name="outgoing_server"
    )
    # False: Mailhub's own relay (EMAIL_URL) sends, for verified addresses only; the fields below are empty then.
    is_custom = models.BooleanField(_("use the provider's server"), default=True)
    host = models.CharField(_("server"), max_length=253, blank=True)
    port = models.PositiveIntegerField(_("port"), default=465)
    encryption = models.CharField(
        _("encryption"), max_length=8, choices=MailAccount.Encryption, default=MailAccount.Encryption.SSL
    )
    login = models.CharField(max_length=4, choices=Login, default=Login.SAME)
    username = models.CharField(_("user name"), max_length=254, blank=True)
    password = EncryptedTextField(_("password"), blank=True)
    tested_at = models.DateTimeField(null=True)
    # Signing in was refused: nothing is sent until the password is mended, and no message fails because of it.
    paused_since = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)  # when the owner was last written to about that
    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=200, blank=True)
    # A server that is busy or limits us: nobody asks it before this.
    not_before = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("outgoing server")
        verbose_name_plural = _("outgoing servers")
        indexes = [
            models.Index(
                fields=["paused_since"],
                condition=models.Q(paused_since__isnull=False),
                name="outgoing_server_paused",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.host or 'relay'}"
