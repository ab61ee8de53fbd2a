"""Labels: coloured names that a person gives to messages, whatever folder these are in."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.models.mail_accounts import COLORS
from accounts.tenancy import OwnedQuerySet, TenantModel
from mailbox.models.messages import Message


class Label(TenantModel):
    """A label of one account. Write through `mailbox.labels`, which keeps names apart."""

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="labels", db_index=False)
    name = models.CharField(_("name"), max_length=40)
    color = models.CharField(max_length=8, choices=[(color, color) for color in COLORS], default=COLORS[0])

    objects: ClassVar[models.Manager[Label]] = OwnedQuerySet["Label"].as_manager()

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering = [Lower("name"), "id"]
        constraints = [models.UniqueConstraint("account", Lower("name"), name="one_label_of_each_name")]

    def __str__(self) -> str:
        return self.name


class MessageLabelQuerySet(OwnedQuerySet["MessageLabel"]):
    """Labels on messages of the member's own accounts."""

    owner = "label__account__owner"
    account = "label__account__"


class MessageLabel(TenantModel):
    """That a message has a label; both are of one account."""

    pk = models.CompositePrimaryKey("label_id", "message_id")
    label = models.ForeignKey(Label, models.CASCADE, related_name="+", db_index=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="+")
    # The message's own, which never changes: so that one index finds a page of a label's list.
    sent_at = models.DateTimeField()

    objects: ClassVar[models.Manager[MessageLabel]] = MessageLabelQuerySet.as_manager()

    class Meta:
        verbose_name = _("label of a message")
        verbose_name_plural = _("labels of messages")
        indexes = [models.Index(fields=["label", "-sent_at", "-message"], name="label_list")]

    def __str__(self) -> str:
        return f"label {self.label_id} of message {self.message_id}"
