"""Sending a code from a page, and where to go then."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.access import MemberRequest
from accounts.requests import org_url
from sending import tasks
from sending.identities import address_verification, identities
from sending.identities.address_verification import ProofError
from sending.models import Identity


def send(request: MemberRequest, address: str) -> None:
    """Order a code for an address and tell how that went; it is mailed after the commit."""
    try:
        proof = address_verification.start_verification(request.membership, address)
    except ProofError as error:
        messages.error(request, str(error.sentence))
        return
    language = request.user.language or get_language() or settings.LANGUAGE_CODE
    transaction.on_commit(partial(tasks.send_code.delay, proof.organization_id, proof.pk, language))
    messages.success(request, _("A code is on its way to %(address)s.") % {"address": proof.address})


def confirm_next(request: MemberRequest, identity: Identity, otherwise: str, query: str = "") -> HttpResponse:
    """To the page that asks for the next code, which is sent now; to `otherwise` when all is proven."""
    waiting = identities.unproven(identity)
    if not waiting:
        return redirect(otherwise)
    if address_verification.waiting(request.membership, waiting[0]) is None:
        send(request, waiting[0])
    return redirect(org_url(request, "address_verify", identity.pk) + query)
