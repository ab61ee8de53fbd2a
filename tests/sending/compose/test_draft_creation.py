"""How drafts begin: recipients, subject, thread, quote and files of an answer and of what is passed on."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.compose import attachments, draft_creation, drafts
from sending.message.recipients import read_recipients
from sending.models import Draft, Identity
from tests import factories
from tests.mailbox.web import flat, url
from tests.sending.drafted import PIXEL, begin, pictured
from tests.sending.outgoing import identity_of

pytestmark = pytest.mark.django_db


def test_a_reply_goes_to_the_sender_alone_in_the_thread(ada):
    (message,) = factories.deliver(ada, pictured("Re: [garden] Garden", to=ada.email))
    draft = begin(ada, "reply", message)
    assert (draft.to, draft.cc) == ("Marta Lindqvist <marta@mail.example>", "")
    assert draft.subject == "Re: [garden] Garden"
    assert draft.in_reply_to == "<garden@mail.example>"
    assert draft.references == ["<first@mail.example>", "<garden@mail.example>"]
    assert "On Monday 23 November 2026, 09:42, Marta Lindqvist wrote:" in draft.quote_text
    assert "<table" in draft.quote_html
    assert "Beans" in draft.quote_html
    assert "alert" not in draft.quote_html
    assert draft.is_touched is False
    with tenancy.scope(ada.organization_id):
        assert [file.filename for file in draft.files.all()] == ["plot.png"]


def test_a_reply_leaves_large_pictures_out(ada, monkeypatch):
    monkeypatch.setattr(draft_creation, "PICTURES_OF_AN_ANSWER", len(PIXEL) - 1)
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "reply", message)
    assert "cid:" not in draft.quote_html
    with tenancy.scope(ada.organization_id):
        assert not draft.files.exists()


def test_a_reply_to_all_leaves_oneself_out(ada):
    (message,) = factories.deliver(ada, pictured(to=ada.email.upper()))
    draft = begin(ada, "reply_all", message)
    assert draft.to == "Marta Lindqvist <marta@mail.example>, Tom <tom@mail.example>"
    assert draft.cc == "Lena <lena@mail.example>"


def test_a_forward_takes_files_and_pictures_along(ada):
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "forward", message)
    assert (draft.to, draft.subject, draft.in_reply_to) == ("", "Fwd: Garden", "")
    with tenancy.scope(ada.organization_id):
        files = {file.filename: file for file in draft.files.all()}
    assert set(files) == {"plot.png", "seeds.csv"}
    assert bytes(files["plot.png"].data) == PIXEL
    assert 'src="cid:plot@mail.example"' in draft.quote_html
    assert "Forwarded message" in draft.quote_text


def test_a_forward_as_a_file_is_the_message_untouched(ada):
    raw = pictured()
    (message,) = factories.deliver(ada, raw)
    draft = begin(ada, "forward", message, as_file=True)
    with tenancy.scope(ada.organization_id):
        (file,) = draft.files.all()
    assert (file.filename, file.content_type, bytes(file.data)) == ("Garden.eml", "message/rfc822", raw)
    assert draft.quote_html == ""


def test_what_has_no_room_in_a_forward_is_named(ada, monkeypatch):
    monkeypatch.setattr(attachments, "BYTES", len(PIXEL))
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "forward", message)
    with tenancy.scope(ada.organization_id):
        assert [file.filename for file in draft.files.all()] == ["plot.png"]


def test_it_begins_with_the_address_the_message_was_written_to(ada):
    with tenancy.scope(ada.organization_id):
        other = Identity.objects.create(
            organization_id=ada.organization_id, account=ada, address="shop@mail.example", is_login=True
        )
    (message,) = factories.deliver(ada, pictured(to="shop@mail.example"))
    assert begin(ada, "reply", message).identity_id == other.pk
    assert begin(ada).identity_id == identity_pk(ada)


def identity_pk(account):
    with tenancy.scope(account.organization_id):
        return identity_of(account).pk


def test_a_message_that_says_nothing_can_be_answered(ada):
    (message,) = factories.deliver(ada, b"\r\n")
    draft = begin(ada, "reply_all", message)
    assert (draft.to, draft.subject, draft.references) == ("", "Re:", [])


# ── Many people ─────────────────────────────────────────────────────────────
def to_many(count: int, field: str = "To") -> bytes:
    people = ",\r\n ".join(
        f"Member {number} of the Society <m{number}@society.example>" for number in range(count)
    )
    return (
        f"From: Marta <marta@mail.example>\r\n{field}: {people}\r\nSubject: Meeting\r\n"
        "Message-ID: <meeting@mail.example>\r\n\r\nCome all.\r\n"
    ).encode()


@pytest.mark.parametrize("count", [101, 200, 300])
@pytest.mark.parametrize("field", ["To", "Cc"])
def test_an_answer_to_all_names_everybody(ada, count, field):
    (message,) = factories.deliver(ada, to_many(count, field))
    draft = begin(ada, "reply_all", message)
    named = [each.address for text in (draft.to, draft.cc) for each in read_recipients(text).people]
    assert named == ["marta@mail.example", *(f"m{number}@society.example" for number in range(count))]
    fields = drafts.Fields(to=draft.to, cc=draft.cc, subject="Re: Meeting", text="I come.", is_plain=True)
    with tenancy.scope(ada.organization_id):
        saved = drafts.save(draft, draft.version, fields)
        with pytest.raises(drafts.DraftError) as caught:
            drafts.send(drafts.find_draft(factories.membership(ada.organization, ada.owner), saved.pk))
    assert "100 recipients at most" in caught.value.errors[""][0]


@pytest.mark.parametrize("count", [500, 1001, 3000])
def test_or_it_is_not_begun_at_all(ada, count):
    (message,) = factories.deliver(ada, to_many(count))
    with pytest.raises(drafts.DraftError) as caught:
        begin(ada, "reply_all", message)
    assert "more people than one answer can name" in caught.value.errors[""][0]
    with tenancy.scope(ada.organization_id):
        assert not Draft.objects.exists()
    assert begin(ada, "reply", message).to == "Marta <marta@mail.example>"


def test_what_is_passed_on_says_that_there_were_more(ada):
    (message,) = factories.deliver(ada, to_many(1001))
    assert begin(ada, "forward", message).quote_text.split("\n\n")[0].endswith(", …")


def test_an_answer_to_all_is_refused_in_words_on_the_page(ada, as_alice):
    (message,) = factories.deliver(ada, to_many(1001))
    answer = as_alice.post(url("answer", message), {"kind": "reply_all"})
    assert answer["Location"] == url("message", message)
    assert "more people than one answer can name" in flat(as_alice.get(answer["Location"]))


def test_a_large_answer_to_all_says_at_once_how_many_may_get_it(ada, as_alice):
    (message,) = factories.deliver(ada, to_many(200))
    answer = as_alice.post(url("answer", message), {"kind": "reply_all"})
    assert "This would go to 201 people, and a message can go to 100 at most." in flat(
        as_alice.get(answer["Location"])
    )
