"""What may be typed when an account is connected or changed, and what is said when it may not."""

from __future__ import annotations

import pytest

from accounts import tenancy
from fetching.connect.account_forms import AccountForm, ConnectForm, ServerForm, initial_of
from fetching.connect.services import change_defaults
from tests import factories


@pytest.fixture
def member(acme, alice):
    return factories.membership(acme, alice)


def new_account(member, **fields) -> ConnectForm:
    data = {
        "email": "alice.hartono@gmx.de",
        "name": "Alice at GMX",
        "password": " correct horse ",
        **fields,
    }
    with tenancy.scope(member.organization_id):
        form = ConnectForm(data, membership=member)
        form.is_valid()
    return form


def changed(member, account, **fields) -> ServerForm:
    data = {**initial_of(account), **fields}
    form = ServerForm(data, membership=member, account=account)
    with tenancy.scope(member.organization_id):
        form.is_valid()
    return form


@pytest.fixture
def tested(member, acme, alice):
    """An account on a public host, as a test has proven it."""
    return factories.connect(
        acme,
        alice,
        host="pop.harbour.example",
        port=995,
        encryption="ssl",
        username="sales",
        password="secret",
    )


# ── A new account ───────────────────────────────────────────────────────────
def test_the_address_alone_is_enough_where_a_preset_knows_the_rest(member):
    settings = new_account(member).settings()
    assert settings == {
        "provider": "gmx",
        "host": "pop.gmx.net",
        "port": 995,
        "encryption": "ssl",
        "username": "alice.hartono@gmx.de",
        "password": " correct horse ",
        "email": "alice.hartono@gmx.de",
        "name": "Alice at GMX",
        "from_name": "",
        "from_address": "",
        "reply_to": "",
        "is_default": False,
        "rules": {
            "first_fetch": "everything",
            "first_days": 30,
            "delete_policy": "keep",
            "delete_after_days": 14,
        },
    }


def test_a_provider_may_want_the_part_before_the_at(member):
    assert new_account(member, email="hartono@web.de").settings()["username"] == "hartono"


def test_a_tile_brings_its_server_to_an_address_of_ones_own(member):
    settings = new_account(member, email="info@harbour-books.example", provider="zoho").settings()
    assert (settings["host"], settings["username"]) == ("pop.zoho.com", "info@harbour-books.example")


def test_what_is_typed_wins_over_the_preset(member):
    settings = new_account(
        member, host="POP.Example.Org ", port="110", encryption="starttls", username="hartono"
    ).settings()
    assert (settings["host"], settings["port"]) == ("pop.example.org", 110)
    assert (settings["encryption"], settings["username"]) == ("starttls", "hartono")


@pytest.mark.parametrize(("encryption", "port"), [("ssl", 995), ("starttls", 110), ("plain", 110)])
def test_the_port_follows_the_encryption(member, encryption, port):
    form = new_account(member, provider="other", host="mail.example.org", encryption=encryption)
    assert form.settings()["port"] == port


def test_a_server_must_be_named_where_nobody_knows_it(member):
    form = new_account(member, email="info@harbour-books.example")
    assert set(form.errors) == {"host"}


@pytest.mark.parametrize("provider", ["outlook", "office365", "icloud", "proton"])
def test_providers_that_cannot_be_connected_say_why(member, provider):
    form = new_account(member, provider=provider)
    assert "provider" in form.errors


def test_they_are_recognised_by_the_address_too(member):
    assert "Microsoft" in new_account(member, email="ada@outlook.com").errors["provider"][0]
    # With a server of one's own, such an address is no matter.
    assert new_account(member, email="ada@outlook.com", host="pop.example.org").is_valid()


def test_other_is_no_provider(member):
    assert new_account(member, provider="other", host="pop.example.org").settings()["provider"] == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "0x7f.1", "mail"])
def test_only_full_public_names(member, host):
    assert "not a server name" in new_account(member, host=host, port="995").errors["host"][0]


@pytest.mark.parametrize("port", ["25", "8110", "65536", "-1", "pop"])
def test_only_usual_ports(member, port):
    assert set(new_account(member, host="pop.example.org", port=port).errors) == {"port"}


def test_the_operator_may_allow_more(member, settings):
    settings.MAILHUB_ALLOWED_MAIL_HOSTS = ["127.0.0.1:2110"]
    assert new_account(member, host="127.0.0.1", port="2110").is_valid()


def test_a_password_is_needed_and_never_rendered(member):
    assert set(new_account(member, password="").errors) == {"password"}
    form = new_account(member, email="nonsense")
    assert "correct horse" not in form.as_p()


def test_one_mailbox_is_connected_once(member, tested):
    form = new_account(member, host="pop.harbour.example", username="SALES")
    assert form.non_field_errors() == ["Your account “Box” already fetches this mailbox."]


def test_a_colleague_may_connect_the_same_mailbox(acme, bob, tested):
    form = new_account(factories.membership(acme, bob), host="pop.harbour.example", username="sales")
    assert form.is_valid()


def test_without_a_name_the_address_is_the_name(member):
    assert new_account(member, name="").settings()["name"] == "alice.hartono@gmx.de"


def test_what_is_fetched_and_what_stays_are_choices(member):
    chosen = {
        "first_fetch": "last_days",
        "first_days": 7,
        "delete_policy": "after_days",
        "delete_after_days": 3,
    }
    assert new_account(member, **chosen).settings()["rules"] == chosen
    for name in ("first_fetch", "delete_policy"):
        form = new_account(member, **{name: "perhaps"})
        assert set(form.errors) == {name}
        assert form.has_wrong_extras
    assert set(new_account(member, first_fetch="last_days", first_days="0").errors) == {"first_days"}


def test_what_is_not_chosen_is_what_the_organization_wishes(member, acme):
    wishes = {"first_fetch": "last_days", "first_days": 90, "delete_policy": "when_deleted_here"}
    with tenancy.scope(acme.pk):
        change_defaults(member, wishes)
    assert new_account(member).settings()["rules"] == wishes | {"delete_after_days": 14}
    assert new_account(member, delete_policy="keep").settings()["rules"]["delete_policy"] == "keep"


# ── An existing account ─────────────────────────────────────────────────────
def test_an_empty_password_is_the_stored_one(member, tested):
    settings = changed(member, tested, username="sales@harbour.example").settings()
    assert (settings["account"], settings["password"]) == (tested.pk, "secret")


@pytest.mark.parametrize(
    "change", [{"host": "pop.elsewhere.example"}, {"port": "110"}, {"encryption": "plain", "port": "110"}]
)
def test_the_stored_password_goes_nowhere_else(member, tested, change):
    """Else an unlocked screen is enough to have it sent to a server of one's own."""
    assert set(changed(member, tested, **change).errors) == {"password"}
    assert changed(member, tested, password="typed again", **change).is_valid()


def test_less_protection_needs_the_password_again(member, acme, alice):
    account = factories.connect(acme, alice, host="pop.harbour.example", port=110, encryption="starttls")
    assert set(changed(member, account, encryption="plain").errors) == {"password"}
    assert changed(member, account).is_valid()


def test_an_account_is_not_its_own_double(member, tested):
    assert changed(member, tested).is_valid()


def test_what_forms_show_holds_no_password(tested):
    assert "secret" not in repr(initial_of(tested))


def test_name_and_addresses():
    form = AccountForm({"email": "sales@acme.example", "name": " Sales ", "color": "teal"})
    assert form.is_valid()
    assert form.account_fields() == {
        "email": "sales@acme.example",
        "name": "Sales",
        "is_default": False,
        "color": "teal",
    }


def test_addresses_and_colours_are_checked():
    assert set(AccountForm({"email": "x", "color": "pink"}).errors) == {"email", "color"}
