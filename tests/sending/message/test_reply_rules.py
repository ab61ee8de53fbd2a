"""Answering and passing on."""

from __future__ import annotations

import pytest

from mailbox.mime.headers import Address
from mailbox.mime.parsing import Parsed, parse
from sending.message.build import compose
from sending.message.format_flowed import text_of_html
from sending.message.reply_rules import (
    as_attachment,
    base_subject,
    carried,
    forward_subject,
    forwarded_html,
    forwarded_text,
    html_of_text,
    quoted_html,
    quoted_text,
    reply_recipients,
    reply_subject,
    thread_of,
)
from tests.mailbox.letters import PNG, attached, embedded, html, multipart
from tests.sending.letters import ADA, BOB, letter, ours, paragraphs

ME = ("ada@example.org", "ada.lovelace@bücher.example")
EVE, ZOE, LIST = (
    Address("Eve", "eve@post.example"),
    Address("", "zoe@post.example"),
    Address("", "list@x.example"),
)
MINE = Address("Me", "ADA@example.org")
ALIAS = Address("Me too", "ada.lovelace@xn--bcher-kva.example")


def original(sender: Address = BOB, **fields: object) -> Parsed:
    return Parsed(from_name=sender.name, from_address=sender.address, **fields)


# ── Whom ────────────────────────────────────────────────────────────────────

RECIPIENTS = [
    # message, to_all, To, Cc
    (original(to=(MINE,)), False, [BOB], []),
    (original(to=(MINE, EVE), cc=(ZOE,)), False, [BOB], []),
    (original(to=(MINE, EVE), cc=(ZOE,)), True, [BOB, EVE], [ZOE]),
    (original(to=(EVE,), cc=(ALIAS, ZOE)), True, [BOB, EVE], [ZOE]),
    (original(reply_to=(LIST,), to=(MINE,)), False, [LIST], []),
    (original(reply_to=(LIST, ZOE), to=(MINE, EVE), cc=(BOB,)), True, [LIST, ZOE, EVE], [BOB]),
    # Nobody twice, by address and not by name.
    (original(to=(Address("Robert", "BOB@post.example"), EVE), cc=(EVE, ZOE, ZOE)), True, [BOB, EVE], [ZOE]),
    # One's own message goes on to those it went to.
    (original(MINE, to=(BOB, EVE), cc=(ZOE,)), False, [BOB, EVE], []),
    (original(MINE, to=(BOB, EVE), cc=(ZOE, ALIAS)), True, [BOB, EVE], [ZOE]),
    (original(ALIAS, to=(), cc=(ZOE,)), True, [ZOE], []),
    # A note to oneself.
    (original(MINE, to=(MINE,)), False, [MINE], []),
    (original(MINE, to=(MINE,), cc=(ALIAS,)), True, [MINE], []),
    # From oneself, with the wish that somebody else be answered: a form on a web site.
    (original(MINE, reply_to=(EVE,), to=(MINE,)), False, [EVE], []),
    (original(BOB, reply_to=(MINE,), to=(EVE,)), False, [MINE], []),
    # Names without an address, and no sender at all.
    (original(Address("Undisclosed", ""), to=(Address("Group", ""), EVE)), True, [EVE], []),
    (Parsed(), True, [], []),
]


@pytest.mark.parametrize(("message", "to_all", "to", "cc"), RECIPIENTS, ids=range(len(RECIPIENTS)))
def test_sent_whom_an_answer_goes_to(message, to_all, to, cc):
    found = reply_recipients(message, ME, to_all=to_all)
    assert (list(found.to), list(found.cc)) == (to, cc)


# ── Subjects ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Tea", "Tea"),
        ("Re: Tea", "Tea"),
        ("RE: re: Re : Tea", "Tea"),
        ("Re[2]: Tea", "Tea"),
        ("Re(3): Tea", "Tea"),
        ("Re^4: Tea", "Tea"),
        ("AW: WG: Tea", "Tea"),
        ("Antw: Odp: SV: VS: Tea", "Tea"),
        ("Fwd: FW: Fw: Tea", "Tea"),
        ("TR: RE : Thé", "Thé"),
        ("R: I: Tè", "Tè"),
        ("RES: ENC: Chá", "Chá"),
        ("Bls: Balas: Teh", "Teh"),
        ("回复：转发: 茶", "茶"),
        ("Re:Tea", "Tea"),
        ("  Re:   two   words ", "two words"),
        ("Re:", ""),
        ("", ""),
        # Words that only look alike.
        ("Regarding: Tea", "Regarding: Tea"),
        ("Ref: 4711", "Ref: 4711"),
        ("Tea: Re: time", "Tea: Re: time"),
        ("vs: a comparison", "vs: a comparison"),
        ("i: lower case", "i: lower case"),
        ("Re Tea", "Re Tea"),
        ("[list] Re: Tea", "[list] Re: Tea"),
    ],
)
def test_sent_subjects_without_prefixes(subject, base):
    assert base_subject(subject) == base
    assert reply_subject(subject) == (f"Re: {base}" if base else "Re:")
    assert forward_subject(subject) == (f"Fwd: {base}" if base else "Fwd:")
    assert reply_subject(reply_subject(subject)) == reply_subject(subject)
    assert reply_subject(forward_subject(subject)) == reply_subject(subject)


def test_sent_a_subject_of_prefixes_takes_no_time():
    assert base_subject("Re: " * 50_000 + "x") == "x"


# ── Threads ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("message", "reply_to", "references"),
    [
        (Parsed(message_id="<c@x>"), "<c@x>", ("<c@x>",)),
        (Parsed(message_id="<c@x>", references=("<a@x>", "<b@x>")), "<c@x>", ("<a@x>", "<b@x>", "<c@x>")),
        (Parsed(message_id="<c@x>", in_reply_to="<b@x>"), "<c@x>", ("<b@x>", "<c@x>")),
        (Parsed(message_id="<c@x>", references=("<a@x>",), in_reply_to="<b@x>"), "<c@x>", ("<a@x>", "<c@x>")),
        (Parsed(message_id="<c@x>", references=("<c@x>", "<a@x>", "<a@x>")), "<c@x>", ("<a@x>", "<c@x>")),
        (
            Parsed(message_id="<c@x>", references=("<a b@x>", "<ü@x>", "<>", "<a@x>")),
            "<c@x>",
            ("<a@x>", "<c@x>"),
        ),
        (Parsed(message_id="<not good>", references=("<a@x>",)), "", ()),
        (Parsed(), "", ()),
    ],
)
def test_sent_threads_go_on(message, reply_to, references):
    assert thread_of(message) == (reply_to, references)


def test_sent_a_thread_of_a_hundred_answers():
    message, first = letter(message_id="<0@x.example>"), "<0@x.example>"
    for number in range(1, 100):
        thread = thread_of(ours(compose(message))[0])
        message = letter(
            message_id=f"<{number}@x.example>", in_reply_to=thread.in_reply_to, references=thread.references
        )
    parsed, _ = ours(compose(message))
    assert parsed.in_reply_to == "<98@x.example>"
    assert parsed.references[0] == first
    assert parsed.references[-1] == "<98@x.example>"
    assert len(parsed.references) == 21


# ── What is quoted ──────────────────────────────────────────────────────────


def test_sent_text_is_quoted():
    quoted = quoted_text("Hello\n\n> earlier\n>> before\n-- \nBob\r\n\n", "On Monday, Bob wrote:")
    assert quoted == "On Monday, Bob wrote:\n> Hello\n>\n>> earlier\n>>> before\n> -- \n> Bob"
    raw = compose(letter(text=f"Thanks\n\n{quoted}"))
    assert paragraphs(raw)[2:] == [
        (0, "On Monday, Bob wrote:"),
        (1, "Hello"),
        (1, ""),
        (2, "earlier"),
        (3, "before"),
        (1, "-- "),
        (1, "Bob"),
    ]


def test_sent_html_is_quoted():
    quoted = quoted_html("<p>Hello <b>you</b></p>", "On Monday, Bob <bob@post.example> wrote:")
    assert "<p>Hello <b>you</b></p></blockquote>" in quoted
    assert "Bob &lt;bob@post.example&gt; wrote:" in quoted
    assert text_of_html(quoted) == "On Monday, Bob <bob@post.example> wrote:\n\n> Hello you"


def test_sent_what_is_passed_on_says_where_it_comes_from():
    fields = [("From", "Bob <bob@post.example>"), ("Subject", "<script>")]
    assert forwarded_text("Hello\r\n", "Forwarded message", fields) == (
        "Forwarded message\nFrom: Bob <bob@post.example>\nSubject: <script>\n\nHello"
    )
    page = forwarded_html("<p>Hello</p>", "Forwarded message", fields)
    assert "<script>" not in page
    assert text_of_html(page) == (
        "Forwarded message\nFrom: Bob <bob@post.example>\nSubject: <script>\n\nHello"
    )


@pytest.mark.parametrize("text", ["a\nb", "  two  spaces", "<b>&amp;", "", "x\r\ny\rz"])
def test_sent_text_as_html_and_back(text):
    page = html_of_text(text)
    assert "<b>" not in page
    assert text_of_html(page).split() == text.split()


# ── What is carried along ───────────────────────────────────────────────────


def test_sent_files_go_along():
    page = '<p>Look: <img src="cid:pic@x.example"></p>'
    raw = multipart(
        multipart_related(page),
        attached("application/pdf", "report.pdf", b"%PDF"),
        attached("image/png", "photo.png", PNG),
    )
    found = carried(raw)
    assert [(file.filename, file.content_type, file.content) for file in found.attachments] == [
        ("report.pdf", "application/pdf", b"%PDF"),
        ("photo.png", "image/png", PNG),
    ]
    assert [(image.content_id, image.content) for image in found.images] == [("pic@x.example", PNG)]
    again = compose(letter(text=None, html=page, images=found.images, attachments=found.attachments))
    assert [info.filename for info in parse(again).attachments] == ["picture.png", "report.pdf", "photo.png"]
    assert [file.filename for file in carried(raw, {1}).attachments] == ["report.pdf"]
    assert carried(raw, ()) == ((), ())


def multipart_related(page: str) -> bytes:
    boundary = b"=r="
    parts = (html(page), embedded("image/png", "pic@x.example", PNG))
    body = b"".join(b"--" + boundary + b"\r\n" + part.rstrip(b"\r\n") + b"\r\n" for part in parts)
    return b'Content-Type: multipart/related; boundary="=r="\r\n\r\n' + body + b"--" + boundary + b"--\r\n"


def test_sent_a_picture_whose_id_cannot_be_written_again_goes_as_a_file():
    raw = multipart(html('<img src="cid:my%20pic">'), embedded("image/png", "my pic", PNG))
    assert [file.filename for file in carried(raw).attachments] == ["picture.png"]
    assert carried(raw).images == ()


@pytest.mark.parametrize(
    ("subject", "name"),
    [("Re: Tea", "Tea.eml"), ("a/b\\c\r\n:d", "a_b_c _d.eml"), ("", "message.eml"), ("...", "message.eml")],
)
def test_sent_a_message_as_a_file_untouched(subject, name):
    raw = compose(letter(subject="Inner"))
    file = as_attachment(raw, subject)
    assert (file.filename, file.content_type, file.content) == (name, "message/rfc822", raw)
    compose(letter(attachments=(file,)))
    assert ADA.address == "ada@example.org"
