"""The pages of a draft: created, saved, filled with files, sent, taken back; with and without script."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts import tenancy
from mailbox.models import Folder
from sending import tasks
from sending.compose import attachments, upload_limit
from sending.models import Draft, DraftFile, Identity, OutgoingMessage
from tests import factories
from tests.mailbox.web import flat, folder_of, url
from tests.sending.drafted import PIXEL, begin, fields_of, kept, pictured
from tests.sending.outgoing import BOB

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@pytest.fixture
def ordered(monkeypatch) -> list:
    """Messages whose sending was ordered, instead of a worker."""
    calls: list = []
    monkeypatch.setattr(tasks, "schedule_sending", calls.append)
    return calls


def drafts_of(account) -> list[Draft]:
    with tenancy.scope(account.organization_id):
        return list(Draft.objects.filter(account=account).order_by("pk"))


def outgoing_of(account) -> list[OutgoingMessage]:
    with tenancy.scope(account.organization_id):
        return list(OutgoingMessage.objects.filter(account=account).order_by("pk"))


def page(draft: Draft, name: str = "draft", *args) -> str:
    return url(name, draft.pk, *args)


def post(client, draft: Draft, **changes):
    return client.post(page(draft), fields_of(draft, **changes))


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# ── Beginning ───────────────────────────────────────────────────────────────
def test_write_begins_a_draft_from_the_account_at_hand(as_alice, ada, acme, alice):
    factories.connect(acme, alice, email="other@mail.example", is_default=True)
    answer = as_alice.post(url("write"), {"account": ada.pk})
    (draft,) = drafts_of(ada)
    assert answer["Location"] == page(draft)
    shown = flat(as_alice.get(page(draft)))
    assert 'data-color="' in shown
    assert "ada@" in shown or ada.email in shown


def test_writing_without_an_account_leads_to_connecting_one(as_alice, acme):
    assert as_alice.post(url("write"))["Location"] == url("connect")


def test_an_account_of_somebody_else_is_not_found(as_bob, ada):
    assert as_bob.post(url("write"), {"account": ada.pk}).status_code == 404


@pytest.mark.parametrize("kind", ["reply", "reply_all", "forward", "forward_file"])
def test_the_reader_answers(as_alice, ada, kind):
    (message,) = factories.deliver(ada, pictured())
    reader = flat(as_alice.get(url("message", message)))
    assert f'value="{kind}"' in reader
    as_alice.post(url("answer", message), {"kind": kind})
    (draft,) = drafts_of(ada)
    assert draft.original_id == message
    assert as_alice.get(page(draft)).status_code == 200


def test_what_was_only_opened_is_in_no_list_and_goes(as_alice, ada):
    draft = begin(ada)
    assert "No drafts" in flat(as_alice.get(url("drafts", ada.pk)))
    with tenancy.scope(ada.organization_id):
        Draft.objects.update(created_at=timezone.now() - timedelta(days=2))
    tasks.delete_expired()
    assert draft.pk not in [each.pk for each in drafts_of(ada)]


# ── Saving ──────────────────────────────────────────────────────────────────
def test_saved_as_one_types(as_alice, ada):
    draft = begin(ada)
    answer = as_alice.post(
        page(draft, "draft_save"), fields_of(draft, to="bo", subject="Tea", html="<p>At <b>five</b>")
    )
    assert answer.json()["version"] == 2
    assert re.fullmatch(r"Saved \d\d:\d\d", answer.json()["saved"])
    assert (kept(draft).to, kept(draft).html) == ("bo", "<p>At <b>five</b></p>")
    shown = flat(as_alice.get(url("drafts", ada.pk)))
    assert "Tea" in shown
    assert "At five" in shown
    assert as_alice.get(url("folder", folder_of(ada, Folder.Role.DRAFTS).pk))["Location"] == url(
        "drafts", ada.pk
    )


def test_two_windows_are_told_of_each_other(as_alice, ada):
    draft = begin(ada)
    as_alice.post(page(draft, "draft_save"), fields_of(draft, subject="one"))
    second = as_alice.post(page(draft, "draft_save"), fields_of(draft, subject="two"))
    assert second.status_code == 409
    assert second.json()["version"] == 2
    assert "another window" in second.json()["error"]
    # Without script the page comes again with what was typed, and saving it again keeps it.
    again = as_alice.post(page(draft), fields_of(draft, subject="two", act="send"))
    assert again.status_code == 409
    assert 'value="two"' in flat(again)
    assert 'name="version" value="2"' in flat(again)
    assert kept(draft).subject == "one"
    as_alice.post(page(draft), fields_of(draft, version=2, subject="two", act="save"))
    assert kept(draft).subject == "two"


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "a\0b"},
        {"subject": "x" * 1001},
        {"html": "x" * 1_000_001},
        {"text": "\0", "is_plain": "1"},
        {"cc": "," * 20_001},
    ],
)
def test_what_cannot_be_kept_is_said_and_still_shown(as_alice, ada, changes):
    draft = begin(ada)
    (name,) = set(changes) - {"is_plain"}
    answer = as_alice.post(page(draft, "draft_save"), fields_of(draft, **changes))
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [name]
    again = post(as_alice, draft, **changes)
    assert again.status_code == 422
    assert "nothing is lost" in flat(again)
    assert kept(draft).version == 1


@pytest.mark.parametrize(
    "changes", [{"identity": "x"}, {"identity": "9" * 30}, {"signature": "-1"}, {"version": "²"}]
)
def test_nonsense_in_choices_breaks_nothing(as_alice, ada, changes):
    answer = as_alice.post(page(draft := begin(ada), "draft_save"), fields_of(draft, **changes))
    assert answer.status_code in (200, 409)


def test_an_address_of_somebody_else_is_not_taken(as_alice, ada, acme, bob):
    foreign = factories.connect(acme, bob, email="bob@mail.example")
    with tenancy.scope(acme.pk):
        identity = Identity.objects.get(account=foreign)
    draft = begin(ada)
    as_alice.post(page(draft, "draft_save"), fields_of(draft, identity=identity.pk))
    assert kept(draft).account_id == ada.pk


def test_an_address_that_may_not_be_used_says_why_and_leads_to_its_settings(as_alice, ada, acme, alice):
    factories.connect(acme, alice, email="other@mail.example")
    shown = flat(as_alice.get(page(begin(ada))))
    assert "not set up yet" in shown
    assert f'href="{url("addresses")}"' in shown


def test_what_was_written_is_shown_again_and_nothing_can_run(as_alice, ada):
    draft = begin(ada)
    evil = '<p onclick="x()">Hi</p><script>alert(1)</script></textarea><script>alert(2)</script>'
    as_alice.post(page(draft, "draft_save"), fields_of(draft, html=evil, subject='"><script>', to="<script>"))
    shown = as_alice.get(page(draft))
    assert "script>alert" not in flat(shown)
    assert "onclick" not in flat(shown)
    assert "unsafe" not in shown["Content-Security-Policy"]


def test_plain_text_and_back_without_script(as_alice, ada):
    draft = begin(ada)
    post(as_alice, draft, html="<p>Dear <i>Tom</i></p>", act="switch")
    plain = kept(draft)
    assert (plain.is_plain, plain.text) == (True, "Dear Tom")
    assert '<textarea class="writing writing-plain"' in flat(as_alice.get(page(draft)))
    post(as_alice, plain, text="Dear Tom,\r\n\r\nhello", act="switch")
    assert kept(draft).html == "<p>Dear Tom,</p><p>hello</p>"


def test_what_follows_the_text_is_shown_in_a_frame_that_runs_nothing(as_alice, ada):
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "forward", message)
    shown = as_alice.get(page(draft, "draft_below"))
    assert "sandbox" in shown["Content-Security-Policy"]
    assert "<table" in flat(shown)
    assert "data:image/png;base64," in flat(shown)
    post(as_alice, draft, with_quote=None)
    assert "<table" not in flat(as_alice.get(page(draft, "draft_below")))


# ── Files ───────────────────────────────────────────────────────────────────
def upload(name="plan.pdf", content=b"%PDF", content_type="application/pdf"):
    return SimpleUploadedFile(name, content, content_type)


def test_files_come_with_script_and_without(as_alice, ada):
    draft = begin(ada)
    answer = as_alice.post(page(draft, "draft_file_add"), {"file": upload()}, headers=JSON)
    (told,) = answer.json()["files"]
    assert (told["name"], told["size"]) == ("plan.pdf", 4)
    as_alice.post(
        page(draft), fields_of(kept(draft), act="attach") | {"file": [upload("a.txt"), upload("b.txt")]}
    )
    with tenancy.scope(ada.organization_id):
        assert [file.filename for file in draft.files.all()] == ["plan.pdf", "a.txt", "b.txt"]
    got = as_alice.get(told["url"])
    assert got.content == b"%PDF"
    assert got["Content-Type"] == "application/octet-stream"
    assert "attachment" in got["Content-Disposition"]
    assert as_alice.post(told["remove"], headers=JSON).status_code == 204
    with tenancy.scope(ada.organization_id):
        last = draft.files.last().pk
    post(as_alice, kept(draft), remove=last)
    with tenancy.scope(ada.organization_id):
        assert [file.filename for file in draft.files.all()] == ["a.txt"]


def test_a_picture_in_the_text_goes_out_by_its_content_id(as_alice, ada):
    draft = begin(ada)
    picture = upload("a.png", PIXEL, "image/png")
    answer = as_alice.post(page(draft, "draft_file_add"), {"file": picture, "in_text": "1"}, headers=JSON)
    address = answer.json()["files"][0]["url"]
    as_alice.post(page(draft, "draft_save"), fields_of(draft, html=f'<p><img src="{address}" alt="a"></p>'))
    with tenancy.scope(ada.organization_id):
        file = DraftFile.objects.get(draft=draft)
    assert f'src="cid:{file.content_id}"' in kept(draft).html
    assert f"src=&quot;{address}&quot;" in flat(as_alice.get(page(draft)))
    assert as_alice.get(address)["Content-Type"] == "image/png"


@pytest.mark.parametrize("headers", [JSON, {}])
def test_files_beyond_the_limit_are_refused_with_words(as_alice, ada, monkeypatch, headers):
    monkeypatch.setattr(attachments, "BYTES", 3)
    answer = as_alice.post(page(draft := begin(ada), "draft_file_add"), {"file": upload()}, headers=headers)
    if headers:
        assert answer.status_code == 422
        assert "25 MB" in answer.json()["error"]
    assert as_alice.post(page(draft, "draft_file_add"), headers=JSON).status_code == 422
    with tenancy.scope(ada.organization_id):
        assert not draft.files.exists()


def test_an_upload_far_too_large_is_cut_off(as_alice, ada, monkeypatch):
    monkeypatch.setattr(upload_limit, "LIMIT", 100_000)
    draft = begin(ada)
    answer = as_alice.post(
        page(draft, "draft_file_add"), {"file": upload(content=b"x" * 300_000)}, headers=JSON
    )
    assert answer.status_code == 422
    assert "25 MB" in answer.json()["error"]


# ── Contacts ────────────────────────────────────────────────────────────────
def suggested(client, typed: str) -> list[str]:
    found = client.get(url("write_contacts", q=typed)).json()["contacts"]
    return [each["address"] for each in found]


def test_people_one_writes_with_are_suggested(as_alice, as_bob, ada, acme, bob):
    factories.deliver(ada, factories.letter(sender="Märta Lindqvist <marta@mail.example>"))
    factories.deliver(
        ada, factories.letter(sender="Me <ADA@example.org>", to="Mark <mark@x.example>"), role="sent"
    )
    assert suggested(as_alice, "mar") == ["mark@x.example", "marta@mail.example"]
    assert suggested(as_alice, "LIND") == ["marta@mail.example"]
    assert suggested(as_alice, "mail.ex") == ["marta@mail.example"]
    assert suggested(as_alice, ada.email[:5]) == []
    assert suggested(as_alice, "") == suggested(as_alice, "%") == []
    assert suggested(as_bob, "mar") == []


def test_suggestions_are_read_once_and_again_after_writing(
    as_alice, ada, ordered, django_assert_max_num_queries
):
    assert suggested(as_alice, "bo") == []
    with django_assert_max_num_queries(8):
        suggested(as_alice, "bo")
    post(as_alice, begin(ada), to=f"Bob <{BOB}>", act="send")
    assert suggested(as_alice, "bo") == [BOB]


# ── Sending ─────────────────────────────────────────────────────────────────
def test_sent_it_waits_ten_seconds_and_can_be_undone(as_alice, ada, ordered):
    draft = begin(ada)
    answer = as_alice.post(
        page(draft), fields_of(draft, to=BOB, subject="Tea", html="<p>Five?</p>", act="send"), follow=True
    )
    (outgoing,) = outgoing_of(ada)
    assert ordered == [outgoing]
    assert timedelta(seconds=8) < outgoing.due_at - timezone.now() <= timedelta(seconds=10)
    assert "Sending…" in said(answer)[0]
    undo = url("outgoing_take_back", outgoing.pk)
    assert f'form="take-back" formaction="{undo}"' in flat(answer)
    assert 'id="take-back"' in flat(answer)
    back = as_alice.post(undo, follow=True)
    (again,) = drafts_of(ada)
    assert back.redirect_chain[0][0] == page(again)
    assert (again.to, again.html) == (BOB, "<p>Five?</p>")
    assert as_alice.post(undo).status_code == 404


def test_too_late_to_undo_leads_to_what_became_of_it(as_alice, ada, ordered):
    post(as_alice, begin(ada), to=BOB, act="send")
    (outgoing,) = outgoing_of(ada)
    with tenancy.scope(ada.organization_id):
        OutgoingMessage.objects.update(state="claimed")
    assert as_alice.post(url("outgoing_take_back", outgoing.pk))["Location"] == url("outgoing", outgoing.pk)
    assert drafts_of(ada) == []


def test_the_second_of_two_clicks_sends_nothing_more(as_alice, ada, ordered):
    draft = begin(ada)
    post(as_alice, draft, to=BOB, act="send")
    assert post(as_alice, draft, to=BOB, act="send").status_code == 302
    assert len(outgoing_of(ada)) == 1
    assert post(as_alice, draft, to=BOB, key="nonsense", act="send").status_code == 404


def test_back_to_the_list_that_it_began_in(as_alice, ada, ordered):
    (message,) = factories.deliver(ada, pictured())
    answer = post(as_alice, begin(ada, "reply", message), act="send")
    assert answer["Location"] == url("folder", folder_of(ada).pk)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": ""}, "Nobody is to get this yet"),
        ({"to": "lena.brandt@choir"}, "“lena.brandt@choir” is not a full address"),
        ({"to": BOB, "subject": "a\r\nBcc: b@x.example"}, "something in “Subject” that mail cannot carry"),
        ({"to": ", ".join(f"p{n}@x.example" for n in range(101))}, "100 recipients at most"),
    ],
)
def test_what_keeps_it_from_going_is_said_and_it_stays(as_alice, ada, ordered, changes, words):
    answer = post(as_alice, draft := begin(ada), act="send", **changes)
    assert answer.status_code == 422
    assert words in flat(answer)
    assert ordered == outgoing_of(ada) == []
    assert kept(draft).version == 2


def test_send_later_in_ones_own_time_zone(as_alice, ada, alice, ordered):
    alice.time_zone = "Asia/Jakarta"
    alice.save()
    due = (timezone.now() + timedelta(days=3)).replace(hour=1, minute=0, second=0, microsecond=0)
    answer = as_alice.post(
        page(draft := begin(ada)),
        fields_of(draft, to=BOB, act="later", due=f"{due:%Y-%m-%d}T08:00"),
        follow=True,
    )
    (outgoing,) = outgoing_of(ada)
    assert outgoing.due_at == due
    assert "Goes out" in said(answer)[0]
    assert "08:00" in said(answer)[0]


@pytest.mark.parametrize(
    "due",
    ["", "tomorrow", "2020-01-01T08:00", "9999-12-31T23:59", "2026-13-01T08:00", "\0", "0001-01-01T00:00"],
)
def test_a_time_that_is_none_sends_nothing(as_alice, ada, ordered, due):
    answer = post(as_alice, begin(ada), to=BOB, act="later", due=due)
    assert answer.status_code == 422
    assert outgoing_of(ada) == []


def test_times_to_choose_lie_ahead(as_alice, ada, ordered):
    shown = flat(as_alice.get(page(draft := begin(ada))))
    values = re.findall(r'name="due_choice" value="([^"]+)"', shown)
    assert values
    assert all(timezone.make_aware(datetime.fromisoformat(each)) > timezone.now() for each in values)
    post(as_alice, draft, to=BOB, due_choice=values[-1])
    (outgoing,) = outgoing_of(ada)
    assert timezone.localtime(outgoing.due_at).isoformat()[:16] == values[-1]


# ── Deleting ────────────────────────────────────────────────────────────────
def test_deleting_asks_first(as_alice, ada):
    draft = begin(ada)
    assert "Delete the draft?" in flat(as_alice.get(page(draft, "draft_delete")))
    as_alice.post(page(draft, "draft_delete"))
    assert drafts_of(ada) == []
    assert as_alice.get(page(draft)).status_code == 404
    gone = as_alice.post(page(draft, "draft_save"), fields_of(draft, subject="x"))
    assert (gone.status_code, "another window" in gone.json()["error"]) == (404, True)
