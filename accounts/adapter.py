"""Where django-allauth asks Mailhub: who may sign up, where signing in leads, how errors are worded."""

from __future__ import annotations

import logging
import zoneinfo
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as now
from django.utils.translation import gettext_lazy as _

from accounts import invitations
from accounts.access import memberships_of
from accounts.models import Membership, User

logger = logging.getLogger(__name__)


def current_membership(request: HttpRequest, user: User) -> Membership | None:
    """The organization a person last worked in, else the first by name; None without any."""
    own = memberships_of(user)
    slug = request.session.get(invitations.ORGANIZATION_KEY)
    return next((item for item in own if item.organization.slug == slug), own[0] if own else None)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Mailhub's answers."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This sign-in is switched off. Ask the people who run this Mailhub."),
        "email_password_mismatch": _(
            "The e-mail address and password do not match. Check both and try again."
        ),
        "too_many_login_attempts": _("Too many attempts in a short time. Wait a few minutes and try again."),
        "email_taken": _("Somebody already signs in with this address."),
        "duplicate_email": _("This is your address already."),
        "enter_current_password": _("This is not your current password. Check it and try again."),
        "incorrect_password": _("This is not your password. Check it and try again."),
        "rate_limited": _("Too many attempts in a short time. Wait a few minutes and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Anybody if the instance says so, and always whoever holds an invitation."""
        return bool(settings.MAILHUB_SIGNUP_OPEN) or invitations.kept(request) is not None

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Take the name and the browser's time zone along."""
        user.name = form.cleaned_data["name"]
        user.time_zone = form.cleaned_data["time_zone"]
        saved: User = super().save_user(request, user, form, commit)
        return saved

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Signing in with an invitation in hand accepts it, if it is for this address."""
        invitation = invitations.kept(request)
        if invitation and invitation.email == user.email:
            invitations.accept(request, invitation, user)
        elif invitation:
            invitations.forget(request)
            messages.warning(
                request,
                now(
                    "The invitation to %(organization)s is for %(email)s."
                    " Sign in with that address to accept it."
                )
                % {"organization": invitation.organization.name, "email": invitation.email},
            )
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """What was changed about a sign-in, to the address that counted before, in the person's language."""
        words = {"password_reset_url": f"{settings.MAILHUB_URL}{reverse('account_reset_password')}"}
        zone = zoneinfo.ZoneInfo(
            user.time_zone if user.time_zone in zoneinfo.available_timezones() else "UTC"
        )
        with translation.override(user.language or translation.get_language()), timezone.override(zone):
            try:
                super().send_notification_mail(template_prefix, user, words | (context or {}), email)
            except (
                OSError
            ) as error:  # the change is made; a mail server that is away must not make it look failed
                logger.error("%s to person %s failed: %s", template_prefix, user.pk, type(error).__name__)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        """The link to the new address, and a word to the one that counts until then."""
        super().send_confirmation_mail(request, emailconfirmation, signup)
        address = emailconfirmation.email_address
        if not signup and address.email.lower() != address.user.email:
            self.send_notification_mail(
                "account/email/email_change_requested",
                address.user,
                {"to_email": address.email},
                email=address.user.email,
            )

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to the page that led there."""
        assert isinstance(request.user, User)
        membership = current_membership(request, request.user)
        return reverse("security", args=[membership.organization.slug]) if membership else reverse("home")
