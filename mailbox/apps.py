"""What is kept: folders, messages, raw bytes, safe rendering."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailboxConfig(AppConfig):
    """Mail as it is kept."""

    name = "mailbox"
    verbose_name = _("Mailboxes")

    def ready(self) -> None:
        """Connect the receivers."""
        from mailbox import receivers  # noqa: F401
