"""Folders, messages and their raw bytes. Each mail account is a mailbox of its own."""

from __future__ import annotations

from typing import ClassVar, TypedDict

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount
from accounts.tenancy import OwnedQuerySet, TenantModel


class AddressDict(TypedDict):
    """How an address is kept in the JSON columns."""

    name: str
    address: str


class Folder(TenantModel):
    """A folder of one account. Its counters are kept by `mailbox.services`, so that showing them costs nothing."""

    class Role(models.TextChoices):
        """What the folder is for; folders people make themselves have none."""

        INBOX = "inbox", _("Inbox")
        DRAFTS = "drafts", _("Drafts")
        SENT = "sent", _("Sent")
        SPAM = "spam", _("Spam")
        TRASH = "trash", _("Trash")
        OWN = "own", _("Folder")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="folders")
    role = models.CharField(max_length=8, choices=Role, default=Role.OWN)
    name = models.CharField(_("name"), max_length=100, blank=True)
    position = models.PositiveIntegerField(default=0)
    messages_count = models.PositiveIntegerField(default=0, editable=False)
    unread_count = models.PositiveIntegerField(default=0, editable=False)
    size = models.BigIntegerField(default=0, editable=False)
    # It is being emptied: until then somebody is at it, what had an id up to this when that was ordered goes, but for
    # what was moved here since (mailbox/emptying.py).
    emptying_until = models.DateTimeField(null=True, editable=False)
    emptying_upto = models.BigIntegerField(null=True, editable=False)
    emptying_spares = ArrayField(models.BigIntegerField(), default=list, editable=False)

    objects: ClassVar[models.Manager[Folder]] = OwnedQuerySet["Folder"].as_manager()

    class Meta:
        verbose_name = _("folder")
        verbose_name_plural = _("folders")
        # People's own folders share a position, so they stand by name.
        ordering = ["position", Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "role"], condition=~models.Q(role="own"), name="one_folder_of_each_role"
            ),
            models.UniqueConstraint(
                "account", Lower("name"), condition=models.Q(role="own"), name="one_folder_of_each_name"
            ),
        ]
        indexes = [
            models.Index(
                fields=["emptying_until"],
                condition=models.Q(emptying_until__isnull=False),
                name="folder_emptying",
            ),
        ]

    def __str__(self) -> str:
        return str(self.label)

    @property
    def label(self) -> str:
        """The folder's name in the reader's language."""
        return self.name or str(Folder.Role(self.role).label)


PEOPLE_SHOWN = 3


class Message(TenantModel):
    """What lists and headers show of one message. The message itself is its raw bytes (RawPart)."""

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="messages", db_index=False)
    folder = models.ForeignKey(Folder, models.CASCADE, related_name="messages", db_index=False)
    # The folder it was in before it went to Trash, for "put back".
    trashed_from = models.ForeignKey(Folder, models.SET_NULL, null=True, related_name="+", db_index=False)

    # The Date header when it is believable, else the time of storing. Lists are ordered by it.
    sent_at = models.DateTimeField()
    date_text = models.CharField(max_length=200, blank=True)
    stored_at = models.DateTimeField(db_default=Now())
    size = models.BigIntegerField()
    sha256 = models.BinaryField(max_length=32)

    subject = models.TextField(blank=True)
    from_name = models.TextField(blank=True)
    from_address = models.TextField(blank=True)
    recipients = models.JSONField(default=dict)  # {"to": [AddressDict], "cc": […], "reply_to": […]}
    preview = models.TextField(blank=True)
    message_id = models.TextField(blank=True)
    in_reply_to = models.TextField(blank=True)
    references = models.JSONField(default=list)

    is_read = models.BooleanField(default=False)
    is_starred = models.BooleanField(default=False)
    has_attachments = models.BooleanField(default=False)
    is_undecodable = models.BooleanField(default=False)

    labels = models.ManyToManyField(
        "mailbox.Label", through="mailbox.MessageLabel", related_name="messages", editable=False
    )

    objects: ClassVar[models.Manager[Message]] = OwnedQuerySet["Message"].as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            # The list: keyset on (sent_at, id) within a folder; with unread for "unread only".
            models.Index(fields=["folder", "-sent_at", "-id"], name="message_list"),
            models.Index(
                fields=["folder", "-sent_at", "-id"],
                condition=models.Q(is_read=False),
                name="message_unread_list",
            ),
            models.Index(fields=["account"], name="message_account"),
            # Deleting a folder asks which messages in Trash came from it.
            models.Index(
                fields=["trashed_from"],
                condition=models.Q(trashed_from__isnull=False),
                name="message_trashed_from",
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def sender(self) -> str:
        """Who wrote it, as lists show it."""
        return self.from_name or self.from_address or str(_("Unknown sender"))

    @property
    def people(self) -> str:
        """Whose letter it is to the reader: who wrote it, or whom it went to when they have sent it."""
        to = (
            self.recipients.get("to") or self.recipients.get("cc")
            if self.folder.role == Folder.Role.SENT
            else None
        )
        if not to:
            return self.sender
        names = ", ".join(each["name"] or each["address"] for each in to[:PEOPLE_SHOWN])
        return str(_("To: %(people)s") % {"people": names})


class Attachment(TenantModel):
    """One attachment's description; its bytes are cut from the raw message when asked for."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    position = models.PositiveSmallIntegerField()
    filename = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    content_id = models.CharField(max_length=300, blank=True)
    is_inline = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.filename


class RawPart(TenantModel):
    """The bytes as the server sent them, in parts of at most 4 MiB, each zstd-compressed: so a message of 100 MB
    is neither stored nor read in one piece. `STORAGE EXTERNAL`: PostgreSQL need not try to compress again.
    """

    pk = models.CompositePrimaryKey("message_id", "part")
    message = models.ForeignKey(Message, models.CASCADE, related_name="raw_parts", db_index=False)
    part = models.PositiveSmallIntegerField(default=0)
    data = models.BinaryField()

    class Meta:
        verbose_name = _("raw message")
        verbose_name_plural = _("raw messages")

    def __str__(self) -> str:
        return f"part {self.part} of message {self.message_id}"
