"""Templates at the letter: filled in, and made of what is written."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.compose import attachments
from sending.models import Draft, MessageTemplate, TemplateFile
from tests.mailbox.web import flat, url
from tests.sending.drafted import begin, fields_of, kept

pytestmark = pytest.mark.django_db
MARTA = "Marta Lindqvist <marta@mail.example>"


@pytest.fixture
def offer(ada) -> MessageTemplate:
    """A template with placeholders and a file."""
    here = {"organization_id": ada.organization_id}
    with tenancy.scope(ada.organization_id):
        row = MessageTemplate.objects.create(
            **here,
            owner=ada.owner,
            name="Offer",
            subject="Offer for {{ name }}",
            html="<p>Dear {{ first_name }},</p><p>yours, {{ my_name }}</p>",
            bcc="book@mail.example",
        )
        TemplateFile.objects.create(
            **here, template=row, filename="terms.pdf", content_type="application/pdf", size=4, data=b"%PDF"
        )
    return row


def post(client, draft: Draft, **changes):
    return client.post(url("draft", draft.pk), fields_of(draft, **changes))


def test_a_template_is_filled_in_before_what_is_written(as_alice, ada, offer):
    draft = begin(ada)
    assert "Offer" in flat(as_alice.get(url("draft", draft.pk)))
    post(as_alice, draft, to=MARTA, html="<p>PS: hello</p>", template=offer.pk)
    filled = kept(draft)
    assert filled.subject == "Offer for Marta Lindqvist"
    assert filled.html == "<p>Dear Marta,</p><p>yours, Ada Lovelace</p><p>PS: hello</p>"
    assert (filled.to, filled.bcc) == (MARTA, "book@mail.example")
    with tenancy.scope(ada.organization_id):
        assert [file.filename for file in draft.files.all()] == ["terms.pdf"]


def test_in_plain_text_it_is_plain_text(as_alice, ada, offer):
    draft = begin(ada)
    post(as_alice, draft, to=MARTA, subject="Mine", is_plain="1", text="PS", template=offer.pk)
    assert kept(draft).text == "Dear Marta,\n\nyours, Ada Lovelace\n\nPS"
    assert kept(draft).subject == "Mine"


def test_a_template_that_cannot_be_filled_in_changes_nothing(as_alice, ada, offer, monkeypatch):
    with tenancy.scope(ada.organization_id):
        MessageTemplate.objects.update(subject="{{ gone }}")
    draft = begin(ada)
    answer = post(as_alice, draft, template=offer.pk)
    assert answer.status_code == 422
    assert "stands for nothing" in flat(answer)
    with tenancy.scope(ada.organization_id):
        MessageTemplate.objects.update(subject="Offer")
    monkeypatch.setattr(attachments, "BYTES", 3)
    assert post(as_alice, kept(draft), template=offer.pk).status_code == 422
    assert kept(draft).subject == ""


def test_a_template_of_somebody_else_is_not_found(as_alice, ada, acme, bob):
    with tenancy.scope(acme.pk):
        row = MessageTemplate.objects.create(organization=acme, owner=bob, name="Bob's")
    draft = begin(ada)
    assert post(as_alice, draft, template=row.pk).status_code == 404
    assert post(as_alice, kept(draft), template="x").status_code == 404


def test_what_is_written_becomes_a_template(as_alice, ada):
    draft = begin(ada)
    post(
        as_alice,
        draft,
        to=MARTA,
        subject="Hi",
        html="<p>Hello</p>",
        act="keep_template",
        template_name="Greeting",
    )
    with tenancy.scope(ada.organization_id):
        row = MessageTemplate.objects.get()
    assert (row.name, row.subject, row.html, row.owner_id) == ("Greeting", "Hi", "<p>Hello</p>", ada.owner_id)
    answer = post(as_alice, kept(draft), act="keep_template", template_name="")
    assert answer.status_code == 422
