"""What support staff can neither read nor guess nor give themselves; and that looking leaves a trace."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db.models import Field
from django.test import RequestFactory
from django.urls import reverse

from accounts import tenancy
from accounts.admin import SupportAdmin
from accounts.crypto import EncryptedTextField
from accounts.models import AuditEvent, MailAccount, Organization, User
from quotas.models import Plan
from tests import factories
from tests.conftest import signed_in
from tests.mailhub.test_admin import desk, houses, pages_of, support  # noqa: F401  (fixtures)

DESKS = admin.site._registry.items()
# What a column holds that opens something, by its name; encrypted ones are secret by their kind.
SECRET = re.compile(
    r"password|passphrase|secret|token|(^|_)key(_hash)?$|session_data|code_hash|hash$|digest|fingerprint|(^|_)data$"
    r"|raw|uidl|^mailbox$|^body"
)
LOOKUPS = ("", "__exact", "__startswith", "__regex", "__gt", "__in", "__isnull", "__contains")


def is_secret(field: Field) -> bool:
    return isinstance(field, EncryptedTextField) or bool(SECRET.search(field.name))


def paths(model, depth: int = 3, before: str = ""):
    """Every column that can be reached from a model, also backwards through relations: its lookup and field."""
    for field in model._meta.get_fields():
        name = before + field.name
        if field.is_relation:
            if field.concrete:
                yield name, field
            if depth > 1 and field.related_model not in (None, model):
                yield from paths(field.related_model, depth - 1, f"{name}__")
        else:
            yield name, field


def staff_request(user):
    request = RequestFactory().get("/support/")
    request.user = user
    return request


def test_the_walk_finds_what_it_is_for():
    found = {name for name, field in paths(Organization) if not field.is_relation and is_secret(field)}
    assert {"memberships__user__password"} <= found or any(name.endswith("user__password") for name in found)
    direct = {name for name, field in paths(User) if not field.is_relation and is_secret(field)}
    assert {"password", "mail_accounts__password"} <= direct
    assert any(is_secret(field) for field in Session._meta.fields)


@pytest.mark.parametrize(("model", "options"), DESKS, ids=lambda each: getattr(each, "__name__", ""))
def test_every_desk_keeps_to_the_rules(model, options):
    assert isinstance(options, SupportAdmin)


@pytest.mark.parametrize(("model", "options"), DESKS, ids=lambda each: getattr(each, "__name__", ""))
def test_no_column_is_filtered_by_but_those_the_list_offers(model, options):
    request = staff_request(User(is_staff=True, is_superuser=True))
    offered = set(options.list_filter)
    for name, field in paths(model):
        for lookup in LOOKUPS:
            if options.lookup_allowed(name + lookup, "x", request):
                assert not is_secret(field), name
                assert name.removesuffix("__id") in offered, name
                assert lookup in ("", "__exact", "__isnull"), name + lookup
        assert not options.to_field_allowed(request, name) or name == model._meta.pk.name


@pytest.mark.parametrize(("model", "options"), DESKS, ids=lambda each: getattr(each, "__name__", ""))
def test_no_secret_is_listed_ordered_searched_or_on_a_form(model, options):
    request = staff_request(User(is_staff=True, is_superuser=True))
    secret = {name for name, field in paths(model) if not field.is_relation and is_secret(field)}
    shown = {*options.get_list_display(request), *options.get_list_filter(request), *(options.ordering or ())}
    shown |= {*options.get_search_fields(request), options.date_hierarchy or ""}
    shown |= {*options.get_fields(request), *options.get_readonly_fields(request)}
    for inline in options.inlines:
        shown |= set(inline.fields or ())
        assert inline.fields, "name the columns, or a new one is shown by itself"
    for name in map(str, shown):
        bare = name.lstrip("-^=@").removesuffix("__exact")
        assert bare not in secret
        assert not SECRET.search(bare.rsplit("__", 1)[-1]), name


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "password__startswith"),
        (User, "mail_accounts__password__startswith"),
        (User, "emailaddress__email__startswith"),
        (MailAccount, "password__startswith"),
        (MailAccount, "owner__password__startswith"),
        (Organization, "memberships__user__password__startswith"),
        (AuditEvent, "actor__password__startswith"),
        (Group, "user__password__startswith"),
    ],
)
def test_a_hash_is_not_guessed_letter_by_letter(desk, houses, model, lookup):  # noqa: F811
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    for value in ("md5", "zzz"):
        assert desk.get(reverse(base), {lookup: value}).status_code == 400


def test_a_row_is_not_named_by_a_secret(desk, alice, acme):  # noqa: F811
    path = reverse("admin:accounts_user_change", args=[alice.password])
    assert desk.get(path, {"_to_field": "password"}).status_code == 400


def test_the_lists_own_filters_still_work(desk, houses):  # noqa: F811
    page = desk.get(
        reverse("admin:accounts_user_changelist"), {"is_staff__exact": "0", "o": "1", "q": "alice"}
    )
    assert "alice@acme.example" in page.content.decode()
    listing = reverse("admin:accounts_auditevent_changelist")
    assert desk.get(listing, {"at__year": "2020", "action": "organization.founded"}).status_code == 200
    plan = Plan.objects.get(slug="free")
    subscriptions = reverse("admin:quotas_subscription_changelist")
    assert desk.get(subscriptions, {"plan__id__exact": plan.pk}).status_code == 200


# ── Nobody raises themselves ────────────────────────────────────────────────
@pytest.fixture
def almighty(db) -> User:
    """Support staff with every single permission there is, but no superuser."""
    staff = factories.UserFactory(email="staff@mailhub.example", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    return staff


def test_every_permission_together_gives_no_more(almighty, support, alice, acme):  # noqa: F811
    group = Group.objects.create(name="First line")
    almighty.groups.add(group)
    client = signed_in(almighty)
    one = Permission.objects.get(codename="view_plan").pk
    form = {"name": "Mine", "permissions": [one], "_save": "1"}
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), form).status_code == 403
    assert client.post(reverse("admin:auth_group_add"), form).status_code == 403
    assert (
        client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    )
    assert client.post(
        reverse("admin:auth_group_changelist"),
        {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"},
    ).status_code in (200, 302, 403)
    assert list(Group.objects.values_list("name", flat=True)) == ["First line"]
    assert not group.permissions.exists()
    person = {"name": "X", "language": "", "theme": "system", "time_zone": "UTC", "is_active": ""}
    person |= {"is_staff": "on", "is_superuser": "on", "groups": [group.pk], "user_permissions": [one]}
    person |= {"email": "other@x.example", "password": "x"}
    for prefix in ("emailaddress_set", "memberships"):
        person |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    for user in (almighty, support, alice):
        before = (user.email, user.password, user.is_staff, user.is_superuser)
        client.post(reverse("admin:accounts_user_change", args=[user.pk]), person)
        user.refresh_from_db()
        assert (user.email, user.password, user.is_staff, user.is_superuser) == before
    assert (support.is_active, almighty.is_active, alice.is_active) == (True, True, False)
    assert (support.name, almighty.name) != ("X", "X")
    assert list(alice.groups.all()) == list(alice.user_permissions.all()) == []


def test_superusers_say_what_groups_may_do(desk, db):  # noqa: F811
    one = Permission.objects.get(codename="view_plan").pk
    assert (
        desk.post(reverse("admin:auth_group_add"), {"name": "First line", "permissions": [one]}).status_code
        == 302
    )
    assert Group.objects.get().permissions.get().pk == one


# ── Looking leaves a trace ──────────────────────────────────────────────────
def traces(organization):
    with tenancy.scope(organization.pk):
        return list(
            AuditEvent.objects.filter(action="support.viewed").values_list(
                "actor__email", "target", "detail__kind"
            )
        )


@pytest.mark.parametrize("model", [MailAccount, Organization])
def test_looking_at_a_row_is_written_down_for_its_organization(desk, houses, support, model):  # noqa: F811
    acme, umbrella = houses
    with tenancy.system():
        row = model.objects.get(pk=acme.pk) if model is Organization else model.objects.get(organization=acme)
    desk.get(reverse(f"admin:accounts_{model._meta.model_name}_change", args=[row.pk]))
    assert traces(acme) == [(support.email, str(row), model._meta.model_name)]
    assert traces(umbrella) == []


def test_looking_at_a_person_is_written_down_for_each_of_theirs(desk, houses, support, alice):  # noqa: F811
    acme, umbrella = houses
    factories.join(umbrella, alice)
    desk.get(reverse("admin:accounts_user_change", args=[alice.pk]))
    desk.get(reverse("admin:accounts_user_history", args=[alice.pk]))
    assert traces(acme) == traces(umbrella) == [(support.email, "Alice Hartono", "user")] * 2


def test_lists_and_refusals_leave_none(desk, houses, alice):  # noqa: F811
    desk.get(pages_of(MailAccount)[0])
    limited = factories.UserFactory(is_staff=True)
    assert signed_in(limited).get(reverse("admin:accounts_user_change", args=[alice.pk])).status_code == 403
    assert traces(houses[0]) == []


# ── What is typed here is looked at, too ────────────────────────────────────
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("storage_bytes", value) for value in (-5, "9" * 30, "x", "")),
        *(("message_bytes", value) for value in (-5, 0)),
        *(("fetch_minutes", value) for value in (0, -1, 70_000)),
        *(("members", value) for value in (0, -1)),
        *((name, -1) for name in ("mail_accounts", "recipients", "position")),
    ],
)
def test_a_plan_holds_only_numbers_that_mean_something(desk, houses, field, value):  # noqa: F811
    plan = Plan.objects.get(slug="free")
    form = {
        **{
            name: getattr(plan, name)
            for name in ("slug", "name", "position", "storage_bytes", "mail_accounts")
        },
        **{name: getattr(plan, name) for name in ("members", "fetch_minutes", "message_bytes", "recipients")},
        field: value,
    }
    page = desk.post(reverse("admin:quotas_plan_change", args=[plan.pk]), form)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors.keys() == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Phobos"),
        ("time_zone", ""),
        ("language", "xx"),
        ("theme", "neon"),
        ("name", "see https://evil.example"),
    ],
)
def test_a_person_holds_only_what_mailhub_knows(desk, alice, acme, field, value):  # noqa: F811
    form = {
        "name": "A",
        "language": "",
        "theme": "system",
        "time_zone": "UTC",
        "is_active": "on",
        field: value,
    }
    for prefix in ("emailaddress_set", "memberships"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    page = desk.post(reverse("admin:accounts_user_change", args=[alice.pk]), form)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors.keys() == {field}
