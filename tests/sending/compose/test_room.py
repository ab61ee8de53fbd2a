"""What drafts and templates may hold: it is charged to no storage, so it has limits, which also hold in a rush."""

from __future__ import annotations

import threading

import pytest
from django.db import close_old_connections

from accounts import tenancy
from sending.compose import attachments, draft_creation, room, template_insertion, templates
from sending.compose.attachments import FileError
from sending.compose.room import NoRoom
from sending.compose.templates import TemplateError
from sending.models import Draft, DraftFile, MessageTemplate, TemplateFile
from tests import factories
from tests.sending.drafted import begin, draft_row, pictured

pytestmark = pytest.mark.django_db


# ── Drafts ──────────────────────────────────────────────────────────────────
def test_an_account_has_so_many_drafts_and_those_only_opened_make_room(ada, monkeypatch):
    monkeypatch.setattr(room, "DRAFTS", 3)
    drafts = [begin(ada) for _ in range(3)]
    with pytest.raises(NoRoom) as full:
        begin(ada)
    assert "Send or delete some of them first" in full.value.sentence
    with tenancy.scope(ada.organization_id):
        Draft.objects.filter(pk=drafts[0].pk).update(is_touched=True)
        Draft.objects.filter(pk__in=[each.pk for each in drafts[:2]]).update(created_at="2026-01-01T00:00Z")
    begin(ada)
    with tenancy.scope(ada.organization_id):
        left = set(Draft.objects.values_list("pk", flat=True))
    assert drafts[0].pk in left
    assert drafts[1].pk not in left
    assert drafts[2].pk in left, "opened a moment ago"


def test_the_page_says_so_and_leads_to_the_drafts(ada, as_alice, monkeypatch):
    monkeypatch.setattr(room, "DRAFTS", 0)
    (message,) = factories.deliver(ada, pictured())
    for path, data in (("write/", {}), (f"message/{message}/answer/", {"kind": "reply"})):
        answer = as_alice.post(f"/o/acme/mail/{path}", {"account": ada.pk, **data}, follow=True)
        assert answer.redirect_chain[-1][0].endswith(f"/mail/{ada.pk}/drafts/")
        assert "Send or delete some of them first" in answer.text


def test_files_texts_and_quotes_of_all_drafts_are_counted_together(ada, monkeypatch):
    (message,) = factories.deliver(ada, pictured())
    first = begin(ada, "forward", message)
    with tenancy.scope(ada.organization_id):
        files = sum(file.size for file in first.files.all())
        texts = len((first.quote_html + first.quote_text).encode())
        assert room.held(ada.pk) == files + texts
        monkeypatch.setattr(room, "BYTES", files + texts + 10)
        with pytest.raises(FileError) as full:
            attachments.add(first, "a.txt", "text/plain", b"x" * 11)
        assert "250 MB" in str(full.value.sentence)
        attachments.add(first, "a.txt", "text/plain", b"x" * 10)
    with pytest.raises(NoRoom):
        begin(ada, "forward", message)
    begin(ada)


def test_a_templates_files_need_room_too(ada, acme, alice, monkeypatch):
    member = factories.membership(acme, alice)
    draft = begin(ada)
    with tenancy.scope(acme.pk):
        template = templates.save(member, None, {"name": "Offer", "subject": "An offer"})
        templates.add_file(template, filename="a.txt", content_type="text/plain", data=b"x" * 100)
        monkeypatch.setattr(room, "BYTES", 99)
        with pytest.raises(FileError):
            template_insertion.insert_template(member, draft, template)
        assert not DraftFile.objects.exists()


def test_an_answer_to_32_mb_of_text_quotes_the_beginning_and_keeps_no_more(ada):
    line = "All work and no play makes Jack a dull boy. <&>\r\n"
    (message,) = factories.deliver(ada, factories.letter(body=line * (32_000_000 // len(line))))
    draft = begin(ada, "reply", message)
    assert len(draft.quote_text) < 2 * draft_creation.QUOTED_TEXT
    assert draft.quote_text.endswith("> [The rest of this long message is not quoted.]")
    with tenancy.scope(ada.organization_id):
        assert room.held(ada.pk) < 2_000_000
        assert not draft.files.exists()


def test_html_that_is_too_long_is_quoted_as_text(ada, monkeypatch):
    monkeypatch.setattr(draft_creation, "QUOTED_HTML", 100)
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "reply", message)
    assert "<table" not in draft.quote_html
    assert "Beans" in draft.quote_html


def test_what_is_too_long_to_be_quoted_is_passed_on_whole_as_a_file(ada, as_alice, monkeypatch):
    monkeypatch.setattr(draft_creation, "QUOTED_TEXT", 100)
    raw = factories.letter("Long", body="word " * 1000)
    (message,) = factories.deliver(ada, raw)
    answer = as_alice.post(f"/o/acme/mail/message/{message}/answer/", {"kind": "forward"}, follow=True)
    assert "too long to be quoted. It goes along as a file." in answer.text
    with tenancy.scope(ada.organization_id):
        (file,) = DraftFile.objects.all()
        assert bytes(file.data) == raw
        assert Draft.objects.get().quote_text == ""


# ── In a rush ───────────────────────────────────────────────────────────────
def at_once(count: int, act) -> list[Exception]:
    """The same on so many connections at the same moment; what was raised."""
    start, raised = threading.Barrier(count), []

    def run() -> None:
        try:
            start.wait(timeout=30)
            act()
        except Exception as error:
            raised.append(error)
        finally:
            close_old_connections()

    workers = [threading.Thread(target=run) for _ in range(count)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(timeout=60)
    return raised


@pytest.mark.django_db(transaction=True)
def test_templates_that_are_saved_at_the_same_moment_are_counted(acme, alice, ada, monkeypatch):
    monkeypatch.setattr(templates, "LIMIT", 3)
    member = factories.membership(acme, alice)

    def save() -> None:
        with tenancy.scope(acme.pk):
            templates.save(member, None, {"name": "Offer"})

    raised = at_once(8, save)
    with tenancy.scope(acme.pk):
        assert MessageTemplate.objects.count() == 3
    assert {type(error) for error in raised} == {TemplateError}
    assert len(raised) == 5


@pytest.mark.django_db(transaction=True)
def test_files_of_several_templates_at_the_same_moment_are_counted(acme, alice, ada, monkeypatch):
    monkeypatch.setattr(templates, "OWNER_BYTES", 300)
    member = factories.membership(acme, alice)
    with tenancy.scope(acme.pk):
        rows = [templates.save(member, None, {"name": f"Offer {number}"}) for number in range(6)]

    def add() -> None:
        row = rows.pop()
        with tenancy.scope(acme.pk):
            templates.add_file(row, filename="a.txt", content_type="text/plain", data=b"x" * 100)

    raised = at_once(6, add)
    with tenancy.scope(acme.pk):
        assert TemplateFile.objects.count() == 3
    assert {type(error) for error in raised} == {TemplateError}


@pytest.mark.django_db(transaction=True)
def test_drafts_and_uploads_at_the_same_moment_are_counted(acme, ada, monkeypatch):
    monkeypatch.setattr(room, "DRAFTS", 4)
    monkeypatch.setattr(room, "BYTES", 250)
    with tenancy.scope(acme.pk):
        drafts = [draft_row(ada), draft_row(ada)]
        DraftFile.objects.all().delete()

    raised = at_once(6, lambda: begin(ada))
    assert {type(error) for error in raised} == {NoRoom}

    def upload() -> None:
        with tenancy.scope(acme.pk):
            attachments.add(drafts[threading.get_ident() % 2], "a.txt", "text/plain", b"x" * 100)

    raised = at_once(6, upload)
    with tenancy.scope(acme.pk):
        assert (Draft.objects.count(), DraftFile.objects.count()) == (4, 2)
    assert {type(error) for error in raised} == {FileError}
