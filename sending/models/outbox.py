"""The outbox: frozen bytes on their way, and what became of them for each recipient."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import OwnedQuerySet, TenantModel
from mailbox.models import Message
from sending.models.identities import Identity


class OutgoingMessage(TenantModel):
    """One message that is to go out. Its bytes, Message-ID and Date never change: every try sends the same.

    `handed_over` is committed right before the final dot. A line lost before it may be tried again; one lost between
    the dot and the server's answer leaves `unknown`, which is never sent again by itself.
    """

    class State(models.TextChoices):
        """queued → claimed → handed_over → accepted | refused_temporary | refused | unknown."""

        QUEUED = "queued", _("Waiting to be sent")
        CLAIMED = "claimed", _("Being sent")
        HANDED_OVER = "handed_over", _("Being handed over")
        ACCEPTED = "accepted", _("Sent")
        REFUSED_TEMPORARY = "refused_temporary", _("Trying again soon")
        REFUSED = "refused", _("Not sent")
        UNKNOWN = "unknown", _("Maybe sent")
        CANCELLED = "cancelled", _("Taken back")

    class Kind(models.TextChoices):
        """Who wrote it."""

        PERSON = "person", _("Written by a person")
        VACATION = "vacation", _("Away reply")

    class Copy(models.TextChoices):
        """Where the copy for Sent stands, apart from the sending itself."""

        NONE = "none", _("No copy")
        WAITING = "waiting", _("Copy not filed yet")
        FILED = "filed", _("Copy in Sent")
        NO_SPACE = "no_space", _("No space for the copy")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="outgoing_messages", db_index=False)
    identity = models.ForeignKey(Identity, models.SET_NULL, null=True, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.PERSON)
    key = models.UUIDField(unique=True, editable=False)  # the draft's
    state = models.CharField(max_length=17, choices=State, default=State.QUEUED)
    message_id = models.CharField(max_length=1000)  # with its angles
    subject = models.CharField(max_length=1000, blank=True)
    from_name = models.CharField(max_length=150, blank=True)
    envelope_from = models.CharField(max_length=254, blank=True)  # "": the null sender
    size = models.BigIntegerField()
    # Of what follows the header: some providers hand sent mail back with more header lines than we wrote.
    body_sha256 = models.BinaryField(max_length=32)
    # Undo and "send later" are the same: it is not due before this.
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0)
    # The first try that counts: what has failed for a day from then on is given up.
    tried_since = models.DateTimeField(null=True)
    # The claim: whoever holds the token may write. A worker that dies before the final dot leaves it to expire.
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # Whether the worker that the claim was made for has taken it up; one that runs out in the queue is nobody's death.
    has_begun = models.BooleanField(default=False, db_default=False)
    claimed_at = models.DateTimeField(null=True)  # by whoever holds the claim
    error_code = models.CharField(max_length=40, blank=True)
    error_text = models.CharField(max_length=200, blank=True)
    # Refused, came back or maybe sent: it stays in the outbox until its owner has decided, or taken it off.
    needs_owner = models.BooleanField(default=False)
    told_at = models.DateTimeField(null=True)  # when its owner was last written to about that
    copy = models.CharField(max_length=8, choices=Copy, default=Copy.NONE)
    sent_copy = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="outgoing")
    answers = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)
    # What a draft takes to be opened again after "take back" (subject, html, recipients … as plain values).
    written = models.JSONField(default=dict, blank=True)

    objects: ClassVar[models.Manager[OutgoingMessage]] = OwnedQuerySet["OutgoingMessage"].as_manager()

    class Meta:
        verbose_name = _("outgoing message")
        verbose_name_plural = _("outgoing messages")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["queued", "claimed", "handed_over", "refused_temporary"]),
                name="outgoing_due",
            ),
            models.Index(fields=["account", "-id"], name="outgoing_of_account"),
            models.Index(
                fields=["account"],
                condition=models.Q(needs_owner=True)
                | models.Q(state__in=["queued", "claimed", "handed_over", "refused_temporary"]),
                name="outgoing_in_outbox",
            ),
            models.Index(
                fields=["organization"],
                condition=models.Q(copy__in=["waiting", "no_space"]),
                name="outgoing_to_be_copied",
            ),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(needs_owner=True),
                name="outgoing_to_be_told",
            ),
            models.Index(
                fields=["account", "told_at"],
                condition=models.Q(told_at__isnull=False),
                name="outgoing_told",
            ),
            models.Index(fields=["organization", "created_at"], name="outgoing_of_organization"),
            models.Index(fields=["account", "message_id"], name="outgoing_by_message_id"),
            models.Index(
                fields=["identity"], condition=models.Q(identity__isnull=False), name="outgoing_by_identity"
            ),
            models.Index(
                fields=["finished_at"], condition=models.Q(state="cancelled"), name="outgoing_taken_back"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"


class OutgoingPart(TenantModel):
    """The frozen bytes, compressed in parts as stored mail is (mailbox.bulk_insert); they go once the copy is filed."""

    outgoing = models.ForeignKey(OutgoingMessage, models.CASCADE, related_name="parts", db_index=False)
    part = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("outgoing bytes")
        verbose_name_plural = _("outgoing bytes")
        constraints = [models.UniqueConstraint(fields=["outgoing", "part"], name="one_outgoing_part_each")]

    def __str__(self) -> str:
        return f"{self.outgoing_id}/{self.part}"


class OutgoingRecipient(TenantModel):
    """One recipient, and what its server said."""

    class State(models.TextChoices):
        """As the outgoing server, or later a bounce, has told."""

        WAITING = "waiting", _("Waiting")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED_TEMPORARY = "refused_temporary", _("Refused for now")
        REFUSED = "refused", _("Refused")
        UNKNOWN = "unknown", _("Maybe sent")
        BOUNCED = "bounced", _("Came back")

    class Kind(models.TextChoices):
        """Which line it was written on."""

        TO = "to", _("To")
        CC = "cc", _("Cc")
        BCC = "bcc", _("Bcc")

    outgoing = models.ForeignKey(OutgoingMessage, models.CASCADE, related_name="recipients")
    kind = models.CharField(max_length=3, choices=Kind, default=Kind.TO)
    name = models.CharField(max_length=150, blank=True)
    address = models.CharField(max_length=320)
    # For looking up whatever its case: under row-level security an index of an expression is of no use.
    folded = models.GeneratedField(
        expression=Lower("address"), output_field=models.CharField(max_length=320), db_persist=True
    )
    state = models.CharField(max_length=17, choices=State, default=State.WAITING)
    failure = models.CharField(max_length=40, blank=True)  # a code of accounts.servers.failures
    code = models.PositiveSmallIntegerField(null=True)  # of the SMTP reply (RFC 5321, 4.2)
    status = models.CharField(max_length=12, blank=True)  # enhanced (RFC 3463)
    text = models.CharField(max_length=200, blank=True)
    bounced_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        ordering = ["id"]
        indexes = [models.Index(fields=["folded"], name="recipients_by_address")]

    def __str__(self) -> str:
        return f"{self.address} {self.state}"
