"""“Send mail as” in the browser: the list, adding, changing, removing, and typing in codes."""

from __future__ import annotations

from html import unescape

import pytest
from django.core import mail as outgoing

from accounts import tenancy
from mailhub import mail_files
from sending.identities import address_verification, identities
from sending.models import Identity, OutgoingServer, Signature
from tests import factories
from tests.sending.pages import ADDRESSES, code_for, is_proven, page_about, page_of
from tests.sending.settled import identities_of, prove, relay, settle

OTHER = "info@shop.example"
NEW = f"{ADDRESSES}new/"


@pytest.fixture
def member(acme, alice):
    return factories.membership(acme, alice)


@pytest.fixture
def own(account) -> Identity:
    (identity,) = identities_of(account)
    return identity


@pytest.fixture
def alias(account, alice) -> Identity:
    with tenancy.scope(account.organization_id):
        return identities.add(account, alice, address=OTHER, name="The shop")


def text(answer) -> str:
    return unescape(" ".join(answer.text.split()))


# ── The list ────────────────────────────────────────────────────────────────
def test_without_accounts_the_page_says_what_to_do(acme, as_alice):
    page = as_alice.get(ADDRESSES)
    assert "no mail account here yet" in text(page)
    assert "/settings/accounts/connect/" in page.text
    assert "no mail account here yet" in text(as_alice.get(NEW))


def test_all_addresses_of_all_accounts_are_listed(acme, alice, bob, as_alice, account, alias):
    factories.connect(acme, alice, name="Second", email="two@post.example", from_name="Two", reply_to=OTHER)
    factories.connect(acme, bob, email="bob@post.example")
    page = text(as_alice.get(ADDRESSES))
    for words in (account.email, OTHER, "The shop", "two@post.example", "Second", "Replies come back to it"):
        assert words in page
    assert "bob@post.example" not in page


def test_each_state_has_its_words_and_its_button(as_alice, account, own):
    page = as_alice.get(ADDRESSES)
    assert "Cannot send yet" in page.text
    assert f'href="{page_of(account)}">Set up sending' in page.text

    settle(account)
    page = as_alice.get(ADDRESSES)
    assert "Confirm first" in page.text
    assert f'href="{page_about(own, "verify/")}"' in page.text

    server = settle(account, is_login=True)
    page = as_alice.get(ADDRESSES)
    assert "Ready" in page.text
    assert "/verify/" not in page.text
    assert "smtp.post.example" in page.text

    with tenancy.scope(account.organization_id):
        OutgoingServer.objects.update(paused_since=server.tested_at)
    assert "Sign-in refused" in as_alice.get(ADDRESSES).text


def test_the_relay_goes_by_its_own_name(as_alice, account, settings):
    relay(settings)
    settle(account, is_custom=False)
    page = as_alice.get(ADDRESSES).text
    assert ">Mailhub<" in page
    assert "relay.internal" not in page


def test_signatures_are_named(as_alice, account, own):
    assert "No signature" in as_alice.get(ADDRESSES).text
    with tenancy.scope(account.organization_id):
        signature = Signature.objects.create(
            organization_id=account.organization_id, account=account, name="Formal"
        )
        Identity.objects.update(signature_new=signature)
    assert "Formal" in as_alice.get(ADDRESSES).text


def test_the_list_takes_few_queries(acme, alice, as_alice, account, django_assert_max_num_queries):
    for number in range(5):
        other = factories.connect(acme, alice, email=f"box{number}@post.example")
        settle(other)
    as_alice.get(ADDRESSES)
    with django_assert_max_num_queries(24):
        as_alice.get(ADDRESSES)


# ── Adding ──────────────────────────────────────────────────────────────────
def test_adding_an_address_sends_it_a_code(as_alice, account, queued, press):
    form = {"account": account.pk, "address": " Info@Shop.example ", "name": "The shop"}
    answer = press(as_alice, NEW, form)
    (added,) = [each for each in identities_of(account) if each.name == "The shop"]
    assert added.address == "Info@shop.example"
    assert answer.url == page_about(added, "verify/")
    assert [call[0] for call in queued] == ["send_code"]
    page = text(as_alice.get(answer.url))
    assert "A code is on its way to Info@shop.example." in page
    assert "A code of six digits went to Info@shop.example" in page


def test_an_address_that_is_proven_needs_no_code(as_alice, account, queued, press):
    prove(account, OTHER)
    assert press(as_alice, NEW, {"account": account.pk, "address": OTHER}).url == ADDRESSES
    assert queued == []


def test_the_form_knows_name_and_account(as_alice, alice, account):
    page = as_alice.get(NEW, {"account": account.pk}).text
    assert alice.name in page
    assert f'value="{account.pk}" selected' in page
    assert as_alice.get(NEW, {"account": "x' OR 1"}).status_code == 200


BAD = [
    "",
    "nobody",
    "info@shop.example\r\nBcc: all@evil.example",
    "info@shop.example\x00",
    "in\x00fo@shop.example",
    "in\nfo@shop.example",
    "jürgen@shop.example",
    "\u212aim@shop.example",
    "info@stra\u200dße.example",
    '"a b"@shop.example',
    "info@[127.0.0.1]",
    "info@localhost",
    "a@b.example, c@d.example",
    f"{'x' * 65}@shop.example",
    f"x@{'y' * 250}.example",
    "Info <info@shop.example>",
    "info@shop.example\u2028",
]


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_is_not_added(as_alice, account, queued, press, address):
    form = {"account": account.pk, "address": address}
    if "\u2028" in address:  # a blank at the end goes, as any
        form["address"] = address.replace("example", "exa\u2028mple")
    answer = press(as_alice, NEW, form)
    assert answer.status_code == 422
    assert 'id="id_address-note"' in answer.text
    assert len(identities_of(account)) == 1
    assert queued == []


@pytest.mark.parametrize("address", [address for address in BAD if address and "\u2028" not in address])
def test_nor_is_it_an_address_for_replies(as_alice, account, own, queued, press, address):
    answer = press(as_alice, page_about(own), {"reply_to": address})
    assert answer.status_code == 422
    assert identities_of(account)[0].reply_to == ""


@pytest.mark.parametrize("name", ["A\r\nBcc: all@evil.example", "A\nB", "A\x00", "A\x1bB", "x" * 151])
def test_a_name_is_one_line(as_alice, account, own, press, name):
    assert press(as_alice, page_about(own), {"name": name}).status_code == 422
    form = {"account": account.pk, "address": OTHER, "name": name}
    assert press(as_alice, NEW, form).status_code == 422
    assert [each.name for each in identities_of(account)] == [own.name]


def test_a_domain_beyond_ascii_goes_out_in_ascii(as_alice, account, queued, press):
    press(as_alice, NEW, {"account": account.pk, "address": "info@Bücher.example"})
    assert "info@xn--bcher-kva.example" in [each.address for each in identities_of(account)]


def test_a_second_time_is_told(as_alice, account, alias, queued, press):
    answer = press(as_alice, NEW, {"account": account.pk, "address": OTHER.upper()})
    assert answer.status_code == 422
    assert "This account has this address already." in text(answer)
    assert queued == []


def test_nothing_is_added_to_somebody_elses_account(acme, bob, as_alice, queued, press):
    bobs = factories.connect(acme, bob, email="bob@post.example")
    assert press(as_alice, NEW, {"account": bobs.pk, "address": OTHER}).status_code == 422
    assert len(identities_of(bobs)) == 1
    assert queued == []


# ── Changing ────────────────────────────────────────────────────────────────
def test_the_name_is_changed(as_alice, account, own, press, queued):
    assert press(as_alice, page_about(own), {"name": "  Alice\tH. "}).url == ADDRESSES
    assert identities_of(account)[0].name == "Alice H."
    assert queued == []


def test_another_address_for_replies_gets_a_code(as_alice, account, own, press, queued, member):
    settle(account, is_login=True)
    answer = press(as_alice, page_about(own), {"name": "Alice", "reply_to": OTHER})
    assert answer.url == page_about(own, "verify/")
    assert "Confirm first" in as_alice.get(ADDRESSES).text
    assert "Replies to what you write as" in as_alice.get(answer.url).text
    code = code_for(member, queued, outgoing.outbox)
    assert outgoing.outbox[-1].to == [OTHER]
    assert press(as_alice, answer.url, {"code": code}).url == ADDRESSES
    assert "Ready" in as_alice.get(ADDRESSES).text


def test_what_was_not_changed_gets_no_new_code(as_alice, account, own, press, queued):
    press(as_alice, page_about(own), {"name": "Alice", "reply_to": OTHER})
    press(as_alice, page_about(own), {"name": "Other", "reply_to": OTHER})
    assert len(queued) == 1


def test_the_default_is_changed(as_alice, account, own, alias, press):
    assert press(as_alice, page_about(alias, "default/")).url == ADDRESSES
    assert [each.is_default for each in identities_of(account)] == [False, True]


# ── Removing ────────────────────────────────────────────────────────────────
def test_an_alias_is_removed_after_a_question(as_alice, account, own, alias, press):
    assert f"Remove {OTHER}?" in text(as_alice.get(page_about(alias, "remove/")))
    assert len(identities_of(account)) == 2
    press(as_alice, page_about(alias, "remove/"))
    assert identities_of(account) == [own]


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_accounts_own_address_stays(as_alice, account, own, method):
    answer = getattr(as_alice, method)(page_about(own, "remove/"))
    assert answer.url == ADDRESSES
    assert identities_of(account) == [own]
    assert "goes with the account" in text(as_alice.get(ADDRESSES))
    assert "/remove/" not in as_alice.get(page_about(own)).text


# ── Codes ───────────────────────────────────────────────────────────────────
def test_asking_for_the_page_sends_nothing(as_alice, alias, queued):
    page = text(as_alice.get(page_about(alias, "verify/")))
    assert "Mailhub writes a code of six digits to info@shop.example." in page
    assert queued == []


def test_the_button_sends_a_code_and_the_code_proves(as_alice, account, alias, queued, press, member):
    answer = press(as_alice, page_about(alias, "code/"))
    assert answer.url == page_about(alias, "verify/")
    code = code_for(member, queued, outgoing.outbox)
    answer = press(as_alice, answer.url, {"code": code})
    assert answer.url == ADDRESSES
    assert is_proven(member, OTHER)
    assert "info@shop.example is confirmed." in text(as_alice.get(ADDRESSES))
    # The page is of no use any more, nor is the button.
    assert as_alice.get(page_about(alias, "verify/")).url == ADDRESSES
    press(as_alice, page_about(alias, "code/"))
    assert queued == []


def test_a_wrong_code_says_how_many_tries_are_left(as_alice, alias, queued, press, member):
    press(as_alice, page_about(alias, "code/"))
    code = code_for(member, queued, outgoing.outbox)
    wrong = f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"
    for left in ("4 tries", "3 tries", "2 tries", "1 try"):
        answer = press(as_alice, page_about(alias, "verify/"), {"code": wrong})
        assert answer.status_code == 422
        assert f"You have {left} left." in text(answer)
    assert "too many wrong tries" in text(press(as_alice, page_about(alias, "verify/"), {"code": wrong}))
    assert "too many wrong tries" in text(press(as_alice, page_about(alias, "verify/"), {"code": code}))
    assert not is_proven(member, OTHER)
    assert "Send the code" in as_alice.get(page_about(alias, "verify/")).text


@pytest.mark.parametrize("code", ["", " ", "x" * 31, "1\x002345"])
def test_no_code_costs_no_try(as_alice, alias, queued, press, member, code):
    press(as_alice, page_about(alias, "code/"))
    right = code_for(member, queued, outgoing.outbox)
    for _ in range(address_verification.TRIES + 1):
        assert press(as_alice, page_about(alias, "verify/"), {"code": code}).status_code == 422
    press(as_alice, page_about(alias, "verify/"), {"code": right})
    assert is_proven(member, OTHER)


def test_a_second_code_within_a_minute_is_refused(as_alice, alias, queued, press):
    press(as_alice, page_about(alias, "code/"))
    answer = press(as_alice, page_about(alias, "code/"))
    assert len(queued) == 1
    assert "Wait a minute" in text(as_alice.get(answer.url))


def test_the_code_is_asked_for_in_the_persons_language(as_alice, alice, alias, queued, press):
    alice.language = "id"
    alice.save()
    press(as_alice, page_about(alias, "code/"))
    assert queued[-1][-1] == "id"


def test_one_after_the_other(as_alice, account, alice, queued, press, member):
    """The address itself first, then where its replies go; then the mail, when connecting led here."""
    form = {"account": account.pk, "address": OTHER, "reply_to": "desk@shop.example"}
    answer = press(as_alice, NEW, form)
    code = code_for(member, queued, outgoing.outbox)
    answer = press(as_alice, answer.url, {"code": code, "new": "1"})
    assert answer.url.endswith("/verify/?new=1")
    assert "desk@shop.example" in as_alice.get(answer.url).text
    code = code_for(member, queued, outgoing.outbox)
    answer = press(as_alice, answer.url, {"code": code, "new": "1"})
    assert answer.url == f"/o/acme/mail/{account.pk}/"


def test_connecting_can_be_ended_without_the_code(as_alice, account, alias):
    page = as_alice.get(page_about(alias, "verify/"), {"new": "1"}).text
    assert f'href="/o/acme/mail/{account.pk}/">Later' in page


def test_mail_that_only_lies_in_a_folder_is_told(as_alice, alias, settings):
    assert "no mail server of its own" not in as_alice.get(page_about(alias, "verify/")).text
    settings.EMAIL_BACKEND = mail_files.BACKEND
    assert "no mail server of its own" in as_alice.get(page_about(alias, "verify/")).text


def test_an_address_that_cannot_get_a_code_says_so(acme, alice, as_alice, press, queued):
    account = factories.connect(acme, alice, email="ada@stra\u200dße.example")
    (own,) = identities_of(account)
    answer = press(as_alice, page_about(own, "code/"))
    assert queued == []
    assert "Mailhub cannot write to this address." in text(as_alice.get(answer.url))
