"""The people of an organization: who is in, with which role, and who is invited."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import access, limits, members, reauthentication, services, tasks
from accounts.access import render
from accounts.forms import InviteForm
from accounts.models import Invitation, MailAccount, Membership, Role
from accounts.unsent import NotConfirmed, unsent_of

PEOPLE_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the table."""

    membership: Membership
    accounts: int
    roles: list[tuple[str, Any]]
    may_remove: bool


def _person(actor: Membership, member: Membership, accounts: Counter[int], owners: int) -> Person:
    may_change = members.may_change(actor, member)
    is_last = member.role == Role.OWNER and owners == 1
    roles = (
        [(role.value, role.label) for role in members.grantable(actor)] if may_change and not is_last else []
    )
    return Person(
        member, accounts[member.user_id], roles, may_change and member.pk != actor.pk and not is_last
    )


def _people(request: access.MemberRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    organization = request.membership.organization
    everybody = Membership.objects.filter(organization=organization)
    words = request.GET.get("q", "").strip()
    shown = (
        everybody.filter(Q(user__name__icontains=words) | Q(user__email__icontains=words))
        if words
        else everybody
    )
    page = Paginator(
        shown.select_related("user").order_by("user__name", "user__email"), PEOPLE_A_PAGE
    ).get_page(request.GET.get("page"))
    accounts = Counter(
        MailAccount.objects.of_organization(request.membership).values_list("owner", flat=True)
    )
    owners = everybody.filter(role=Role.OWNER).count()
    invitations = Invitation.objects.filter(organization=organization, accepted_at=None).order_by("email")
    context = {
        "form": form,
        "page": page,
        "people": [_person(request.membership, member, accounts, owners) for member in page],
        "invitations": [] if words else invitations,
        "places": everybody.count() + sum(invitation.is_open for invitation in invitations),
        "words": words,
    }
    return render(request, "console/people.html", context, status=status)


@access.admin
def people(request: access.MemberRequest) -> HttpResponse:
    """Members and open invitations."""
    return _people(request, InviteForm(request.membership))


def _invite(request: access.MemberRequest, emails: list[str], role: str) -> str:
    """Invite all or none; returns why nobody was, "" when they were. The mail is a task's, after the commit."""
    try:
        rows = services.invite(request.membership, emails, role)
    except services.LimitReached as full:
        return _full(full.limit)
    except limits.TooMany as many:
        return _too_many(many)
    except services.NotAdmin:
        return _("Only owners and admins invite. Nobody has been invited yet.")
    for row in rows:
        _mail_on_commit(row)
    return ""


def _mail_on_commit(row: Invitation) -> None:
    # Only a hint that a row waits: without a broker the clock finds it.
    def mail_invitation() -> None:
        tasks.mail_invitation.delay(row.organization_id, row.pk)

    transaction.on_commit(mail_invitation, robust=True)


@access.admin
@require_POST
def invite(request: access.MemberRequest) -> HttpResponse:
    """Invite one address or several."""
    form = InviteForm(request.membership, request.POST)
    if not form.is_valid():
        return _people(request, form, status=422)
    emails = form.cleaned_data["emails"]
    if refused := _invite(request, emails, form.cleaned_data["role"]):
        form.add_error("emails", refused)
        return _people(request, form, status=422)
    messages.success(
        request,
        ngettext("Invitation sent to %(email)s.", "%(count)s invitations sent.", len(emails))
        % {"email": emails[0], "count": len(emails)},
    )
    return redirect("people", request.membership.organization.slug)


def _full(limit: int) -> str:
    return ngettext(
        "Your plan has room for %(count)s person, open invitations included. Nobody has been invited yet.",
        "Your plan has room for %(count)s people, open invitations included. Nobody has been invited yet.",
        limit,
    ) % {"count": limit}


def _too_many(many: limits.TooMany) -> str:
    if many.kind == "mailbox":
        text = _(
            "%(email)s was invited several times today. Try again tomorrow. Nobody has been invited yet."
        )
    else:
        text = _("Many invitations were sent today. Try again tomorrow. Nobody has been invited yet.")
    return text % {"email": many.name}


def _invitation(request: access.MemberRequest, key: int) -> Invitation:
    return get_object_or_404(
        Invitation, organization=request.membership.organization, pk=key, accepted_at=None
    )


@access.admin
@require_POST
def invitation_resend(request: access.MemberRequest, invitation: int) -> HttpResponse:
    """A new link for another week; the old one stops working."""
    row = _invitation(request, invitation)
    if refused := _invite(request, [row.email], row.role):
        messages.error(request, refused)
    else:
        messages.success(request, _("Invitation sent again to %(email)s.") % {"email": row.email})
    return redirect("people", request.membership.organization.slug)


@access.admin
@require_POST
def invitation_withdraw(request: access.MemberRequest, invitation: int) -> HttpResponse:
    """The link in the mail stops working."""
    row = _invitation(request, invitation)
    try:
        members.withdraw(request.membership, row)
    except members.NotAllowed:
        messages.error(request, _("Only owners and admins can do that."))
    else:
        messages.success(request, _("The invitation to %(email)s is withdrawn.") % {"email": row.email})
    return redirect("people", request.membership.organization.slug)


def _member(request: access.MemberRequest, key: int) -> Membership:
    rows = Membership.objects.select_related("user", "organization")
    return get_object_or_404(rows, organization=request.membership.organization, pk=key)


@access.admin
@require_POST
def member_role(request: access.MemberRequest, member: int) -> HttpResponseBase:
    """Give a member another role."""
    row = _member(request, member)
    role = request.POST.get("role", "")
    if Role.OWNER in (role, row.role) and (answer := reauthentication.demand(request)):
        return answer
    try:
        members.change_role(request.membership, row, role)
    except members.LastOwner:
        messages.error(request, _("Make somebody else an owner first. An organization needs one."))
    except members.Gone:
        messages.error(request, _("%(person)s is no longer in the organization.") % {"person": row.user})
    except members.NotAllowed:
        messages.error(request, _("Only an owner can do that."))
    else:
        messages.success(
            request, _("%(person)s is now: %(role)s.") % {"person": row.user, "role": Role(row.role).label}
        )
    # Whoever gave up the console cannot be shown it.
    still_admin = row.pk != request.membership.pk or row.is_admin
    return redirect("people" if still_admin else "mail", request.membership.organization.slug)


@access.admin
@reauthentication.required
def member_remove(request: access.MemberRequest, member: int) -> HttpResponse:
    """Take somebody out, after a page that says what goes along."""
    row = _member(request, member)
    slug = request.membership.organization.slug
    if row.pk == request.membership.pk:
        return redirect("leave", slug)
    is_refused = False
    if request.method == "POST":
        confirmed = access.number_in(request.POST.get("unsent", ""))
        try:
            for account in members.remove(request.membership, row, unsent_confirmed=confirmed or 0):
                tasks.schedule_removal(account)
        except NotConfirmed:
            is_refused = True
        except members.Gone:
            messages.error(request, _("%(person)s is no longer in the organization.") % {"person": row.user})
            return redirect("people", slug)
        except (members.NotAllowed, members.LastOwner):
            messages.error(request, _("Only an owner can do that."))
            return redirect("people", slug)
        else:
            said = _("%(person)s is no longer in the organization.")
            messages.success(request, said % {"person": row.user})
            return redirect("people", slug)
    accounts = list(MailAccount.objects.of_organization(request.membership).filter(owner=row.user))
    context = {
        "member": row,
        "may_remove": members.may_change(request.membership, row),
        "accounts": accounts,
        # How many, not which: mail is private to its owner.
        "unsent": unsent_of(accounts),
        "is_unsent_refused": is_refused,
    }
    return render(request, "console/member_remove.html", context, status=422 if is_refused else 200)
