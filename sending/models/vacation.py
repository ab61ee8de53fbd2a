"""Away replies: when and to whom, and who has had one."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import TenantModel


class VacationReply(TenantModel):
    """The away reply of one account. Whether a letter gets it is decided by `sending.vacation.rules` alone."""

    class Audience(models.TextChoices):
        """Whom it is for."""

        EVERYBODY = "everybody", _("Everybody")
        MEMBERS = "members", _("Members of the organization")
        KNOWN = "known", _("People I have written to")

    account = models.OneToOneField(MailAccount, models.CASCADE, primary_key=True, related_name="vacation")
    is_on = models.BooleanField(_("on"), default=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    # 0 (Monday) to 6; empty for every day. Hours of the day in that time zone; both NULL for all day.
    weekdays = models.JSONField(default=list, blank=True)
    from_hour = models.TimeField(null=True, blank=True)
    until_hour = models.TimeField(null=True, blank=True)
    audience = models.CharField(max_length=9, choices=Audience, default=Audience.EVERYBODY)
    interval_days = models.PositiveSmallIntegerField(default=1)
    subject = models.CharField(max_length=200, blank=True)  # "": "Re: …" of the letter
    text = models.TextField(blank=True)
    members_text = models.TextField(blank=True)  # "": the same for members
    also_addresses = models.TextField(blank=True)  # further addresses that reach this account, one a line
    # Only mail that comes after this is answered: when it was switched on.
    on_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("away reply")
        verbose_name_plural = _("away replies")

    def __str__(self) -> str:
        return f"{self.account_id}: {'on' if self.is_on else 'off'}"


class VacationSent(TenantModel):
    """That a sender has had a reply; written before it is sent, so that there is at most one."""

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="+", db_index=False)
    sender = models.CharField(max_length=320)
    sent_at = models.DateTimeField()

    class Meta:
        verbose_name = _("away reply sent")
        verbose_name_plural = _("away replies sent")
        constraints = [models.UniqueConstraint("account", Lower("sender"), name="one_away_reply_each")]

    def __str__(self) -> str:
        return f"{self.account_id} → {self.sender}"
