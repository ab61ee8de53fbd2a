"""What fetching knows of each account: its state, its ledger of remote messages, its runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Membership
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

    interval_seconds = models.PositiveIntegerField(default=300)
    last_started_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    paused_since = models.DateTimeField(null=True)
    first_fetch_done = models.BooleanField(default=False)
    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=200, blank=True)
    failures = models.PositiveIntegerField(default=0)
    authentication_failures = models.PositiveIntegerField(default=0)
    connection_failures = models.PositiveIntegerField(default=0)
    # What waits at the provider because storage is full.
    waiting_messages = models.PositiveIntegerField(default=0)
    waiting_bytes = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("fetch state")
        verbose_name_plural = _("fetch states")
        indexes = [
            models.Index(
                fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="fetch_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.status}"

    @property
    def is_fetching(self) -> bool:
        """Whether a worker holds the lease now."""
        return (
            self.lease_token is not None
            and self.lease_until is not None
            and self.lease_until > timezone.now()
        )


class RemoteMessage(TenantModel):
    """The ledger: one row for each message the server ever listed (house.md §4)."""

    class State(models.TextChoices):
        """listed → stored → delete_wanted → dele_sent → gone, and the side states."""

        LISTED = "listed", _("Waiting")
        STORED = "stored", _("Stored")
        DELETE_WANTED = "delete_wanted", _("Stored, to be deleted at the provider")
        DELE_SENT = "dele_sent", _("Stored, deletion not confirmed yet")
        GONE = "gone", _("Stored, no longer at the provider")
        TOO_BIG = "too_big", _("Too big")
        OVER_QUOTA = "over_quota", _("Waiting for space")
        QUARANTINED = "quarantined", _("Set aside after repeated failures")
        VANISHED = "vanished", _("Disappeared at the provider before it was fetched")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="remote_messages", db_index=False)
    # Bytes, exact: servers send odd octets and case matters (RFC 1939 §7).
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
    # Of the bytes once stored: the same bytes under another identifier are the same message (U6, U8).
    sha256 = models.BinaryField(max_length=32, null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=200, blank=True)

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
        indexes = [models.Index(fields=["account", "sha256"], name="remote_message_bytes")]

    def __str__(self) -> str:
        return f"{bytes(self.uidl)!r} {self.state}"


class FetchRunQuerySet(models.QuerySet["FetchRun"]):
    """Which runs a member may see."""

    def visible_to(self, membership: Membership) -> FetchRunQuerySet:
        """Runs of the member's own accounts."""
        return self.filter(organization=membership.organization_id, account__owner=membership.user_id)


class FetchRun(TenantModel):
    """One session with the server: history for people, progress while it runs."""

    class State(models.TextChoices):
        """How the run stands."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        # Its worker died or lost the lease; what it had committed is kept.
        INTERRUPTED = "interrupted", _("Interrupted")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="runs", db_index=False)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    # What the server listed, and of that what had to be fetched in this run.
    listed = models.PositiveIntegerField(default=0)
    listed_bytes = models.BigIntegerField(default=0)
    wanted = models.PositiveIntegerField(default=0)
    wanted_bytes = models.BigIntegerField(default=0)
    stored = models.PositiveIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)

    objects: ClassVar[models.Manager[FetchRun]] = FetchRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("fetch run")
        verbose_name_plural = _("fetch runs")
        indexes = [models.Index(fields=["account", "-id"], name="runs_of_account")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.started_at:%F %T} {self.state}"
