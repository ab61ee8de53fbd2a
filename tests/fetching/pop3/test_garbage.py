"""Any garbage gives events or RemoteProtocolError, never another error, and the same however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetching.pop3 import commands
from fetching.pop3.connection import Connection, State
from fetching.pop3.errors import RemoteProtocolError, UnexpectedEnd
from fetching.pop3.events import ConnectionClosed
from tests.fetching.pop3.feeding import connection, events, outcome, signed_in

FRAGMENTS = st.sampled_from(
    [b"+OK", b"-ERR", b"+", b" ", b"\r\n", b"\r", b"\n", b".", b".\r\n", b"\r\n.\r\n", b"[IN-USE]"]
    + [b"1 abc\r\n", b"2 99\r\n", b"UIDL\r\n", b"SASL PLAIN\r\n", b"<1@x>", b"\0", b"\xff"]
    + [b"x" * 70, b"9" * 30, b"-1", b"="]
)
GARBAGE = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=20)), max_size=30).map(b"".join)
COMMANDS = st.lists(
    st.sampled_from(
        [commands.stat(), commands.uidl(), commands.uidl(1), commands.list_sizes(), commands.list_sizes(1)]
        + [commands.retr(1), commands.top(1, 0), commands.dele(1), commands.noop()]
    ),
    max_size=5,
)


@given(data=GARBAGE, sent=COMMANDS, size=st.integers(1, 50))
def test_replies(data, sent, size):
    results = []
    for block in (len(data) or 1, 1, size):
        conn = signed_in(max_message=60, stream_above=30, max_rows=4)
        for command in sent:
            conn.send(command)
        results.append(outcome(conn, data, block))
    assert results[0] == results[1] == results[2]


@given(data=GARBAGE)
def test_greetings(data):
    assert outcome(Connection(), data, len(data) or 1) == outcome(Connection(), data, 1)


@given(
    data=GARBAGE,
    command=st.sampled_from([commands.capa(), commands.auth("LOGIN", answers=2), commands.user(b"a")]),
)
def test_before_signing_in(data, command):
    results = []
    for block in (len(data) or 1, 1):
        conn = connection()
        conn.send(command)
        results.append(outcome(conn, data, block))
    assert results[0] == results[1]


@given(data=GARBAGE, size=st.integers(1, 50))
def test_around_stls(data, size):
    conn = connection()
    conn.send(commands.stls())
    _, error = outcome(conn, data, size)
    assert error in ("", "RemoteProtocolError")


@given(data=GARBAGE, sent=COMMANDS)
def test_ends(data, sent):
    conn = signed_in()
    for command in sent:
        conn.send(command)
    conn.receive(data)
    conn.receive_eof()
    try:
        found = events(conn)
    except RemoteProtocolError:
        assert conn.state is State.BOTCHED
    else:
        assert found[-1] == ConnectionClosed()


@pytest.mark.parametrize("cut", range(len(b"+OK ready\r\n")))
def test_an_end_in_the_greeting(cut):
    conn = Connection()
    conn.receive(b"+OK ready\r\n"[:cut])
    conn.receive_eof()
    with pytest.raises(UnexpectedEnd):
        conn.next_event()
