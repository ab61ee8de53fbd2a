"""The history of fetches."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import OwnedQuerySet, TenantModel


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
    error_text = models.CharField(max_length=200, blank=True)
    # Fetches in a row that found nothing new are one row: so many of them, from `started_at` to `finished_at`.
    times = models.PositiveIntegerField(default=1)

    objects: ClassVar[models.Manager[FetchRun]] = OwnedQuerySet["FetchRun"].as_manager()

    class Meta:
        verbose_name = _("fetch run")
        verbose_name_plural = _("fetch runs")
        indexes = [
            models.Index(fields=["account", "-id"], name="runs_of_account"),
            models.Index(fields=["started_at"], name="runs_by_age"),
            models.Index(fields=["account"], condition=models.Q(state="running"), name="runs_running"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.started_at:%F %T} {self.state}"
