"""Everything that writes rows which others write too, each as its edge (view, task, tick) does it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone

from accounts import locks, removal
from accounts import services as account_services
from accounts.models import MailAccount
from fetching.connect import services as fetch_services
from fetching.engine import run
from fetching.models import FetchState, RemoteMessage
from fetching.scheduler import claims as fetch_claims
from fetching.scheduler import retention as fetch_retention
from mailbox import emptying, folders, labels, names, services
from mailbox.models import Folder, Label
from quotas import services as quotas
from quotas.models import Plan
from sending.bounces import processing
from sending.compose import drafts
from sending.message.build import Address, Letter
from sending.models import Identity, OutgoingMessage, VacationReply
from sending.outbox import claims as send_claims
from sending.outbox import delivery, outbox, sent_copies
from sending.outbox import retention as send_retention
from sending.vacation import replies
from tests import factories
from tests.locks.world import MemorySource, World, accepted, add_account
from tests.sending.drafted import draft_row

# What somebody else has deleted meanwhile is not there, nor is what belonged to it.
REFUSALS = (ObjectDoesNotExist, names.Refused, outbox.OutboxError, drafts.DraftError, drafts.Conflict)


# ── Mail that comes ─────────────────────────────────────────────────────────
def fetch(world: World) -> None:
    with world.scope():
        account = world.account()
    claim = fetch_claims.claim_now(account.organization_id, account.pk)
    if claim is not None:
        run.fetch(claim, lambda *_args: MemorySource(), hand_over=True)


def answer_away(world: World) -> None:
    with world.scope():
        for message in world.messages(0.2, folder__role=Folder.Role.INBOX).select_related("folder")[:2]:
            replies.answer_message(message)


def delete_expired(world: World) -> None:
    fetch_retention.delete_expired()
    send_retention.delete_expired()
    replies.delete_expired()
    send_claims.expire()


def retry(world: World) -> None:
    with world.scope():
        account = world.account()
        rows = RemoteMessage.objects.filter(account=account)
        rows.filter(uidl=b"old").update(state="quarantined")
    with world.scope():
        fetch_services.retry(account, rows)


def change_settings(world: World) -> None:
    with world.scope():
        values = {"first_days": world.chance.randrange(1, 90), "first_fetch": "last_days"}
        fetch_services.change_settings(world.account(), world.membership.user, values)


def pause_and_resume(world: World) -> None:
    with world.scope():
        account = world.account()
        fetch_claims.pause(FetchState.objects.get(account=account))
        fetch_claims.resume(account.pk)


# ── What a person does to messages ──────────────────────────────────────────
def mark(world: World) -> None:
    with world.scope():
        services.set_read(world.messages(), world.chance.random() < 0.5)


def star(world: World) -> None:
    with world.scope():
        services.set_starred(world.messages(), world.chance.random() < 0.5)


def trash(world: World) -> None:
    with world.scope():
        services.trash(world.messages(0.3))


def put_back(world: World) -> None:
    with world.scope():
        services.put_back(world.messages(folder__role=Folder.Role.TRASH))


def undo(world: World) -> None:
    with world.scope():
        account = world.account()
        own = Folder.objects.filter(account=account, role=Folder.Role.OWN).order_by("pk")[:2]
        moved = {target: world.messages(0.2) for target in own}
        services.undo_moves(moved, world.messages(folder__role=Folder.Role.TRASH))


def move(world: World) -> None:
    with world.scope():
        own = list(Folder.objects.visible_to(world.membership).filter(role=Folder.Role.OWN).order_by("pk"))
        if own:
            services.move(world.messages(), world.chance.choice(own))


def discard(world: World) -> None:
    with world.scope():
        services.discard(world.messages(0.3, folder__role=Folder.Role.TRASH))


def empty(world: World) -> None:
    with world.scope():
        folder = world.folder(world.account(), Folder.Role.TRASH)
        emptying.start(folder)
    emptying.finish(world.organization, folder.pk)


def label(world: World) -> None:
    with world.scope():
        account = world.account()
        found = list(Label.objects.filter(account=account).order_by("pk"))
        added = [labels.create_label(account, f"L{world.chance.randrange(10**6)}")]
        labels.change_labels(world.messages(account=account), added=added, removed=found[:1])


def delete_label(world: World) -> None:
    with world.scope():
        found = Label.objects.filter(account=world.account()).order_by("pk").first()
        if found:
            labels.delete_label(found)


def make_folder(world: World) -> None:
    with world.scope():
        account = world.account()
        made = folders.create_folder(account, f"F{world.chance.randrange(10**6)}")
        services.move(world.messages(0.3, account=account), made)


def delete_folder(world: World) -> None:
    with world.scope():
        own = Folder.objects.filter(account=world.account(), role=Folder.Role.OWN).order_by("pk").first()
        if own:
            folders.delete_folder(own, to=world.chance.choice([Folder.Role.INBOX, Folder.Role.TRASH]))


# ── Mail that goes ──────────────────────────────────────────────────────────
def queue(world: World) -> OutgoingMessage:
    with world.scope():
        account = world.account()
        identity = Identity.objects.select_related("account__outgoing_server", "organization").get(
            account=account, address=account.email
        )
        letter = Letter(
            sender=Address("", account.email),
            to=(Address("", "bob@post.example"),),
            date=timezone.now().replace(microsecond=0),
            message_id=f"<{uuid.uuid4().hex}@mail.example>",
            subject="Tea",
            text="At five?",
        )
        return outbox.queue(
            identity, letter, key=uuid.uuid4(), due_at=timezone.now(), answers=world.messages(0.3).first()
        )


def send(world: World) -> None:
    queue(world)
    for claim in send_claims.claim_due(5):
        delivery.send(claim, carry=accepted)
        sent_copies.file_copy(claim.organization_id, claim.outgoing_id)


def adopt(world: World) -> None:
    outgoing = queue(world)
    with world.scope():
        raw = outbox.raw_bytes(outgoing)
    for claim in send_claims.claim_due(5):
        delivery.send(claim, carry=accepted)
        sent_copies.file_copy(claim.organization_id, claim.outgoing_id)
    with world.scope():
        # Stored as a fetch does: the account cannot go meanwhile.
        if not locks.share(outgoing.account_id):
            return
        account = MailAccount.objects.get(pk=outgoing.account_id)
        (theirs,) = factories.deliver(account, b"X-Provider: 1\r\n" + raw)
    sent_copies.adopt_copy(world.organization, outgoing.pk, theirs)


def bounce(world: World) -> None:
    with world.scope():
        found = OutgoingMessage.objects.filter(account=world.account()).order_by("pk").last()
    if found is None:
        return
    report = (
        "From: mailer-daemon@post.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report;"
        ' report-type=delivery-status; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nno\r\n'
        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; post.example\r\n\r\n"
        "Final-Recipient: rfc822; bob@post.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {found.message_id}\r\n\r\n--x--\r\n"
    )
    with world.scope():
        account = MailAccount.objects.get(pk=found.account_id)
    (key,) = factories.deliver(account, report.encode())
    processing.process_report(world.organization, key)


def decide(world: World) -> None:
    with world.scope():
        outgoing = OutgoingMessage.objects.filter(account=world.account()).order_by("pk").last()
        if outgoing:
            world.chance.choice([outbox.try_now, outbox.take_back, outbox.take_off])(outgoing)


def write_and_send(world: World) -> None:
    with world.scope():
        account = world.account()
        if not locks.share(account.pk):  # as whoever begins a draft does
            return
        draft = draft_row(account, original=world.messages(0.3).first(), to="bob@post.example")
    with world.scope():
        fields = drafts.Fields(to="bob@post.example", subject="Tea", identity=draft.identity)
        kept = drafts.save(draft, draft.version, fields)
        # None, as for the page, when its account is being removed.
        if found := drafts.find_draft(world.membership, kept.pk):
            drafts.send(found)


# ── Accounts ────────────────────────────────────────────────────────────────
def change_account(world: World) -> None:
    with world.scope():
        values = {"is_default": True, "password": f"p{world.chance.random()}"}
        account_services.change_mail_account(world.account(), world.membership.user, values)


def order_accounts(world: World) -> None:
    with world.scope():
        keys = list(MailAccount.objects.visible_to(world.membership).values_list("pk", flat=True))
        world.chance.shuffle(keys)
        account_services.order_mail_accounts(world.membership, keys)


def change_plan(world: World) -> None:
    with world.scope():
        quotas.subscribe(
            world.membership.organization, Plan.objects.get(slug=world.chance.choice(["standard", "pro"]))
        )


def remove_account(world: World) -> None:
    """Another one comes first, so that there always is one."""
    add_account(world)
    with world.scope():
        # One that is complete: another writer may just be furnishing its own.
        whole = VacationReply.objects.filter(account__owner=world.membership.user_id).order_by("pk")
        account = world.chance.choice(list(whole.select_related("account"))).account
    with world.scope():
        removal.start(account, world.membership.user)
    removal.finish(account.organization_id, account.pk)


# Those that lock the most; everybody meets these in each run of the tests.
CENTRAL = (fetch, adopt, discard, move, delete_folder, send, remove_account)
WRITERS: list[Callable[[World], object]] = [
    fetch,
    answer_away,
    delete_expired,
    retry,
    change_settings,
    pause_and_resume,
    mark,
    star,
    trash,
    put_back,
    undo,
    move,
    discard,
    empty,
    label,
    delete_label,
    make_folder,
    delete_folder,
    queue,
    send,
    adopt,
    bounce,
    decide,
    write_and_send,
    change_account,
    order_accounts,
    change_plan,
    remove_account,
]
