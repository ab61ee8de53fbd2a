"""The hot path of every fetch: many messages in one transaction, byte for byte, with the books kept."""

from __future__ import annotations

import hashlib
import os
import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import Error, connection, transaction
from django.db.models import Sum

from accounts import tenancy
from mailbox import bulk_insert, services, signals
from mailbox.models import Attachment, Folder, Message, RawPart
from quotas import services as quotas
from quotas.models import StorageMeter
from tests.factories import deliver, letter

MULTIPART = (
    b"From: =?utf-8?q?Ren=C3=A9e?= <renee@mail.example>\r\nTo: a@b.example, Bea <bea@b.example>\r\n"
    b"Cc: c@b.example\r\nReply-To: list@b.example\r\nSubject: =?utf-8?b?8J+MsSBQbGFu?=\r\n"
    b"Date: Mon, 23 Nov 2026 09:42:00 +0700\r\nMessage-ID: <one@mail.example>\r\n"
    b"In-Reply-To: <zero@mail.example>\r\n"
    b"References: <a@x.example> <zero@mail.example>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the plan.\r\n"
    b"--b\r\nContent-Type: application/pdf; name=plan.pdf\r\n"
    b"Content-Disposition: attachment; filename=plan.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nUERG\r\n--b--\r\n"
)


@pytest.fixture
def inbox(acme, account):
    with tenancy.scope(acme.pk):
        yield Folder.objects.select_related("account").get(account=account, role=Folder.Role.INBOX)


def store(folder: Folder, *raws: bytes, **options) -> list[int]:
    """As the engine does it: prepared outside, stored, charged last."""
    return deliver(folder.account, *raws, **options)


# ── Byte for byte ───────────────────────────────────────────────────────────
ODD = {
    "nothing": b"",
    "only a line end": b"\r\n",
    "header without end": b"Subject: half",
    "bare line feeds": b"Subject: x\n\nbody\n",
    "bare carriage returns": b"Subject: x\r\rbody\r",
    "zero bytes": b"Subject: a\x00b\r\nFrom: \x00\r\n\r\n\x00\x00",
    "every byte": bytes(range(256)) * 3,
    "a dot alone": b"Subject: x\r\n\r\n.\r\n..\r\n",
    "broken UTF-8": b"Subject: \xff\xfe \xed\xa0\x80\r\n\r\n\xc3(",
    "lone surrogates by escape": b"Subject: =?utf-8?q?=ED=A0=80?=\r\n\r\nx",
    "a very long line": b"Subject: long\r\n\r\n" + b"x" * 100_000,
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD.keys())
def test_what_is_stored_is_what_came(inbox, acme, raw):
    [key] = store(inbox, raw)
    message = Message.objects.get(pk=key)
    assert services.raw_bytes(message) == raw
    assert b"".join(services.stream_raw(acme.pk, key)) == raw
    assert (message.size, bytes(message.sha256)) == (len(raw), hashlib.sha256(raw).digest())


def test_random_batches_come_back_in_order(inbox):
    rng = random.Random(7)
    raws = [b"Subject: %d\r\n\r\n" % n + rng.randbytes(rng.randrange(5000)) for n in range(200)]
    ids = store(inbox, *raws)
    assert ids == sorted(ids)
    assert [services.raw_bytes(message) for message in Message.objects.order_by("id")] == raws
    assert list(Message.objects.order_by("id").values_list("subject", flat=True)) == [
        str(n) for n in range(200)
    ]


def test_a_large_message_lies_in_parts_and_is_streamed_part_by_part(inbox, acme, monkeypatch):
    monkeypatch.setattr(bulk_insert, "PART_BYTES", 1000)
    raw = b"Subject: big\r\n\r\n" + os.urandom(4500)
    [key] = store(inbox, raw, letter("Next"))[:1]
    parts = RawPart.objects.filter(message=key)
    assert sorted(parts.values_list("part", flat=True)) == [0, 1, 2, 3, 4]
    pieces = list(services.stream_raw(acme.pk, key))
    assert [len(piece) for piece in pieces] == [1000, 1000, 1000, 1000, 516]
    assert b"".join(pieces) == services.raw_bytes(Message.objects.get(pk=key)) == raw


def test_a_part_never_grows_beyond_its_size_and_text_shrinks():
    raw = b"Subject: text\r\n\r\n" + b"The same line again and again.\r\n" * 20_000
    incoming = bulk_insert.prepare(raw)
    assert incoming.size == len(raw)
    assert sum(map(len, incoming.parts)) < len(raw) / 10
    assert bulk_insert.restore(incoming.parts) == raw
    assert bulk_insert.PART_BYTES == 4 * 1024 * 1024


def test_raw_bytes_are_kept_out_of_line_and_not_compressed_again(inbox):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage FROM pg_attribute"
            " WHERE attrelid = 'mailbox_rawpart'::regclass AND attname = 'data'"
        )
        assert cursor.fetchone() == ("e",)


# ── What lists and headers show ─────────────────────────────────────────────
def test_the_columns(inbox):
    [key] = store(inbox, MULTIPART)
    message = Message.objects.get(pk=key)
    assert message.subject == "🌱 Plan"
    assert (message.from_name, message.from_address) == ("Renée", "renee@mail.example")
    assert message.recipients == {
        "to": [{"name": "", "address": "a@b.example"}, {"name": "Bea", "address": "bea@b.example"}],
        "cc": [{"name": "", "address": "c@b.example"}],
        "reply_to": [{"name": "", "address": "list@b.example"}],
    }
    assert message.sent_at == datetime(2026, 11, 23, 2, 42, tzinfo=UTC)
    assert message.date_text == "Mon, 23 Nov 2026 09:42:00 +0700"
    assert message.message_id == "<one@mail.example>"
    assert message.in_reply_to == "<zero@mail.example>"
    assert message.references == ["<a@x.example>", "<zero@mail.example>"]
    assert message.preview == "See the plan."
    assert message.has_attachments
    assert not any([message.is_read, message.is_starred, message.is_undecodable])
    assert (message.account_id, message.folder_id) == (inbox.account_id, inbox.pk)


def test_the_attachments(inbox):
    [key] = store(inbox, MULTIPART)
    [attachment] = Attachment.objects.filter(message=key)
    assert (attachment.position, attachment.filename) == (0, "plan.pdf")
    assert (attachment.content_type, attachment.size, attachment.is_inline) == ("application/pdf", 3, False)


def test_attachments_belong_to_their_message_in_a_mixed_batch(inbox):
    ids = store(inbox, letter("Plain"), MULTIPART, letter("Plain again"), MULTIPART)
    assert list(Attachment.objects.order_by("message").values_list("message", flat=True)) == [ids[1], ids[3]]


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Mon, 1 Jan 1900 00:00:00 +0000", "Fri, 1 Jan 2100 00:00:00 +0000"]
)
def test_an_absurd_date_becomes_the_time_of_storing_and_is_kept_as_text(inbox, date):
    before = datetime.now(UTC)
    [key] = store(inbox, letter(date=date))
    message = Message.objects.get(pk=key)
    assert before <= message.sent_at <= datetime.now(UTC)
    assert message.date_text == date
    assert abs(message.stored_at - message.sent_at) < timedelta(minutes=1)


def test_overlong_fields_never_stop_a_batch(inbox):
    long = "x" * 70_000
    raw = letter(
        long,
        sender=f"{long} <{'y' * 400}@mail.example>",
        date="Mon, 23 Nov 2026 09:42:00 +0000 " + "(c)" * 300,
    )
    part = MULTIPART.replace(b"plan.pdf", b"n" * 3000 + b".pdf").replace(
        b"application/pdf", b"application/" + b"p" * 500
    )
    ids = store(inbox, raw, part, letter("After"))
    assert Message.objects.filter(pk__in=ids).count() == 3


def test_messages_may_be_stored_as_read(inbox):
    store(inbox, letter(), is_read=True)
    inbox.refresh_from_db()
    assert (inbox.messages_count, inbox.unread_count) == (1, 0)
    assert Message.objects.get().is_read


# ── The books ───────────────────────────────────────────────────────────────
def test_counters_and_meter_move_along(inbox, acme):
    raws = [letter("One"), letter("Two", body="x" * 3000), MULTIPART]
    store(inbox, *raws)
    inbox.refresh_from_db()
    size = sum(map(len, raws))
    assert (inbox.messages_count, inbox.unread_count, inbox.size) == (3, 3, size)
    assert StorageMeter.objects.get(pk=acme.pk).used == size
    assert Message.objects.aggregate(total=Sum("size"))["total"] == size


def test_what_does_not_fit_leaves_no_trace(inbox, acme):
    StorageMeter.objects.filter(pk=acme.pk).update(limit=100)
    with pytest.raises(quotas.OverQuota):
        store(inbox, letter(body="x" * 200))
    assert not Message.objects.exists()
    assert not RawPart.objects.exists()
    inbox.refresh_from_db()
    assert (inbox.messages_count, inbox.unread_count, inbox.size) == (0, 0, 0)
    StorageMeter.objects.filter(pk=acme.pk).update(limit=10**9)
    assert store(inbox, letter()), "the transaction is still usable"


def test_the_apps_above_hear_of_the_batch_once_with_all_ids(inbox):
    heard = []

    def listen(sender, account, message_ids, **kwargs):
        heard.append((account, message_ids, Message.objects.filter(pk__in=message_ids).count()))

    signals.messages_stored.connect(listen)
    try:
        ids = store(inbox, letter("One"), letter("Two"))
    finally:
        signals.messages_stored.disconnect(listen)
    assert heard == [(inbox.account, ids, 2)]


def test_an_empty_batch_is_nothing(inbox):
    assert bulk_insert.store(inbox, []) == []


# ── Tenancy ─────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_outside_the_scope_nothing_can_be_stored(account, acme):
    with tenancy.scope(acme.pk):
        folder = Folder.objects.select_related("account").get(account=account, role=Folder.Role.INBOX)
    with pytest.raises((Error, psycopg.Error), match="row-level security"), transaction.atomic():
        bulk_insert.store(folder, [bulk_insert.prepare(letter())])
    with tenancy.scope(acme.pk):
        assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nor_in_the_scope_of_another_organization(account, acme, umbrella):
    with tenancy.scope(acme.pk):
        folder = Folder.objects.select_related("account").get(account=account, role=Folder.Role.INBOX)
    with (
        pytest.raises((Error, psycopg.Error), match="row-level security"),
        tenancy.scope(umbrella.pk),
    ):
        bulk_insert.store(folder, [bulk_insert.prepare(letter())])


# ── Speed, as a shape ───────────────────────────────────────────────────────
def test_a_batch_takes_as_many_statements_as_a_single_message(inbox, django_assert_max_num_queries):
    items = [bulk_insert.prepare(MULTIPART) for _ in range(100)]
    with transaction.atomic():
        # Django sees the account's lock, the folder's counters and what sending wants to know of new mail.
        with django_assert_max_num_queries(5):
            bulk_insert.store(inbox, items)
        quotas.charge(
            inbox.organization_id, sum(item.size for item in items), messages=100, account_id=inbox.account_id
        )


@pytest.mark.parametrize("count", [0, 1, 7])
def test_preparing_is_pure(count):
    raw = letter(body="x" * count)
    assert bulk_insert.prepare(raw) == bulk_insert.prepare(raw)
