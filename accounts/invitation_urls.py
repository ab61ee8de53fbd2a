"""The link in an invitation's mail."""

from django.urls import path

from accounts.views import invitation

urlpatterns = [path("", invitation.invitation, name="invitation")]
