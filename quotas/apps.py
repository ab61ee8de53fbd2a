"""Plans, subscriptions, the storage meter and its ledger."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class QuotasConfig(AppConfig):
    """Plans and storage."""

    name = "quotas"
    verbose_name = _("Plans and storage")

    def ready(self) -> None:
        """Connect the receivers."""
        from quotas.receivers import fill_plans

        post_migrate.connect(fill_plans, sender=self)
