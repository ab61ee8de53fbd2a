"""Support desk: people, organizations, mail accounts without their passwords, and who did what."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts.models import AuditEvent, Invitation, MailAccount, Membership, Organization, User


class ReadOnly:
    """Looked at, never changed here: writes have to go through the services, which keep the books."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is made here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False


class Undeletable:
    """Edited here, but neither made nor deleted: rows hang on it that only services may move."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not here."""
        return False


class EmailAddressInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """Which addresses a person has proven."""

    model = EmailAddress
    fields = ("email", "verified", "primary")
    extra = 0


class MembershipInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """Who belongs where."""

    model = Membership
    fields = ("organization", "user", "role", "joined_at")
    readonly_fields = ("joined_at",)
    extra = 0


@admin.register(User)
class UserAdmin(Undeletable, ModelAdmin):  # type: ignore[misc]
    """People. The address is theirs to change, because it must be proven; the password is nobody's to see."""

    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "language")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = (
        "email",
        "name",
        "language",
        "theme",
        "time_zone",
        "is_active",
        "is_staff",
        "groups",
        "date_joined",
        "last_login",
    )
    readonly_fields = ("email", "date_joined", "last_login")
    inlines = (EmailAddressInline, MembershipInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Only superusers make staff, or staff could raise themselves."""
        raising = () if getattr(request.user, "is_superuser", False) else ("is_staff", "groups")
        return (*self.readonly_fields, *raising)


@admin.register(Organization)
class OrganizationAdmin(Undeletable, ModelAdmin):  # type: ignore[misc]
    """Tenants. Limits come from the plan; change the subscription instead."""

    list_display = ("name", "slug", "mail_account_limit", "member_limit", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = ("name", "slug", "mail_account_limit", "member_limit", "created_at")
    readonly_fields = ("slug", "mail_account_limit", "member_limit", "created_at")
    inlines = (MembershipInline,)


@admin.register(MailAccount)
class MailAccountAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """How mailboxes are reached. The password is in no form, list or export, encrypted or not."""

    list_display = ("email", "organization", "owner", "kind", "host", "port", "encryption", "created_at")
    list_filter = ("kind", "encryption", "provider")
    list_select_related = ("organization", "owner")
    search_fields = ("email", "host", "owner__email", "organization__name")
    ordering = ("-created_at",)
    fields = (
        "organization",
        "owner",
        "email",
        "name",
        "kind",
        "provider",
        "host",
        "port",
        "encryption",
        "username",
        "is_default",
        "generation",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the password: what is not read cannot be shown."""
        return super().get_queryset(request).defer("password")


@admin.register(Invitation)
class InvitationAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Invitations, without the hash of their key."""

    list_display = ("email", "organization", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_select_related = ("organization", "invited_by")
    search_fields = ("email", "organization__name")
    ordering = ("-created_at",)
    fields = ("organization", "email", "role", "invited_by", "created_at", "expires_at", "accepted_at")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Who did what."""

    list_display = ("at", "organization", "actor", "action", "target")
    list_filter = ("action",)
    list_select_related = ("organization", "actor")
    search_fields = ("target", "organization__name", "actor__email")
    date_hierarchy = "at"
    ordering = ("-at",)


# Registered by the apps they come from, without Unfold's templates; addresses are shown with their person.
admin.site.unregister(EmailAddress)
admin.site.unregister(Group)


@admin.register(Group)
class SupportGroupAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """What groups of support staff may see."""
