"""How mail goes out: servers, sending addresses, composing, the outbox."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SendingConfig(AppConfig):
    """Sending."""

    name = "sending"
    verbose_name = _("Sending")

    def ready(self) -> None:
        """Connect the receivers."""
        from sending.receivers import accounts, new_mail  # noqa: F401
