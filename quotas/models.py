"""Plans, subscriptions, and the storage meter with its append-only ledger."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.tenancy import TenantModel


class Plan(models.Model):
    """What an organization may use. Data, not code: support staff edit it."""

    slug = models.SlugField(unique=True)
    name = models.CharField(_("name"), max_length=60)
    position = models.PositiveIntegerField(default=0)
    storage_bytes = models.BigIntegerField(_("storage in bytes"), validators=[MinValueValidator(0)])
    mail_accounts = models.PositiveIntegerField(_("mail accounts"))
    members = models.PositiveIntegerField(_("members"), validators=[MinValueValidator(1)])
    fetch_minutes = models.PositiveSmallIntegerField(
        _("minutes between two fetches, at least"), default=3, validators=[MinValueValidator(1)]
    )
    message_bytes = models.BigIntegerField(
        _("largest message in bytes"), default=50_000_000, validators=[MinValueValidator(1)]
    )
    recipients = models.PositiveIntegerField(_("recipients in 24 hours"), default=500)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class Subscription(TenantModel):
    """Which plan an organization is on."""

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="subscription")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")

    def __str__(self) -> str:
        return f"{self.organization} · {self.plan}"


class StorageMeter(TenantModel):
    """Bytes in use and allowed. Written only by `quotas.services`, in the transaction of the mail itself."""

    organization = models.OneToOneField(
        Organization, models.CASCADE, related_name="storage_meter", primary_key=True, editable=False
    )
    used = models.BigIntegerField(default=0)
    limit = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("storage meter")
        verbose_name_plural = _("storage meters")
        constraints = [models.CheckConstraint(condition=models.Q(used__gte=0), name="used_not_negative")]

    def __str__(self) -> str:
        return f"{self.organization}: {self.used} / {self.limit}"

    @property
    def free(self) -> int:
        """Bytes left; never negative, also after a move to a smaller plan."""
        return max(0, self.limit - self.used)


class LedgerEntry(TenantModel):
    """One change of the meter. Never edited, never deleted."""

    class Reason(models.TextChoices):
        """Why storage changed."""

        FETCHED = "fetched", _("Fetched")
        SENT = "sent", _("Sent")
        DISCARDED = "discarded", _("Deleted for good")
        ACCOUNT_DELETED = "account_deleted", _("Account deleted")

    at = models.DateTimeField(default=timezone.now, editable=False)
    # Plain number, not a foreign key: the entry outlives the account.
    account_id = models.BigIntegerField(null=True)
    bytes = models.BigIntegerField()
    messages = models.IntegerField(default=0)
    reason = models.CharField(max_length=16, choices=Reason)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        indexes = [
            models.Index(fields=["organization", "-at"]),
            models.Index(fields=["account_id", "-at"], name="ledger_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.bytes:+d} {self.reason}"
