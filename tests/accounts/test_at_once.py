"""Several people at the same moment, each on a connection of their own: words for all but one, never an error."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import members, services, tenancy
from accounts.models import Membership, Organization, Role, User
from mailbox import folders, labels, names
from mailbox.models import Folder, Label
from sending.compose import signatures
from sending.models import Signature
from tests import factories
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def together(*acts: Callable[[], object]) -> list[object]:
    """Start all at once; what each returned, or the error it ended with."""
    start, results = threading.Barrier(len(acts)), [None] * len(acts)

    def work(place: int, act: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            results[place] = act()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "they wait for each other"
    return results


def inside(organization, act: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with tenancy.scope(organization.pk):
            return act()

    return run


def roles(organization) -> list[str]:
    with tenancy.scope(organization.pk):
        return sorted(Membership.objects.values_list("role", flat=True))


@pytest.fixture
def owners(acme, alice, bob):
    with tenancy.scope(acme.pk):
        Membership.objects.filter(user=bob).update(role=Role.OWNER)
    return factories.membership(acme, alice), factories.membership(acme, bob)


def test_the_last_two_owners_do_not_both_leave(acme, owners, alice, bob):
    clients = signed_in(alice), signed_in(bob)
    path = reverse("leave", args=["acme"])
    answers = together(*(lambda client=client: client.post(path).status_code for client in clients))
    assert answers == [302, 302]
    assert roles(acme) == ["owner"]


def test_two_owners_do_not_demote_each_other(acme, owners):
    mine, his = owners
    results = together(
        inside(acme, lambda: members.change_role(mine, his, Role.MEMBER)),
        inside(acme, lambda: members.change_role(factories.membership(acme, his.user), mine, Role.MEMBER)),
    )
    assert sum(isinstance(result, members.NotAllowed) for result in results) == 1
    assert roles(acme) == ["member", "owner"]


def test_leaving_twice_leaves_once(acme, owners, bob):
    client, path = signed_in(bob), reverse("leave", args=["acme"])
    answers = together(*[lambda: client.post(path).status_code] * 3)
    assert set(answers) <= {302, 404}
    assert roles(acme) == ["owner"]


def test_organizations_of_one_name_get_addresses_of_their_own(db):
    people = [factories.UserFactory() for _ in range(4)]
    clients = [signed_in(person) for person in people]
    path = reverse("found")
    answers = together(
        *(lambda client=client: client.post(path, {"name": "Rumah Padang"}).status_code for client in clients)
    )
    assert answers == [302] * 4
    slugs = sorted(Organization.objects.values_list("slug", flat=True))
    assert slugs == ["rumah-padang", "rumah-padang-2", "rumah-padang-3", "rumah-padang-4"]


def test_one_address_is_invited_once(acme, alice, owners):
    mine, his = owners
    results = together(
        *(
            inside(acme, lambda by=by: services.invite(by, ["nadia@acme.example"], Role.MEMBER))
            for by in (mine, his, mine)
        )
    )
    assert not [result for result in results if isinstance(result, Exception)]
    with tenancy.scope(acme.pk):
        assert services.Invitation.objects.filter(email="nadia@acme.example").count() == 1


@pytest.mark.parametrize("name", ["folder_new", "label_new"])
def test_folders_and_labels_of_one_name_are_made_once(acme, alice, account, name):
    client, path = signed_in(alice), reverse(name, args=["acme", account.pk])
    answers = together(*[lambda: client.post(path, {"name": "Travel", "color": "blue"}).status_code] * 3)
    assert not [answer for answer in answers if not isinstance(answer, int) or answer >= 500], answers
    with tenancy.scope(acme.pk):
        rows = Folder.objects.filter(role=Folder.Role.OWN) if name == "folder_new" else Label.objects.all()
        assert rows.filter(name="Travel").count() == 1


def test_the_second_folder_label_and_signature_get_words(acme, account):
    def sign() -> Signature:
        return signatures.save(account, None, name="Work", html="<p>A</p>", text="", place="top")

    for make, refused in (
        (lambda: folders.create_folder(account, "Travel"), names.Taken),
        (lambda: labels.create_label(account, "Trips"), names.Taken),
        (sign, signatures.SignatureError),
    ):
        results = together(*[inside(acme, make)] * 2)
        assert sorted(type(each) is refused for each in results) == [False, True], results


def test_accounts_of_one_name_are_all_kept_and_one_opens_first(acme, alice):
    mine = factories.membership(acme, alice)
    form = {"email": "box@mail.example", "name": "Box", "host": "127.0.0.1", "port": 995}
    results = together(
        *[inside(acme, lambda: services.add_mail_account(mine, {**form, "is_default": True}))] * 3
    )
    assert not [each for each in results if isinstance(each, Exception)], results
    with tenancy.scope(acme.pk):
        accounts = services.MailAccount.objects.filter(owner=alice)
        assert (accounts.count(), accounts.filter(is_default=True).count()) == (3, 1)


def test_two_accounts_that_are_to_open_first_do_not_both(acme, alice, account):
    other = factories.connect(acme, alice, name="Other", email="other@post.example")
    results = together(
        *(
            inside(acme, lambda row=row: services.change_mail_account(row, alice, {"is_default": True}))
            for row in (account, other, account)
        )
    )
    assert not [each for each in results if isinstance(each, Exception)], results
    with tenancy.scope(acme.pk):
        assert services.MailAccount.objects.filter(owner=alice, is_default=True).count() == 1


def test_signing_up_twice_at_once_makes_one_person(db):
    form = {
        "name": "Dewi",
        "organization": "Rumah",
        "email": "dewi@rumah.example",
        "password1": "tiga ekor kucing",
    }
    answers = together(*[lambda: Client().post(reverse("account_signup"), form).status_code] * 3)
    assert answers == [302] * 3
    assert User.objects.filter(email="dewi@rumah.example").count() == 1
    assert Organization.objects.count() == 1
