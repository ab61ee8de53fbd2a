"""Support desk: plans, who is on which, and the books."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import ReadOnly, SupportAdmin, Undeletable
from quotas import services
from quotas.models import LedgerEntry, Plan, StorageMeter, Subscription


@admin.register(Plan)
class PlanAdmin(SupportAdmin):
    """What can be subscribed to. A plan that is in use cannot be deleted (PROTECT)."""

    list_display = (
        "name",
        "slug",
        "storage_bytes",
        "mail_accounts",
        "members",
        "fetch_minutes",
        "message_bytes",
        "position",
    )
    search_fields = ("name", "slug")
    ordering = ("position",)

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        """Limits are copied to where they are checked, so a changed plan is subscribed to anew."""
        super().save_model(request, obj, form, change)
        for subscription in obj.subscriptions.select_related("organization"):
            services.subscribe(subscription.organization, obj)


@admin.register(Subscription)
class SubscriptionAdmin(Undeletable, SupportAdmin):
    """Which plan an organization is on; saving another one moves its limits."""

    list_display = ("organization", "plan", "since")
    list_filter = ("plan",)
    list_select_related = ("organization", "plan")
    search_fields = ("organization__name", "organization__slug")
    fields = ("organization", "plan", "since")
    readonly_fields = ("organization", "since")

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:
        """Through the service, which writes the plan's limits along."""
        services.subscribe(obj.organization, obj.plan)


@admin.register(StorageMeter)
class StorageMeterAdmin(ReadOnly, SupportAdmin):
    """Bytes used and allowed."""

    list_display = ("organization", "used", "limit")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__slug")
    ordering = ("-used",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnly, SupportAdmin):
    """Every change of a meter, append-only."""

    list_display = ("at", "organization", "account_id", "reason", "bytes", "messages")
    list_filter = ("reason",)
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__slug")
    date_hierarchy = "at"
    ordering = ("-at",)
