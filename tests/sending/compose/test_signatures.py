"""Signatures and the organization's last words: what may be kept, who carries them, how they are written."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.models import AuditEvent
from sending.compose import signatures
from sending.compose.signatures import SignatureError, clean_html, clean_text
from sending.identities import identities
from sending.models import Disclaimer, Draft, Identity, Signature
from tests import factories
from tests.sending.payloads import HARMLESS, PAYLOADS, assert_harmless

pytestmark = pytest.mark.django_db
GIVEN = {"name": "Work", "html": "<p>Kind regards<br><b>Ada</b></p>", "text": "", "place": "above"}


@pytest.fixture
def scoped(account):
    with tenancy.scope(account.organization_id):
        yield account


def save(account, signature=None, **values) -> Signature:
    return signatures.save(account, signature, **{**GIVEN, **values})


# ── What may be kept ────────────────────────────────────────────────────────
@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_runs_is_kept(scoped, payload):
    row = save(scoped, html=f"<p>Ada</p>{payload}<p>Lovelace</p>")
    row.refresh_from_db()
    assert_harmless(row.html)
    assert "Ada" in row.html


@pytest.mark.parametrize("source", HARMLESS)
def test_what_a_letter_may_hold_is_kept_and_stays_the_same(source):
    once = clean_html(source)
    assert once
    assert clean_html(once) == once
    assert clean_html(clean_html(once)) == once


def test_remote_pictures_of_ones_own_are_allowed():
    assert 'src="https://shop.example/logo.png"' in clean_html('<img src="https://shop.example/logo.png">')


@pytest.mark.parametrize(
    "source", ["", "  ", "<p></p>", "<p><br></p>", "<div>&nbsp;</div>", "<script>1</script>"]
)
def test_what_shows_nothing_is_nothing(source):
    assert clean_html(source) == ""


def test_text_has_lines_and_no_controls():
    assert clean_text("\nAda  \r\n\x00\x1b-- \rend\n\n") == "Ada\n--\nend"


@pytest.mark.parametrize("name", ["", "  ", "a\r\nb", "a\nb", "a\0b", "\x1b"])
def test_a_name_is_one_line(scoped, name):
    with pytest.raises(SignatureError):
        save(scoped, name=name)
    assert not Signature.objects.exists()


def test_names_are_short_and_each_is_there_once(scoped):
    first = save(scoped, name="  Work   and  more ")
    assert first.name == "Work and more"
    with pytest.raises(SignatureError, match="has this name"):
        save(scoped, name="WORK and more")
    assert save(scoped, first, name="work and more").pk == first.pk
    assert len(save(scoped, name="x" * 200).name) == 80


def test_empty_long_and_too_many_are_refused(scoped):
    for values in ({"html": "", "text": " \n"}, {"html": "x" * 100_001}, {"text": "x" * 100_001}):
        with pytest.raises(SignatureError):
            save(scoped, **values)
    for number in range(signatures.LIMIT):
        save(scoped, name=f"{number}")
    with pytest.raises(SignatureError, match="Delete one"):
        save(scoped, name="one more")


# ── Who carries them ────────────────────────────────────────────────────────
def test_an_address_carries_one_for_new_mail_and_one_for_answers(scoped, alice):
    own = scoped.identities.get()
    alias = identities.add(scoped, alice, address="info@shop.example")
    long, short = save(scoped, name="long"), save(scoped, name="short")
    signatures.assign(long, new=[own.pk, alias.pk], reply=[])
    signatures.assign(short, new=[], reply=[own.pk])

    def carried(identity, kind):
        return signatures.for_draft(Identity.objects.get(pk=identity.pk), kind)

    assert (carried(own, Draft.Kind.NEW), carried(own, Draft.Kind.REPLY)) == (long, short)
    assert carried(own, Draft.Kind.FORWARD) == short
    assert (carried(alias, Draft.Kind.NEW), carried(alias, Draft.Kind.REPLY_ALL)) == (long, None)
    # Given to another, it is taken away from the first; taken off, nobody has it.
    signatures.assign(short, new=[alias.pk], reply=[])
    assert (carried(own, Draft.Kind.NEW), carried(own, Draft.Kind.REPLY)) == (long, None)
    assert carried(alias, Draft.Kind.NEW) == short
    long.delete()
    assert carried(own, Draft.Kind.NEW) is None


def test_no_address_of_another_account_can_carry_it(scoped, acme, alice):
    other = factories.connect(acme, alice, email="two@post.example").identities.get()
    signatures.assign(save(scoped), new=[other.pk], reply=[other.pk])
    other.refresh_from_db()
    assert (other.signature_new, other.signature_reply) == (None, None)


def test_only_their_own_are_visible_to_members(scoped, acme, alice, bob):
    save(scoped)
    assert Signature.objects.visible_to(factories.membership(acme, alice)).count() == 1
    assert not Signature.objects.visible_to(factories.membership(acme, bob)).exists()


# ── As they are written ─────────────────────────────────────────────────────
def test_each_form_is_made_from_the_other_where_it_is_empty(scoped):
    rich = save(scoped, html="<p>Ada<br>Lovelace</p><ul><li>tea</li></ul>")
    assert signatures.render(rich, html=False) == "Ada\nLovelace\n\n- tea"
    assert signatures.render(rich, html=True) == rich.html
    plain = save(scoped, name="plain", html="<p></p>", text="Ada\n<the Countess>")
    assert signatures.render(plain, html=True) == "Ada<br>&lt;the Countess&gt;"
    both = save(scoped, name="both", text="Ada in words")
    assert signatures.render(both, html=False) == "Ada in words"


# ── The organization's last words ───────────────────────────────────────────
def test_the_disclaimer_stands_below_when_it_is_on(scoped, acme, alice):
    admin = factories.membership(acme, alice)
    assert signatures.disclaimer(acme) == ("", "")
    signatures.set_disclaimer(admin, is_on=True, html="<p>Acme Ltd<script>1</script></p>", text="")
    assert signatures.disclaimer(acme) == ("<p>Acme Ltd</p>", "Acme Ltd")
    signatures.set_disclaimer(admin, is_on=True, html="", text="Acme & sons")
    assert signatures.disclaimer(acme) == ("Acme &amp; sons", "Acme & sons")
    signatures.set_disclaimer(admin, is_on=False, html="", text="Acme & sons")
    assert signatures.disclaimer(acme) == ("", "")
    assert Disclaimer.objects.get().text == "Acme & sons", "kept for the next time"
    events = AuditEvent.objects.filter(action="disclaimer.changed").order_by("pk")
    assert [event.detail for event in events] == [{"on": True}, {"on": True}, {"on": False}]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_runs_is_kept_in_the_disclaimer(scoped, acme, alice, payload):
    admin = factories.membership(acme, alice)
    signatures.set_disclaimer(admin, is_on=True, html=f"<p>Acme</p>{payload}", text="Acme\0")
    assert_harmless(Disclaimer.objects.get().html)


def test_an_empty_or_long_disclaimer_is_refused(scoped, acme, alice):
    for html in ("<p></p>", "x" * 100_001):
        with pytest.raises(SignatureError):
            signatures.set_disclaimer(factories.membership(acme, alice), is_on=True, html=html, text="")
    assert not Disclaimer.objects.exists()
