"""Whatever the bytes are: parsing never raises, and everything it gives can be stored."""

# ruff: noqa: E501 - pieces are easier to judge in one piece
from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailbox.mime import parsing
from mailbox.mime.opened_message import OpenedMessage
from mailbox.mime.parsing import Address, AttachmentInfo, attachment, parse, read_body
from mailbox.mime.structure import FILENAME_BYTES
from tests.mailbox.corpus import NAMES, letter

LETTERS = [letter(name) for name in NAMES]
# What mail is made of, so that random bytes meet the code behind the first line.
PIECES = [
    b"\r\n", b"\n", b"\r", b": ", b";", b"=", b'"', b"<", b">", b"(", b"@", b"=?", b"?=", b"?q?", b"?B?", b"\x00", b"\xff", b"%",
    b"Content-Type: ", b"multipart/mixed", b"multipart/alternative", b"text/html", b"message/rfc822", b"; boundary=b", b"--b", b"--b--",
    b"Content-Transfer-Encoding: base64", b"quoted-printable", b"charset=utf-16", b"charset=utf-7", b"charset=iso-2022-jp", b"charset=hz",
    b"Content-Disposition: attachment; filename*0*=utf-8''%", b"name*1=", b"Content-ID: <x>", b"cid:x", b"begin 644 a\n", b"\nend\n",
    b"From: ", b"To: ", b"Date: ", b"Message-ID: ", b"References: ", b"Subject: ", b"+2AA-", b"\xed\xa0\x80", b"\x1b$B", b"&#", b"<!--", b"<p>",
]  # fmt: skip
soup = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=60).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A letter with some of its bytes cut, doubled, exchanged, or replaced by soup."""
    raw = draw(st.sampled_from(LETTERS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 200)))
        filling = draw(st.one_of(st.just(b""), st.just(raw[start:end] * 2), soup))
        raw = raw[:start] + filling + raw[end:]
    return raw


def texts(value: object):
    """Every string within a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from texts(each)
    elif isinstance(value, Address | AttachmentInfo):
        yield from texts(dataclasses.astuple(value))


def check(raw: bytes) -> None:
    # Without the net: a fault of ours would otherwise pass for a message that cannot be decoded.
    parsed = parsing._parse(raw, None)
    assert parsed == parse(raw)
    for field in dataclasses.fields(parsed):
        value = getattr(parsed, field.name)
        for text in texts(value):
            text.encode()  # no lone surrogate
            assert "\x00" not in text
            assert field.name == "text" or not {"\r", "\n"} & set(text), field.name
    assert len(parsed.subject) <= 1000
    assert len(parsed.message_id) <= 1000
    assert len(parsed.preview) <= 200
    assert len(parsed.text) <= parsing.TEXT_LIMIT
    assert parsed.date is None or parsed.date.utcoffset().total_seconds() == 0
    for address in (*parsed.to, *parsed.cc, *parsed.reply_to):
        assert address.address == "" or "@" in address.address
    for info in parsed.attachments:
        assert info.filename
        assert len(info.filename.encode()) <= FILENAME_BYTES
        assert "/" not in info.filename
        assert 0 < len(info.content_type) <= 100
        assert info.content_type.isascii()
        assert info.size >= 0
        assert attachment(raw, info.position)[0].filename == info.filename
    assert set(OpenedMessage(raw).by_content_id.values()) <= set(range(len(parsed.attachments)))
    body = OpenedMessage(raw).body()
    assert body == read_body(raw)
    for text in (body.html or "", body.text or "", parsed.keywords):
        text.encode()
        assert "\x00" not in text


quickly = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quickly
@given(st.binary(max_size=2000))
def test_random_bytes(raw):
    check(raw)


@quickly
@given(soup)
def test_soup_of_mail(raw):
    check(raw)


@quickly
@given(mutated())
def test_mutated_letters(raw):
    check(raw)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(LETTERS), st.integers(0, 4000))
def test_letters_that_end_early(raw, length):
    check(raw[:length])
