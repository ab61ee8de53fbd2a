"""The addresses of the site. Those below /o/<slug>/ belong to one organization (accounts/access.py)."""

from allauth.account import views as allauth
from django.urls import include, path

from accounts import reauthentication
from accounts.views import organizations
from mailhub.admin import site as support
from mailhub.pages import home

urlpatterns = [
    path("", home.home, name="home"),
    path("health/", home.health, name="health"),
    # allauth's own, under a stricter rule: nobody without a password changes the address or sets one.
    path("accounts/email/", reauthentication.required(allauth.email), name="account_email"),
    path(
        "accounts/password/set/", reauthentication.required(allauth.password_set), name="account_set_password"
    ),
    path("accounts/", include("allauth.account.urls")),
    path("invitation/<int:organization>/<str:key>/", include("accounts.invitation_urls")),
    path("organizations/new/", organizations.found, name="found"),
    path("support/", support.urls),
    path("o/<slug:slug>/", include("mailhub.urls_organization")),
    path("o/<slug:slug>/mail/", include("mailbox.urls")),
    path("o/<slug:slug>/settings/accounts/", include("fetching.urls")),
    path("o/<slug:slug>/", include("sending.urls")),
    path("o/<slug:slug>/", include("accounts.urls")),
]
