"""Django's admin as the support desk at /support/."""

from django.contrib.admin.apps import AdminConfig


class SupportConfig(AdminConfig):
    """Takes the place of `django.contrib.admin`: what every app registers goes to our site."""

    default_site = "mailhub.admin.SupportSite"
