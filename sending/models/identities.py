"""As whom an account writes, and the proof that an address is its owner's."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import MailAccount, User
from accounts.tenancy import OwnedQuerySet, TenantModel


class Identity(TenantModel):
    """One address that an account may send from, with the name and the signatures that go with it.

    Each account has one for its own address, which cannot be removed. Whether it may be used is not stored but
    follows from `is_login` and from the proofs of its owner: see `sending.identities.identities`.
    """

    account = models.ForeignKey(MailAccount, models.CASCADE, related_name="identities", db_index=False)
    address = models.EmailField(_("e-mail address"), max_length=254)
    name = models.CharField(_("sender name"), max_length=150, blank=True)
    # "": replies go to the address itself. Another one must be proven, too.
    reply_to = models.EmailField(_("replies go to"), max_length=254, blank=True)
    # The outgoing server has accepted it as the sender after signing in, which proves it.
    is_login = models.BooleanField(default=False)
    is_default = models.BooleanField(_("used unless another is chosen"), default=False)
    position = models.PositiveIntegerField(default=0)
    signature_new = models.ForeignKey(
        "sending.Signature", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    signature_reply = models.ForeignKey(
        "sending.Signature", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    objects: ClassVar[models.Manager[Identity]] = OwnedQuerySet["Identity"].as_manager()

    class Meta:
        verbose_name = _("sender address")
        verbose_name_plural = _("sender addresses")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint("account", Lower("address"), name="one_identity_of_each_address"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_default=True), name="one_default_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class AddressProof(TenantModel):
    """That a person reads the mail of an address, or is about to show it by a code sent there.

    Proven once it holds for every account and use of that person in the organization. Only a hash of the code is
    kept; it is good for 30 minutes and five tries, and is sent again at most a few times a day.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="address_proofs")
    address = models.EmailField(max_length=254)
    code_hash = models.CharField(max_length=128, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)
    sent_today = models.PositiveSmallIntegerField(default=0, editable=False)
    verified_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("proof of an address")
        verbose_name_plural = _("proofs of addresses")
        constraints = [
            models.UniqueConstraint(
                "organization", "user", Lower("address"), name="one_proof_of_each_address"
            )
        ]

    def __str__(self) -> str:
        return self.address
