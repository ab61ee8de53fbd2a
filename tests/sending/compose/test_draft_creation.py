"""How drafts begin: recipients, subject, thread, quote and files of an answer and of what is passed on."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.compose import attachments, draft_creation
from sending.models import Identity
from tests import factories
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
