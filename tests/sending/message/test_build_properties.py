"""Whatever people type: the message says it, says nothing else, and keeps every rule of the wire."""

from __future__ import annotations

import email
import re
from email.header import decode_header, make_header

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailbox.mime.bodies import unflow
from mailbox.mime.parsing import attachment
from sending.message import format_flowed, header_encoding
from sending.message.build import Address, Attachment, ComposeError, InlineImage, compose, recipients
from tests.sending.letters import BOB, composed, field, fields, letter, ours, paragraphs, stdlib

quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Anything at all, and then what could be typed into a line.
ANY = st.text(max_size=120)
PIECES = [
    "=?",
    "?=",
    "=?utf-8?q?x?=",
    '"',
    "\\",
    ",",
    ";",
    ":",
    "<",
    ">",
    "@",
    "(",
    ")",
    "é",
    "請",
    "🎉",
    "a",
    "b c",
    " ",
    ".",
    "_",
    "\t",
]
TYPED = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=120),
    st.text("abc déü", min_size=60, max_size=400),
)
TEXT = st.one_of(
    st.lists(
        st.sampled_from(["a", " ", "\n", "> ", ">", "-- ", "From ", ".", "é", "word ", "\r\n", "=", "\t"]),
        max_size=80,
    ).map("".join),
    st.text(max_size=300),
)
NAME_ENDS = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)


def one_line(text: str) -> str:
    return " ".join(text.split())


def decoded(value: str) -> str:
    """As the standard library decodes it."""
    return str(make_header(decode_header(value)))


@quickly
@given(TYPED)
@example("x" * 900)
@example("🎉" * 200)
@example("=?utf-8?b?")
def test_sent_any_subject(subject):
    raw = composed(subject=subject)
    assert tuple(fields(raw)) == NAME_ENDS
    found = field(raw, "Subject")
    assert found.isascii()
    # The mailbox leaves out marks that turn the direction of reading; nothing else may be missing.
    shown = ours(raw)[0].subject
    assert decoded(found) == one_line(subject)
    assert shown == re.sub(
        "[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]", "", one_line(subject)
    )
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        assert len(line) <= 78 or b" " not in line[1:].partition(b": ")[2]


@quickly
@given(TYPED)
@example('"')
@example("\\")
@example("a, b")
@example("eve@evil.example")
@example("=?utf-8?q?=3Ceve=40evil.example=3E?=")
def test_sent_any_name_stays_a_name(name):
    raw = composed(to=(Address(name, "bob@post.example"), Address(name, "eve@post.example")))
    parsed, _ = ours(raw)
    assert [each.address for each in parsed.to] == ["bob@post.example", "eve@post.example"]
    wanted = re.sub(
        "[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]", "", one_line(name)
    )
    assert parsed.to[0].name == parsed.to[1].name == wanted[:500]
    pairs = email.utils.getaddresses([field(raw, "To")])
    assert [address for _, address in pairs] == ["bob@post.example", "eve@post.example"]
    assert [decoded(shown) for shown, _ in pairs] == [one_line(name)] * 2


@quickly
@given(TYPED)
@example("a" * 300)
@example("ü'*%")
def test_sent_any_file_name(name):
    raw = composed(attachments=(Attachment(name, "application/pdf", b"x"),))
    part = stdlib(raw).get_payload()[1]
    wanted = one_line(name)
    found = part.get_filename() or ""
    assert found == wanted
    assert sorted(key.lower() for key, _ in part.items()) == [
        "content-disposition",
        "content-transfer-encoding",
        "content-type",
    ]
    assert attachment(raw, 0)[1] == b"x"


@quickly
@given(ANY, st.sampled_from(["subject", "from", "to", "filename", "header"]))
@example("a\r\nBcc: x@y.example", "subject")
@example("a\u2028Bcc: x@y.example", "to")
@example("a\x85Bcc: x@y.example", "filename")
def test_sent_nothing_typed_becomes_a_field(text, place):
    given_ = {
        "subject": {"subject": text},
        "from": {"sender": Address(text, "ada@example.org")},
        "to": {"to": (Address(text, "bob@post.example"),)},
        "filename": {"attachments": (Attachment(text, "text/plain", b""),)},
        "header": {"headers": (("X-Note", text),)},
    }[place]
    try:
        raw = composed(**given_)
    except ComposeError:
        return
    expected = [name for name in NAME_ENDS if place != "filename" or name != "Content-Transfer-Encoding"]
    if place == "header":
        expected.insert(5, "X-Note")
    assert fields(raw) == expected
    assert b"Bcc" not in raw.split(b"\r\n\r\n")[0].replace(b"=?utf-8", b"") or "Bcc" in text


@quickly
@given(ANY)
def test_sent_any_address_is_written_whole_or_refused(text):
    sent = letter(to=(BOB, Address("", text)))
    try:
        raw = compose(sent)
    except ComposeError:
        with pytest.raises(ComposeError, match="'to'"):
            recipients(sent)
        return
    found = ours(raw)[0].to
    assert [each.address for each in found] == list(recipients(sent))


@quickly
@given(TEXT)
@example("-- \nAda")
@example("a " * 100 + "-- ")
@example("> " * 30 + "deep " * 30)
def test_sent_text_arrives_paragraph_by_paragraph(text):
    raw = composed(text=text)
    clean = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text).replace("\r\n", "\n").replace("\r", "\n")
    wanted = []
    for line in clean.rstrip("\n").split("\n"):
        marks = re.match(r"(?:> ?)*", line)[0]
        rest = line[len(marks) :].rstrip(" \t")
        wanted.append((marks.count(">"), "-- " if line[len(marks) :] == "-- " else rest))
    got = [(depth, line if line == "-- " else line.rstrip(" ")) for depth, line in paragraphs(raw)]
    while got and got[-1] == (0, "") and len(got) > len(wanted):
        got.pop()
    while wanted and wanted[-1] == (0, ""):
        wanted.pop()
    while got and got[-1] == (0, ""):
        got.pop()
    assert got == wanted


@quickly
@given(st.text(st.sampled_from("ab >-\n🎉 "), max_size=400))
def test_sent_flowing_is_undone_by_joining(text):
    lines = format_flowed.flow(text).split("\n")
    assert all(
        len(line) <= format_flowed.WIDTH + 8 or " " not in line[8:].rstrip()
        for line in lines
        if ">>>>" not in line
    )
    joined = list(unflow(lines))
    assert len(joined) == len(text.split("\n"))


@quickly
@given(st.binary(max_size=400), st.binary(max_size=400), TYPED)
def test_sent_structure_holds_whatever_is_inside(first, second, html):
    raw = composed(
        text=None,
        html=html,
        images=(InlineImage("a@b.example", "p.png", "image/png", first),),
        attachments=(Attachment("x.eml", "message/rfc822", second), Attachment("y", "text/plain", first)),
    )
    again = composed(
        text=None,
        html=html,
        images=(InlineImage("a@b.example", "p.png", "image/png", first),),
        attachments=(Attachment("x.eml", "message/rfc822", second), Attachment("y", "text/plain", first)),
    )
    assert raw == again
    mixed = stdlib(raw)
    alternative, message, plain = mixed.get_payload()
    assert [part.get_content_type() for part in alternative.get_payload()] == [
        "text/plain",
        "multipart/related",
    ]
    assert plain.get_payload(decode=True) == first
    contents = [attachment(raw, position)[1] for position in range(3)]
    assert contents == [first, second, first]
    assert not alternative.defects


@quickly
@given(TYPED.filter(lambda text: one_line(text)), st.integers(10, 75))
def test_sent_encoded_words_are_whole_and_short(text, first):
    text = one_line(text)
    words = header_encoding.encoded_words(text, first)
    assert len(words[0]) <= max(first, 24)
    assert max(map(len, words)) <= 75
    for word in words:
        assert re.fullmatch(r"=\?utf-8\?[qb]\?[!-<>@-~=]*\?=", word)
        ((data, charset),) = decode_header(word)
        data.decode(charset)  # no character is cut
    assert decoded("\r\n ".join(words)) == text


@quickly
@given(st.text(max_size=400))
def test_sent_html_of_any_kind_becomes_text(source):
    text = format_flowed.text_of_html(source)
    assert "\r" not in text
    format_flowed.flow(text)
