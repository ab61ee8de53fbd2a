"""Addresses below /o/<slug>/ about the person and the people of the organization."""

from django.urls import path

from accounts.views import organizations, people, settings

urlpatterns = [
    path("", organizations.enter, name="organization"),
    path("settings/profile/", settings.profile, name="profile"),
    path("settings/look/", settings.look, name="look"),
    path("settings/theme/", settings.switch_theme, name="switch_theme"),
    path("settings/language/", settings.switch_language, name="switch_language"),
    path("settings/security/", settings.security, name="security"),
    path("settings/leave/", settings.leave, name="leave"),
    path("console/people/", people.people, name="people"),
    path("console/people/invite/", people.invite, name="invite"),
    path(
        "console/people/invitations/<int:invitation>/resend/",
        people.invitation_resend,
        name="invitation_resend",
    ),
    path(
        "console/people/invitations/<int:invitation>/withdraw/",
        people.invitation_withdraw,
        name="invitation_withdraw",
    ),
    path("console/people/<int:member>/role/", people.member_role, name="member_role"),
    path("console/people/<int:member>/remove/", people.member_remove, name="member_remove"),
]
