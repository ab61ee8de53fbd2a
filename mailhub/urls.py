"""The addresses of the site. Those below /o/<slug>/ belong to one organization (accounts/access.py)."""

from django.urls import include, path

from accounts.views import organizations
from mailhub.admin import site as support
from mailhub.pages import home

urlpatterns = [
    path("", home.home, name="home"),
    path("health/", home.health, name="health"),
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
