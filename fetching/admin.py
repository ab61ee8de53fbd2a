"""Support desk: how accounts are fetched, how that stands, what runs did. Numbers and codes, never a message."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnly, SupportAdmin, Undeletable
from fetching.models import FetchDefaults, FetchRun, FetchSettings, FetchState, MailServer


@admin.register(FetchState)
class FetchStateAdmin(ReadOnly, SupportAdmin):
    """When each account is fetched next, and what is wrong with it."""

    list_display = (
        "account",
        "organization",
        "status",
        "error_code",
        "failures",
        "last_success_at",
        "next_run_at",
        "not_before",
        "server",
    )
    list_filter = ("status", "error_code")
    list_select_related = ("account", "organization")
    search_fields = ("account__email", "account__host", "organization__name")
    ordering = ("-failures", "next_run_at")
    # A worker's right to write, and what names a remote mailbox, are nobody's to see.
    exclude = ("lease_token", "mailbox", "seen_uidl", "seen_digest")


@admin.register(FetchRun)
class FetchRunAdmin(ReadOnly, SupportAdmin):
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
        "times",
    )
    list_filter = ("state", "error_code")
    list_select_related = ("account", "organization")
    search_fields = ("account__email", "account__host", "organization__name")
    date_hierarchy = "started_at"
    ordering = ("-id",)


_RULES = ("interval_minutes", "is_adaptive", "first_fetch", "delete_policy", "max_message_bytes")


@admin.register(FetchSettings)
class FetchSettingsAdmin(ReadOnly, SupportAdmin):
    """How each account is fetched. The name of its folder or label may say too much."""

    list_display = ("account", "organization", *_RULES)
    list_filter = ("delete_policy", "first_fetch", "is_adaptive")
    list_select_related = ("account", "organization")
    search_fields = ("account__email", "account__host", "organization__name")
    exclude = ("folder", "label")


@admin.register(FetchDefaults)
class FetchDefaultsAdmin(ReadOnly, SupportAdmin):
    """What an organization's new accounts begin with."""

    list_display = ("organization", *_RULES)
    list_filter = ("delete_policy", "first_fetch")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__slug")


@admin.register(MailServer)
class MailServerAdmin(Undeletable, SupportAdmin):
    """Servers of all tenants: which are down, and how many sessions each takes. The latter can be changed here."""

    list_display = ("host", "connections", "failures", "closed_until", "lockstep_until")
    search_fields = ("host",)
    ordering = ("-failures", "host")
    fields = list_display
    readonly_fields = ("host", "failures", "closed_until", "lockstep_until")
