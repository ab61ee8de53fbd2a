"""People, organizations, mail accounts, tenancy, secrets, and which hosts may be reached."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People and accounts."""

    name = "accounts"
    verbose_name = _("People and accounts")

    def ready(self) -> None:
        """Read the rules for hosts, which a wrong setting would break only when the first mail is fetched."""
        from accounts import database_roles
        from accounts.servers import hosts

        pre_migrate.connect(database_roles.install, sender=self)
        post_migrate.connect(database_roles.grant, sender=self)
        hosts.check_settings()
