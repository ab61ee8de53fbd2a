"""Messages: their structure, what two other parsers read in them, and what can never get in."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import datetime
from email import policy

import pytest

from mailbox.mime.parsing import attachment
from sending.message.build import (
    Address,
    Attachment,
    ComposeError,
    InlineImage,
    compose,
    new_message_id,
    recipients,
    trimmed,
)
from tests.mailbox.corpus import letter as corpus_letter
from tests.mailbox.letters import PNG
from tests.sending.letters import (
    ADA,
    BOB,
    EVE,
    NOW,
    composed,
    field,
    fields,
    letter,
    ours,
    paragraphs,
    stdlib,
)

PICTURE = InlineImage("pic1@example.org", "map.png", "image/png", PNG)
FILE = Attachment("report.pdf", "application/pdf", b"%PDF-1.4 \x00\xff" * 50)


def shape(message) -> object:
    """The types of a message as nested lists."""
    if message.is_multipart() and message.get_content_type() != "message/rfc822":
        return [message.get_content_type(), *map(shape, message.get_payload())]
    return message.get_content_type()


# ── The header ──────────────────────────────────────────────────────────────


def test_sent_the_fields_of_a_plain_letter():
    raw = composed(cc=(EVE,), reply_to=(Address("Desk", "desk@example.org"),))
    assert fields(raw) == [
        *("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    ]
    assert field(raw, "From") == "Ada Lovelace <ada@example.org>"
    assert field(raw, "Cc") == "eve@post.example"
    assert field(raw, "Date") == "Mon, 23 Nov 2026 09:42:00 +0700"
    assert field(raw, "Message-ID") == "<2c5c8f@example.org>"


def test_sent_two_parsers_agree():
    raw = composed(
        sender=Address("Zoë, Ltd. (Ünit)", "zoe@bücher.example"),
        to=(Address('Bob "B" O\'Neil', "bob@post.example"), Address("山田太郎", "yamada@post.example"), EVE),
        subject="Grüße: 50 % mehr 請求書 =?utf-8?q?x?=",
        in_reply_to="<a@x.example>",
        references=("<b@x.example>", "<a@x.example>"),
    )
    parsed, body = ours(raw)
    assert (parsed.from_name, parsed.from_address) == ("Zoë, Ltd. (Ünit)", "zoe@xn--bcher-kva.example")
    assert [each.name for each in parsed.to] == ['Bob "B" O\'Neil', "山田太郎", ""]
    assert [each.address for each in parsed.to] == [
        "bob@post.example",
        "yamada@post.example",
        "eve@post.example",
    ]
    assert parsed.subject == "Grüße: 50 % mehr 請求書 =?utf-8?q?x?="
    assert (parsed.in_reply_to, parsed.references) == ("<a@x.example>", ("<b@x.example>", "<a@x.example>"))
    assert parsed.date == NOW
    assert body.text.strip() == "Hello"
    other = email.message_from_bytes(raw, policy=policy.default)
    assert other["subject"] == parsed.subject
    assert [(each.display_name, each.addr_spec) for each in other["to"].addresses] == [
        (each.name, each.address) for each in parsed.to
    ]
    assert other["from"].addresses[0].display_name == parsed.from_name
    assert not other.defects


def test_sent_bcc_is_only_in_the_envelope():
    blind = Address("Hidden Person", "hidden@post.example")
    sent = letter(bcc=(blind, BOB), cc=(EVE,))
    raw = compose(sent)
    assert b"idden" not in raw
    assert b"bcc" not in raw.lower()
    assert recipients(sent) == ("bob@post.example", "eve@post.example", "hidden@post.example")
    assert compose(replace(sent, bcc=())) == raw


def test_sent_only_blind_copies():
    raw = composed(to=(), bcc=(BOB,))
    assert field(raw, "To") == "undisclosed-recipients:;"
    assert ours(raw)[0].to == ()


def test_sent_nobody_is_named_twice():
    twice = (BOB, Address("Robert", "BOB@post.example"), EVE)
    assert field(composed(to=twice), "To") == "Bob <bob@post.example>, eve@post.example"
    assert recipients(letter(to=twice, cc=twice)) == ("bob@post.example", "eve@post.example")


def test_sent_addresses_with_other_letters_need_smtputf8():
    raw = composed(to=(Address("Zoë", "zoë@bücher.example"),))
    assert "zoë@xn--bcher-kva.example" in field(raw, "To")
    assert ours(raw)[0].to == (Address("Zoë", "zoë@xn--bcher-kva.example"),)
    assert composed(to=(Address("Zoë", "zoe@bücher.example"),)).isascii()


def test_sent_further_fields():
    raw = composed(headers=(("Auto-Submitted", "auto-replied (vacation)"), ("X-Note", "Grüner Tee aus Java")))
    assert field(raw, "Auto-Submitted") == "auto-replied (vacation)"
    assert ours(raw)[0].auto_submitted.startswith("auto-replied")
    assert field(raw, "X-Note") == "=?utf-8?q?Gr=C3=BCner_Tee_aus_Java?="


@pytest.mark.parametrize(
    "name",
    ["Bcc", "bcc", "FROM", "Sender", "Date", "Content-Type", "Return-Path", "", "X Y", "X:", "X\r\nBcc", "Ü"],
)
def test_sent_further_fields_are_no_way_to_ours(name):
    with pytest.raises(ComposeError) as caught:
        compose(letter(headers=((name, "x"),)))
    assert caught.value.why == "name"


def test_sent_a_date_without_a_zone_is_none():
    with pytest.raises(ComposeError) as caught:
        compose(letter(date=datetime(2026, 11, 23)))
    assert caught.value.field == "date"


def test_sent_message_ids_are_of_the_senders_domain():
    first, second = new_message_id("ada@Bücher.example"), new_message_id("ada@Bücher.example")
    assert first != second
    assert first.endswith("@xn--bcher-kva.example>")
    assert len(first) > 40
    assert new_message_id("a@[192.0.2.1]").endswith("@192.0.2.1>")
    composed(message_id=first)


# ── Structure ───────────────────────────────────────────────────────────────


def test_sent_plain_text():
    raw = composed(text="Grüße\n\nAda")
    message = stdlib(raw)
    assert shape(message) == "text/plain"
    assert message.get_param("format") == "flowed"
    assert message.get_payload(decode=True).decode() == "Grüße\r\n\r\nAda\r\n"


def test_sent_text_and_html():
    raw = composed(text=None, html="<p>Hello <b>Bob</b></p>")
    assert shape(stdlib(raw)) == ["multipart/alternative", "text/plain", "text/html"]
    _, body = ours(raw)
    assert "<p>Hello <b>Bob</b></p>" in body.html
    assert body.text.strip() == "Hello Bob"


def test_sent_a_text_of_its_own_beside_html():
    assert paragraphs(composed(text="By hand", html="<p>x</p>")) == [(0, "By hand")]


def test_sent_everything_at_once():
    html = '<p>See <img src="cid:pic1@example.org" alt="the map"></p>'
    raw = composed(
        text=None, html=html, images=(PICTURE,), attachments=(FILE, replace(FILE, filename="two.pdf"))
    )
    assert shape(stdlib(raw)) == [
        "multipart/mixed",
        ["multipart/alternative", "text/plain", ["multipart/related", "text/html", "image/png"]],
        "application/pdf",
        "application/pdf",
    ]
    parsed, body = ours(raw)
    assert html in body.html
    assert [(info.filename, info.is_inline) for info in parsed.attachments] == [
        ("map.png", True),
        ("report.pdf", False),
        ("two.pdf", False),
    ]
    assert [attachment(raw, info.position)[1] for info in parsed.attachments] == [
        PNG,
        FILE.content,
        FILE.content,
    ]
    assert parsed.attachments[0].content_id == "pic1@example.org"
    assert paragraphs(raw) == [(0, "See [the map]")]


def test_sent_attachments_behind_plain_text():
    raw = composed(attachments=(FILE,))
    assert shape(stdlib(raw)) == ["multipart/mixed", "text/plain", "application/pdf"]


NAMES = [
    "plain.txt",
    "with space.txt",
    'quo"te\\back.txt',
    "Übersicht 2026.pdf",
    "請求書.pdf",
    "x" * 200 + ".txt",
    "ü" * 100 + ".txt",
    "a;b=c, (d) 100%.txt",
    "=?utf-8?q?x?=.txt",
    "it's.txt",
    "emoji 🎉.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_sent_names_of_files(name):
    raw = composed(attachments=(Attachment(name, "application/octet-stream", b"x"),))
    part = stdlib(raw).get_payload()[1]
    found = part.get_filename()
    assert found == name
    assert all(len(line) <= 80 for line in raw.split(b"\r\n"))
    if '"' not in name and "\\" not in name and "=?" not in name:
        assert ours(raw)[0].attachments[0].filename == name


def test_sent_a_file_without_a_name():
    raw = composed(attachments=(Attachment("", "image/png", PNG),))
    assert ours(raw)[0].attachments[0].filename == "picture.png"


@pytest.mark.parametrize(
    ("content_type", "content", "sent"),
    [
        ("text/csv", "größe;1".encode(), "text/csv"),
        ("text/csv; charset=latin-1", b"gr\xf6\xdfe", "text/csv"),
        ("TEXT/HTML", b"<p>", "text/html"),
        ("multipart/mixed", b"x", "application/octet-stream"),
        ("message/delivery-status", b"x", "application/octet-stream"),
        ("nonsense", b"x", "application/octet-stream"),
        ("", b"x", "application/octet-stream"),
    ],
)
def test_sent_types_of_files(content_type, content, sent):
    part = stdlib(composed(attachments=(Attachment("x", content_type, content),))).get_payload()[1]
    assert part.get_content_type() == sent
    assert part.get_payload(decode=True) == content
    is_utf8 = sent.startswith("text/") and content != b"gr\xf6\xdfe"
    assert part.get_param("charset") == ("utf-8" if is_utf8 else None)


def test_sent_a_message_as_a_file():
    inner = composed(subject="Inner", text="inside")
    raw = composed(attachments=(Attachment("inner.eml", "message/rfc822", inner),))
    part = stdlib(raw).get_payload()[1]
    assert part.get_content_type() == "message/rfc822"
    assert part.get_payload()[0]["subject"] == "Inner"
    assert attachment(raw, 0)[1] == inner


@pytest.mark.parametrize("name", ["lf-only", "raw-header-utf8", "nul", "chinese-broken"])
def test_sent_a_message_that_cannot_go_as_it_is_goes_as_a_file(name):
    inner = corpus_letter(name)
    raw = composed(attachments=(Attachment("inner.eml", "message/rfc822", inner),))
    info, content = attachment(raw, 0)
    assert content == inner
    assert info.content_type == "application/octet-stream"


# ── Always the same ─────────────────────────────────────────────────────────


def test_sent_the_same_letter_is_the_same_bytes():
    given = {"html": "<p>x</p>", "images": (PICTURE,), "attachments": (FILE,)}
    assert composed(**given) == composed(**given)
    assert composed(**given) != composed(**{**given, "html": "<p>y</p>"})


OUTER, INNER = "bffa2dce48901bc410c67a11c6ddf8a9e8617313", "2369b343a76ad32fdd72f6baf07ca4a87f3e82e5"


def test_sent_these_bytes_do_not_change_with_a_release():
    """Of Python, or of ours: what waits in an outbox is sent again as the same message."""
    raw = composed(
        sender=Address("Zoë", "zoe@post.example"),
        text=None,
        html="<p>Grüße</p>",
        attachments=(Attachment("ä.txt", "text/plain", b"x"),),
    )
    assert raw.decode() == (
        "From: =?utf-8?b?Wm/Dqw==?= <zoe@post.example>\r\n"
        "To: Bob <bob@post.example>\r\n"
        "Subject: Tea\r\n"
        "Date: Mon, 23 Nov 2026 09:42:00 +0700\r\n"
        "Message-ID: <2c5c8f@example.org>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed;\r\n"
        ' boundary="=_OUTER"\r\n'
        "\r\n"
        "--=_OUTER\r\n"
        "Content-Type: multipart/alternative;\r\n"
        ' boundary="=_INNER"\r\n'
        "\r\n"
        "--=_INNER\r\n"
        'Content-Type: text/plain; charset="utf-8"; format=flowed\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "Gr=C3=BC=C3=9Fe\r\n"
        "\r\n"
        "--=_INNER\r\n"
        'Content-Type: text/html; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "<!DOCTYPE html>\r\n"
        "<html><head></head><body>\r\n"
        "<p>Gr=C3=BC=C3=9Fe</p>\r\n"
        "</body></html>\r\n"
        "\r\n"
        "--=_INNER--\r\n"
        "\r\n"
        "--=_OUTER\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Disposition: attachment; filename*=utf-8''%C3%A4.txt\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "\r\n"
        "eA==\r\n"
        "\r\n"
        "--=_OUTER--\r\n"
    ).replace("OUTER", OUTER).replace("INNER", INNER)


# ── Long threads ────────────────────────────────────────────────────────────


def test_sent_references_are_trimmed_to_the_first_and_the_last():
    ids = tuple(f"<{number}@x.example>" for number in range(100))
    kept = trimmed(ids)
    assert kept == (ids[0], *ids[-20:])
    assert ours(composed(references=ids))[0].references == kept
    assert trimmed(ids[:21]) == ids[:21]


def test_sent_references_stay_below_four_kilobytes():
    ids = tuple(f"<{number}{'x' * 230}@{'y' * 200}.example>" for number in range(30))
    kept = trimmed(ids)
    assert kept[0] == ids[0]
    assert kept[-1] == ids[-1]
    assert sum(map(len, kept)) < 4096
    assert len(kept) > 5
    raw = composed(references=ids)
    assert len(field(raw, "References")) < 4096


def test_sent_many_recipients_are_folded():
    people = tuple(Address(f"Person {number}", f"p{number}@post.example") for number in range(300))
    raw = composed(to=people)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert stdlib(raw)["to"].count("@") == 300
    assert recipients(letter(to=people)) == tuple(person.address for person in people)
    assert ADA.address not in recipients(letter(to=people))
