"""Away replies: switching them on, and answering letters; `sending.vacation.rules` decides whether one gets an answer.

Of each reply a row is kept before it is sent, in the transaction that puts it into the outbox: there is at most one.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from accounts import locks, tenancy
from accounts.models import MailAccount, Membership, User
from accounts.services import record
from mailbox.mime.parsing import Address
from mailbox.models import Folder, Message
from mailbox.services import raw_bytes
from sending.identities import address_verification, identities
from sending.message import build, header_encoding
from sending.models import (
    Identity,
    OutgoingMessage,
    OutgoingRecipient,
    OutgoingServer,
    VacationReply,
    VacationSent,
)
from sending.outbox import limits, outbox
from sending.vacation import rules
from sending.vacation.rules import Answer, Facts, History, Reason, Settings

Kind = OutgoingMessage.Kind
# The same letter always gives the same key, so the outbox takes its reply once.
_NAMESPACE: Final = uuid.UUID("6c0f3a52-6c5b-4d54-8a0b-2f6a9b0b6d11")
SENDER_LIMIT: Final = 320
# A letter that has waited so long for its reply gets none: its writer has found out, or the owner is back. That
# happens when nothing could be looked at for so long; see `sending.new_mail_checks`.
TOO_LATE: Final = timedelta(hours=12)
# Beyond the longest interval nothing follows from it.
REMEMBERED: Final = rules.LONGEST + timedelta(days=1)


def change_settings(accounts: Iterable[MailAccount], actor: User, values: Mapping[str, Any]) -> None:
    """Set the away reply of these accounts. Switched on, it answers what arrives from now on only.

    Raises ComposeError for a subject that is not one line.
    """
    values = {**values, "subject": header_encoding.clean(str(values.get("subject", "")), "subject")}
    with transaction.atomic():
        ordered = sorted(accounts, key=lambda each: each.pk)
        locks.share(*(account.pk for account in ordered))
        for account in ordered:
            before = VacationReply.objects.select_for_update().filter(account=account).first()
            was_on = before is not None and before.is_on
            changes = dict(values)
            if changes.get("is_on") and not was_on:
                changes["on_since"] = timezone.now()
                VacationSent.objects.filter(account=account).delete()  # a new absence, new to everybody
            VacationReply.objects.update_or_create(
                account=account, defaults=changes | {"organization_id": account.organization_id}
            )
            record(
                account.organization_id,
                actor,
                "away_reply.changed",
                account.email,
                on=bool(changes.get("is_on")),
            )


def is_wanted(account: MailAccount) -> bool:
    """Whether new mail of the account has to be looked at, now."""
    reply = VacationReply.objects.filter(account=account, is_on=True)
    return reply.filter(Q(ends_at=None) | Q(ends_at__gt=timezone.now())).exists()


def answer_message(message: Message) -> OutgoingMessage | Reason:
    """Put the reply to a letter into the outbox, at most one, or say why there is none.

    Within the organization's scope; one at a time an account, so that the counts hold.
    """
    with transaction.atomic():
        locks.share(message.account_id)
        reply = (
            VacationReply.objects.select_for_update().filter(account=message.account_id, is_on=True).first()
        )
        if reply is None:
            return Reason.OFF
        if message.folder.role == Folder.Role.SENT:
            # A copy that was filed or handed back. Its sender may be an address of the past.
            return Reason.OWN
        if timezone.now() - message.stored_at > TOO_LATE:
            return Reason.OLD
        account = MailAccount.objects.select_related("owner", "organization").get(pk=message.account_id)
        facts = rules.facts_of(raw_bytes(message))
        decided = rules.decide(
            facts,
            settings_of(reply),
            _history(message, account, facts),
            own=own_addresses(account, reply),
            ours=all_addresses(account),
            now=timezone.now(),
        )
        if isinstance(decided, Reason):
            return decided
        identity = _sender(account)
        if identity is None:
            return Reason.OFF
        try:
            queued = outbox.queue(
                identity,
                _letter(reply, identity.address, identity.name, decided),
                key=uuid.uuid5(_NAMESPACE, f"{account.pk}:{message.pk}"),
                kind=Kind.VACATION,
                answers=message,
                null_sender=not OutgoingServer.objects.filter(account=account, is_custom=True).exists(),
            )
        except limits.TooMany:
            return Reason.TOO_MANY
        except build.ComposeError:
            # Something about the letter that a header does not take: no reply is better than a wrong one.
            return Reason.NO_SENDER
        _remember(account, decided)
        return queued


def _sender(account: MailAccount) -> Identity | None:
    """As whom to answer: nobody while nothing can go out, or the reply would come when its writer is back."""
    identity = identities.default_for(account)
    if identity is None or identities.why_not(identity, ()):  # the reply asks for none to itself
        return None
    is_paused = OutgoingServer.objects.filter(account=account, paused_since__isnull=False).exists()
    return None if is_paused else identity


def settings_of(reply: VacationReply) -> Settings:
    """The row as the decision takes it."""
    return Settings(
        zone=ZoneInfo(reply.time_zone),
        starts_at=reply.starts_at,
        ends_at=reply.ends_at,
        weekdays=frozenset(reply.weekdays),
        from_hour=reply.from_hour,
        until_hour=reply.until_hour,
        audience=rules.Audience(reply.audience),
        interval=timedelta(days=reply.interval_days),
        on_since=reply.on_since,
    )


def own_addresses(account: MailAccount, reply: VacationReply) -> set[str]:
    """By which addresses mail reaches the account: its own, those it writes from, and those its owner has named."""
    own = set(account.identities.values_list("address", flat=True))
    named = [line.strip() for line in reply.also_addresses.splitlines()]
    return {each for each in (*own, account.email, account.username, *named) if "@" in each}


def all_addresses(account: MailAccount) -> set[str]:
    """Every address that is the account's owner's, whichever account it belongs to: nobody is told of oneself."""
    member = Membership(organization=account.organization, user=account.owner)
    theirs = VacationReply.objects.filter(account__owner=account.owner_id)
    named = [
        line.strip() for text in theirs.values_list("also_addresses", flat=True) for line in text.splitlines()
    ]
    replies = Identity.objects.filter(account__owner=account.owner_id).values_list("reply_to", flat=True)
    proven = address_verification.proven(account.organization_id, account.owner_id)
    found = identities.own_addresses(member) | proven | {account.owner.email, *named, *replies}
    return {each for each in found if "@" in each}


def _history(message: Message, account: MailAccount, facts: Facts) -> History:
    now, person = timezone.now(), facts.person
    replies = OutgoingMessage.objects.filter(account=account, kind=Kind.VACATION)
    sent = VacationSent.objects.filter(account=account, sender__in=_keys(facts.keys))
    written = OutgoingRecipient.objects.filter(
        outgoing__account__owner=account.owner_id, outgoing__kind=Kind.PERSON, folded=person.lower()
    ).exclude(outgoing__state=OutgoingMessage.State.CANCELLED)
    return History(
        arrived_at=message.stored_at,
        is_spam=message.folder.role == Folder.Role.SPAM,
        is_member=_is_member(account.organization_id, person),
        is_known=written.exists(),
        is_to_own_reply=_is_to_own_reply(account, facts.refers_to),
        last_reply=sent.aggregate(last=Max("sent_at"))["last"],
        last_hour=replies.filter(created_at__gt=now - timedelta(hours=1)).count(),
        last_day=replies.filter(created_at__gt=now - timedelta(days=1)).count(),
    )


def _is_to_own_reply(account: MailAccount, ids: Collection[str]) -> bool:
    """Whether an away reply of any of the owner's accounts is among these: then a machine may be answering it."""
    replies = OutgoingMessage.objects.filter(account__owner=account.owner_id, kind=Kind.VACATION)
    return bool(ids) and replies.filter(message_id__in=ids).exists()


def _is_member(organization_id: int, person: str) -> bool:
    """Whether the address is that of a member: for signing in, or of one of their mail accounts here."""
    members = Membership.objects.filter(organization=organization_id, user__email__iexact=person)
    theirs = MailAccount.objects.filter(organization=organization_id, email__iexact=person)
    return bool(person) and (members.exists() or theirs.exists())


def _keys(keys: Iterable[str]) -> list[str]:
    """As the column has room for them: an author's address is whatever a letter says."""
    return [each[:SENDER_LIMIT] for each in keys]


def _remember(account: MailAccount, decided: Answer) -> None:
    """Note who has had a reply, by every name that the sender may come under."""
    now = timezone.now()
    for sender in _keys(decided.keys):
        VacationSent.objects.update_or_create(
            account=account,
            sender=sender,
            defaults={"sent_at": now, "organization_id": account.organization_id},
        )


def _letter(reply: VacationReply, address: str, name: str, decided: Answer) -> build.Letter:
    text = (decided.is_member and reply.members_text) or reply.text
    return build.Letter(
        sender=Address(name, address),
        date=timezone.now(),
        message_id=build.new_message_id(address),
        to=(Address("", decided.to),),
        subject=reply.subject or decided.subject,
        in_reply_to=decided.thread.in_reply_to,
        references=decided.thread.references,
        text=text,
        headers=decided.headers,
    )


def delete_expired() -> None:
    """Forget who had a reply so long ago that they may have another one anyway; of all organizations."""
    with tenancy.system():
        VacationSent.objects.filter(sent_at__lt=timezone.now() - REMEMBERED).delete()
