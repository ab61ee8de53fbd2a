"""What is kept of a message, fault by fault (M1–M18); structure and header fields have tests of their own."""

# ruff: noqa: E501 - headers are easier to judge in one piece
from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from mailbox.mime import parsing
from mailbox.mime.opened_message import OpenedMessage
from mailbox.mime.parsing import Address, Body, Parsed, attachment, parse, read_body
from tests.mailbox.corpus import letter

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def message(*fields: str, body: str = "Hello.") -> bytes:
    return "\r\n".join([*fields, "", body]).encode()


def test_all_of_an_ordinary_letter():
    parsed = parse(letter("english"), now=NOW)
    assert parsed.to == (
        Address("Hartono, Alice", "alice.hartono@gmx.example"),
        Address("", "tom@okafor.example"),
    )
    assert parsed.cc == (Address("Lena Brandt", "lena@brandt.example"),)
    assert parsed.reply_to == ()
    assert parsed.message_id == "<20261123084209.1204@lindqvist.example>"
    assert parsed.in_reply_to == ""
    assert parsed.references == ()
    assert parsed.date == datetime(2026, 11, 23, 8, 42, 9, tzinfo=UTC)
    assert parsed.date_text == "Mon, 23 Nov 2026 09:42:09 +0100"
    assert parsed.text.startswith("Dear Alice,\r\n\r\nthe shed is finally painted.")
    assert (parsed.has_attachments, parsed.is_report, parsed.is_undecodable) == (False, False, False)
    assert (parsed.list_id, parsed.auto_submitted) == ("", "")


def test_threads():
    parsed = parse(letter("indonesian"))
    assert parsed.in_reply_to == "<a1@gmx.example>"
    assert parsed.references == ("<a0@gmx.example>", "<a1@gmx.example>")


def test_lists_and_automatic_mail():
    assert parse(letter("newsletter")).list_id == "letters.slowreader.example"
    assert parse(letter("list-footer")).list_id == "choir.lists.example"
    assert parse(message("Auto-Submitted: Auto-Replied; owner=x")).auto_submitted == "auto-replied"
    assert parse(message("Auto-Submitted: NO")).auto_submitted == "no"


def test_an_embedded_picture_is_no_attachment():
    parsed = parse(letter("nested"))
    picture, plan = parsed.attachments
    assert (picture.is_inline, plan.is_inline) == (True, False)
    assert parsed.has_attachments
    assert OpenedMessage(letter("nested")).by_content_id == {"shed@lindqvist.example": picture.position}
    only = parse(
        letter("nested").replace(b"planting-plan-2027.pdf", b"x").replace(b"attachment;", b"inline;")
    )
    assert [info.is_inline for info in only.attachments] == [True, False]


def test_a_picture_with_an_id_that_no_page_shows_is_an_attachment():
    parsed = parse(letter("nested").replace(b"cid:shed", b"cid:other"))
    assert [info.is_inline for info in parsed.attachments] == [False, False]


def test_only_pictures_within_the_text_do_not_count_as_attachments():
    raw = letter("nested")
    start = raw.index(b"--outer\r\nContent-Type: application/pdf")
    parsed = parse(raw[:start] + b"--outer--\r\n")
    assert len(parsed.attachments) == 1
    assert not parsed.has_attachments


def test_m3_nul_and_surrogates_are_gone():
    parsed = parse(letter("nul"))
    assert parsed.text == "onetwo"
    assert parsed.attachments[0].filename == "ab.bin"
    raw = b"Subject: =?utf-7?Q?+2AA-?=\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-x"
    assert parse(raw).subject == "\ufffd"
    assert parse(raw).text == "\ufffdx"


@pytest.mark.parametrize("fields", [
    ("Message-ID: <[x@microsoft.example]>",), ("To: (c):",), ('To: "',), ("From: <",), ("Content-Type: text/plain; name*",),
    ("Content-Type: ;;;",), ("Content-Disposition: attachment; filename*=",), ("Content-Transfer-Encoding:",),
])  # fmt: skip
def test_m4_m5_what_the_modern_policy_cannot_read(fields):
    parsed = parse(message("Subject: x", *fields))
    assert parsed.subject == "x"
    assert not parsed.is_undecodable


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        ("Mon, 23 Nov 2026 09:42:09 +0000", True),
        ("Tue, 24 Nov 2026 11:59:00 +0000", True),
        ("Tue, 24 Nov 2026 12:01:00 +0000", False),
        ("Thu, 1 Jan 1970 00:00:00 +0000", False),
        ("Mon, 31 Dec 1989 23:59:59 +0000", False),
        ("Mon, 23 Nov 99999999999 09:42:09 +0000", False),
        ("Mon, 23 Nov 2206 09:42:09 +0000", False),
        ("soon", False),
    ],
)
def test_m6_absurd_dates_are_text_only(date, kept):
    parsed = parse(message(f"Date: {date}"), now=NOW)
    assert (parsed.date is not None) == kept
    assert parsed.date_text == date


def test_m6_without_a_clock_the_clock_is_asked():
    tomorrow = datetime.now(UTC) + timedelta(hours=1)
    assert parse(message(f"Date: {tomorrow:%a, %d %b %Y %H:%M:%S +0000}")).date is not None
    assert parse(message()).date is None


@pytest.mark.parametrize(("fields", "message_id"), [
    ((), ""), (("Message-ID:",), ""), (("Message-ID: <a@b>", "Message-ID: <c@d>"), "<a@b>"), (("Message-Id: a@b",), "<a@b>"),
])  # fmt: skip
def test_m7_message_ids(fields, message_id):
    assert parse(message(*fields)).message_id == message_id


def test_m7_an_endless_message_id_is_cut():
    parsed = parse(message(f"Message-ID: <{'x' * 3000}@y>", f"In-Reply-To: <{'x' * 3000}@y>"))
    assert len(parsed.message_id) == 1000
    assert parsed.in_reply_to == parsed.message_id


def test_m8_what_lies_too_deep_is_a_file():
    opening = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(1000))
    raw = f"Subject: deep\r\n{opening}\r\nhi".encode()
    parsed = parse(raw)
    assert parsed.subject == "deep"
    assert [info.content_type for info in parsed.attachments] == ["multipart/mixed"]
    assert attachment(raw, 0)[1].endswith(b"hi")


def test_m10_a_text_that_cannot_be_decoded_is_said_to_be_so():
    assert parse(b"Content-Transfer-Encoding: base64\r\n\r\n====").is_undecodable
    assert not parse(b"Content-Transfer-Encoding: base64\r\n\r\n").is_undecodable
    assert parse(b"\x00\x01\x02\x03" * 100).is_undecodable


def test_m12_winmail_is_offered_as_it_is():
    info, content = attachment(letter("winmail"), 0)
    assert (info.filename, info.content_type) == ("winmail.dat", "application/ms-tnef")
    assert content.startswith(b"\x78\x9f\x3e\x22")


def test_m13_replies_go_to_the_address_that_was_written():
    parsed = parse(letter("disguised-sender"))
    assert [each.address for each in (*parsed.reply_to, *parsed.to)] == [
        "attacker@elsewhere.example", "alice.hartono@gmx.example",
    ]  # fmt: skip
    assert "\n" not in parsed.subject + parsed.from_name + parsed.to[0].name


def test_m14_no_sender():
    parsed = parse(letter("no-sender"))
    assert (parsed.from_name, parsed.from_address, parsed.to) == ("", "", ())
    assert [each.address for each in parsed.cc] == [
        "tom@okafor.example",
        "lena@brandt.example",
        "marta@lindqvist.example",
    ]
    assert parse(message("Sender: a@b")).from_address == "a@b"


def test_m15_references_are_bounded():
    parsed = parse(message("References: " + " ".join(f"<{n}@x>" for n in range(2000))))
    assert len(parsed.references) == 50
    assert (parsed.references[0], parsed.references[-1]) == ("<0@x>", "<1999@x>")


@pytest.mark.parametrize("content_type", ["text/plain", "text/html"])
def test_m16_fifty_megabytes_in_one_line(content_type):
    raw = message(f"Content-Type: {content_type}").removesuffix(b"Hello.") + b"x" * 50_000_000
    started = time.monotonic()
    parsed = parse(raw)
    assert time.monotonic() - started < 5
    assert len(parsed.text) == parsing.TEXT_LIMIT
    assert len(parsed.preview) == 200


HOSTILE_PAGES = {
    "tags": "<" * 2_000_000,
    "comments": "<!--" * 500_000,
    "styles": "<style>" * 300_000,
    "titles": "<title>x</style>" * 100_000,
    "numbers": "&#" + "9" * 1_000_000 + ";",
    "entities": "&notin" * 300_000,
}


@pytest.mark.parametrize("page", HOSTILE_PAGES.values(), ids=HOSTILE_PAGES)
def test_m17_hostile_pages_take_no_time(page):
    started = time.monotonic()
    parsed = parse(message("Content-Type: text/html", body=f"<p>Hello</p>{page}"))
    assert time.monotonic() - started < 5
    assert parsed.preview.startswith("Hello")


def test_m18_delivery_reports_are_recognised():
    parsed = parse(letter("bounce"))
    assert parsed.is_report
    assert parsed.auto_submitted.startswith("auto-replied")
    assert not parse(letter("signed")).is_report
    receipt = letter("bounce").replace(b"delivery-status", b"disposition-notification")
    assert not parse(receipt).is_report


def test_m20_signed_bytes_are_handed_out_as_they_came():
    raw = letter("signed")
    assert (
        attachment(raw, 0)[1]
        .decode()
        .replace("\r\n", "\n")
        .startswith("-----BEGIN PGP SIGNATURE-----\n\niHUE")
    )


def test_another_rendering_of_the_text_is_no_file_but_an_invitation_is():
    page = letter("invitation").replace(b"text/calendar", b"text/x-amp-html")
    assert not parse(page).has_attachments
    assert parse(letter("invitation")).has_attachments


def test_the_words_of_a_page():
    body = (
        "<html><head><title>not seen</title><STYLE>p{}</style></head><body><!-- no --><p>Super<b>market</b>, caf&eacute;"
        "<br>new&nbsp;line<td>cell</td><td>cell</td></p><script>no()</script></body>"
    )
    assert " ".join(parse(message("Content-Type: text/html", body=body)).text.split()) == (
        "Supermarket, café new line cell cell"
    )


def test_numbers_that_no_character_has_do_not_spoil_a_page():
    """html.unescape refuses numbers of more than 4,300 digits with an error."""
    body = f"<p>caf&eacute; &#{'9' * 5000}; &#x{'f' * 5000}; &amp; cr&egrave;me</p>"
    assert parse(message("Content-Type: text/html", body=body)).preview == "café & crème"


def test_previews():
    assert parse(message(body="> quoted\r\n> too\r\nAnswer.")).preview == "Answer."
    assert parse(message(body="> only quoted")).preview == "> only quoted"
    assert parse(message(body="=====\r\n  Head\r\n-----\r\ntext")).preview == "Head text"
    assert parse(message(body="\u200c \u00a0\u034f" * 50 + "first words")).preview == "first words"


def test_words_within_addresses_and_file_names_can_be_found():
    keywords = parse(letter("nested")).keywords
    assert {"marta@lindqvist.example", "lindqvist", "planting", "plan", "2027", "pdf"} <= set(
        keywords.split()
    )


def test_lengths_are_capped():
    parsed = parse(
        message(
            "Subject: " + "s" * 5000,
            "From: " + "n" * 5000 + " <a@b>",
            "To: " + "x@y, " * 2000,
            "Date: " + "d" * 500,
        )
    )
    assert (len(parsed.subject), len(parsed.from_name), len(parsed.to), len(parsed.date_text)) == (
        1000,
        500,
        1000,
        200,
    )


def test_a_fault_of_ours_never_stops_a_mailbox(monkeypatch):
    """R8: whatever goes wrong inside, the message is kept and says that it could not be decoded."""

    def broken(_raw):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(parsing, "OpenedMessage", broken)
    assert parse(letter("english")) == Parsed(
        subject="The shed is painted", date_text="Mon, 23 Nov 2026 09:42:09 +0100", is_undecodable=True
    )
    assert read_body(letter("english")) == Body(None, None, False)
    monkeypatch.setattr(parsing, "Headers", broken)
    assert parse(letter("english")) == Parsed(is_undecodable=True)
