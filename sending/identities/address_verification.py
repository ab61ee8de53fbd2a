"""Proving that an address is one's own: a code is mailed there and typed in here.

Whoever asks for a code makes Mailhub write to somebody, maybe to a third person. So codes are counted for the person,
for the organization and, over all tenants, for the mailbox, however its address is spelled.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Membership
from sending.message import addresses
from sending.models import AddressProof

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MINUTES: Final = 30
TRIES: Final = 5
PAUSE_SECONDS: Final = 60
A_DAY: Final = 5  # codes for one address of one person
# Codes in 24 hours, whatever they are for: "mailbox" is over all tenants.
DAILY: Final = {"mailbox": 10, "person": 20, "organization": 100}


class ProofError(Exception):
    """A code was not sent or not accepted; `sentence` says what is so and what to do."""

    def __init__(self, sentence: _StrPromise | str) -> None:
        super().__init__()
        self.sentence = sentence


class TooSoon(ProofError):
    """A code was sent a moment ago."""


class TooMany(ProofError):
    """No more codes today."""


class NotWritable(ProofError):
    """Mailhub cannot write to such an address."""


class WrongCode(ProofError):
    """Another try may help."""


class UsedUp(ProofError):
    """Only a new code helps."""


# ── What is proven ──────────────────────────────────────────────────────────
def proven(organization_id: int, user_id: int) -> frozenset[str]:
    """The addresses (by `addresses.key`) that a person has proven: by a code, or as their own for signing in."""
    codes = AddressProof.objects.filter(
        organization=organization_id, user=user_id, verified_at__isnull=False
    ).values_list("address", flat=True)
    own = EmailAddress.objects.filter(user=user_id, verified=True).values_list("email", flat=True)
    return frozenset(addresses.key(address) for address in (*codes, *own) if _is_plain(address))


def covers(found: frozenset[str], address: str) -> bool:
    """Whether an address is one of those that `proven` has found."""
    return _is_plain(address) and addresses.key(address) in found


def _is_plain(address: str) -> bool:
    # Letters beyond ASCII may become others when case is ignored, and the mailbox another one.
    return address.rpartition("@")[0].isascii()


def is_proven(membership: Membership, address: str) -> bool:
    """Whether the member has proven this address."""
    return covers(proven(membership.organization_id, membership.user_id), address)


# ── Sending a code ──────────────────────────────────────────────────────────
def start_verification(membership: Membership, address: str) -> AddressProof:
    """Count a code for this address; queue `tasks.send_code` with the row for after the commit. Raises ProofError."""
    address = writable(address)
    with transaction.atomic():
        proof = _row(membership, address)
        now = timezone.now()
        if proof.sent_at is not None:
            if (now - proof.sent_at).total_seconds() < PAUSE_SECONDS:
                raise TooSoon(
                    _("A code was sent to this address a moment ago. Wait a minute for the next one.")
                )
            if proof.sent_at.date() != now.date():
                proof.sent_today = 0
        if proof.sent_today >= A_DAY:
            raise TooMany(_("No more codes go to this address today. Try again tomorrow."))
        _count(membership, address)
        proof.sent_at, proof.sent_today = now, proof.sent_today + 1
        # The task makes the code, so that it waits in no queue.
        proof.code_hash, proof.expires_at, proof.tries = "", None, 0
        proof.save()
    return proof


def writable(address: str) -> str:
    """The address as mail goes to it. Raises NotWritable."""
    try:
        found = addresses.for_sending(address)
    except addresses.AddressError:
        found = ""
    # No quoted names, no IP addresses, no machine of the inner network.
    if not found.isascii() or '"' in found or found.endswith("]") or "." not in found.rpartition("@")[2]:
        raise NotWritable(_("Mailhub cannot write to this address. Use one with plain letters."))
    return found


def _of(membership: Membership, address: str) -> QuerySet[AddressProof]:
    """The member's row for an address, if there is one."""
    try:
        address = writable(address)
    except NotWritable:
        return AddressProof.objects.none()
    return AddressProof.objects.filter(
        organization=membership.organization_id, user=membership.user_id, address__iexact=address
    )


def _row(membership: Membership, address: str) -> AddressProof:
    """The row of this person and address, locked."""
    found, _created = AddressProof.objects.get_or_create(
        organization=membership.organization,
        user=membership.user,
        address__iexact=address,
        defaults={"address": address},
    )
    return AddressProof.objects.select_for_update().get(pk=found.pk)


def _count(membership: Membership, address: str) -> None:
    day = int(time.time()) // 86400
    for kind, name in (
        ("mailbox", _mailbox(address)),
        ("person", str(membership.user_id)),
        ("organization", str(membership.organization_id)),
    ):
        key = f"codes:{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}:{day}"
        cache.add(key, 0, 86400)
        if cache.incr(key) > DAILY[kind]:
            raise TooMany(_("Many codes were sent today, so no more go out. Try again tomorrow."))


def _mailbox(address: str) -> str:
    """Where mail to an address may end up: many providers ignore dots and what follows a plus."""
    local, _at, domain = addresses.key(address).rpartition("@")
    return f"{re.sub(r'[+].*|[.]', '', local)}@{domain}"


def make_code(proof_id: int) -> str:
    """A new code for an ordered proof, of which only a hash is kept; "" when one was made already."""
    proof = (
        AddressProof.objects.select_for_update()
        .filter(pk=proof_id, code_hash="", sent_at__isnull=False)
        .first()
    )
    if proof is None:
        return ""
    code = f"{secrets.randbelow(10**6):06}"
    proof.code_hash, proof.tries = _hash(proof, code), 0
    proof.expires_at = timezone.now() + timedelta(minutes=MINUTES)
    proof.save(update_fields=["code_hash", "tries", "expires_at"])
    return code


def _hash(proof: AddressProof, code: str) -> str:
    # Keyed: a million codes are tried in a second by whoever has only the table.
    text = f"{proof.pk}:{addresses.key(proof.address)}:{code}"
    return salted_hmac("sending.identities.address_verification", text, algorithm="sha256").hexdigest()


def waiting(membership: Membership, address: str) -> AddressProof | None:
    """The row of a code that is on its way, or can still be typed in; None when another must be sent."""
    now = timezone.now()
    proof = _of(membership, address).filter(verified_at=None).first()
    if proof is None or proof.sent_at is None or proof.tries >= TRIES:
        return None
    until = proof.expires_at or proof.sent_at + timedelta(minutes=MINUTES)
    return proof if until > now else None


# ── Typing it in ────────────────────────────────────────────────────────────
def confirm(membership: Membership, address: str, code: str) -> ProofError | None:
    """Prove the address by the code that was mailed to it; returns what was wrong, None when it is proven.

    Returned, not raised: an error that leaves the transaction would take back that a try was made.
    """
    own, now = _of(membership, address), timezone.now()
    proof = own.first()
    if proof is None or not proof.code_hash or proof.expires_at is None or proof.expires_at <= now:
        return UsedUp(_("This code is no longer good. Send a new one."))
    # Counted before it is looked at, so that tries at the same moment are so many tries.
    counted = own.filter(code_hash=proof.code_hash, tries__lt=TRIES)
    if not counted.update(tries=F("tries") + 1):
        return UsedUp(_("There were too many wrong tries. Send a new code."))
    typed = re.sub(r"[\s-]", "", code)
    if not constant_time_compare(_hash(proof, typed), proof.code_hash):
        return _wrong(TRIES - proof.tries - 1)
    own.update(verified_at=now, code_hash="", expires_at=None)
    return None


def _wrong(left: int) -> ProofError:
    if left <= 0:
        return UsedUp(_("This is not the code, and there were too many wrong tries. Send a new code."))
    return WrongCode(
        ngettext(
            "This is not the code. You have %(count)s try left.",
            "This is not the code. You have %(count)s tries left.",
            left,
        )
        % {"count": left}
    )
