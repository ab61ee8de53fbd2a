"""Support desk: people, organizations, mail accounts without their passwords, and who did what."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, TabularInline

from accounts import services
from accounts.models import AuditEvent, Invitation, MailAccount, Membership, Organization, User

# What Django's own filters add to the name of the field they filter by.
_OF_FILTERS = ("", "__exact", "__isnull", "__id__exact")
_OF_DATES = ("__year", "__month", "__day")


class SupportAdmin(ModelAdmin):  # type: ignore[misc]
    """What every page of the desk keeps to: lists are filtered by what they offer alone, and looking leaves a trace."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the list itself offers: Django's own answer lets any column be guessed letter by letter."""
        names = [each if isinstance(each, str) else each[0] for each in self.list_filter]
        offered = {f"{name}{end}" for name in names for end in _OF_FILTERS}
        if self.date_hierarchy and lookup in {f"{self.date_hierarchy}{end}" for end in _OF_DATES}:
            # Far more digits would be an error already when Python makes a date of them.
            return value.isascii() and value.isdigit() and len(value) <= 4
        return lookup in offered

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Rows are named by their key and nothing else."""
        return bool(to_field == self.opts.pk.name)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one row, with a line in the log of each organization whose row it is."""
        answer: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        if isinstance(answer, TemplateResponse) and (row := (answer.context_data or {}).get("original")):
            self._trace(request, row)
        return answer

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Likewise."""
        answer: HttpResponse = super().history_view(request, object_id, extra_context)
        if isinstance(answer, TemplateResponse) and (row := (answer.context_data or {}).get("object")):
            self._trace(request, row)
        return answer

    def _trace(self, request: HttpRequest, row: Model) -> None:
        assert isinstance(request.user, User)
        for organization_id in _organizations_of(row):
            services.record(
                organization_id,
                request.user,
                "support.viewed",
                str(row),
                kind=self.opts.model_name,
                id=row.pk,
            )


def _organizations_of(row: Model) -> list[int]:
    """Whose members may want to know that support has looked at this row."""
    if isinstance(row, Organization):
        return [row.pk]
    if isinstance(row, User):
        return list(Membership.objects.filter(user=row).values_list("organization", flat=True))
    found = None if isinstance(row, AuditEvent) else getattr(row, "organization_id", None)
    return [] if found is None else [found]


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


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


@admin.register(User)
class UserAdmin(Undeletable, SupportAdmin):
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

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only superusers change staff: nobody may shut out those above, or rename them."""
        raised = isinstance(obj, User) and (obj.is_staff or obj.is_superuser)
        if raised and not _is_superuser(request):
            return False
        return bool(super().has_change_permission(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Only superusers make staff, or staff could raise themselves."""
        raising = () if _is_superuser(request) else ("is_staff", "groups")
        return (*self.readonly_fields, *raising)


@admin.register(Organization)
class OrganizationAdmin(Undeletable, SupportAdmin):
    """Tenants. Limits come from the plan; change the subscription instead."""

    list_display = ("name", "slug", "mail_account_limit", "member_limit", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = ("name", "slug", "mail_account_limit", "member_limit", "created_at")
    readonly_fields = ("slug", "mail_account_limit", "member_limit", "created_at")
    inlines = (MembershipInline,)


@admin.register(MailAccount)
class MailAccountAdmin(ReadOnly, SupportAdmin):
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
class InvitationAdmin(ReadOnly, SupportAdmin):
    """Invitations, without the hash of their key."""

    list_display = ("email", "organization", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_select_related = ("organization", "invited_by")
    search_fields = ("email", "organization__name")
    ordering = ("-created_at",)
    fields = ("organization", "email", "role", "invited_by", "created_at", "expires_at", "accepted_at")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, SupportAdmin):
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
class SupportGroupAdmin(GroupAdmin, SupportAdmin):  # type: ignore[misc]
    """What groups of support staff may see. Who could change that could give it to themselves: superusers alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For superusers."""
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """For superusers."""
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """For superusers."""
        return _is_superuser(request)
