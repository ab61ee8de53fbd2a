"""How an account is fetched, as its owner wishes, and what an organization's new accounts begin with."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Organization
from accounts.tenancy import TenantModel
from mailbox.models import Folder, Label

MINUTES = (3, 60)
MESSAGES_A_CYCLE = (20, 200)
DAYS = (1, 3650)


def _between(low: int, high: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(low), MaxValueValidator(high)]


class FetchRules(models.Model):
    """The wishes themselves: of one account, or of an organization for its new accounts."""

    class First(models.TextChoices):
        """What is fetched of the mail that lay there when the account was connected."""

        EVERYTHING = "everything", _("Everything")
        LAST_DAYS = "last_days", _("The last days")
        ONLY_NEW = "only_new", _("Only what arrives from now on")

    class Delete(models.TextChoices):
        """When mail is deleted at the provider. Never before it is stored here."""

        KEEP = "keep", _("Leave it at the provider")
        AFTER_STORING = "after_storing", _("Delete it there at once")
        AFTER_DAYS = "after_days", _("Delete it there some days later")
        WHEN_DELETED_HERE = "when_deleted_here", _("Delete it there when I delete it here for good")

    interval_minutes = models.PositiveSmallIntegerField(
        _("minutes between two fetches"), default=5, validators=_between(*MINUTES)
    )
    # While nothing comes, the pause grows up to an hour; new mail brings it back at once.
    is_adaptive = models.BooleanField(_("less often while nothing comes"), default=False)
    # NULL: until all is here.
    messages_per_cycle = models.PositiveSmallIntegerField(
        _("messages a fetch at the most"), null=True, blank=True, validators=_between(*MESSAGES_A_CYCLE)
    )
    first_fetch = models.CharField(max_length=12, choices=First, default=First.EVERYTHING)
    first_days = models.PositiveSmallIntegerField(_("days back"), default=30, validators=_between(*DAYS))
    newest_first = models.BooleanField(_("newest mail first"), default=True)
    delete_policy = models.CharField(max_length=20, choices=Delete, default=Delete.KEEP)
    delete_after_days = models.PositiveSmallIntegerField(
        _("days until deleting"), default=14, validators=_between(*DAYS)
    )
    # NULL: what the plan allows.
    max_message_bytes = models.BigIntegerField(_("largest message in bytes"), null=True, blank=True)
    arrive_read = models.BooleanField(_("new mail arrives as read"), default=False)

    class Meta:
        abstract = True

    @property
    def deletes(self) -> bool:
        """Whether anything is ever deleted at the provider."""
        return self.delete_policy != self.Delete.KEEP


RULES = tuple(field.name for field in FetchRules._meta.local_fields)


class FetchSettings(FetchRules, TenantModel):
    """The fetch settings of one account; a row an account."""

    account = models.OneToOneField(
        MailAccount, models.CASCADE, primary_key=True, related_name="fetch_settings"
    )
    # NULL: the Inbox.
    folder = models.ForeignKey(
        Folder, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    label = models.ForeignKey(Label, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("fetch settings")
        verbose_name_plural = _("fetch settings")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.interval_minutes} min, {self.delete_policy}"


class FetchDefaults(FetchRules, TenantModel):
    """What new accounts of an organization begin with; no row means the defaults above."""

    organization = models.OneToOneField(
        Organization, models.CASCADE, primary_key=True, related_name="fetch_defaults", editable=False
    )

    class Meta:
        verbose_name = _("fetch defaults")
        verbose_name_plural = _("fetch defaults")

    def __str__(self) -> str:
        return str(self.organization_id)
