"""People, organizations, mail accounts, tenancy, secrets, and which hosts may be reached."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People and accounts."""

    name = "accounts"
    verbose_name = _("People and accounts")

    def ready(self) -> None:
        """Listen to allauth and to migrations; read the rules for hosts, or a wrong one shows at the first fetch."""
        from accounts import database_roles, receivers  # noqa: F401  (receivers connect themselves)
        from accounts.servers import hosts

        pre_migrate.connect(database_roles.install, sender=self)
        post_migrate.connect(database_roles.grant, sender=self)
        hosts.check_settings()
