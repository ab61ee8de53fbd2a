"""The site itself."""

from django.apps import AppConfig


class MailhubConfig(AppConfig):
    """Pages that need everybody, commands, static files."""

    name = "mailhub"
