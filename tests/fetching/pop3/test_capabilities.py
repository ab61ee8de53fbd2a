"""The reply to CAPA."""

from __future__ import annotations

import pytest

from fetching.pop3 import commands
from fetching.pop3.capabilities import MAX_CAPABILITIES, Capabilities
from fetching.pop3.errors import RemoteProtocolError
from tests.fetching.pop3.feeding import byte_by_byte, connection, whole


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Capabilities()),
        ([b"UIDL", b"TOP", b"USER"], Capabilities(uidl=True, top=True, user=True)),
        ([b"uidl", b"Pipelining"], Capabilities(uidl=True, pipelining=True)),
        (
            [b"SASL plain CRAM-MD5", b"SASL XOAUTH2"],
            Capabilities(sasl=frozenset({"PLAIN", "CRAM-MD5", "XOAUTH2"})),
        ),
        ([b"SASL"], Capabilities()),
        (
            [b"STLS", b"RESP-CODES", b"AUTH-RESP-CODE"],
            Capabilities(stls=True, resp_codes=True, auth_resp_code=True),
        ),
        ([b"LOGIN-DELAY 900"], Capabilities(login_delay=900)),
        ([b"LOGIN-DELAY 900 USER"], Capabilities(login_delay=900)),
        ([b"LOGIN-DELAY soon"], Capabilities()),
        ([b"LOGIN-DELAY -5"], Capabilities()),
        ([b"LOGIN-DELAY " + b"9" * 5000], Capabilities()),
        ([b"EXPIRE NEVER"], Capabilities()),
        ([b"EXPIRE 0"], Capabilities(expire=0)),
        ([b"EXPIRE 30 USER"], Capabilities(expire=30)),
        ([b"UTF8"], Capabilities(utf8=True)),
        ([b"UTF8 USER"], Capabilities(utf8=True, utf8_user=True)),
        ([b"IMPLEMENTATION Shlemazle-Plotz-v302", b"X-UNKNOWN \xff\xfe", b"", b"  "], Capabilities()),
    ],
)
def test_lines(lines, expected):
    assert Capabilities.parse(lines) == expected


@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_as_a_reply(feed):
    conn = connection()
    conn.send(commands.capa())
    assert feed(conn, b"+OK list follows\r\nTOP\r\nPIPELINING\r\n.\r\n") == [
        Capabilities(top=True, pipelining=True)
    ]


@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_c11_too_many_capabilities(feed):
    conn = connection()
    conn.send(commands.capa())
    with pytest.raises(RemoteProtocolError, match="more than 64"):
        feed(conn, b"+OK\r\n" + b"X-ONE\r\n" * (MAX_CAPABILITIES + 1))


def test_c11_as_many_as_allowed():
    conn = connection()
    conn.send(commands.capa())
    assert whole(conn, b"+OK\r\n" + b"UIDL\r\n" * MAX_CAPABILITIES + b".\r\n") == [Capabilities(uidl=True)]


def test_c9_capa_refused_is_an_event():
    conn = connection()
    conn.send(commands.capa())
    (event,) = whole(conn, b"-ERR what?\r\n")
    assert event.text == "what?"
