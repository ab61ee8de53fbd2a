"""People, organizations, mail accounts, tenancy, secrets, and which hosts may be reached."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People and accounts."""

    name = "accounts"
    verbose_name = _("People and accounts")

    def ready(self) -> None:
        """Read the rules for hosts, which a wrong setting would break only when the first mail is fetched."""
        from accounts.servers import hosts

        hosts.check_settings()
