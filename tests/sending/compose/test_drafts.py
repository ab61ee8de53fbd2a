"""Drafts as services: begun from a message, kept, sent once, taken back."""

from __future__ import annotations

import email
from email.policy import default

import pytest

from accounts import tenancy
from sending.compose import attachments, drafts, signatures, template_insertion
from sending.compose import letter as draft_letter
from sending.compose.attachments import FileError
from sending.compose.drafts import Conflict, DraftError, Fields
from sending.models import Draft, Identity, MessageTemplate, OutgoingMessage, Signature
from sending.outbox import outbox
from tests import factories
from tests.sending.drafted import PIXEL, begin, kept, pictured
from tests.sending.outgoing import BOB, queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def scoped(ada):
    with tenancy.scope(ada.organization_id):
        yield ada


def save(draft: Draft, **changes) -> Draft:
    with tenancy.scope(draft.organization_id):
        drafts.save(draft, draft.version, Fields(**changes))
    return kept(draft)


def send(draft: Draft, due_at=None) -> OutgoingMessage:
    with tenancy.scope(draft.organization_id):
        row = Draft.objects.select_related(
            "organization", "account", "identity__account", "original", "signature"
        ).get(pk=draft.pk)
        return drafts.send(row, due_at)


def parsed(outgoing: OutgoingMessage):
    with tenancy.scope(outgoing.organization_id):
        return email.message_from_bytes(outbox.raw_bytes(outgoing), policy=default)


# ── Two windows ─────────────────────────────────────────────────────────────
@pytest.mark.parametrize("change", ["switched", "filled in"])
def test_what_another_window_has_saved_is_not_overwritten(ada, member_of_ada, change):
    stale = begin(ada)
    save(stale, subject="first window")
    with tenancy.scope(ada.organization_id):
        template = MessageTemplate.objects.create(
            organization_id=ada.organization_id, owner=ada.owner, name="Offer", subject="Offer"
        )
        stale = drafts.find_draft(member_of_ada, stale.pk)
        drafts.save(stale, stale.version, Fields(subject="other window"))
        changes = {
            "switched": lambda: drafts.switch(stale),
            "filled in": lambda: template_insertion.insert_template(member_of_ada, stale, template),
        }
        with pytest.raises(Conflict):
            changes[change]()
    assert kept(stale).subject == "other window"


@pytest.fixture
def member_of_ada(acme, ada):
    return factories.membership(acme, ada.owner)


# ── Keeping ─────────────────────────────────────────────────────────────────
def test_what_is_typed_is_kept_right_or_wrong(ada):
    draft = save(begin(ada), to="nobody, \u202e", subject="Te\ta", html="<p>Hi</p><script>x</script>")
    assert (draft.to, draft.subject, draft.html) == ("nobody, \u202e", "Te\ta", "<p>Hi</p>")
    assert draft.is_touched
    assert draft.version == 2


def test_the_second_of_two_windows_is_told_and_overwrites_nothing(ada):
    draft = begin(ada)
    save(draft, subject="first window")
    with tenancy.scope(ada.organization_id), pytest.raises(Conflict) as conflict:
        drafts.save(draft, 1, Fields(subject="second window"))
    assert conflict.value.current.version == 2
    assert kept(draft).subject == "first window"


def test_the_same_saved_again_is_no_conflict(ada):
    draft = begin(ada)
    save(draft, subject="first", html="<p>a</p>")
    with tenancy.scope(ada.organization_id):
        assert drafts.save(draft, 1, Fields(subject="first", html="<p>a</p>")).version == 2
        with pytest.raises(Conflict):
            drafts.save(draft, 1, Fields(subject="first", html="<p>b</p>"))


@pytest.mark.parametrize("name", ["to", "cc", "bcc", "subject", "html", "text"])
def test_what_no_column_holds_is_said_for_its_field(ada, name):
    draft = begin(ada)
    for value in ("a\0b", "x" * 1_000_001):
        with tenancy.scope(ada.organization_id), pytest.raises(DraftError) as error:
            drafts.save(draft, draft.version, Fields(**{name: value}))
        assert list(error.value.errors) == [name]
    assert kept(draft).version == 1


def test_saving_the_same_again_changes_nothing_in_the_text(ada):
    source = '<p style="color:red">a</p><blockquote>b</blockquote><div>c</div>'
    draft = save(begin(ada), html=source)
    assert save(draft, html=draft.html).html == draft.html


def test_another_address_brings_its_account_and_signature(ada, acme, alice, server):
    from tests.sending.outgoing import sender

    other = sender(acme, alice, server, email="shop@mail.example")
    with tenancy.scope(acme.pk):
        signature = Signature.objects.create(
            organization=acme, account=other, name="Shop", html="<p>The shop</p>"
        )
        Identity.objects.filter(account=other).update(signature_new=signature)
        identity = Identity.objects.select_related("account", "signature_new", "signature_reply").get(
            account=other
        )
    draft = save(begin(ada), identity=identity)
    assert (draft.account, draft.signature) == (other, signature)
    assert save(draft, identity=draft.identity, signature=None).signature is None


def test_a_signature_of_another_account_is_not_taken(ada, acme, alice):
    other = factories.connect(acme, alice, email="other@mail.example")
    with tenancy.scope(acme.pk):
        foreign = Signature.objects.create(organization=acme, account=other, name="Other")
    assert save(begin(ada), signature=foreign.pk).signature is None


def test_from_formatted_to_plain_and_back(ada):
    draft = save(begin(ada), html="<p>Dear <b>Marta</b>,</p><ul><li>tea</li></ul>")
    with tenancy.scope(ada.organization_id):
        plain = drafts.switch(draft)
    assert plain.is_plain
    assert "Dear Marta," in plain.text
    with tenancy.scope(ada.organization_id):
        assert "<p>Dear Marta,</p>" in drafts.switch(kept(draft)).html


# ── Sending ─────────────────────────────────────────────────────────────────
def test_a_letter_with_signature_quote_and_last_words(ada, acme, alice):
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "reply", message)
    with tenancy.scope(acme.pk):
        signature = Signature.objects.create(
            organization=acme, account=ada, name="Work", html="<p>Ada, Acme</p>"
        )
        membership = factories.membership(acme, alice)
        signatures.set_disclaimer(membership, is_on=True, html="<p>For you alone.</p>", text="")
    draft = save(draft, to=draft.to, subject=draft.subject, html="<p>Lovely</p>", signature=signature.pk)
    outgoing = send(draft)
    letter = parsed(outgoing)
    text = letter.get_body(("plain",)).get_content()
    order = [text.index(words) for words in ("Lovely", "Ada, Acme", "wrote:", "For you alone.")]
    assert order == sorted(order)
    assert letter["References"] == "<first@mail.example> <garden@mail.example>"
    assert letter["In-Reply-To"] == "<garden@mail.example>"
    assert "<table" in letter.get_body(("html",)).get_content()
    with tenancy.scope(acme.pk):
        assert not Draft.objects.exists()
        assert OutgoingMessage.objects.get().answers_id == message


def test_a_signature_below_the_quote_stands_below_it(ada, acme):
    (message,) = factories.deliver(ada, pictured())
    with tenancy.scope(acme.pk):
        signature = Signature.objects.create(
            organization=acme, account=ada, name="W", text="Ada", place="below"
        )
    draft = save(begin(ada, "reply", message), is_plain=True, text="Yes", signature=signature.pk)
    with tenancy.scope(acme.pk):
        text = draft_letter.plain_of(draft)
    assert text.startswith("Yes\n\nOn Monday")
    assert text.endswith("\n\n-- \nAda")


def test_the_quote_stays_out_when_it_is_not_wanted(ada):
    (message,) = factories.deliver(ada, pictured())
    draft = save(begin(ada, "forward", message), html="<p>Look</p>", with_quote=False, to=BOB)
    letter = parsed(send(draft))
    assert "Beans" not in letter.as_string()
    assert [part.get_filename() for part in letter.iter_attachments()] == ["seeds.csv"]


def test_pictures_are_in_the_text_or_nowhere(ada):
    draft = begin(ada)
    with tenancy.scope(ada.organization_id):
        shown = attachments.add(draft, "a.png", "image/png", PIXEL, in_text=True)
        attachments.add(draft, "dropped.png", "image/png", PIXEL, in_text=True)
    html = '<p>Look <img src="/pictures/1" alt="a.png"></p>'
    draft = save(draft, to=BOB, html=html, pictures={"/pictures/1": shown.content_id})
    assert f'src="cid:{shown.content_id}"' in draft.html
    letter = parsed(send(draft))
    (picture,) = [part for part in letter.walk() if part.get_content_maintype() == "image"]
    assert picture["Content-ID"] == f"<{shown.content_id}>"
    assert picture.get_payload(decode=True) == PIXEL


def test_the_pictures_of_a_quote_go_no_further_in_plain_text(ada):
    (message,) = factories.deliver(ada, pictured())
    letter = parsed(send(save(begin(ada, "reply", message), to=BOB, is_plain=True, text="Yes")))
    assert [part.get_content_type() for part in letter.walk()] == ["text/plain"]


def test_plain_text_takes_its_pictures_along_as_files(ada):
    draft = begin(ada)
    with tenancy.scope(ada.organization_id):
        attachments.add(draft, "a.png", "image/png", PIXEL, in_text=True)
    letter = parsed(send(save(draft, to=BOB, is_plain=True, text="See the file")))
    assert [part.get_filename() for part in letter.iter_attachments()] == ["a.png"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": "lena.brandt@choir"}, "to"),
        ({"to": BOB, "cc": "x"}, "cc"),
        ({"to": BOB, "bcc": "a@x.example\nSubject: evil"}, "bcc"),
        ({"to": BOB, "subject": "Hello\r\nBcc: evil@x.example"}, "subject"),
        ({"to": BOB, "subject": "Hello\x07"}, "subject"),
        ({"to": ", ".join(f"p{n}@x.example" for n in range(101))}, ""),
    ],
)
def test_what_cannot_go_out_is_said_for_its_field_and_stays_a_draft(ada, changes, field):
    draft = save(begin(ada), **changes)
    with pytest.raises(DraftError) as error:
        send(draft)
    assert list(error.value.errors) == [field]
    assert all(error.value.errors[field])
    assert kept(draft).to == changes["to"]
    with tenancy.scope(ada.organization_id):
        assert not OutgoingMessage.objects.exists()


def test_an_address_that_may_not_be_used_sends_nothing(acme, alice):
    account = factories.connect(acme, alice)
    with pytest.raises(DraftError) as error:
        send(save(begin(account), to=BOB))
    assert list(error.value.errors) == ["identity"]


def test_a_line_break_in_the_senders_name_is_refused(ada):
    draft = save(begin(ada), to=BOB)
    with tenancy.scope(ada.organization_id):
        Identity.objects.filter(account=ada).update(name="Ada\r\nBcc: evil@x.example")
    with pytest.raises(DraftError) as error:
        send(draft)
    assert list(error.value.errors) == [""]


# ── Files ───────────────────────────────────────────────────────────────────
def test_limits_of_files(scoped, monkeypatch):
    draft = begin(scoped)
    monkeypatch.setattr(attachments, "BYTES", 10)
    attachments.add(draft, "a.txt", "text/plain", b"12345")
    with pytest.raises(FileError, match="25 MB"):
        attachments.add(draft, "b.txt", "text/plain", b"123456")
    monkeypatch.setattr(attachments, "COUNT", 1)
    with pytest.raises(FileError, match="50 files"):
        attachments.add(draft, "b.txt", "text/plain", b"1")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("image/svg+xml", b"<svg onload=alert(1)>"),
        ("image/png", b"<html>"),
        ("text/html", PIXEL),
        ("", PIXEL),
    ],
)
def test_only_pictures_stand_in_the_text(scoped, content_type, content):
    with pytest.raises(FileError, match="Only PNG"):
        attachments.add(begin(scoped), "a.png", content_type, content, in_text=True)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.txt", "a.txt"),
        ("C:\\Users\\ada\\a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nBcc: x.txt", "a Bcc: x.txt"),
        ("a\0b.txt", "ab.txt"),
        ("fdp.\u202etxt", "fdp. txt"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("", "file"),
        ("/", "file"),
        ("\udcff.txt", "�.txt"),
    ],
)
def test_names_of_files(given, name):
    assert attachments.name_of(given) == name


# ── Taking back ─────────────────────────────────────────────────────────────
def test_taken_back_it_is_the_same_draft_with_its_files(ada):
    (message,) = factories.deliver(ada, pictured())
    draft = begin(ada, "forward", message)
    with tenancy.scope(ada.organization_id):
        attachments.add(draft, "plan.pdf", "application/pdf", b"%PDF")
    draft = save(draft, to=BOB, bcc="eve@post.example", subject="Plan", html="<p>See</p>")
    outgoing = send(draft)
    with tenancy.scope(ada.organization_id):
        again = drafts.take_back(outgoing)
        files = {
            (file.filename, file.content_type, file.content_id, bytes(file.data))
            for file in again.files.all()
        }
    assert again.key != draft.key
    for name in (
        "account_id",
        "identity_id",
        "original_id",
        "kind",
        "to",
        "bcc",
        "subject",
        "html",
        "quote_html",
    ):
        assert getattr(again, name) == getattr(draft, name)
    assert files == {
        ("plot.png", "image/png", "plot@mail.example", PIXEL),
        ("seeds.csv", "text/csv", "", b"beans,12"),
        ("plan.pdf", "application/pdf", "", b"%PDF"),
    }
    with tenancy.scope(ada.organization_id), pytest.raises(outbox.TooLate):
        drafts.take_back(outgoing)


def test_what_was_taken_back_is_kept_once(ada):
    with tenancy.scope(ada.organization_id):
        outgoing = queue(ada, written={"subject": "Tea"})
        drafts.take_back(outgoing)
        assert not outgoing.parts.exists()
        outgoing.refresh_from_db()
    assert (outgoing.state, outgoing.written) == ("cancelled", {})


def test_one_draft_is_one_message_however_often_it_is_sent(ada):
    draft = save(begin(ada), to=BOB)
    with tenancy.scope(ada.organization_id):
        row = drafts.find_draft(factories.membership(ada.organization, ada.owner), draft.pk)
        first = drafts.send(row)
        assert drafts.send(row) == first
        assert OutgoingMessage.objects.count() == 1
