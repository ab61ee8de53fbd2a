"""What a stored message is still to be looked at for."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import TenantModel


class NewMailCheck(TenantModel):
    """That a message is still to be looked at, written in the transaction that stored it; gone once that is done."""

    class Kind(models.TextChoices):
        """What for."""

        COPY = "copy", _("Sent mail that the provider has handed back")
        REPORT = "report", _("Delivery report")
        AWAY = "away", _("Away reply")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="+", db_index=False)
    # A plain number: the message may be deleted meanwhile, and then there is nothing to look at.
    message_id = models.BigIntegerField()
    kind = models.CharField(max_length=6, choices=Kind)
    # When the clock takes it up, unless the task that was ordered has been there.
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("check of new mail")
        verbose_name_plural = _("checks of new mail")
        constraints = [
            models.UniqueConstraint(fields=["account", "message_id", "kind"], name="one_check_of_each_kind")
        ]
        indexes = [models.Index(fields=["due_at"], name="new_mail_checks_due")]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.kind}"
