"""How an account's fetching stands: when it is due, who is at it, what went wrong."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import TenantModel


class FetchState(TenantModel):
    """When an account is fetched next, who is at it, and what went wrong. One row an account."""

    class Status(models.TextChoices):
        """What a person is told about the account."""

        ACTIVE = "active", _("Up to date")
        BACKING_OFF = "backing_off", _("Trying again soon")
        FAILED = "failed", _("Needs you")
        PAUSED_QUOTA = "paused_quota", _("Waiting for space")
        PAUSED = "paused", _("Paused")

    account = models.OneToOneField(MailAccount, models.CASCADE, primary_key=True, related_name="fetch_state")
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    # Due when in the past; NULL = never by itself (paused, disabled). Computed in the database, in UTC.
    next_run_at = models.DateTimeField(null=True, db_default=Now())
    # The lease: whoever holds the token may write. It is renewed by every batch (heartbeat) and fenced in the
    # WHERE of every write, so a worker that was thought dead can do no harm.
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    # The pause to the next fetch now: the owner's wish, longer while nothing comes if they allow that.
    interval_seconds = models.PositiveIntegerField(default=300)
    # Where and whose: sessions are counted a server, and one remote mailbox is never opened twice at a time (A17).
    server = models.CharField(max_length=253)
    mailbox = models.BinaryField(max_length=32)
    # The provider lets nobody in before this, not even a person who presses "Fetch now" (A5).
    not_before = models.DateTimeField(null=True)
    # A session that takes minutes waits in a queue of its own, where it delays nobody (S1).
    is_slow = models.BooleanField(default=True)
    # Mail from before this is not wanted (what to fetch the first time); NULL: all is.
    skip_before = models.DateTimeField(null=True)
    # The mailbox as it was when last all of it was listed and nothing was left to do; while the server says the
    # same, there is nothing new. `listed_at` NULL: list, and compare all of it.
    seen_messages = models.PositiveIntegerField(null=True)
    seen_bytes = models.BigIntegerField(null=True)
    seen_uidl = models.BinaryField(null=True)
    seen_digest = models.BinaryField(null=True)
    listed_at = models.DateTimeField(null=True)
    last_started_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    paused_since = models.DateTimeField(null=True)
    first_fetch_done = models.BooleanField(default=False)
    # The line broke while replies were under way in a row: one command at a time until then (R21).
    lockstep_until = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=200, blank=True)
    failures = models.PositiveIntegerField(default=0)
    authentication_failures = models.PositiveIntegerField(default=0)
    connection_failures = models.PositiveIntegerField(default=0)
    # What waits at the provider because storage is full.
    waiting_messages = models.PositiveIntegerField(default=0)
    waiting_bytes = models.BigIntegerField(default=0)
    # Fetching has stopped until its owner does something, and the mail that says so is not written yet.
    notice_due = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("fetch state")
        verbose_name_plural = _("fetch states")
        indexes = [
            models.Index(
                fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="fetch_due"
            ),
            models.Index(
                fields=["server", "next_run_at"],
                condition=models.Q(next_run_at__isnull=False),
                name="fetch_due_of_server",
            ),
            models.Index(
                fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="fetch_leased"
            ),
            models.Index(fields=["mailbox"], name="fetch_of_mailbox"),
            models.Index(
                fields=["organization"], condition=models.Q(notice_due=True), name="fetch_notice_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.status}"

    @property
    def is_due(self) -> bool:
        """Whether the next tick will take it."""
        return self.next_run_at is not None and self.next_run_at <= timezone.now()

    @property
    def is_fetching(self) -> bool:
        """Whether a worker holds the lease now."""
        return (
            self.lease_token is not None
            and self.lease_until is not None
            and self.lease_until > timezone.now()
        )
