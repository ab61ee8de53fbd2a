"""Addresses below /o/<slug>/settings/accounts/. The list of cards itself is `accounts`, in mailhub."""

from django.urls import path

from fetching.views import account_settings, connect, fetch_settings, history, missing_messages, progress

urlpatterns = [
    path("connect/", connect.connect, name="connect"),
    path("connect/test/", connect.connect_test, name="connect_test"),
    path("connect/test/<str:test>/", connect.connect_status, name="connect_status"),
    path("connect/save/", connect.connect_save, name="connect_save"),
    path("order/", account_settings.mail_account_order, name="mail_account_order"),
    path("<int:account>/", account_settings.mail_account_edit, name="mail_account_edit"),
    path("<int:account>/test/", connect.mail_account_test, name="mail_account_test"),
    path("<int:account>/fetching/", fetch_settings.fetch_settings, name="fetch_settings"),
    path("<int:account>/delete/", account_settings.mail_account_delete, name="mail_account_delete"),
    path("<int:account>/default/", account_settings.mail_account_default, name="mail_account_default"),
    path("<int:account>/fetch/", account_settings.fetch_now, name="fetch_now"),
    path("<int:account>/pause/", account_settings.fetch_pause, name="fetch_pause"),
    path("<int:account>/resume/", account_settings.fetch_resume, name="fetch_resume"),
    path("<int:account>/history/", history.fetch_history, name="fetch_history"),
    path("<int:account>/not-here/", missing_messages.fetch_missing, name="fetch_missing"),
    path("<int:account>/not-here/retry/", missing_messages.fetch_retry, name="fetch_retry"),
    path("<int:account>/progress/", progress.fetch_progress, name="fetch_progress"),
]
