"""Messages being written: saved as one types, turned into bytes only when they are sent."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import OwnedQuerySet, TenantModel
from mailbox.models import Message
from sending.models.identities import Identity


class DraftQuerySet(OwnedQuerySet["Draft"]):
    """Drafts of the member's own accounts."""

    def touched(self) -> DraftQuerySet:
        """Those that somebody has written into."""
        return self.filter(is_touched=True)


class Draft(TenantModel):
    """One message being written. The recipients are kept as typed, right or wrong."""

    class Kind(models.TextChoices):
        """What it began as."""

        NEW = "new", _("New message")
        REPLY = "reply", _("Reply")
        REPLY_ALL = "reply_all", _("Reply to all")
        FORWARD = "forward", _("Forward")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="drafts", db_index=False)
    identity = models.ForeignKey(Identity, models.SET_NULL, null=True, related_name="+", db_index=False)
    kind = models.CharField(max_length=9, choices=Kind, default=Kind.NEW)
    # What is answered or forwarded; it may be deleted meanwhile.
    original = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    in_reply_to = models.CharField(max_length=1000, blank=True)
    references = models.JSONField(default=list, blank=True)
    to = models.TextField(blank=True)
    cc = models.TextField(blank=True)
    bcc = models.TextField(blank=True)
    subject = models.CharField(max_length=1000, blank=True)
    html = models.TextField(blank=True)  # sanitized when it is saved
    text = models.TextField(blank=True)
    is_plain = models.BooleanField(default=False)
    # What is answered or passed on stands apart from what is written, since an editor would not keep its tables.
    quote_html = models.TextField(blank=True)
    quote_text = models.TextField(blank=True)
    with_quote = models.BooleanField(default=True)
    signature = models.ForeignKey(
        "sending.Signature", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    # Whether anything was written into it. One that was only opened is shown nowhere and goes again.
    is_touched = models.BooleanField(default=False)
    # Raised by each save: a save of an older version (another window) is refused, so nothing typed is lost.
    version = models.PositiveIntegerField(default=1)
    # One message comes of a draft however often its button is pressed: the outbox has it only once.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager[Draft]] = DraftQuerySet.as_manager()

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        ordering = ["-updated_at", "-id"]
        indexes = [models.Index(fields=["account", "-updated_at"], name="drafts_of_account")]

    def __str__(self) -> str:
        return self.subject or str(self.pk)


class DraftFile(TenantModel):
    """An attachment or a picture of a draft."""

    draft = models.ForeignKey(Draft, models.CASCADE, related_name="files")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100)
    content_id = models.CharField(max_length=300, blank=True)  # of a picture in the text
    size = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("file of a draft")
        verbose_name_plural = _("files of drafts")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.filename
