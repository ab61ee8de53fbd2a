"""Nothing that a person types, or sends in place of what people type, becomes a second field of a message."""

from __future__ import annotations

import pytest

from sending.message.build import Address, Attachment, ComposeError, InlineImage, compose, recipients
from tests.sending.letters import BOB, composed, field, letter

EVIL = [
    "x\r\nBcc: eve@evil.example",
    "x\nBcc: eve@evil.example",
    "x\rBcc: eve@evil.example",
    "x\r\n\r\nbody",
    "x\0y",
    "x\x0by",
    "x\x1by",
    "x\x7fy",
    "x\ud800y",
    "\n",
]

PLACES = {
    "from": lambda evil: {"sender": Address(evil, "ada@example.org")},
    "to": lambda evil: {"to": (BOB, Address(evil, "eve@post.example"))},
    "cc": lambda evil: {"cc": (Address(evil, "bob@post.example"),)},
    "reply_to": lambda evil: {"reply_to": (Address(evil, "bob@post.example"),)},
    "subject": lambda evil: {"subject": evil},
    "headers": lambda evil: {"headers": (("X-Note", evil),)},
    "filename": lambda evil: {"attachments": (Attachment(evil, "text/plain", b""),)},
    "message_id": lambda evil: {"message_id": f"<{evil}@example.org>"},
    "in_reply_to": lambda evil: {"in_reply_to": f"<a@{evil}>"},
    "references": lambda evil: {"references": ("<a@b.example>", f"<{evil}@example.org>")},
    "images": lambda evil: {"html": "x", "images": (InlineImage(f"a@{evil}", "x.png", "image/png", b""),)},
}


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("place", PLACES)
def test_sent_line_breaks_and_nul_are_refused_and_the_place_is_named(place, evil):
    with pytest.raises(ComposeError) as caught:
        compose(letter(**PLACES[place](evil)))
    assert caught.value.field == place
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("place", ["from", "to", "cc", "reply_to"])
@pytest.mark.parametrize("form", ["{}@post.example", "bob@{}", '"{}"@post.example'])
def test_sent_no_line_break_in_an_address(place, evil, form):
    person = Address("", form.format(evil))
    given = {"sender": person} if place == "from" else {place: (person,)}
    with pytest.raises(ComposeError) as caught:
        compose(letter(**given))
    assert caught.value.field == place
    if place in ("to", "cc"):
        with pytest.raises(ComposeError):
            recipients(letter(**given))


@pytest.mark.parametrize("evil", EVIL)
def test_sent_no_line_break_in_a_type(evil):
    raw = composed(attachments=(Attachment("x", f"text/{evil}", b"x"),))
    assert b"application/octet-stream" in raw
    with pytest.raises(ComposeError):
        compose(letter(html="x", images=(InlineImage("a@b.example", "x", f"image/{evil}", b""),)))


@pytest.mark.parametrize("content_type", ["image/png", "text/html", "image"])
def test_sent_an_embedded_picture_is_a_picture(content_type):
    image = InlineImage("a@b.example", "x", content_type, b"")
    if content_type == "image/png":
        composed(html="x", images=(image,))
    else:
        with pytest.raises(ComposeError):
            compose(letter(html="x", images=(image,)))


@pytest.mark.parametrize("bad", ["", "a", "a@b.example", "<a>", "<a b@c>", "<a@b", "<<a@b>>", "<a@b> <c@d>"])
def test_sent_what_is_no_message_id(bad):
    for given in ({"message_id": bad}, {"references": ("<a@b.example>", bad)}):
        with pytest.raises(ComposeError) as caught:
            compose(letter(**given))
        assert caught.value.why == "id"


def test_sent_spaces_and_tabs_of_people_are_borne():
    raw = composed(subject="  two \t words  ", sender=Address(" Ada  \t L. ", "ada@example.org"))
    assert field(raw, "Subject") == "two words"
    assert field(raw, "From") == '"Ada L." <ada@example.org>'
