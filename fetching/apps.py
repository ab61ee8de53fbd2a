"""How mail comes in: the protocols, the engine, the schedule."""

from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class FetchingConfig(AppConfig):
    """Fetching."""

    name = "fetching"
    verbose_name = pgettext_lazy("the work, not a state", "Fetching")

    def ready(self) -> None:
        """Connect the receivers."""
        from fetching import receivers  # noqa: F401
