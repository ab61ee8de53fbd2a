"""What is known of a mail server whoever's account is on it: how many lines it takes, and whether it answers."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

CONNECTIONS = 4


class MailServer(models.Model):
    """One host. Of no tenant: the limits and outages of a provider are the same for all of them.

    It holds no more than the host's name and counters, and no page shows one tenant's use to another.
    """

    host = models.CharField(max_length=253, primary_key=True)
    # Sessions at a time, over all tenants.
    connections = models.PositiveSmallIntegerField(default=CONNECTIONS)
    # Failures to reach it in a row, of accounts that differ from the one before; from BREAKER_AFTER on
    # nobody is sent there until `closed_until`, and then one account, to see whether it answers again.
    failures = models.PositiveIntegerField(default=0)
    last_failed_account = models.BigIntegerField(null=True)
    closed_until = models.DateTimeField(null=True)
    # A server whose answers came out of step is asked one thing at a time until then (R21).
    lockstep_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("mail server")
        verbose_name_plural = _("mail servers")
        indexes = [
            models.Index(fields=["host"], condition=models.Q(failures__gt=0), name="servers_in_trouble")
        ]

    def __str__(self) -> str:
        return self.host
