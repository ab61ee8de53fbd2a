"""Sender addresses: which of them may be used now, why the others may not, and every change of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from accounts import locks, services
from accounts.models import MailAccount, Membership, User
from sending.identities import address_verification, servers
from sending.message import addresses
from sending.models import Identity, OutgoingServer

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Of one account. Others offer 99 for all together.
LIMIT: Final = 50


class Obstacle(StrEnum):
    """What keeps an address from being used, the first thing to do first."""

    NOT_SET_UP = "not_set_up"
    NO_RELAY = "no_relay"
    UNPROVEN = "unproven"
    REPLY_UNPROVEN = "reply_unproven"


WORDS: Final = {
    Obstacle.NOT_SET_UP: _("How mail goes out from this account is not set up yet. Set it up first."),
    Obstacle.NO_RELAY: _(
        "Mailhub itself no longer sends mail here. Enter the server of the provider instead."
    ),
    Obstacle.UNPROVEN: _("Nobody has shown yet that this address is yours. Confirm it with a code first."),
    Obstacle.REPLY_UNPROVEN: _(
        "Nobody has shown yet that the address for replies is yours. Confirm it with a code first."
    ),
}


CANNOT_SEND: Final = _("Can receive, cannot send yet")
SIGN_IN_REFUSED: Final = _("What you send waits: the sign-in was refused")


class IdentityError(Exception):
    """A sender address was not added, changed or removed; `sentence` says why and what to do."""

    def __init__(self, sentence: _StrPromise | str) -> None:
        super().__init__()
        self.sentence = sentence


# ── Which may be used ───────────────────────────────────────────────────────
def all_of(membership: Membership) -> list[Identity]:
    """The member's sender addresses with their accounts: accounts in their order, each one's default first."""
    rows = Identity.objects.visible_to(membership).select_related(
        "account__organization", "account__outgoing_server", "signature_new", "signature_reply"
    )
    return list(rows.order_by("account__position", "account_id", "-is_default", "position", "pk"))


def usable(membership: Membership) -> list[Identity]:
    """Those that mail may be sent from now, in the same order."""
    found = address_verification.proven(membership.organization_id, membership.user_id)
    return [identity for identity in all_of(membership) if obstacle(identity, found) is None]


def obstacle(
    identity: Identity, proven: frozenset[str] | None = None, replies: Collection[str] | None = None
) -> Obstacle | None:
    """What keeps the address from being used.

    `proven` is what `address_verification.proven` says of the account's owner; `replies` are the addresses that a
    letter asks for replies to, where it is not what the address has now.
    """
    server = servers.server_of(identity.account)
    if server is None or not servers.is_set_up(server):
        return Obstacle.NO_RELAY if server is not None and not server.is_custom else Obstacle.NOT_SET_UP
    waiting = unproven(identity, proven, replies)
    if not waiting:
        return None
    return Obstacle.UNPROVEN if waiting[0] == identity.address else Obstacle.REPLY_UNPROVEN


def unproven(
    identity: Identity, proven: frozenset[str] | None = None, replies: Collection[str] | None = None
) -> list[str]:
    """Which of its addresses, that of the sender and those for replies, a code must still prove, in this order."""
    if proven is None:
        proven = address_verification.proven(identity.organization_id, identity.account.owner_id)
    server = servers.server_of(identity.account)
    # What a server has shown counts for mail that it takes itself.
    has_login = server is not None and server.is_custom
    waiting = []
    if not (identity.is_login and has_login) and not address_verification.covers(proven, identity.address):
        waiting.append(identity.address)
    asked = filter(None, [identity.reply_to] if replies is None else replies)
    open_ones = [each for each in asked if not address_verification.covers(proven, each)]
    if open_ones and has_login:
        # An alias may be answered at the address of the account itself.
        logins = identity.account.identities.filter(is_login=True).values_list("address", flat=True)
        known = set(map(addresses.key, logins))
        open_ones = [each for each in open_ones if addresses.key(each) not in known]
    return [*waiting, *open_ones]


def why_not(identity: Identity, replies: Collection[str] | None = None) -> _StrPromise | str:
    """Why mail may not be sent from this address now, and what to do; "" when it may. `replies`: see `obstacle`."""
    found = obstacle(identity, None, replies)
    return WORDS[found] if found else ""


def default_for(account: MailAccount) -> Identity | None:
    """The address an account writes from unless another is chosen: one that may be used, if there is any.

    It may be one that must not be used yet (`why_not`), so that writing can begin; None only without any address.
    """
    rows = account.identities.select_related("account__outgoing_server")
    own = list(rows.order_by("-is_default", "position", "pk"))
    proven = address_verification.proven(account.organization_id, account.owner_id)
    return next((each for each in own if obstacle(each, proven) is None), own[0] if own else None)


def can_send(accounts: Iterable[MailAccount]) -> set[int]:
    """The ids of those accounts of one person that have an address which may be used now."""
    rows = Identity.objects.filter(account__in=list(accounts)).select_related("account__outgoing_server")
    proven: dict[tuple[int, int], frozenset[str]] = {}
    found = set()
    for identity in rows:
        who = identity.organization_id, identity.account.owner_id
        if who not in proven:
            proven[who] = address_verification.proven(*who)
        if identity.account_id not in found and obstacle(identity, proven[who]) is None:
            found.add(identity.account_id)
    return found


def notes(accounts: Iterable[MailAccount]) -> dict[int, _StrPromise]:
    """For the cards of accounts: a few words where sending is not as it should be, by the account's id."""
    accounts = list(accounts)
    paused = OutgoingServer.objects.filter(account__in=accounts, paused_since__isnull=False)
    refused = set(paused.values_list("pk", flat=True))
    ready = can_send(accounts)
    found = {account.pk: CANNOT_SEND for account in accounts if account.pk not in ready}
    return found | dict.fromkeys(refused & ready, SIGN_IN_REFUSED)


def own_addresses(membership: Membership) -> set[str]:
    """Every address that is the member's own here, as `addresses.key` writes it: nobody answers oneself."""
    accounts = MailAccount.objects.visible_to(membership).values_list("email", "username")
    senders = Identity.objects.visible_to(membership).values_list("address", flat=True)
    named = [text for account in accounts for text in account if "@" in text]
    return {addresses.key(address) for address in (*named, *senders)}


def is_own(identity: Identity) -> bool:
    """Whether it is the account's own address, which stays as long as the account."""
    return addresses.key(identity.address) == addresses.key(identity.account.email)


# ── Changes ─────────────────────────────────────────────────────────────────
def start_account(account: MailAccount) -> None:
    """A new account gets its own address, and the other one it was connected with."""
    own = _add(account, account.email, name=account.from_name, reply_to=account.reply_to, is_default=True)
    if account.from_address and addresses.key(account.from_address) != addresses.key(own.address):
        _add(account, account.from_address, name=account.from_name, reply_to=account.reply_to)


def keep_own(account: MailAccount) -> None:
    """The account's address was edited: the new one may be sent from, too."""
    known = {addresses.key(address) for address in account.identities.values_list("address", flat=True)}
    if addresses.key(account.email) not in known:
        _add(account, account.email, name=account.from_name, is_default=not known)


def add(account: MailAccount, actor: User, *, address: str, name: str = "", reply_to: str = "") -> Identity:
    """Add a sender address. Raises IdentityError."""
    with transaction.atomic():
        MailAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        known = list(account.identities.values_list("address", flat=True))
        if addresses.key(address) in map(addresses.key, known):
            raise IdentityError(_("This account has this address already. Edit that one instead."))
        if len(known) >= LIMIT:
            raise IdentityError(_("This account has many addresses. Remove one you no longer need first."))
        identity = _add(account, address, name=name, reply_to=reply_to, is_default=not known)
        services.record(account.organization_id, actor, "sender_address.added", identity.address)
    return identity


def _add(account: MailAccount, address: str, **values: Any) -> Identity:
    last = account.identities.aggregate(last=Max("position"))["last"]
    address = _ascii(address)
    if addresses.key(values.get("reply_to", "")) == addresses.key(address):
        values["reply_to"] = ""
    return Identity.objects.create(
        organization=account.organization,
        account=account,
        address=address,
        position=0 if last is None else last + 1,
        **values,
    )


def _ascii(address: str) -> str:
    """The address as it goes out; one that cannot go out is kept as it is, and is never proven."""
    try:
        found = addresses.for_sending(address)
    except addresses.AddressError:
        return address
    return found if len(found) <= 254 else address


def change(identity: Identity, actor: User, *, name: str, reply_to: str) -> None:
    """Change name and where replies go."""
    same = addresses.key(reply_to) == addresses.key(identity.address)
    identity.name, identity.reply_to = name, "" if same else reply_to
    with transaction.atomic():
        identity.save(update_fields=["name", "reply_to"])
        services.record(identity.organization_id, actor, "sender_address.changed", identity.address)


def make_default(identity: Identity) -> None:
    """Write from this address unless another is chosen."""
    with transaction.atomic():
        locks.share(identity.account_id)
        rows = Identity.objects.filter(account=identity.account_id)
        list(rows.select_for_update(no_key=True).order_by("pk"))
        rows.filter(is_default=True).update(is_default=False)
        rows.filter(pk=identity.pk).update(is_default=True)


def remove(identity: Identity, actor: User) -> None:
    """Remove an address; drafts lose it. The account's own one stays. Raises IdentityError."""
    if is_own(identity):
        raise IdentityError(_("This is the address of the account itself. It goes with the account."))
    with transaction.atomic():
        locks.share(identity.account_id)
        services.record(identity.organization_id, actor, "sender_address.removed", identity.address)
        was_default, rows = identity.is_default, Identity.objects.filter(account=identity.account_id)
        identity.delete()
        heir = rows.order_by("position", "pk").first()
        if was_default and heir is not None:
            rows.filter(pk=heir.pk).update(is_default=True)
