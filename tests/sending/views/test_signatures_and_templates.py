"""Signatures, templates and the disclaimer in the browser."""

from __future__ import annotations

from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import tenancy
from accounts.models import Role
from sending.compose import signatures
from sending.message import placeholders
from sending.models import Disclaimer, MessageTemplate, Signature, TemplateFile
from sending.views import templates as template_views
from tests import factories
from tests.conftest import signed_in
from tests.sending.payloads import PAYLOADS, assert_harmless

pytestmark = pytest.mark.django_db
SIGNATURES, TEMPLATES = "/o/acme/settings/signatures/", "/o/acme/settings/templates/"
PREVIEW, DISCLAIMER = "/o/acme/settings/writing/preview/", "/o/acme/console/disclaimer/"
SIGNATURE = {"name": "Work", "html": "<p>Ada <b>Lovelace</b></p>", "text": "", "place": "below"}
TEMPLATE = {"name": "Offer", "subject": "For {{ first_name }}", "html": "<p>Hi {{ name }}</p>"}


def text(answer) -> str:
    return unescape(" ".join(answer.text.split()))


def only(model):
    with tenancy.system():
        return model.objects.get()


# ── Signatures ──────────────────────────────────────────────────────────────
def test_without_accounts_the_page_says_what_to_do(acme, as_alice):
    assert "/settings/accounts/connect/" in as_alice.get(SIGNATURES).text


def test_a_signature_is_written_given_to_an_address_changed_and_deleted(as_alice, account):
    new = f"{SIGNATURES}new/{account.pk}/"
    assert "No signature yet" in text(as_alice.get(SIGNATURES))
    with tenancy.scope(account.organization_id):
        own = account.identities.get()
    assert f'value="{own.pk}" id="id_new_0" checked' in as_alice.get(new).text

    answer = as_alice.post(new, {**SIGNATURE, "new": [own.pk]})
    assert (answer.status_code, answer.url) == (302, SIGNATURES)
    row = only(Signature)
    with tenancy.scope(account.organization_id):
        own.refresh_from_db()
    assert (row.name, row.html, row.place) == ("Work", SIGNATURE["html"], "below")
    assert (own.signature_new_id, own.signature_reply_id) == (row.pk, None)
    listed = text(as_alice.get(SIGNATURES))
    assert "Work" in listed
    assert "Ada Lovelace" in listed
    assert own.address in listed

    edit = f"{SIGNATURES}{row.pk}/"
    page = as_alice.get(edit).text
    assert "&lt;p&gt;Ada &lt;b&gt;Lovelace&lt;/b&gt;&lt;/p&gt;" in page
    assert as_alice.post(edit, {**SIGNATURE, "name": "Home"}).status_code == 302
    with tenancy.scope(account.organization_id):
        own.refresh_from_db()
    assert (only(Signature).name, own.signature_new_id) == ("Home", None)

    assert "Delete “Home”?" in text(as_alice.get(f"{edit}delete/"))
    assert only(Signature)
    assert as_alice.post(f"{edit}delete/").status_code == 302
    with tenancy.scope(account.organization_id):
        assert not Signature.objects.exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": ""}, "Give the signature a name."),
        ({"html": "<p></p>"}, "Write the signature first."),
        ({"name": "a\nb"}, "A name is one line"),
        ({"html": "x" * 100_001}, "This is too long"),
        ({"text": "a\0b"}, "Null characters"),
        ({"place": "elsewhere"}, "elsewhere"),
    ],
)
def test_what_cannot_be_kept_is_said(as_alice, account, values, words):
    answer = as_alice.post(f"{SIGNATURES}new/{account.pk}/", {**SIGNATURE, **values})
    assert answer.status_code == 422
    if "place" not in values:
        assert words in text(answer)
    with tenancy.scope(account.organization_id):
        assert not Signature.objects.exists()


def test_plain_typing_keeps_its_lines(as_alice, account):
    as_alice.post(f"{SIGNATURES}new/{account.pk}/", {**SIGNATURE, "html": "Ada & Co\r\nLondon"})
    assert only(Signature).html == "Ada &amp; Co<br>London"


def test_an_address_of_another_account_is_no_choice(as_alice, acme, alice, account):
    other = factories.connect(acme, alice, email="two@post.example")
    with tenancy.scope(acme.pk):
        wrong = other.identities.get().pk
    answer = as_alice.post(f"{SIGNATURES}new/{account.pk}/", {**SIGNATURE, "new": [wrong]})
    assert answer.status_code == 422


def test_a_page_that_is_broken_off_keeps_what_was_typed(as_alice, account):
    answer = as_alice.post(f"{SIGNATURES}new/{account.pk}/", {**SIGNATURE, "name": "", "text": "in words"})
    assert "in words" in answer.text


# ── The disclaimer ──────────────────────────────────────────────────────────
def test_an_admin_writes_the_disclaimer(as_alice, acme):
    assert as_alice.post(DISCLAIMER, {"is_on": "on", "html": "<p>Acme</p>"}).status_code == 302
    assert (only(Disclaimer).is_on, only(Disclaimer).html) == (True, "<p>Acme</p>")
    assert "&lt;p&gt;Acme&lt;/p&gt;" in as_alice.get(DISCLAIMER).text
    answer = as_alice.post(DISCLAIMER, {"is_on": "on", "html": ""})
    assert answer.status_code == 422
    assert "Write the text first." in text(answer)
    as_alice.post(DISCLAIMER, {"html": "<p>Acme</p>"})
    with tenancy.scope(acme.pk):
        assert signatures.disclaimer(acme) == ("", "")


def test_members_do_not(as_bob, acme):
    assert as_bob.get(DISCLAIMER).status_code == 404
    assert "console/disclaimer" not in as_bob.get(SIGNATURES).text


# ── Templates ───────────────────────────────────────────────────────────────
def test_every_placeholder_has_its_meaning_and_its_button(as_alice, acme):
    assert set(template_views.MEANINGS) == set(placeholders.NAMES)
    page = text(as_alice.get(f"{TEMPLATES}new/"))
    for name in placeholders.NAMES:
        assert f'data-insert="{{{{ {name} }}}}"' in page
        assert str(template_views.MEANINGS[name]) in page


def test_a_template_is_written_changed_and_deleted(as_alice, acme, account):
    assert "No templates yet" in text(as_alice.get(TEMPLATES))
    files = [SimpleUploadedFile("a.pdf", b"%PDF", "application/pdf"), SimpleUploadedFile("b.txt", b"b")]
    given = {**TEMPLATE, "account": account.pk, "to": "x@y.example", "attachments": files}
    assert as_alice.post(f"{TEMPLATES}new/", given).status_code == 302
    row = only(MessageTemplate)
    assert (row.account_id, row.html, row.to, row.is_plain) == (
        account.pk,
        TEMPLATE["html"],
        "x@y.example",
        False,
    )
    listed = text(as_alice.get(TEMPLATES))
    for words in ("Offer", "For {{ first_name }}", account.name, "2 files"):
        assert words in listed

    edit = f"{TEMPLATES}{row.pk}/"
    page = as_alice.get(edit).text
    assert "a.pdf" in page
    with tenancy.scope(acme.pk):
        first = row.files.get(filename="a.pdf").pk
    plain = {
        "name": "Offer",
        "is_plain": "1",
        "html": "{{ unseen }}",
        "text": "Hi {{ name }}",
        "remove": [first],
    }
    assert as_alice.post(edit, plain).status_code == 302
    row = only(MessageTemplate)
    assert (row.is_plain, row.html, row.text, row.account_id) == (True, "", "Hi {{ name }}", None)
    assert only(TemplateFile).filename == "b.txt"

    assert "Delete “Offer”?" in text(as_alice.get(f"{edit}delete/"))
    assert as_alice.post(f"{edit}delete/").status_code == 302
    with tenancy.scope(acme.pk):
        assert not MessageTemplate.objects.exists()
        assert not TemplateFile.objects.exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"html": "<p>a</p>\n<p>{{ nam }}</p>"}, "In line 2 “{{nam}}” stands for nothing."),
        ({"subject": "{{ account.password }}"}, "In line 1 “{{account.password}}” stands for nothing."),
        ({"name": ""}, "Give the template a name."),
        ({"to": "a\r\nBcc: eve@evil.example"}, "This must be one line."),
        ({"subject": "a\r\nb"}, "This must be one line."),
    ],
)
def test_what_a_template_cannot_hold_is_said_where_it_stands(as_alice, acme, values, words):
    answer = as_alice.post(f"{TEMPLATES}new/", {**TEMPLATE, **values})
    assert answer.status_code == 422
    assert words in text(answer)
    with tenancy.scope(acme.pk):
        assert not MessageTemplate.objects.exists()


def test_files_that_are_too_large_leave_nothing_behind(as_alice, acme, monkeypatch):
    monkeypatch.setattr(template_views.services, "FILES_BYTES", 5)
    files = [SimpleUploadedFile("a.txt", b"1234"), SimpleUploadedFile("b.txt", b"12")]
    answer = as_alice.post(f"{TEMPLATES}new/", {**TEMPLATE, "attachments": files})
    assert answer.status_code == 422
    assert "10 MB together" in text(answer)
    with tenancy.scope(acme.pk):
        assert not MessageTemplate.objects.exists()
        assert not TemplateFile.objects.exists()


def test_a_shared_one_is_seen_by_all_changed_by_one_and_deleted_by_admins(as_alice, as_bob, acme, bob):
    as_bob.post(f"{TEMPLATES}new/", {**TEMPLATE, "is_shared": "on"})
    row = only(MessageTemplate)
    edit = f"{TEMPLATES}{row.pk}/"
    page = text(as_alice.get(edit))
    assert "Shared by Bob Santoso" in page
    assert "As an admin you can delete" in page
    assert as_alice.post(edit, {**TEMPLATE, "name": "Mine now"}).status_code == 404
    eve = factories.UserFactory(email="eve@acme.example")
    factories.join(acme, eve, Role.MEMBER)
    as_eve = signed_in(eve)
    assert "Offer" in as_eve.get(TEMPLATES).text
    assert as_eve.get(edit).status_code == 200
    assert as_eve.post(f"{edit}delete/").status_code == 404
    assert only(MessageTemplate).name == "Offer"
    assert as_alice.post(f"{edit}delete/").status_code == 302
    with tenancy.scope(acme.pk):
        assert not MessageTemplate.objects.exists()


def test_what_is_not_shared_is_nobody_elses(as_alice, as_bob, acme):
    as_bob.post(f"{TEMPLATES}new/", TEMPLATE)
    edit = f"{TEMPLATES}{only(MessageTemplate).pk}/"
    assert as_alice.get(edit).status_code == 404
    assert as_alice.post(f"{edit}delete/").status_code == 404


# ── Preview ─────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_preview_runs_nothing(as_alice, acme, payload):
    answer = as_alice.post(PREVIEW, {"html": f"<p>Ada</p>{payload}"})
    body = answer.text.partition("<body")[2]
    assert_harmless(body)
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_the_preview_fills_in_samples_or_names_what_is_wrong(as_alice, acme):
    given = {
        "html": "<p>Hi {{ first_name }}, {{ my_name }}</p>",
        "subject": "{{ organization }}",
        "samples": "1",
    }
    page = as_alice.post(PREVIEW, given).text
    assert "Hi Marta, Alice Hartono" in page
    assert "<b>Acme</b>" in page
    wrong = as_alice.post(PREVIEW, {**given, "html": "<p>{{ <b>x</b> }}</p>"}).text
    assert "stands for nothing" in unescape(wrong)
    assert "<b>x</b>" not in wrong.partition("<body")[2]
    # A signature has no placeholders.
    assert "{{ first_name }}" in as_alice.post(PREVIEW, {"html": given["html"]}).text


def test_the_preview_shows_plain_text_and_the_want_of_any(as_alice, acme):
    assert "a<br>&lt;b&gt;" in as_alice.post(PREVIEW, {"is_plain": "1", "text": "a\n<b>", "html": "no"}).text
    assert "a<br>b" in as_alice.post(PREVIEW, {"html": "<p></p>", "text": "a\nb"}).text
    assert "Nothing is written yet." in as_alice.post(PREVIEW, {"html": ""}).text
    assert as_alice.get(PREVIEW).status_code == 405
