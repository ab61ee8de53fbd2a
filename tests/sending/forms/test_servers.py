"""The form for an outgoing server: what it fills in, refuses, and never lets a stored password be sent to."""

from __future__ import annotations

import pytest

from accounts import tenancy
from sending.forms.servers import ServerForm, initial_of
from tests import factories
from tests.sending.settled import settle

FORM = {"host": "mail.gmx.net", "port": "465", "encryption": "ssl", "login": "same"}
OWN = {**FORM, "login": "own", "username": "ada@gmx.net", "password": "own secret"}


@pytest.fixture(autouse=True)
def scope(acme):
    with tenancy.scope(acme.pk):
        yield


@pytest.fixture
def account(acme, alice):
    return factories.connect(
        acme,
        alice,
        email="ada@gmx.net",
        host="pop.gmx.net",
        username="ada@gmx.net",
        encryption="ssl",
        password="fetch secret",
    )


def filled(account, **changes) -> ServerForm:
    form = ServerForm({**FORM, **changes}, account=account)
    form.is_valid()
    return form


def test_the_preset_is_filled_in(account):
    assert initial_of(account) == {
        "host": "mail.gmx.net",
        "port": 465,
        "encryption": "ssl",
        "login": "same",
        "username": "",
    }


def test_what_is_saved_is_shown_without_its_password(account):
    settle(
        account,
        host="smtp.own.example",
        port=587,
        encryption="starttls",
        login="own",
        username="ada",
        password="x",
    )
    assert initial_of(account) == {
        "host": "smtp.own.example",
        "port": 587,
        "encryption": "starttls",
        "login": "own",
        "username": "ada",
    }


def test_the_sign_in_for_fetching(account):
    form = filled(account)
    assert form.errors == {}
    assert form.settings("ada@gmx.net") == {
        "account": account.pk,
        "host": "mail.gmx.net",
        "port": 465,
        "encryption": "ssl",
        "login": "same",
        "username": "ada@gmx.net",
        "password": "fetch secret",
        "sender": "ada@gmx.net",
    }


def test_a_sign_in_of_its_own_and_none(account):
    assert filled(account, **OWN).settings("x")["password"] == "own secret"
    nobody = filled(account, login="none", username="left", password="over").settings("x")
    assert (nobody["username"], nobody["password"]) == ("", "")


def test_spaces_belong_to_a_password(account):
    assert filled(account, **OWN | {"password": " a b "}).settings("x")["password"] == " a b "


@pytest.mark.parametrize(("encryption", "port"), [("ssl", 465), ("starttls", 587), ("plain", 587)])
def test_the_usual_port(account, encryption, port):
    assert filled(account, **OWN | {"port": "", "encryption": encryption}).cleaned_data["port"] == port


@pytest.mark.parametrize("port", [465, 587, 2525])
def test_ports_for_sending(account, port):
    assert filled(account, port=port).errors == {}


@pytest.mark.parametrize("port", ["25", "995", "110", "80", "0", "65536", "x", "-1"])
def test_other_ports(account, port):
    assert list(filled(account, port=port).errors) == ["port"]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "[::1]",
        "169.254.169.254",
        "mail",
        "mail.gmx.net\r\nRSET",
        "mail\x00.gmx.net",
        "http://mail.gmx.net",
        "mail gmx.net",
        "straße.example",
        "x" * 300,
    ],
)
def test_bad_hosts(account, host):
    form = filled(account, **OWN | {"host": host})
    assert "host" in form.errors


def test_a_host_beyond_ascii_goes_out_in_ascii(account):
    assert filled(account, **OWN | {"host": "MAIL.Bücher.example"}).cleaned_data["host"] == (
        "mail.xn--bcher-kva.example"
    )


@pytest.mark.parametrize(("field", "value"), [("login", ""), ("login", "oauth"), ("encryption", "rot13")])
def test_choices_that_are_none(account, field, value):
    assert field in filled(account, **{field: value}).errors


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_sign_in_of_its_own_needs_both(account, field):
    assert list(filled(account, **OWN | {field: ""}).errors) == [field]


# ── Where stored passwords go ───────────────────────────────────────────────
def test_the_stored_password_does_not_go_to_a_stranger(account):
    form = filled(account, host="smtp.evil.example")
    assert list(form.errors) == ["same_password"]


def test_nor_unprotected(account):
    assert list(filled(account, encryption="plain", port="587").errors) == ["same_password"]


def test_typed_again_it_may(account):
    form = filled(account, host="smtp.firm.example", same_password="fetch secret")
    assert form.errors == {}
    assert (form.settings("x")["login"], form.settings("x")["password"]) == ("same", "fetch secret")


def test_another_one_is_tried_as_it_is_and_nothing_is_said_about_the_stored_one(account):
    form = filled(account, host="smtp.firm.example", same_password="a guess")
    assert form.errors == {}
    assert (form.settings("x")["login"], form.settings("x")["password"]) == ("own", "a guess")
    assert "fetch secret" not in repr(form.cleaned_data)


def test_where_it_is_known_already_it_need_not_be_typed(account):
    settle(account, host="smtp.firm.example")
    account.refresh_from_db()
    assert filled(account, host="smtp.firm.example").errors == {}
    assert list(filled(account, host="smtp.firm.example", encryption="plain").errors) == ["same_password"]
    settle(account, host="smtp.firm.example", login="own", username="ada", password="x")
    account.refresh_from_db()
    assert list(filled(account, host="smtp.firm.example").errors) == ["same_password"]


@pytest.mark.parametrize(
    "changes", [{"host": "smtp.evil.example"}, {"port": "587"}, {"encryption": "plain", "port": "465"}]
)
def test_a_stored_password_of_its_own_goes_no_other_way(account, changes):
    settle(account, host="mail.gmx.net", login="own", username="ada", password="stored")
    account.refresh_from_db()
    kept = {**OWN, "password": ""}
    assert filled(account, **kept).settings("x")["password"] == "stored"
    form = filled(account, **kept | changes)
    assert list(form.errors) == ["password"]
    assert "stored" not in repr(form.cleaned_data)


def test_no_password_is_rendered(account):
    settle(account, host="mail.gmx.net", login="own", username="ada", password="stored")
    account.refresh_from_db()
    form = ServerForm({**OWN, "host": "", "same_password": "typed too"}, account=account)
    page = form.as_p()
    for secret in ("stored", "own secret", "typed too", "fetch secret"):
        assert secret not in page
