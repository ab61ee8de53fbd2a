"""The ledger: what every account's server has ever listed, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import OwnedQuerySet, TenantModel


class RemoteMessage(TenantModel):
    """The ledger: one row for each message the server ever listed (docs/architecture.md)."""

    class State(models.TextChoices):
        """listed → stored → delete_wanted → dele_sent → gone, and the side states."""

        LISTED = "listed", _("Waiting")
        STORED = "stored", _("Stored")
        DELETE_WANTED = "delete_wanted", _("Stored, to be deleted at the provider")
        DELE_SENT = "dele_sent", _("Stored, deletion not confirmed yet")
        GONE = "gone", _("Stored, no longer at the provider")
        SHORT = "short", _("Stored, much shorter than the provider lists it")
        TOO_BIG = "too_big", _("Too big")
        OVER_QUOTA = "over_quota", _("Waiting for space")
        QUARANTINED = "quarantined", _("Set aside after repeated failures")
        VANISHED = "vanished", _("Disappeared at the provider before it was fetched")
        SKIPPED = "skipped", _("Older than what was asked for")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="remote_messages", db_index=False)
    # Bytes, exact: servers send odd octets and case matters (RFC 1939, 7).
    uidl = models.BinaryField()
    # The how-manieth message with this identifier in one listing; 0 but for servers that repeat them.
    occurrence = models.PositiveSmallIntegerField(default=0)
    size = models.BigIntegerField(null=True)
    state = models.CharField(max_length=16, choices=State)
    first_seen_at = models.DateTimeField(db_default=Now())
    stored_at = models.DateTimeField(null=True)
    # Since when a healthy listing lacks it. Tombstones are pruned 90 days later.
    missing_since = models.DateTimeField(null=True)
    # Plain number: the row outlives the message, or it would be fetched again.
    message_id = models.BigIntegerField(null=True)
    # Of the bytes once stored: the same bytes under another identifier are the same message (U6, U8). NULL in a
    # stored row: taken for a stored message by its header alone, so never reason enough to delete (U8).
    sha256 = models.BinaryField(max_length=32, null=True)
    # Of a few header fields (fetching/engine/fingerprints.py): what TOP can still tell later.
    header_sha256 = models.BinaryField(max_length=32, null=True)
    # What a person may read of a message that is not here.
    sender = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    # One that was set aside rests until then; NULL: it is asked for again with the next fetch.
    retry_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[RemoteMessage]] = OwnedQuerySet["RemoteMessage"].as_manager()

    class Meta:
        verbose_name = _("remote message")
        verbose_name_plural = _("remote messages")
        constraints = [
            # By digest: an identifier may be longer than an index entry can be.
            models.UniqueConstraint(
                models.F("account"),
                models.Func("uidl", function="sha256", output_field=models.BinaryField()),
                models.F("occurrence"),
                name="each_remote_message_once",
            )
        ]
        indexes = [
            models.Index(fields=["account", "sha256"], name="remote_message_bytes"),
            models.Index(
                fields=["account", "state", "id"],
                condition=~models.Q(state__in=["stored", "delete_wanted", "dele_sent", "gone"]),
                name="remote_messages_not_here",
            ),
            models.Index(
                fields=["missing_since"],
                condition=models.Q(missing_since__isnull=False),
                name="remote_messages_missing",
            ),
        ]

    def __str__(self) -> str:
        return f"{bytes(self.uidl)!r} {self.state}"
