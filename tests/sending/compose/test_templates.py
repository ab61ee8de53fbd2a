"""Templates: what may be kept, placeholders that stand for nothing, files, and filling one in."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from accounts import tenancy
from sending.compose import templates
from sending.compose.templates import TemplateError
from sending.message.placeholders import Values
from sending.models import Draft, DraftFile, MessageTemplate, TemplateFile
from tests import factories
from tests.sending.payloads import PAYLOADS, assert_harmless

pytestmark = pytest.mark.django_db
GIVEN = {
    "name": "Offer",
    "subject": "An offer, {{ first_name }}",
    "html": "<p>Dear {{ name }},</p><p>all the best<br>{{ my_name }}</p>",
    "text": "",
    "is_plain": False,
    "to": "sales@acme.example",
    "cc": "",
    "bcc": "",
}


@pytest.fixture
def member(acme, alice, account):
    found = factories.membership(acme, alice)
    with tenancy.scope(acme.pk):
        yield found


def save(member, template=None, **values) -> MessageTemplate:
    return templates.save(member, template, {**GIVEN, **values})


def refused(member, **values) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        save(member, **values)
    assert not MessageTemplate.objects.exists()
    return caught.value


# ── Filling one in ──────────────────────────────────────────────────────────
def test_a_template_is_filled_with_what_is_known(member):
    found = templates.fill(save(member), Values(name="Bob <b> & Co", first_name="Bob", my_name="Ada"))
    assert found.subject == "An offer, Bob"
    assert found.html == "<p>Dear Bob &lt;b&gt; &amp; Co,</p><p>all the best<br>Ada</p>"
    assert (found.to, found.is_plain) == ("sales@acme.example", False)


def test_a_template_reaches_nothing_but_its_placeholders(member, account):
    for text in (
        "{{ account.password }}",
        "{{ name.__class__ }}",
        "{{ settings }}",
        "{{ name|safe }}",
        "{{ 1 }}",
    ):
        assert "stands for nothing" in str(refused(member, html="", text=text).sentence)
    harmless = save(member, text="{% load x %} {# #} ${name} %(name)s {name}")
    assert templates.fill(harmless, Values(name="Bob")).text == harmless.text
    # What a value brings is never looked at again.
    tricky = templates.fill(save(member), Values(name="{{ my_email }}", my_email="ada@example.org"))
    assert "ada@example.org" not in tricky.html


# ── An unknown one ──────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"subject": "Hi {{ nam }}"}, "subject", "In line 1 “{{nam}}” stands for nothing"),
        ({"text": "one\ntwo\n{{ nam }} three"}, "text", "In line 3 “{{nam}}” stands"),
        ({"text": "one\n{{ name"}, "text", "In line 2 “{{name” is not closed"),
        ({"html": "<p>one</p><p>two {{ nam }}</p>"}, "html", "In line 2 “{{nam}}” stands"),
        (
            {"html": "<p>a<br>b</p><ul><li>c</li><li>{{ x y }}</li></ul>"},
            "html",
            "In line 4 “{{x y}}” stands",
        ),
        ({"html": "<p>one</p>\n<p>two</p>\n\n<p>{{ nam }}</p>"}, "html", "In line 4 “{{nam}}” stands"),
        ({"html": "<p><a href='https://x.example/{{ name }}'>x</a></p>"}, "html", "is part of a link"),
        # Only the cleaning puts it together.
        ({"html": "<p>{<script></script>{ nam }}</p>"}, "html", "“{{nam}}” stands"),
        ({"html": "<p>{{ na<i></i>m }}</p>"}, "html", "stands for nothing"),
    ],
)
def test_an_unknown_placeholder_is_named_with_its_line(member, values, field, words):
    error = refused(member, **values)
    assert error.field == field
    assert words in str(error.sentence)


# ── What may be kept ────────────────────────────────────────────────────────
@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_runs_is_kept(member, payload):
    assert_harmless(save(member, html=f"<p>Ada</p>{payload}").html)


@pytest.mark.parametrize("field", ["name", "subject", "to", "cc", "bcc"])
@pytest.mark.parametrize("bad", ["a\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\0b", "\x1b[1m"])
def test_fields_are_one_line(member, field, bad):
    error = refused(member, **{field: bad})
    assert (error.field, str(error.sentence)) == (field, "This must be one line.")


def test_empty_and_long_fields_are_refused(member):
    assert refused(member, name="  ").field == "name"
    assert refused(member, name="x" * 81).field == "name"
    assert refused(member, subject="x" * 1001).field == "subject"
    assert refused(member, html="x" * 100_001).field == "html"


def test_text_with_controls_is_cleaned(member):
    assert save(member, text="a\0b\r\nc").text == "ab\nc"


def test_how_many_there_can_be(member, monkeypatch):
    monkeypatch.setattr(templates, "LIMIT", 2)
    first = save(member)
    save(member)
    with pytest.raises(TemplateError, match="Delete one"):
        save(member)
    assert save(member, first, name="Other").pk == first.pk


# ── Whose ───────────────────────────────────────────────────────────────────
def test_own_and_shared_ones_are_visible(member, acme, bob, account):
    own, shared = save(member, account=account), save(member, is_shared=True, account=account)
    assert (own.account, shared.account) == (account, None)
    assert list(MessageTemplate.objects.visible_to(factories.membership(acme, bob))) == [shared]
    assert MessageTemplate.objects.visible_to(member).count() == 2
    save(member, shared, is_shared=False)
    assert not MessageTemplate.objects.visible_to(factories.membership(acme, bob)).exists()


# ── Files ───────────────────────────────────────────────────────────────────
def add(template, filename="a.pdf", content_type="application/pdf", data=b"%PDF") -> TemplateFile:
    return templates.add_file(template, filename=filename, content_type=content_type, data=data)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.pdf", "a.pdf"),
        ("..\\..\\a.pdf", "a.pdf"),
        ("/etc/pass\r\nwd\0", "pass wd"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 197 + ".pdf"),
        ("y" * 300, "y" * 200),
    ],
)
def test_names_of_files_are_harmless(member, given, kept):
    assert add(save(member), given).filename == kept


def test_a_type_that_is_none_becomes_bytes(member):
    template = save(member)
    assert add(template, content_type="text/plain").content_type == "text/plain"
    for odd in ("", "x", "text/plain\r\nX: y", "a/" + "b" * 200):
        assert add(template, content_type=odd).content_type == "application/octet-stream"


def test_files_have_a_limit_for_each_and_for_all(member, monkeypatch):
    template, other = save(member), save(member)
    monkeypatch.setattr(templates, "FILES_BYTES", 10)
    monkeypatch.setattr(templates, "OWNER_BYTES", 15)
    add(template, data=b"1234567890")
    with pytest.raises(TemplateError, match="10 MB"):
        add(template, data=b"1")
    add(other, data=b"12345")
    with pytest.raises(TemplateError, match="100 MB"):
        add(other, data=b"1")
    assert TemplateFile.objects.count() == 2


# ── From a draft, and into one ──────────────────────────────────────────────
def draft_of(account, **values) -> Draft:
    return Draft.objects.create(
        organization_id=account.organization_id,
        account=account,
        subject="Offer",
        html="<p>Hi {{ name }}</p>",
        **values,
    )


def attach(draft, data=b"%PDF", **values) -> DraftFile:
    given = {
        "filename": "a.pdf",
        "content_type": "application/pdf",
        "size": len(data),
        "data": data,
        **values,
    }
    return DraftFile.objects.create(organization_id=draft.organization_id, draft=draft, **given)


def test_a_draft_becomes_a_template_and_back(member, account):
    draft = draft_of(account, to="Bob <bob@post.example>,\r\neve@post.example\n")
    attach(draft, content_id="logo@x", content_type="image/png", filename="l.png", data=b"png")
    attach(draft)
    template = templates.save_draft_as(member, draft, "Offer")
    assert (template.account, template.is_shared, template.subject) == (account, False, "Offer")
    assert template.to == "Bob <bob@post.example>, eve@post.example"
    new = draft_of(account)
    templates.copy_files(template, new)
    fields = ("filename", "content_type", "content_id", "size")
    assert list(new.files.values_list(*fields)) == list(draft.files.values_list(*fields))
    assert [bytes(file.data) for file in new.files.all()] == [b"png", b"%PDF"]
    template.refresh_from_db()
    assert template.used_at is not None


def test_a_draft_that_cannot_be_one_leaves_nothing(member, account, monkeypatch):
    draft = draft_of(account)
    attach(draft)
    monkeypatch.setattr(templates, "FILES_BYTES", 3)
    with pytest.raises(TemplateError, match="10 MB"):
        templates.save_draft_as(member, draft, "Offer")
    Draft.objects.update(html="{{ offer }}")
    draft.refresh_from_db()
    with pytest.raises(TemplateError, match="stands for nothing"):
        templates.save_draft_as(member, draft, "Offer")
    assert not MessageTemplate.objects.exists()


def test_the_sentence_is_in_the_readers_language(member):
    with override("id"):
        assert "{{nam}}" in str(refused(member, subject="{{ nam }}").sentence)
