"""A mail account: one external mailbox that one person has connected."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField
from accounts.models.people import Membership, User
from accounts.tenancy import OwnedQuerySet, TenantModel

COLOR_NAMES = {
    "blue": _("Blue"),
    "teal": _("Teal"),
    "ochre": _("Ochre"),
    "red": _("Red"),
    "magenta": _("Magenta"),
    "violet": _("Violet"),
    "green": _("Green"),
    "slate": _("Slate"),
}
COLORS = tuple(COLOR_NAMES)


class MailAccountQuerySet(OwnedQuerySet["MailAccount"]):
    """Which accounts a member may see."""

    owner = "owner"
    account = ""

    def of_organization(self, membership: Membership) -> MailAccountQuerySet:
        """What an admin sees in the console: that accounts exist, their state and size, never their messages."""
        if not membership.is_admin:
            return self.visible_to(membership)
        return self.filter(organization=membership.organization_id, removing_until=None)


class MailAccount(TenantModel):
    """How one external mailbox is reached. What fetching knows of it is `fetching.FetchState`."""

    class Kind(models.TextChoices):
        """The protocol that collects."""

        POP3 = "pop3", "POP3"
        IMAP = "imap", "IMAP"

    class Encryption(models.TextChoices):
        """How the connection is protected (RFC 8314: implicit TLS is preferred)."""

        SSL = "ssl", _("SSL/TLS")
        STARTTLS = "starttls", _("STARTTLS")
        PLAIN = "plain", _("None (not protected)")

    owner = models.ForeignKey(User, models.CASCADE, related_name="mail_accounts")
    email = models.EmailField(_("e-mail address"))
    name = models.CharField(_("account name"), max_length=80)
    color = models.CharField(max_length=8, choices=[(color, color) for color in COLORS], default="blue")
    position = models.PositiveIntegerField(default=0)
    is_default = models.BooleanField(_("opened first after signing in"), default=False)
    from_name = models.CharField(_("sender name"), max_length=150, blank=True)
    from_address = models.EmailField(_("sender address"), blank=True)
    reply_to = models.EmailField(_("replies go to"), blank=True)

    kind = models.CharField(max_length=8, choices=Kind, default=Kind.POP3)
    provider = models.CharField(max_length=30, blank=True)
    host = models.CharField(_("server"), max_length=253)
    port = models.PositiveIntegerField(_("port"), default=995)
    encryption = models.CharField(_("encryption"), max_length=8, choices=Encryption, default=Encryption.SSL)
    username = models.CharField(_("user name"), max_length=254)
    password = EncryptedTextField(_("password"), blank=True)

    # Raised by every edit of the above: a fetch that began with an older one neither stores nor deletes.
    generation = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Removed by its owner and hidden; until then somebody is deleting what is left of it (accounts/removal.py).
    removing_until = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[models.Manager[MailAccount]] = MailAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail account")
        verbose_name_plural = _("mail accounts")
        ordering = ["position", "id"]
        indexes = [
            models.Index(fields=["organization", "owner", "position"]),
            models.Index(
                fields=["removing_until"],
                condition=models.Q(removing_until__isnull=False),
                name="mail_account_removing",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "owner"],
                condition=models.Q(is_default=True),
                name="one_default_account",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    @property
    def tile(self) -> str:
        """The letter on the account's coloured tile."""
        return (self.name or self.email)[:1].upper()

    @property
    def sender_address(self) -> str:
        """The address mail from this account carries."""
        return self.from_address or self.email
