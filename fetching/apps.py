"""How mail comes in: the protocols, the engine, the schedule."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FetchingConfig(AppConfig):
    """Fetching."""

    name = "fetching"
    verbose_name = _("Fetching")

    def ready(self) -> None:
        """Connect the receivers."""
        from fetching import receivers  # noqa: F401
