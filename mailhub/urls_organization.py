"""Addresses below /o/<slug>/ of the pages that need everybody."""

from django.urls import path

from fetching.views import fetch_settings
from mailhub.pages import account_cards, console, storage

urlpatterns = [
    path("settings/accounts/", account_cards.accounts, name="accounts"),
    path("settings/storage/", storage.storage, name="storage"),
    path("console/", console.overview, name="console"),
    path("console/accounts/", console.accounts, name="console_accounts"),
    path("console/fetching/", fetch_settings.fetch_defaults, name="fetch_defaults"),
]
