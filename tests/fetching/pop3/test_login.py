"""The order in which ways to sign in are tried."""

from __future__ import annotations

import pytest

from fetching.pop3 import login
from fetching.pop3.capabilities import Capabilities

STAMP = b"<1.2@example.org>"
ALL = Capabilities(user=True, sasl=frozenset({"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "NTLM"}))


def names(username="ada", password="secret", *, offered=ALL, timestamp=STAMP, encrypted=True):
    found = login.methods(username, password, offered=offered, timestamp=timestamp, encrypted=encrypted)
    return [method.name for method in found]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["PLAIN", "USER", "LOGIN", "CRAM-MD5"]),
        ({"encrypted": False}, ["CRAM-MD5", "APOP", "USER", "PLAIN", "LOGIN"]),
        ({"timestamp": None}, ["PLAIN", "USER", "LOGIN", "CRAM-MD5"]),
        ({"timestamp": None, "encrypted": False}, ["CRAM-MD5", "USER", "PLAIN", "LOGIN"]),
        ({"offered": None}, ["USER"]),
        ({"offered": None, "encrypted": False}, ["APOP", "USER"]),
        # what it says it can do, and USER is not in it
        ({"offered": Capabilities(sasl=frozenset({"CRAM-MD5", "LOGIN"}))}, ["LOGIN", "CRAM-MD5", "USER"]),
        ({"offered": None, "timestamp": None}, ["USER"]),
        ({"offered": Capabilities(), "timestamp": None}, ["USER"]),
        # nothing but STLS is offered: the password would be refused, after all could have read it
        ({"offered": Capabilities(stls=True), "timestamp": None, "encrypted": False}, []),
        ({"offered": Capabilities(stls=True, user=True), "timestamp": None, "encrypted": False}, ["USER"]),
        ({"offered": Capabilities(stls=True), "encrypted": False}, ["APOP"]),
    ],
)
def test_order(given, expected):
    assert names(**given) == expected


@pytest.mark.parametrize("credentials", [("ada", "pässwort"), ("jörg", "secret")])
def test_a15_other_than_ascii_goes_where_an_encoding_is_defined(credentials):
    assert names(*credentials) == ["PLAIN"]
    assert names(*credentials, offered=Capabilities(user=True)) == []
    assert names(*credentials, offered=Capabilities(user=True, utf8=True)) == []
    assert names(*credentials, offered=Capabilities(user=True, utf8=True, utf8_user=True)) == ["USER"]


@pytest.mark.parametrize("password", ["a\r\nDELE 1", "a\nb", "a\0b", "a\1b", "a\ud800b"])
def test_c20_a_password_with_line_breaks_goes_nowhere(password):
    assert names(password=password) == []


def test_apop_example_of_rfc_1939():
    stamp = b"<1896.697170952@dbc.mtview.ca.us>"
    (apop, _user) = login.methods("mrose", "tanstaaf", offered=None, timestamp=stamp, encrypted=False)
    assert apop.commands[0].line == b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"


def test_a_password_too_long_for_a_command_can_go_by_sasl():
    assert names(password="x" * 300) == ["PLAIN", "LOGIN", "CRAM-MD5"]
    assert names(password="x" * 300, offered=None, timestamp=None) == []


def test_a_name_with_a_space_cannot_go_by_apop():
    assert names("ada lovelace", offered=None, encrypted=False) == ["USER"]


def test_no_secret_in_a_repr():
    for method in login.methods("ada", "hunter2", offered=ALL, timestamp=STAMP, encrypted=True):
        assert "hunter2" not in repr(method)


def test_each_method_says_what_it_should():
    said = {
        method.name: (
            [command.line for command in method.commands],
            [answer(b"PDE4OTY+") for answer in method.answers],
        )
        for method in login.methods("ada", "secret", offered=ALL, timestamp=STAMP, encrypted=False)
    }
    assert said["PLAIN"] == ([b"AUTH PLAIN\r\n"], [b"\0ada\0secret"])
    assert said["LOGIN"] == ([b"AUTH LOGIN\r\n"], [b"ada", b"secret"])
    assert said["USER"] == ([b"USER ada\r\n", b"PASS secret\r\n"], [])
    assert said["APOP"] == ([b"APOP ada 32ae1f70f8b5a8f195fbe7b0caabc7da\r\n"], [])
    assert said["CRAM-MD5"][0] == [b"AUTH CRAM-MD5\r\n"]
    assert said["CRAM-MD5"][1][0].startswith(b"ada ")
