"""Messages told apart by their headers: the same digest from RETR and from TOP, and dates that may be nonsense."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetching.engine.fingerprints import header_digest, received_at
from fetching.source import HEADER_LIMIT
from tests.mailbox import corpus
from tests.servers import seeding

HEADER = (
    b"Received: by mx.example with SMTP id 2; Tue, 5 Mar 2024 10:00:00 +0100\r\n"
    b"Received: by relay.example; Tue, 5 Mar 2024 07:00:00 +0000\r\n"
    b"Message-ID: <1@mail.example>\r\n"
    b"Date: Mon, 4 Mar 2024 23:00:00 +0000\r\n"
    b"From: Ada <ada@mail.example>\r\n"
    b"To: bob@mail.example,\r\n\tcarol@mail.example\r\n"
    b"Subject: Hello\r\n"
)


@pytest.mark.parametrize("name", corpus.NAMES)
def test_u8_the_same_from_a_whole_message_and_from_top(name):
    whole = corpus.letter(name)
    blank = b"\r\n\r\n" if b"\r\n\r\n" in whole else b"\n\n"
    header, found, _ = whole.partition(blank)
    assert header_digest(whole) == header_digest(header + found) == header_digest(header)
    assert received_at(whole) == received_at(header + found)


def test_u8_every_letter_of_a_mailbox_is_told_apart():
    assert len({header_digest(raw) for raw in seeding.mailbox(200)} - {None}) == 200


def test_u8_how_lines_are_folded_makes_no_difference():
    assert header_digest(HEADER) == header_digest(HEADER.replace(b",\r\n\t", b",\r\n "))
    assert header_digest(HEADER) == header_digest(HEADER.replace(b"\r\n", b"\n"))
    assert header_digest(HEADER) == header_digest(HEADER.replace(b"Subject:", b"SUBJECT :"))
    assert header_digest(HEADER) == header_digest(b"From ada Tue Mar 5\r\n" + HEADER)


def test_u8_what_servers_add_makes_no_difference():
    assert header_digest(HEADER) == header_digest(b"Return-Path: <a@b>\r\n" + HEADER + b"Status: RO\r\n\r\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<1@", b"<2@"),
        (b"Mon, 4", b"Mon, 5"),
        (b"Ada", b"Eve"),
        (b"carol", b"dave"),
        (b"Hello", b"hello"),
        (b"From", b"Sender"),
    ],
)
def test_u7_other_mail_under_an_old_identifier(old, new):
    assert header_digest(HEADER.replace(old, new)) not in (None, header_digest(HEADER))


def test_u7_a_field_of_the_body_is_none_of_the_header():
    assert header_digest(b"From: a\r\n\r\nMessage-ID: <1@x>\r\n") is None
    whole = b"Message-ID: <1@x>\r\nno field\r\nSubject: no field either\r\n"
    assert header_digest(whole) == header_digest(b"Message-ID: <1@x>\r\n")


@pytest.mark.parametrize("header", [b"", b"\r\n", b"Subject: x\r\n", b"Message-ID: \r\n\r\n"])
def test_u8_without_a_message_id_nothing_is_told_apart(header):
    assert header_digest(header) is None


def test_r22_a_header_beyond_the_limit_is_read_as_far_as_top_keeps_it():
    huge = HEADER + b"X-Long: " + b"x" * HEADER_LIMIT + b"\r\nSubject: late\r\n\r\n"
    assert header_digest(huge) == header_digest(huge[:HEADER_LIMIT]) == header_digest(HEADER)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER, datetime(2024, 3, 5, 9, tzinfo=UTC)),
        (HEADER.replace(b"id 2;", b"id 2"), datetime(2024, 3, 4, 23, tzinfo=UTC)),
        (HEADER.replace(b"id 2; Tue", b"id 2; (a;b); Tue"), datetime(2024, 3, 5, 9, tzinfo=UTC)),
        (HEADER.replace(b"id 2; Tue", b"id 2;\r\n\tTue"), datetime(2024, 3, 5, 9, tzinfo=UTC)),
        (b"Date: Mon, 4 Mar 2024 23:00:00 +0000", datetime(2024, 3, 4, 23, tzinfo=UTC)),
        (b"Received: by x; 99 Foo 2024 10:00:00 +0100\r\nDate: never\r\n", None),
        (b"", None),
    ],
)
def test_when_a_message_was_received(header, expected):
    assert received_at(header) == expected


@given(st.binary(max_size=300), st.sampled_from([b"", b"Date: ", b"Received: x; ", b"Message-ID: "]))
def test_no_header_is_too_odd(rest, start):
    digest, date = header_digest(start + rest), received_at(start + rest)
    assert digest is None or len(digest) == 32
    assert date is None or date.utcoffset().total_seconds() == 0
