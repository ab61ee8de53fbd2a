"""What no form of ours sends, NUL bytes and numbers without end: words or a refusal at every address, never a 500."""

from __future__ import annotations

import inspect
import re
import sys
from urllib.parse import quote

import pytest
from django import forms
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from tests import factories
from tests.conftest import signed_in
from tests.test_access import OPEN, TABLE, addresses, house  # noqa: F401  (a fixture)

VALUES = {"NUL": "a\x00b", "5,000 digits": "9" * 5_000, "18 digits": "9" * 18, "half a character": "\ud800"}
# Those that broke something are sent alone, too: another parameter may refuse before it is read.
ALONE = {VALUES["NUL"], VALUES["5,000 digits"]}
APPS = ("accounts", "mailbox", "fetching", "sending", "mailhub")
_READ = re.compile(r"""(?:GET|POST|values|data|form|chosen)(?:\.get(?:list)?\(|\[)"(\w+)\"""")
# Allauth's own pages, with what they read.
PEOPLE = {
    "account_login": ("login", "password", "next", "remember"),
    "account_signup": ("name", "organization", "email", "password1", "time_zone"),
    "account_email": ("email",),
    "account_change_password": ("oldpassword", "password1", "password2"),
    "account_set_password": ("password1", "password2"),
    "account_reset_password": ("email",),
    "account_reauthenticate": ("password", "next"),
    "account_logout": ("next",),
}


def encoded(values: dict[str, str]) -> str:
    pairs = (f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in values.items())
    return "&".join(pairs)


def names_read_by(view) -> set[str]:
    """Every parameter that a view's module, and those of ours it imports, read by name; the fields of its forms."""
    module = sys.modules[inspect.unwrap(view).__module__]
    beside = [each for each in vars(module).values() if inspect.ismodule(each)]
    near = [each for each in beside if each.__name__.startswith((*APPS,)) and ".views" in each.__name__]
    found: set[str] = {"page"}
    for each in (module, *near):
        found |= set(_READ.findall(inspect.getsource(each)))
    for used in vars(module).values():
        if inspect.isclass(used) and issubclass(used, forms.BaseForm):
            found |= set(used.base_fields)
    return found


def meant(name: str, names: dict[str, object]) -> list[dict[str, str]]:
    """What a page sends to this address, so that each parameter is reached; one that says nothing by itself."""
    if not name.startswith("messages_"):
        return [{}]
    return [{"message": str(names["message"]), "folder": str(names["folder"]), "confirmed": "1"}]


def ask(client: Client, path: str, values: dict[str, str], method: str) -> int:
    """The status of one request, whose effects are taken back."""
    body = encoded(values)
    with transaction.atomic():
        if method == "get":
            answer = client.get(f"{path}?{body}")
        else:
            answer = client.post(path, body, content_type="application/x-www-form-urlencoded")
        transaction.set_rollback(True)
    return answer.status_code


@pytest.fixture
def quiet(as_alice):
    """Alice, whose browser shows what a server answered instead of the test the error."""
    as_alice.raise_request_exception = False
    return as_alice


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_every_parameter_of_every_address_takes_or_refuses_it(quiet, house, value):  # noqa: F811
    wrong = []
    for name, pattern in sorted(addresses().items()):
        wanted = {key: house[0][key] for key in pattern.pattern.converters}
        if TABLE[name].who != OPEN:
            wanted["slug"] = house[0]["slug"]
        path = reverse(name, kwargs=wanted)
        read = names_read_by(pattern.callback)
        for method in ("post",) if TABLE[name].post_only else ("get", "post"):
            sent = [dict.fromkeys(read, value)]
            # A NUL in an address is refused before any page reads it.
            if value in ALONE and not (method == "get" and "\0" in value):
                bases = meant(name, house[0])
                sent += [base | {each: value} for base in bases for each in sorted(read)]
            for values in sent:
                code = ask(quiet, path, values, method)
                names = [key for key in values if values[key] == value]
                if code >= 500:
                    wrong.append(f"{method.upper()} {name} {sorted(names)}: {code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("value", ["9" * 5_000, "9" * 30, "a\x00b"])
def test_every_part_of_every_address_takes_or_refuses_it(quiet, house, value):  # noqa: F811
    wrong = []
    for name, pattern in sorted(addresses().items()):
        wanted = {key: house[0][key] for key in pattern.pattern.converters} | {"slug": house[0]["slug"]}
        path = "/" + str(reverse(name, kwargs={key: wanted[key] for key in wanted if key in _keys(name)}))[1:]
        for key in _keys(name):
            broken = path.replace(f"/{wanted[key]}/", f"/{quote(value)}/", 1)
            for method in ("get", "post"):
                code = ask(quiet, broken, {}, method)
                if code >= 500:
                    wrong.append(f"{method.upper()} {broken[:80]}: {code}")
    assert not wrong, "\n".join(wrong)


def _keys(name: str) -> set[str]:
    own = set(addresses()[name].pattern.converters)
    return own if TABLE[name].who == OPEN else own | {"slug"}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("name", PEOPLE)
def test_the_doors_of_signing_in_take_or_refuse_it(name, value, as_alice, acme):
    visitor = Client(raise_request_exception=False)
    as_alice.raise_request_exception = False
    for client in (visitor, as_alice):
        for names in (PEOPLE[name], *([each] for each in PEOPLE[name])):
            for method in ("get", "post"):
                for act in ({}, {"action_add": "1"}, {"action_send": "1"}, {"action_remove": "1"}):
                    code = ask(client, reverse(name), dict.fromkeys(names, value) | act, method)
                    assert code < 500, (method, names, act)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_links_of_mails_take_or_refuse_it(value, client, acme):
    client.raise_request_exception = False
    word = quote(value.encode("utf-8", "surrogatepass"))
    for path in (
        f"/invitation/{acme.pk}/{word}/",
        f"/invitation/{word}/key/",
        f"/accounts/confirm-email/{word}/",
        f"/accounts/password/reset/key/{word}-{word}/",
    ):
        for method in ("get", "post"):
            assert ask(client, path, {}, method) < 500, path[:60]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_support_desk_takes_or_refuses_it(value, house):  # noqa: F811
    desk = signed_in(factories.UserFactory(is_staff=True, is_superuser=True))
    desk.raise_request_exception = False
    wrong = []
    for model, options in admin.site._registry.items():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listing, row = reverse(f"{base}_changelist"), reverse(f"{base}_change", args=["KEY"])
        names = {"q", "p", "o", "all", "_to_field", "_popup", *map(str, options.list_filter)}
        names |= {f"{name}__exact" for name in map(str, options.list_filter)}
        if options.date_hierarchy:
            names |= {f"{options.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte", "lt")}
        asked = [(listing, {name: value}) for name in names]
        asked.append((row.replace("KEY", quote(value.encode("utf-8", "surrogatepass"))), {}))
        with tenancy.system():
            first = model.objects.order_by("pk").first()
        if first is not None:
            fields = {field.name: value for field in model._meta.fields}
            asked.append((reverse(f"{base}_change", args=[first.pk]), fields))
        for path, values in asked:
            for method in ("get", "post"):
                code = ask(desk, path, values, method)
                if code >= 500:
                    wrong.append(f"{method.upper()} {path[:60]} {sorted(values)}: {code}")
    assert not wrong, "\n".join(wrong)
