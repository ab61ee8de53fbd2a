"""What saves writing: signatures of an account, templates of a person or of the whole organization."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, Membership, Organization, User
from accounts.tenancy import OwnedQuerySet, TenantModel


class Signature(TenantModel):
    """A signature of one account; which sender addresses carry it is told by `Identity.signature_*`."""

    class Place(models.TextChoices):
        """Where it stands in a reply."""

        ABOVE = "above", _("Above the quoted text")
        BELOW = "below", _("Below the quoted text")

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="signatures", db_index=False)
    name = models.CharField(_("name"), max_length=80)
    html = models.TextField(_("signature"), blank=True)  # sanitized when it is saved
    text = models.TextField(_("as plain text"), blank=True)  # "": made from the other
    place = models.CharField(max_length=5, choices=Place, default=Place.ABOVE)

    objects: ClassVar[models.Manager[Signature]] = OwnedQuerySet["Signature"].as_manager()

    class Meta:
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")
        ordering = [Lower("name"), "id"]
        constraints = [models.UniqueConstraint("account", Lower("name"), name="one_signature_of_each_name")]

    def __str__(self) -> str:
        return self.name


class MessageTemplateQuerySet(models.QuerySet["MessageTemplate"]):
    """Which templates a member may use."""

    def visible_to(self, membership: Membership) -> MessageTemplateQuerySet:
        """Their own, and those that others share with the organization."""
        return self.filter(
            Q(owner=membership.user_id) | Q(is_shared=True), organization=membership.organization_id
        )


class MessageTemplate(TenantModel):
    """A message to begin with. Placeholders are those of `sending.message.placeholders` and no others."""

    owner = models.ForeignKey(User, models.CASCADE, related_name="message_templates")
    # NULL: for all accounts of its owner; always NULL for a shared one.
    account = models.ForeignKey(
        MailAccount, models.CASCADE, null=True, blank=True, related_name="message_templates"
    )
    is_shared = models.BooleanField(_("shared with the organization"), default=False)
    name = models.CharField(_("name"), max_length=80)
    subject = models.CharField(_("subject"), max_length=1000, blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    is_plain = models.BooleanField(default=False)
    to = models.TextField(_("to"), blank=True)
    cc = models.TextField(_("cc"), blank=True)
    bcc = models.TextField(_("bcc"), blank=True)
    used_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[models.Manager[MessageTemplate]] = MessageTemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = [Lower("name"), "id"]
        indexes = [models.Index(fields=["organization", "owner"], name="templates_of_owner")]

    def __str__(self) -> str:
        return self.name


class Disclaimer(TenantModel):
    """What stands below every message that members of the organization write."""

    organization = models.OneToOneField(
        Organization, models.CASCADE, primary_key=True, related_name="disclaimer", editable=False
    )
    is_on = models.BooleanField(_("on"), default=False)
    html = models.TextField(blank=True)  # sanitized when it is saved
    text = models.TextField(_("as plain text"), blank=True)

    class Meta:
        verbose_name = _("disclaimer")
        verbose_name_plural = _("disclaimers")

    def __str__(self) -> str:
        return str(self.organization_id)


class TemplateFile(TenantModel):
    """A file of a template."""

    template = models.ForeignKey(MessageTemplate, models.CASCADE, related_name="files")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100)
    content_id = models.CharField(max_length=300, blank=True)  # of a picture in the text
    size = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("file of a template")
        verbose_name_plural = _("files of templates")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.filename
