"""What follows when allauth has changed somebody's sign-in."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import email_changed
from django.contrib.auth import update_session_auth_hash
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User


@receiver(email_changed, dispatch_uid="accounts.keep_this_session")
def keep_this_session(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """A new address ends every session (User holds why); this one goes on, if it is the person's own."""
    if request.user.is_authenticated and request.user.pk == user.pk:
        update_session_auth_hash(request, user)
