"""Parts by offset: what the standard library sees, broken messages as people want them, always bounded."""

from __future__ import annotations

import base64
import binascii
import time
from email import message_from_bytes

import pytest

from mailbox.mime import structure
from mailbox.mime.structure import (
    DEPTH_LIMIT,
    PARTS_LIMIT,
    clean_filename,
    content_of,
    decode_base64,
    decoded_size,
    read_parameters,
    read_type,
    split,
)
from tests.mailbox.corpus import NAMES, letter

# Not comparable: broken on purpose, or with a message/* part, which the standard library opens and we do not.
BROKEN = {"broken-base64", "hostile-names", "mbox-line", "no-end-boundary", "nul", "wrong-boundary"}
EMBEDDED = {"bounce", "forwarded"}


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    return [(part.content_type, content_of(raw, part)) for part in split(raw)[1]]


@pytest.mark.parametrize("name", sorted(set(NAMES) - BROKEN - EMBEDDED))
def test_leaves_are_those_of_the_standard_library(name):
    raw = letter(name)
    theirs = [part for part in message_from_bytes(raw).walk() if not part.is_multipart()]
    assert leaves(raw) == [(part.get_content_type(), part.get_payload(decode=True)) for part in theirs]


def multipart(*parts: bytes, boundary: bytes = b"b", ending: bytes | None = None) -> bytes:
    head = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n'
    ending = b"--" + boundary + b"--\r\n" if ending is None else ending
    return head + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + ending


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (multipart(b"\r\none", b"\r\ntwo"), [b"one", b"two"]),
        (multipart(b"\r\none", b"\r\ntwo", ending=b""), [b"one", b"two\r\n"]),
        (multipart(b"\r\none", b"\r\ntwo", ending=b"--b"), [b"one", b"two"]),
        (multipart(b"\r\none", b"\r\n--bc\r\nno delimiter"), [b"one", b"--bc\r\nno delimiter"]),
        (multipart(b"\r\none", b"\r\n --b\r\nno delimiter"), [b"one", b" --b\r\nno delimiter"]),
        (multipart(b"\r\none").replace(b"--b\r\n", b"--b \t\r\n", 1), [b"one"]),
        (multipart(b"\r\none", ending=b"--b--\r\n--b\r\n\r\nepilogue"), [b"one"]),
        (multipart(b"", b"\r\none"), [b"", b"one"]),
        (multipart(b"\r\n", b"\r\none"), [b"", b"one"]),
        (multipart(b"no header and no blank line"), [b"no header and no blank line"]),
        (b"Content-Type: multipart/mixed\r\n\r\n--guess\r\n\r\none\r\n--guess--\r\n", [b"one"]),
        (b"Content-Type: multipart/mixed\r\n\r\nonly words", [b"only words"]),
        (multipart(b"\r\none\n\ntwo").replace(b"\r\n", b"\n"), [b"one\n\ntwo"]),
        (multipart(multipart(b"\r\none", b"\r\ntwo", ending=b"")), [b"", b"one", b"two\r\n"]),
    ],
)
def test_m10_boundaries(raw, texts):
    assert [content for _, content in leaves(raw)] == texts


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"Subject: x\r\n\r\nbody", b"body"),
        (b"Subject: x\n\nbody", b"body"),
        (b"Subject: x\n\r\nbody", b"body"),
        (b"Subject: x\r\nthis is no field\r\nnor this\r\n", b"this is no field\r\nnor this\r\n"),
        (b"Subject: x\r\nno field\r\nTo: y@z\r\n\r\nbody", b"body"),
        (b"Subject: x\r\nno field\r\n\r\nbody", b"no field\r\n\r\nbody"),
        (b"no header at all", b"no header at all"),
        (b"\r\nbody", b"body"),
        (b"Subject: x", b""),
        (b"", b""),
    ],
)
def test_where_the_body_begins(raw, body):
    assert leaves(raw) == [("text/plain", body)]


def nested(levels: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(levels)
    )
    return b"Subject: deep\r\n" + opening + b"\r\nat the bottom"


def test_m8_nesting_as_deep_as_the_limit_is_read():
    assert leaves(nested(DEPTH_LIMIT)) == [("text/plain", b"at the bottom")]


def test_m8_nesting_beyond_the_limit_is_one_file():
    raw = nested(1000)
    ((content_type, content),) = leaves(raw)
    assert content_type == "multipart/mixed"
    assert content.endswith(b"at the bottom")
    assert b"boundary=b999" in content


def test_m8_messages_in_messages_are_not_opened():
    raw = b"Subject: x\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 100_000
    assert [content_type for content_type, _ in leaves(raw)] == ["message/rfc822"]


def test_m9_a_hundred_thousand_parts():
    raw = multipart(*[b"\r\nx"] * 100_000)
    started = time.monotonic()
    assert len(split(raw)[1]) == PARTS_LIMIT
    assert time.monotonic() - started < 5


def test_m9_parts_are_counted_over_all_multiparts():
    assert len(split(multipart(*[multipart(*[b"\r\nx"] * 900, boundary=b"c")] * 5))[1]) == PARTS_LIMIT
    empty = multipart(*[multipart(boundary=b"c", ending=b"--c\r\n--c--\r\n")] * 100_000)
    assert len(split(empty)[1]) <= PARTS_LIMIT


def test_m9_lines_that_look_like_delimiters_end():
    raw = nested(60) + b"\n--b\n" * 500_000
    started = time.monotonic()
    split(raw)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("encoded", "content"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVsbG8h!", b"hello!"),
        (b"aG!Vs*bG8", b"hello"),
        (b"aGVsbG8=aGVs", b"hellohel"),
        (b"aGVsbG8=\r\n-- \r\na footer of a list\r\n", b"hello"),
        (b"a", b""),
        (b"=", b""),
        (b"====", b""),
        (b"", b""),
        (b"!!!!", b""),
        (b"AA==\r\nAQ==\r\nAg==\r\n", b"\x00\x01\x02"),
    ],
)
def test_m10_base64(encoded, content):
    assert decode_base64(encoded) == content


@pytest.mark.parametrize("encoding", ["base64", "BASE64 ", '"base64"', "base64;", "\tBase64"])
def test_names_of_the_encoding(encoding):
    raw = f"Content-Transfer-Encoding: {encoding}\r\n\r\naGVsbG8=".encode()
    assert leaves(raw) == [("text/plain", b"hello")]


def test_a_uuencoded_body():
    lines = b"begin 644 a.txt\r\n" + binascii.b2a_uu(b"hello").strip() + b"\r\n`\r\nend\r\n"
    assert leaves(b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + lines) == [("text/plain", b"hello")]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 100, 1000, 5700, 100_001])
@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\r\n\r\n"])
def test_sizes_are_exact_without_decoding(size, ending):
    encoded = base64.encodebytes(bytes(size)).strip().replace(b"\n", b"\r\n") + ending
    raw = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded
    (part,) = split(raw)[1]
    assert decoded_size(raw, part) == size == len(content_of(raw, part))


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        (b" text/HTML; charset=x", "text/html"),
        (b"text", "text/plain"),
        (b"", "text/plain"),
        (b"image/svg+xml<script>", "image/svg+xml"),
        (b"<b>/<i>", "text/plain"),
        (b"a/" + b"b" * 60, "a/" + "b" * 60),
        (b"\xff/\xff", "text/plain"),
    ],
)
def test_types_are_plain_words(value, content_type):
    assert read_type(value)[0] == content_type


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        (b"a; x=1; Y=two", {"x": b"1", "y": b"two"}),
        (b'a; x="one; \\"two\\""', {"x": b'one; "two"'}),
        (b'a; x="never closed; y=2', {"x": b"never closed; y=2"}),
        (b"a; x = 1 ;; y=2", {"x": b"1", "y": b"2"}),
        (b"a; x=1; x=2", {"x": b"1"}),
        (b"a; name*", {}),
        (b"a; name*=utf-8''%e2%82%ac", {"name": "€".encode()}),
        (b"a; name*=koi8-r'ru'%F3", {"name": "С".encode()}),
        (b"a; name*1=b; name*0=a", {"name": b"ab"}),
        (b"a; name*0*=utf-8''%41%; name*1=%42", {"name": b"A%%42"}),
        (b"a; name*=nonsense", {"name": b"nonsense"}),
        (b"a; name*0*=x-unknown''%E9", {"name": "é".encode()}),
        (b"a; name*999=a; name*9999=b", {"name": b"a", "name*9999": b"b"}),
    ],
)
def test_m2_parameters(value, parameters):
    assert read_parameters(value) == parameters


def test_parameters_are_bounded():
    started = time.monotonic()
    assert len(read_parameters(b"a" + b"; x=" * 100_000)) <= 64
    read_parameters(b"a; x=" + b'"\\' * 100_000)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\tom\\bill.exe", "bill.exe"),
        ("bill\u202efdp.exe", "billfdp.exe"),
        ("\u2066a\u2069.txt", "a.txt"),
        ("a\r\nb\x00c\x7f.txt", "a bc.txt"),
        ("..", ""),
        ("/", ""),
        (".htaccess", "htaccess"),
        ("  spaced  ", "spaced"),
        ("<b>x</b>", "b_"),
        ("CON:x|y?.txt", "CON_x_y_.txt"),
        ("👩‍👩‍👧.png", "👩‍👩‍👧.png"),
    ],
)
def test_m11_file_names(name, clean):
    assert clean_filename(name) == clean


@pytest.mark.parametrize("name", ["é" * 500 + ".jpeg", "é" * 500, "x." + "y" * 500, "日" * 500 + ".pht"])
def test_m11_long_names_keep_their_ending(name):
    clean = clean_filename(name)
    assert 250 <= len(clean.encode()) <= structure.FILENAME_BYTES
    assert not name.endswith((".jpeg", ".pht")) or clean.endswith(name[-4:])
