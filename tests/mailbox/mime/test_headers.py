"""Header fields: tolerant of everything that mail carries, and never fooled about who wrote."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mailbox.mime.headers import (
    ADDRESS_LIMIT,
    BLOCK_LIMIT,
    MORE,
    REFERENCES_LIMIT,
    Address,
    Headers,
    decode,
    one_line,
    read_addresses,
    read_date,
    read_ids,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b" folded\r\n\tonce\r\n  twice ", "folded once twice"),
        (b"=?utf-8?Q?Caf=C3=A9?=", "Café"),
        (b"=?UTF-8*en?q?caf=c3=a9?= au lait", "café au lait"),
        (b"=?utf-8?B?4oKs?= =?utf-8?B?4oKs?=", "€€"),
        (b"=?utf-8?Q?=E2=82?=\r\n =?utf-8?Q?=AC?= end", "€ end"),  # one character in two words
        (b"=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        (b"a=?utf-8?q?b?=c", "abc"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?utf-8?Q?What??=", "What?"),
        (b"=?utf-8?Q?What? Really? Yes?=", "What? Really? Yes"),
        (b"=?utf-8?b?YQ?=", "a"),  # no padding
        (b"=?utf-8?b?Y?=", "=?utf-8?b?Y?="),  # no base64
        (b"=?x-unknown?Q?=E9?=", "é"),
        (b"=?idna?Q?=E9?=", "é"),  # a codec of Python's that is no charset of mail
        (b"=?utf-7?Q?+2AA-?=", "\ufffd"),
        (b"=?utf-8?Q?=00=07?=", ""),
        (b"=?", "=?"),
        (b"=?utf-8?Q", "=?utf-8?Q"),
        (b"", ""),
    ],
)
def test_m2_encoded_words(value, text):
    assert decode(value) == text


@pytest.mark.parametrize(
    ("value", "charset", "text"),
    [
        ("Größe".encode(), "", "Größe"),
        ("Größe".encode(), "koi8-r", "Größe"),  # UTF-8 proves itself
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("Größe – €".encode("cp1252"), "", "Größe – €"),
        (b"\x81\x8d", "", "\ufffd\ufffd"),
        ("Größe".encode() + b" =?utf-8?Q?=C3=A9?=", "", "Größe é"),
    ],
)
def test_m1_raw_bytes(value, charset, text):
    assert decode(value, charset) == text


def test_m3_nothing_that_a_database_refuses():
    assert decode(b"a\x00b =?utf-8?Q?c=00d?= \xed\xa0\x80") == "ab cd í\xa0€".replace("\xa0", " ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("\u202emoc.elpmaxe@nimda", "moc.elpmaxe@nimda"),
        ("\u2067a\u2069", "a"),
        ("a\x1b[31m\x07\x9b", "a[31m"),
        ("a\u3000b\xa0c", "a b c"),
        ("👩‍👩‍👧 ok", "👩‍👩‍👧 ok"),
    ],
)
def test_one_line(text, line):
    assert one_line(text) == line


A = Address


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (b"a@b.example", [A("", "a@b.example")]),
        (b"Tom <a@b>", [A("Tom", "a@b")]),
        (b'"U, Ser" <a@b>, c@d', [A("U, Ser", "a@b"), A("", "c@d")]),
        (b'"say \\"hi\\"" <a@b>', [A('say "hi"', "a@b")]),
        (b'"a\\\\b \\"c\\"" <a@b>', [A('a\\b "c"', "a@b")]),
        (b"=?utf-8?Q?Andr=C3=A9?= Foo <a@b>", [A("André Foo", "a@b")]),
        (b'"=?utf-8?Q?Andr=C3=A9?=" <a@b>', [A("André", "a@b")]),
        (b"=?utf-8?Q?Foo, Bar?= <a@b>", [A("Foo, Bar", "a@b")]),
        ("été <a@b>".encode(), [A("été", "a@b")]),
        ("<élan@b.example>".encode(), [A("", "élan@b.example")]),
        (b"a@b (Tom (the (elder)) Okafor)", [A("Tom (the (elder)) Okafor", "a@b")]),
        (b"(unfinished", [A("unfinished", "")]),
        (b"<@relay,@other:a@b>", [A("", "a@b")]),
        (b"a@[IPv6:2001:db8::1]", [A("", "a@[IPv6:2001:db8::1]")]),
        (b'"tom okafor"@b', [A("", '"tom okafor"@b')]),
        (b'<"tom okafor"@b>', [A("", '"tom okafor"@b')]),
        (b"Tom <a@b", [A("Tom", "a@b")]),
        (b"Tom Okafor a@b", [A("Tom Okafor", "a@b")]),
        (b"<a@b><c@d>", [A("", "a@b"), A("", "c@d")]),
        (b"a@b; c@d", [A("", "a@b"), A("", "c@d")]),
        (b"a@b,,, ,c@d,", [A("", "a@b"), A("", "c@d")]),
        (b"< a@ b >", [A("", "a@b")]),
        # M4
        (b"(c):", [A("c", "")]),
        (b'"', []),
        (b"<", []),
        (b"<>", []),
        (b"", []),
        (b"\\", [A("\\", "")]),
        # M14
        (b"undisclosed-recipients:;", []),
        (b"Friends: a@b, Tom <c@d>;, e@f", [A("", "a@b"), A("Tom", "c@d"), A("", "e@f")]),
        (b"MAILER-DAEMON", [A("MAILER-DAEMON", "")]),
    ],
)
def test_m4_m14_addresses(value, addresses):
    assert read_addresses(value) == addresses


@pytest.mark.parametrize(("count", "shown"), [(200, 200), (1000, 1000), (1001, 1000)])
def test_no_list_of_people_looks_whole_that_is_not(count, shown):
    value = b", ".join(b"Member %d <m%d@society.example>" % (number, number) for number in range(count))
    found = read_addresses(value)
    assert len(found) == shown
    assert (found[-1] == MORE) is (shown < count)
    half, rest = value[: len(value) // 2].rpartition(b", ")[0], value[len(value) // 2 :].partition(b", ")[2]
    several = Headers(b"To: " + half + b"\nTo: " + rest + b"\n").addresses(b"to")
    assert len(several) >= min(shown, count - 2)


@pytest.mark.parametrize(
    "name",
    [
        b"=?utf-8?q?=22boss=22_=3Cboss=40bank.example=3E?=",
        b"=?utf-8?q?boss=40bank.example=2C?=",
        b"=?utf-8?b?" + b"PGJvc3NAYmFuay5leGFtcGxlPiw=" + b"?=",
        b'"boss@bank.example"',
        b"=?utf-8?q?a=0D=0ABcc:_boss=40bank.example?=",
        b"(boss@bank.example)",
    ],
)
def test_m13_a_name_never_becomes_the_address(name):
    (address,) = read_addresses(name + b" <thief@elsewhere.example>")
    assert address.address == "thief@elsewhere.example"
    assert "\n" not in address.name
    assert "\r" not in address.name


def test_encoded_words_in_an_address_stay_as_they_are():
    assert read_addresses(b"<=?utf-8?q?boss?=@bank.example>") == [A("", "=?utf-8?q?boss?=@bank.example")]


HOSTILE = {
    "blanks": b" " * 200_000,
    "brackets": b"[" * 200_000,
    "quotes": b'"\\' * 100_000,
    "words": b"=?utf-8?q?a?= " * 50_000,
    "half words": b"=?a?q?" * 50_000,
    "comments": b"(" * 200_000,
    "angles": b"<" * 200_000,
    "colons": b"a:" * 100_000,
    "commas": b"a@b," * 100_000,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_hostile_fields_take_no_time(value):
    started = time.monotonic()
    decode(value)
    assert len(read_addresses(value)) <= ADDRESS_LIMIT
    assert len(read_ids(value)) <= REFERENCES_LIMIT
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<a@b>", ("<a@b>",)),
        (b" <a@b>\r\n\t<c@d>", ("<a@b>", "<c@d>")),
        (b"<a@b><c@d> junk <e@f", ("<a@b>", "<c@d>")),
        (b"a@b", ("<a@b>",)),
        (b"<[x@microsoft.example]>", ("<[x@microsoft.example]>",)),
        (b"<a\x00 b@c>", ("<a b@c>",)),
        (b"<>", ()),
        (b"", ()),
    ],
)
def test_m4_ids(value, ids):
    assert read_ids(value) == ids


def test_m15_too_many_references_keep_the_first_and_the_last():
    ids = read_ids(b" ".join(b"<%d@x>" % number for number in range(1000)))
    assert len(ids) == REFERENCES_LIMIT
    assert ids[0] == "<0@x>"
    assert ids[-1] == "<999@x>"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 09:42:09 +0700", utc(2026, 11, 23, 2, 42, 9)),
        ("Mon, 23 Nov 2026 09:42:09 +0700 (WIB)", utc(2026, 11, 23, 2, 42, 9)),
        ("23 Nov 2026 09:42 -0330", utc(2026, 11, 23, 13, 12)),
        ("Mon, 23 Nov 2026 09:42:09 -0000", utc(2026, 11, 23, 9, 42, 9)),
        ("Mon, 23 Nov 2026 09:42:09 GMT", utc(2026, 11, 23, 9, 42, 9)),
        ("Mon, 23 Nov 2026 09:42:09 EST", utc(2026, 11, 23, 14, 42, 9)),
        ("Mon, 23 Nov 2026 09:42:09 WIB", utc(2026, 11, 23, 2, 42, 9)),
        ("Mon, 23 Nov 26 09:42:09 +0000", utc(2026, 11, 23, 9, 42, 9)),
        ("Mon Nov 23 09:42:09 2026", utc(2026, 11, 23, 9, 42, 9)),
        ("Wed, 31 Dec 2025 23:59:60 +0000", utc(2025, 12, 31, 23, 59, 59)),
        ("Thu, 1 Jan 1970 00:00:00 +0000", utc(1970, 1, 1)),
        ("Mon, 23 Nov 99999999999 09:42:09 +0700", None),
        ("Mon, 99 Nov 2026 09:42:09 +0700", None),
        ("Mon, 23 Nov 2026 09:42:09 +9999", None),
        ("1 Jan 0001 00:00:00 +1400", None),
        ("the day before yesterday", None),
        ("", None),
        ("1 " * 10_000, None),
    ],
)
def test_m6_dates(text, moment):
    assert read_date(text) == moment


def test_fields_keep_their_order_and_any_case():
    headers = Headers(
        b"Received: 1\r\nSUBJECT : x\r\nreceived: 2\r\n folded\r\nno field\r\nX-\xff: y\r\nTo: z"
    )
    assert headers.all(b"received") == [b" 1", b" 2\n folded"]
    assert headers.raw(b"subject") == b" x"
    assert headers.raw(b"to") == b" z"
    assert headers.raw(b"cc") == b""
    assert b"to" in headers
    assert len(headers) == 3


def test_addresses_of_repeated_fields_are_taken_together():
    headers = Headers(b"To: a@b\r\nTo: c@d")
    assert [each.address for each in headers.addresses(b"to")] == ["a@b", "c@d"]


def test_an_endless_header_is_read_in_part():
    headers = Headers(b"Subject: x\r\n" + b"X-Filler: y\r\n" * 100_000 + b"To: late@noor.example\r\n")
    assert headers.text(b"subject") == "x"
    assert len(headers.all(b"x-filler")) < BLOCK_LIMIT / 12
    assert headers.raw(b"to") == b""
