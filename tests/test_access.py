"""Every address × visitor, stranger, member, admin. An address without a row here fails the test."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import tenancy
from accounts.models import Invitation, Membership
from mailbox import folders, labels
from mailbox.models import Attachment
from sending.models import MessageTemplate, Signature
from tests import factories
from tests.conftest import signed_in
from tests.sending.drafted import draft_row
from tests.test_isolation import ATTACHED, outgoing_row

OPEN, MEMBER, PRIVATE, ADMIN = "open", "member", "private", "admin"


@dataclass(frozen=True)
class Row:
    """Who may come in. `private`: only the owner of the mail account, not even the organization's admins."""

    who: str
    post_only: bool = False
    owner: tuple[int, ...] = (200, 302)


def private(**options) -> Row:
    return Row(PRIVATE, **options)


def post(who: str) -> Row:
    return Row(who, post_only=True, owner=(200, 302, 400, 422))


TABLE: dict[str, Row] = {
    # mailhub
    "home": Row(OPEN),
    "found": Row(OPEN),
    "health": Row(OPEN),
    "accounts": Row(MEMBER),
    "storage": Row(MEMBER),
    "console": Row(ADMIN),
    "console_accounts": Row(ADMIN),
    "fetch_defaults": Row(ADMIN),
    # accounts
    "organization": Row(MEMBER),
    "profile": Row(MEMBER),
    "look": Row(MEMBER),
    "security": Row(MEMBER),
    "switch_theme": post(MEMBER),
    "switch_language": post(MEMBER),
    "leave": Row(MEMBER),
    "people": Row(ADMIN),
    "invite": post(ADMIN),
    "invitation_resend": post(ADMIN),
    "invitation_withdraw": post(ADMIN),
    "member_role": post(ADMIN),
    "member_remove": Row(ADMIN),
    # mailbox
    "mail": Row(MEMBER),
    "mail_all": Row(MEMBER),
    "mail_fresh": Row(MEMBER, owner=(200, 204, 302, 400, 404)),
    "messages_read": post(MEMBER),
    "messages_unread": post(MEMBER),
    "messages_star": post(MEMBER),
    "messages_trash": post(MEMBER),
    "messages_put_back": post(MEMBER),
    "messages_spam": post(MEMBER),
    "messages_not_spam": post(MEMBER),
    "messages_move": post(MEMBER),
    "messages_label": post(MEMBER),
    "messages_undo": post(MEMBER),
    "messages_discard": post(MEMBER),
    "mail_account": private(),
    "folder": private(),
    "folder_edit": post(PRIVATE),
    "folder_delete": private(),
    "label": private(),
    "label_edit": post(PRIVATE),
    "label_delete": private(),
    "mail_folders": private(),
    "folder_new": post(PRIVATE),
    "label_new": post(PRIVATE),
    "folder_empty": Row(PRIVATE, post_only=True, owner=(404,)),  # only Trash and Spam are
    "message": private(),
    "message_star": post(PRIVATE),
    "message_body": private(),
    "message_original": private(),
    "message_download": private(),
    "attachment": private(),
    "inline_part": private(owner=(404,)),  # the sample's only part is no picture
    # fetching
    "connect": Row(MEMBER),
    "connect_test": post(MEMBER),
    "connect_status": Row(MEMBER, owner=(200, 302, 404)),
    "connect_save": post(MEMBER),
    "mail_account_order": post(MEMBER),
    "mail_account_edit": private(),
    "mail_account_test": post(PRIVATE),
    "mail_account_delete": private(),
    "mail_account_default": post(PRIVATE),
    "fetch_now": post(PRIVATE),
    "fetch_pause": post(PRIVATE),
    "fetch_resume": post(PRIVATE),
    "fetch_settings": private(),
    "fetch_history": private(),
    "fetch_missing": private(),
    "fetch_retry": post(PRIVATE),
    "fetch_progress": private(),
    # sending
    "sending_server": private(),
    "sending_test": post(PRIVATE),
    "sending_status": private(),
    "sending_save": post(PRIVATE),
    "sending_relay": Row(PRIVATE, post_only=True, owner=(404,)),  # the operator of the tests has none
    "addresses": Row(MEMBER),
    "address_new": Row(MEMBER),
    "address_edit": private(),
    "address_remove": private(),
    "address_default": post(PRIVATE),
    "address_verify": private(),
    "address_code": post(PRIVATE),
    "write": post(MEMBER),
    "write_contacts": Row(MEMBER),
    "answer": Row(PRIVATE, post_only=True, owner=(404,)),  # the form says nothing of how to answer
    "draft": Row(PRIVATE, owner=(200, 302, 409)),  # the form names no version
    "draft_save": Row(PRIVATE, post_only=True, owner=(200, 409)),
    "draft_below": private(),
    "draft_delete": private(),
    "draft_file_add": post(PRIVATE),
    "draft_file": private(),
    "draft_file_remove": post(PRIVATE),
    "drafts": private(),
    "outgoing_take_back": post(PRIVATE),
    "outbox": private(),
    "outbox_resume": post(PRIVATE),
    "outgoing": private(),
    "outgoing_try_now": post(PRIVATE),
    "outgoing_send_again": post(PRIVATE),
    "outgoing_arrived": post(PRIVATE),
    "outgoing_take_off": post(PRIVATE),
    "message_sending": private(owner=(204,)),  # the sample was not sent from here
    "signatures": Row(MEMBER),
    "signature_new": private(),
    "signature_edit": private(),
    "signature_delete": private(),
    "message_templates": Row(MEMBER),
    "message_template_new": Row(MEMBER),
    "message_template_edit": private(),
    "message_template_delete": private(),
    "writing_preview": post(MEMBER),
    "away": Row(MEMBER),
    "away_all": Row(MEMBER),
    "away_sentence": post(MEMBER),
    "away_account": private(),
    "disclaimer": Row(ADMIN),
}
# Not below /o/<slug>/ and tested where they are built: sign-in (allauth), the invitation's door, support's admin.
ELSEWHERE = ("accounts/", "invitation/", "support/")


def addresses() -> dict[str, URLPattern]:
    """Every named address of the site map but those tested elsewhere."""

    def walk(patterns, prefix=""):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if route.startswith(ELSEWHERE):
                continue
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                assert pattern.name, f"{route} has no name"
                yield pattern.name, pattern

    return dict(walk(get_resolver().url_patterns))


def test_every_address_has_a_row_and_every_row_an_address():
    assert set(addresses()) == set(TABLE)


@pytest.fixture
def house(acme, umbrella, alice, bob, account):
    """Acme with all that an address can name; it belongs to Alice. Bob is a member, Dora an admin."""
    (message,) = factories.deliver(account, ATTACHED)
    dora = factories.UserFactory(email="dora@acme.example")
    factories.join(acme, dora, "admin")
    with tenancy.scope(acme.pk):
        names = {
            "slug": acme.slug,
            "account": account.pk,
            "message": message,
            "folder": folders.create_folder(account, "Receipts").pk,
            "label": labels.create_label(account, "Travel").pk,
            "identity": account.identities.get().pk,
            "signature": Signature.objects.create(organization=acme, account=account, name="Work").pk,
            "template": MessageTemplate.objects.create(organization=acme, owner=alice, name="Offer").pk,
            "outgoing": outgoing_row(account).pk,
            "draft": (draft := draft_row(account)).pk,
            "file": draft.files.get().pk,
            "position": 0,
            "test": "no-such-test",
            "member": Membership.objects.get(user=bob).pk,
            "invitation": Invitation.objects.create(
                organization=acme, email="x@guest.example", key_hash="0" * 64, invited_by=alice
            ).pk,
        }
        names["position"] = Attachment.objects.get().position
    return names, dora


def visit(client, name, names, method):
    """The status of one visit, whose effects are taken back."""
    pattern = addresses()[name]
    wanted = {key: names[key] for key in pattern.pattern.converters}
    if TABLE[name].who != OPEN:
        wanted["slug"] = names["slug"]
    with transaction.atomic():
        form = {"folder": names["folder"]} if method == "post" else {}
        answer = getattr(client, method)(reverse(name, kwargs=wanted), form)
        transaction.set_rollback(True)
    return answer


SOMETHING = {200, 204, 302, 400, 404, 405, 422}
HIDDEN = {404, 405}


def check(client, house, allowed) -> None:
    """Visit everything below /o/<slug>/ by GET and POST; `allowed(row)` says which answers are right."""
    wrong = []
    for name, row in sorted(TABLE.items()):
        for method in ("get", "post") if row.who != OPEN else ():
            code = visit(client, name, house[0], method).status_code
            if code not in allowed(row):
                wrong.append(f"{method.upper()} {name}: {code}")
    assert not wrong, wrong


def test_a_visitor_is_asked_to_sign_in(client, house):
    check(client, house, lambda row: {302})
    assert "/accounts/login/" in visit(client, "mail", house[0], "get").url


def test_s7_a_stranger_learns_nothing(as_charlie, house):
    check(as_charlie, house, lambda row: {404})


def test_s7_a_member_sees_no_other_members_mail(as_bob, house):
    check(as_bob, house, lambda row: HIDDEN if row.who in (PRIVATE, ADMIN) else SOMETHING)


def test_s7_an_admin_sees_no_other_members_mail_either(house):
    check(signed_in(house[1]), house, lambda row: HIDDEN if row.who == PRIVATE else SOMETHING)


def test_the_owner_comes_in(as_alice, house):
    wrong = []
    for name, row in sorted(TABLE.items()):
        code = visit(as_alice, name, house[0], "get").status_code
        if row.post_only:
            if code != 405:
                wrong.append(f"GET {name}: {code}")
            code = visit(as_alice, name, house[0], "post").status_code
        if code not in row.owner:
            wrong.append(f"{name}: {code}")
    assert not wrong, wrong
