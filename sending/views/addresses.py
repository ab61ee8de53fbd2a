"""“Send mail as”: every sender address over all accounts, and proving one by a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.access import MemberRequest, render
from accounts.models import MailAccount
from accounts.requests import org_url
from sending.forms.addresses import CodeForm, EditAddressForm, NewAddressForm, initial_of
from sending.identities import address_verification, identities, servers
from sending.identities.identities import IdentityError, Obstacle
from sending.models import Identity, OutgoingServer
from sending.views import verification_codes

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

FORM_METHODS: Final = ["GET", "HEAD", "POST"]


@dataclass(frozen=True, slots=True)
class AddressRow:
    """One address on the page; `why_not` is "" when it may be used, `unproven` what a code must prove."""

    identity: Identity
    server: OutgoingServer | None
    obstacle: Obstacle | None
    why_not: _StrPromise | str
    unproven: list[str]
    is_own: bool

    @property
    def is_set_up(self) -> bool:
        """Whether the account has a way to send at all."""
        return self.obstacle not in (Obstacle.NOT_SET_UP, Obstacle.NO_RELAY)


# ── The list ────────────────────────────────────────────────────────────────
@access.member
@require_safe
def addresses(request: MemberRequest) -> HttpResponse:
    """All of them."""
    proven = address_verification.proven(request.membership.organization_id, request.membership.user_id)
    rows = [_row(identity, proven) for identity in identities.all_of(request.membership)]
    return render(request, "settings/sending/addresses.html", {"rows": rows})


def _row(identity: Identity, proven: frozenset[str]) -> AddressRow:
    found = identities.obstacle(identity, proven)
    return AddressRow(
        identity,
        servers.server_of(identity.account),
        found,
        identities.WORDS[found] if found else "",
        identities.unproven(identity, proven),
        identities.is_own(identity),
    )


def _own_identity(request: MemberRequest, identity: int) -> Identity:
    rows = Identity.objects.visible_to(request.membership).select_related(
        "account__organization", "account__outgoing_server"
    )
    return get_object_or_404(rows, pk=identity)


# ── Changes ─────────────────────────────────────────────────────────────────
@access.member
@require_http_methods(FORM_METHODS)
def address_new(request: MemberRequest) -> HttpResponse:
    """Add an address to an account; a code goes to it at once."""
    initial = {"account": access.number_in(request.GET.get("account", "")), "name": request.user.name}
    form = NewAddressForm(request.POST or None, membership=request.membership, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            identity = identities.add(
                data["account"],
                request.user,
                address=data["address"],
                name=data["name"],
                reply_to=data["reply_to"],
            )
        except IdentityError as error:
            form.add_error("address", str(error.sentence))
        else:
            return verification_codes.confirm_next(request, identity, org_url(request, "addresses"))
    has_accounts = MailAccount.objects.visible_to(request.membership).exists()
    context = {"form": form, "has_accounts": has_accounts}
    return render(request, "settings/sending/new.html", context, status=422 if form.errors else 200)


@access.member
@require_http_methods(FORM_METHODS)
def address_edit(request: MemberRequest, identity: int) -> HttpResponse:
    """Change the name and where replies go; another address for replies is proven first."""
    row = _own_identity(request, identity)
    form = EditAddressForm(request.POST or None, initial=initial_of(row))
    if request.method == "POST" and form.is_valid():
        before = row.reply_to
        identities.change(row, request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        page = org_url(request, "addresses")
        if row.reply_to != before and row.reply_to in identities.unproven(row):
            return verification_codes.confirm_next(request, row, page)
        return redirect(page)
    context = {
        "form": form,
        "row": _row(row, address_verification.proven(row.organization_id, row.account.owner_id)),
    }
    return render(request, "settings/sending/edit.html", context, status=422 if form.errors else 200)


@access.member
@require_POST
def address_default(request: MemberRequest, identity: int) -> HttpResponse:
    """Write from this address unless another is chosen."""
    row = _own_identity(request, identity)
    identities.make_default(row)
    words = {"name": row.account.name, "address": row.address}
    messages.success(request, _("“%(name)s” writes as %(address)s from now on.") % words)
    return redirect(org_url(request, "addresses"))


@access.member
@require_http_methods(FORM_METHODS)
def address_remove(request: MemberRequest, identity: int) -> HttpResponse:
    """Remove an address, after a page that says what that means."""
    row = _own_identity(request, identity)
    page = org_url(request, "addresses")
    if request.method != "POST" and not identities.is_own(row):
        return render(request, "settings/sending/remove.html", {"identity": row})
    try:
        identities.remove(row, request.user)
    except IdentityError as error:
        messages.error(request, str(error.sentence))
    else:
        messages.success(request, _("%(address)s is removed.") % {"address": row.address})
    return redirect(page)


# ── Proving ─────────────────────────────────────────────────────────────────
@access.member
@require_http_methods(FORM_METHODS)
def address_verify(request: MemberRequest, identity: int) -> HttpResponse:
    """Type in the code; with `?new=1` as a step of connecting an account."""
    row = _own_identity(request, identity)
    is_new = "1" in (request.GET.get("new"), request.POST.get("new"))
    after = org_url(request, "mail_account", row.account_id) if is_new else org_url(request, "addresses")
    waiting = identities.unproven(row)
    if not waiting:
        return redirect(after)
    address, form = waiting[0], CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if error := address_verification.confirm(request.membership, address, form.cleaned_data["code"]):
            form.add_error("code", str(error.sentence))
        else:
            messages.success(request, _("%(address)s is confirmed.") % {"address": address})
            return verification_codes.confirm_next(request, row, after, "?new=1" if is_new else "")
    context = {
        "identity": row,
        "address": address,
        "is_reply": address != row.address,
        "form": form,
        "waiting": address_verification.waiting(request.membership, address),
        "minutes": address_verification.MINUTES,
        "is_new": is_new,
        "after": after,
    }
    return render(request, "settings/sending/verify.html", context, status=422 if form.errors else 200)


@access.member
@require_POST
def address_code(request: MemberRequest, identity: int) -> HttpResponse:
    """Mail a code to what is not proven yet."""
    row = _own_identity(request, identity)
    if waiting := identities.unproven(row):
        verification_codes.send(request, waiting[0])
    query = "?new=1" if request.POST.get("new") == "1" else ""
    return redirect(org_url(request, "address_verify", row.pk) + query)
