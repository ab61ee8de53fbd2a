"""People sign in with an e-mail address; organizations are the tenants; a membership joins them with a role."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from accounts.validators import known_language, known_time_zone, plain_name

INVITATION_DAYS = 7


class UserManager(BaseUserManager["User"]):
    """Creates people by e-mail address, always in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who may sign in; without a password only after setting one by mail."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Support staff with every permission (`manage.py createsuperuser`)."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Sign-in does not care about case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. May belong to several organizations; the same person in each."""

    class Theme(models.TextChoices):
        """How pages look."""

        SYSTEM = "system", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[plain_name])
    language = models.CharField(_("language"), max_length=8, blank=True, validators=[known_language])
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, default=Theme.SYSTEM)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[known_time_zone])
    is_staff = models.BooleanField(_("support staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Addresses are kept in lower case, so that `unique` means what people mean."""
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """What a session is good for: this password and this address. Another one of either ends all sessions."""
        salt = "accounts.User.session"
        return salted_hmac(
            salt, f"{self.password}:{self.email}", secret=secret, algorithm="sha256"
        ).hexdigest()

    @property
    def initials(self) -> str:
        """One or two letters for the avatar."""
        words = (self.name or self.email.split("@")[0].replace(".", " ")).split()
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


class Organization(models.Model):
    """A tenant. Its limits are plain columns that `quotas` writes when the plan changes."""

    name = models.CharField(_("name"), max_length=100, validators=[plain_name])
    slug = models.SlugField(_("address"), max_length=50, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    mail_account_limit = models.PositiveIntegerField(default=0)
    member_limit = models.PositiveIntegerField(default=0)
    # How often an account may be fetched, and the largest message that is.
    fetch_minutes_limit = models.PositiveSmallIntegerField(default=3)
    message_bytes_limit = models.BigIntegerField(default=50_000_000)
    # To how many recipients all its members may send in 24 hours; away replies count.
    recipients_limit = models.PositiveIntegerField(default=500)

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do in the organization."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")


class Membership(TenantModel):
    """A person in an organization."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} · {self.organization}"

    @property
    def is_admin(self) -> bool:
        """Owners and admins see the console."""
        return self.role in (Role.OWNER, Role.ADMIN)


def invitation_expiry() -> Any:
    """Invitations are good for a week."""
    return timezone.now() + timedelta(days=INVITATION_DAYS)


def _nobodys_key_hash() -> str:
    return Invitation.hash_key(Invitation.new_key())


class Invitation(TenantModel):
    """An invitation by mail. Only the hash of its key is kept, so reading the table lets nobody in.

    The key is made when the mail is sent, so that it waits in no row and no queue.
    """

    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.MEMBER)
    key_hash = models.CharField(max_length=64, unique=True, editable=False, default=_nobodys_key_hash)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=invitation_expiry)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When its mail is to be sent, or sent again after a failure; None once it was.
    mail_due_at = models.DateTimeField(null=True, blank=True, editable=False, default=timezone.now)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        indexes = [
            models.Index(
                fields=["mail_due_at"],
                condition=models.Q(mail_due_at__isnull=False),
                name="invitation_mail_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None),
                name="one_open_invitation",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @staticmethod
    def new_key() -> str:
        """A key for the link in the mail, 256 bits."""
        return secrets.token_urlsafe(32)

    @staticmethod
    def hash_key(key: str) -> str:
        """What of the key is stored."""
        return hashlib.sha256(key.encode()).hexdigest()

    @property
    def is_open(self) -> bool:
        """Neither accepted nor expired."""
        return self.accepted_at is None and self.expires_at > timezone.now()
