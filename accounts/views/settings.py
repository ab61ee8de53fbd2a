"""A person's own settings: profile, look, signing in, leaving an organization."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import access, invitations, members, reauthentication, tasks, unsent
from accounts.access import render
from accounts.forms import LookForm, ProfileForm
from accounts.models import MailAccount, User


def _slug(request: access.MemberRequest) -> str:
    return request.membership.organization.slug


@access.member
def profile(request: access.MemberRequest) -> HttpResponse:
    """Name, address, and the organizations one belongs to."""
    # A copy, so that a name which is refused is not shown in the frame as if it were taken.
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("profile", _slug(request))
    context = {"form": form, "memberships": access.memberships_of(request.user)}
    return render(request, "settings/profile.html", context)


@access.member
def look(request: access.MemberRequest) -> HttpResponse:
    """Language, theme and time zone."""
    person = User.objects.get(pk=request.user.pk)
    form = LookForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(person.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("look", _slug(request))
    return render(request, "settings/look.html", {"form": form, "current_time": timezone.now()})


@access.member
def security(request: access.MemberRequest) -> HttpResponse:
    """Where password and address are changed: outside any organization, so remember the way back."""
    request.session[invitations.ORGANIZATION_KEY] = _slug(request)
    return render(request, "settings/security.html")


def _back(request: Any) -> HttpResponse:
    """To the page the form was on, if it is one of ours."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target) if safe else redirect("look", _slug(request))


@access.member
@require_POST
def switch_theme(request: access.MemberRequest) -> HttpResponse:
    """From the menu in the top bar."""
    theme = request.POST.get("theme", "")
    if theme in User.Theme.values:
        User.objects.filter(pk=request.user.pk).update(theme=theme)
    return _back(request)


@access.member
@require_POST
def switch_language(request: access.MemberRequest) -> HttpResponse:
    """Likewise."""
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return _back(request)


@access.member
@reauthentication.required
def leave(request: access.MemberRequest) -> HttpResponse:
    """Leave the organization, after a page that says what goes along."""
    membership, is_refused = request.membership, False
    accounts = list(MailAccount.objects.visible_to(membership))
    if request.POST.get("act") == "send_now":
        unsent.send_now(accounts)
        messages.info(request, _("What was waiting goes out in a moment."))
        return redirect("leave", _slug(request))
    if request.method == "POST":
        name = membership.organization.name
        confirmed = access.number_in(request.POST.get("unsent", ""))
        try:
            for account in members.remove(membership, membership, unsent_confirmed=confirmed or 0):
                tasks.schedule_removal(account)
        except members.LastOwner:
            return redirect("leave", _slug(request))
        except members.Gone:  # a second click
            return redirect("home")
        except unsent.NotConfirmed:
            is_refused = True
        else:
            messages.success(request, _("You have left %(organization)s.") % {"organization": name})
            return redirect("home")
    context = {
        "is_last_owner": members.is_last_owner(membership),
        "accounts": accounts,
        "unsent": unsent.unsent_of(accounts),
        "is_unsent_refused": is_refused,
    }
    return render(request, "settings/leave.html", context, status=422 if is_refused else 200)
