"""A stored message as bytes: what is read of it, and how much of it is held."""

from __future__ import annotations

import base64
import os
import random
import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tenancy
from mailbox import bulk_insert, stored_bytes
from mailbox.stored_bytes import StoredBytes
from tests.factories import deliver, letter, message
from tests.mailbox import letters
from tests.mailbox.web import url

PARTS = 50


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(bulk_insert, "PART_BYTES", 100)


def test_slices_and_finds_are_those_of_the_bytes(account, small_parts):
    chance = random.Random(7)
    raw = letter(body="".join(chance.choice("ab\r\n") for _ in range(100 * PARTS)))
    [key] = deliver(account, raw)
    stored = StoredBytes(message(key))
    assert len(stored) == len(raw)
    assert stored[:] == raw
    assert stored[len(raw) :] == b""
    for _ in range(400):
        start, end = sorted(chance.choices(range(len(raw) + 20), k=2))
        assert stored[start:end] == raw[start:end]
        wanted = raw[start : start + chance.choice((1, 2, 3, 150))] or b"x"
        begin = chance.randrange(len(raw))
        assert stored.find(wanted, begin, end) == raw.find(wanted, begin, end)


def test_no_more_than_two_parts_are_held(account, small_parts):
    [key] = deliver(account, letter(body="x" * 100 * PARTS))
    stored = StoredBytes(message(key))
    for position in range(len(stored)):
        assert stored[position : position + 1]
        assert len(stored._held) <= stored_bytes.PARTS_HELD


def test_each_part_is_read_once_a_walk(account, small_parts):
    [key] = deliver(account, letter(body="x" * 100 * PARTS))
    stored = StoredBytes(message(key))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert stored.find(b"not there", 0, len(stored)) == -1
    read = [each for each in queries.captured_queries if "mailbox_rawpart" in each["sql"]]
    assert len(read) <= len(stored) // 100 + 1


def test_it_can_be_read_after_the_request_has_left_its_scope(account, acme):
    [key] = deliver(account, letter(body="still here"))
    with tenancy.scope(acme.pk):
        stored = StoredBytes(message(key))
    assert stored[-12:] == b"still here"[-12:] or stored[:].endswith(b"still here")


def test_a_large_attachment_is_sent_without_ever_being_held(as_alice, account):
    content = os.urandom(1000) * 30_000
    raw = letters.multipart(
        letters.text("See the file."), letters.attached("application/zip", "large.zip", content)
    )
    [key] = deliver(account, raw)
    size = len(content)
    del content, raw
    tracemalloc.start()
    try:
        response = as_alice.get(url("attachment", key, 0))
        assert sum(map(len, response.streaming_content)) == size
        assert tracemalloc.get_traced_memory()[1] < 6 * bulk_insert.PART_BYTES < size
    finally:
        tracemalloc.stop()


def test_the_pieces_of_a_large_attachment_are_its_content(as_alice, account, monkeypatch):
    content = os.urandom(7_000_001)
    [key] = deliver(account, letters.multipart(letters.attached("application/zip", "large.zip", content)))
    assert b"".join(as_alice.get(url("attachment", key, 0)).streaming_content) == content
    assert base64.b64encode(content)
