"""The support desk: who gets in, what is shown, and above all what is not."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts import services, tenancy
from accounts.models import Invitation, MailAccount, Organization, User
from fetching.connect.services import change_defaults
from fetching.models import FetchDefaults, FetchRun, FetchSettings, FetchState, MailServer
from mailbox import models as mailbox_models
from quotas.models import LedgerEntry, Plan, StorageMeter, Subscription
from tests import factories
from tests.conftest import signed_in

SECRET = "hunter2-and-a-half"


@pytest.fixture
def support(db) -> User:
    return factories.UserFactory(email="support@mailhub.example", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(support):
    return signed_in(support)


@pytest.fixture
def houses(acme, umbrella, alice, charlie):
    """Two organizations with an account, a letter, a run and an invitation each."""
    for organization, owner in ((acme, alice), (umbrella, charlie)):
        name = organization.slug
        account = factories.connect(
            organization,
            owner,
            name=name,
            email=f"box@{name}.example",
            password=SECRET,
            username=f"user-{name}",
        )
        factories.deliver(account, factories.letter(f"Private matter of {name}"))
        with tenancy.scope(organization.pk):
            FetchRun.objects.create(
                organization=organization, account=account, state="failed", error_code="timeout"
            )
            change_defaults(factories.membership(organization, owner), {"interval_minutes": 20})
            services.invite(factories.membership(organization, owner), [f"new@{name}.example"], "member")
    return acme, umbrella


def pages_of(model) -> tuple[str, str]:
    """Addresses of a model's list and of one row."""
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    with tenancy.system():
        return reverse(f"{base}_changelist"), reverse(
            f"{base}_change", args=[model.objects.order_by("pk").first().pk]
        )


REGISTERED = [
    model for model in admin.site._registry if model._meta.app_label in ("accounts", "quotas", "fetching")
]


def test_what_is_registered_is_known():
    assert {model.__name__ for model in REGISTERED} == {
        "User",
        "Organization",
        "MailAccount",
        "Invitation",
        "AuditEvent",
        "Plan",
        "Subscription",
        "StorageMeter",
        "LedgerEntry",
        "FetchState",
        "FetchRun",
        "FetchSettings",
        "FetchDefaults",
        "MailServer",
    }


def test_no_model_of_letters_is_registered():
    letters = {model for model in vars(mailbox_models).values() if isinstance(model, type)}
    assert not letters & set(admin.site._registry)
    assert "emailconfirmation" not in {model._meta.model_name for model in admin.site._registry}


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_every_page_opens_and_shows_neither_password_nor_letter(desk, houses, model):
    with tenancy.system():
        account = MailAccount.objects.first()
        hashes = [
            *Invitation.objects.values_list("key_hash", flat=True),
            *User.objects.values_list("password", flat=True),
        ]
        token = (
            MailAccount.objects.filter(pk=account.pk)
            .extra(select={"raw": "password::text"})
            .values("raw")[0]["raw"]
        )
    for path in pages_of(model):
        page = desk.get(path)
        assert page.status_code == 200
        body = page.content.decode()
        assert SECRET not in body
        assert token not in body
        assert "Private matter" not in body
        assert not [value for value in hashes if value in body]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Organization, ("Acme", "Umbrella")),
        (MailAccount, ("box@acme.example", "box@umbrella.example")),
        (FetchState, ("box@acme.example", "box@umbrella.example")),
        (FetchRun, ("box@acme.example", "box@umbrella.example")),
        (StorageMeter, ("Acme", "Umbrella")),
    ],
)
def test_staff_see_every_organization(desk, houses, model, words):
    body = desk.get(pages_of(model)[0]).content.decode()
    for word in words:
        assert word in body


def test_an_organization_shows_its_members(desk, houses):
    body = desk.get(reverse("admin:accounts_organization_change", args=[houses[0].pk])).content.decode()
    assert "Alice Hartono" in body
    assert "Bob Santoso" in body
    assert "Charlie" not in body


def test_states_and_runs_are_found_by_what_went_wrong(desk, houses):
    body = desk.get(reverse("admin:fetching_fetchrun_changelist"), {"error_code": "timeout"}).content.decode()
    assert "box@acme.example" in body
    body = desk.get(reverse("admin:fetching_fetchrun_changelist"), {"state__exact": "done"}).content.decode()
    assert "box@acme.example" not in body


def test_accounts_are_found_by_address(desk, houses):
    body = desk.get(reverse("admin:accounts_mailaccount_changelist"), {"q": "box@acme"}).content.decode()
    assert "box@acme.example" in body
    assert "box@umbrella.example" not in body


@pytest.mark.parametrize(
    "model",
    [
        *(MailAccount, FetchState, FetchRun, FetchSettings, FetchDefaults),
        *(StorageMeter, LedgerEntry, Invitation),
    ],
)
def test_books_and_fetches_are_only_looked_at(desk, houses, model):
    listing, row = pages_of(model)
    assert desk.post(row, {"host": "evil.example"}).status_code == 403
    assert desk.post(row.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert desk.get(listing + "add/").status_code == 403
    with tenancy.system():
        assert model.objects.exists()


@pytest.mark.parametrize("model", [User, Organization, Subscription, MailServer])
def test_what_others_hang_on_is_not_deleted(desk, houses, model):
    listing, row = pages_of(model)
    assert desk.post(row.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert desk.get(listing + "add/").status_code == 403


def test_a_changed_plan_moves_the_limits_of_its_organizations(desk, houses):
    acme, umbrella = houses
    plan = Plan.objects.get(slug="free")
    form = {
        "slug": "free",
        "name": "Free",
        "position": 0,
        "storage_bytes": 7_000_000,
        "mail_accounts": 3,
        "members": 4,
        "fetch_minutes": 10,
        "message_bytes": 5_000_000,
        "recipients": 100,
    }
    answer = desk.post(reverse("admin:quotas_plan_change", args=[plan.pk]), form)
    assert answer.status_code == 302
    for organization in houses:
        organization.refresh_from_db()
        assert (organization.mail_account_limit, organization.member_limit) == (3, 4)
        assert (organization.fetch_minutes_limit, organization.message_bytes_limit) == (10, 5_000_000)
    with tenancy.system():
        assert set(StorageMeter.objects.values_list("limit", flat=True)) == {7_000_000}


def test_another_plan_moves_the_limits_of_one_organization(desk, houses):
    acme, umbrella = houses
    pro = Plan.objects.get(slug="pro")
    with tenancy.system():
        subscription = Subscription.objects.get(organization=acme)
    answer = desk.post(reverse("admin:quotas_subscription_change", args=[subscription.pk]), {"plan": pro.pk})
    assert answer.status_code == 302
    for organization in houses:
        organization.refresh_from_db()
    assert acme.mail_account_limit == pro.mail_accounts
    assert umbrella.mail_account_limit == Plan.objects.get(slug="free").mail_accounts
    with tenancy.system():
        limits = dict(StorageMeter.objects.values_list("organization", "limit"))
    assert limits[acme.pk] == pro.storage_bytes


def test_a_servers_seats_can_be_changed_and_nothing_else_of_it(desk, houses):
    server = MailServer.objects.get()
    path = reverse("admin:fetching_mailserver_change", args=[server.host])
    answer = desk.post(path, {"connections": 2, "host": "pop.evil.example", "failures": 99})
    assert answer.status_code == 302
    server = MailServer.objects.get()
    assert (server.host, server.connections, server.failures) == ("127.0.0.1:995", 2, 0)


def test_the_desk_shows_neither_leases_nor_what_names_a_mailbox(desk, houses):
    body = desk.get(pages_of(FetchState)[1]).content.decode()
    labels = {" ".join(text.split()) for text in re.findall(r"<label[^>]*>([^<]*)</label>", body)}
    assert "Not before" in labels
    assert not labels & {"Lease token", "Mailbox", "Seen uidl"}


def test_a_plan_in_use_is_not_deleted(desk, houses):
    plan = Plan.objects.get(slug="free")
    desk.post(reverse("admin:quotas_plan_delete", args=[plan.pk]), {"post": "yes"})
    assert Plan.objects.filter(slug="free").exists()


def test_a_person_is_switched_off(desk, alice, acme):
    form = {"name": "Alice", "language": "", "theme": "system", "time_zone": "UTC"}
    inlines = {
        f"{prefix}-{part}": 0
        for prefix in ("emailaddress_set", "memberships")
        for part in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    answer = desk.post(reverse("admin:accounts_user_change", args=[alice.pk]), {**form, **inlines})
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.is_active, alice.email) == ("Alice", False, "alice@acme.example")


def test_staff_without_every_right_cannot_raise_anybody(db, alice):
    staff = factories.UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=("change_user", "view_user")))
    form = {
        "name": "Me",
        "language": "",
        "theme": "system",
        "time_zone": "UTC",
        "is_active": "on",
        "is_staff": "on",
    }
    inlines = {"emailaddress_set-TOTAL_FORMS": 0, "emailaddress_set-INITIAL_FORMS": 0}
    inlines |= {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    signed_in(staff).post(reverse("admin:accounts_user_change", args=[alice.pk]), {**form, **inlines})
    alice.refresh_from_db()
    assert not alice.is_staff
    assert signed_in(staff).get(reverse("admin:accounts_mailaccount_changelist")).status_code == 403


def test_staff_sign_in_at_the_one_door(client, db):
    answer = client.get("/support/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "next=%2Fsupport%2F" in answer.redirect_chain[-1][0]


@pytest.mark.parametrize("path", ["/support/", "/support/accounts/mailaccount/", "/support/search/"])
def test_others_are_refused(as_alice, acme, path):
    page = as_alice.get(path, follow=True)
    assert page.status_code == 403
    assert b"You may not go in here" in page.content


def test_only_the_desk_has_the_wider_policy(desk, as_alice, acme):
    assert "unsafe-inline" in desk.get("/support/")["Content-Security-Policy"]
    assert "unsafe" not in as_alice.get(reverse("profile", args=["acme"]))["Content-Security-Policy"]


def test_the_desk_loads_nothing_from_elsewhere(desk):
    body = desk.get("/support/").content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*\.(?:js|css|woff2?)', body)


def test_after_the_desk_the_lock_is_closed_again(desk, houses):
    desk.get(pages_of(MailAccount)[0])
    assert not MailAccount.objects.exists()
