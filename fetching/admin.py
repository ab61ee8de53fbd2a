"""Support desk: how fetching stands and what its runs did. Numbers and codes, never a message."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from accounts.admin import ReadOnly
from fetching.models import FetchRun, FetchState


@admin.register(FetchState)
class FetchStateAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """When each account is fetched next, and what is wrong with it."""

    list_display = (
        "account",
        "organization",
        "status",
        "error_code",
        "failures",
        "last_success_at",
        "next_run_at",
    )
    list_filter = ("status", "error_code")
    list_select_related = ("account", "organization")
    search_fields = ("account__email", "account__host", "organization__name")
    ordering = ("-failures", "next_run_at")
    exclude = ("lease_token",)


@admin.register(FetchRun)
class FetchRunAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """One session with a server each."""

    list_display = (
        "started_at",
        "account",
        "organization",
        "state",
        "error_code",
        "wanted",
        "stored",
        "deleted",
    )
    list_filter = ("state", "error_code")
    list_select_related = ("account", "organization")
    search_fields = ("account__email", "account__host", "organization__name")
    date_hierarchy = "started_at"
    ordering = ("-id",)
