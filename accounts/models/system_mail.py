"""Mail that Mailhub itself has written and that has not gone out yet."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField


class SystemMail(models.Model):
    """One mail to one address, written in the transaction that it speaks of; gone once the relay has taken it.

    Of no organization: it is a person's, who may belong to none yet. It may hold a link that lets somebody in, so its
    text is encrypted.
    """

    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=500)
    body = EncryptedTextField()
    # The same at every try, so that a mail that went twice is one to its reader's program.
    key = models.UUIDField(default=uuid.uuid4, editable=False)
    due_at = models.DateTimeField(db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0)
    # Of no use to anybody after this.
    good_until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("mail of Mailhub's own")
        verbose_name_plural = _("mail of Mailhub's own")
        indexes = [models.Index(fields=["due_at"], name="system_mail_due")]

    def __str__(self) -> str:
        return str(self.pk)
