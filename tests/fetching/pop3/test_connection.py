"""One reply to one command, fed in three ways; then the rules on order and state."""

from __future__ import annotations

import pytest

from fetching.pop3 import commands
from fetching.pop3.connection import NEED_DATA, Connection, State
from fetching.pop3.errors import LocalProtocolError, RemoteProtocolError, UnexpectedEnd
from fetching.pop3.events import (
    ConnectionClosed,
    Continuation,
    Err,
    Greeting,
    Message,
    Ok,
    Sizes,
    Stat,
    UniqueIds,
)
from tests.fetching.pop3.feeding import byte_by_byte, connection, events, signed_in, talk, trailing, whole

NOOP, DELE, STAT = commands.noop(), commands.dele(2), commands.stat()

REPLIES = [
    (NOOP, b"+OK\r\n", Ok(NOOP, "")),
    (NOOP, b"+OK  done \r\n", Ok(NOOP, "done")),
    (NOOP, b"+ok lower case\r\n", Ok(NOOP, "lower case")),
    (NOOP, "+OK größe\r\n".encode(), Ok(NOOP, "größe")),
    (NOOP, b"+OK gr\xf6\xdfe\r\n", Ok(NOOP, "gr\ufffd\ufffde")),
    (DELE, b"-ERR\r\n", Err(DELE, None, "")),
    (DELE, b"-ERR no such message\r\n", Err(DELE, None, "no such message")),
    (DELE, b"-ERR [IN-USE] another POP3 session\r\n", Err(DELE, "IN-USE", "another POP3 session")),
    (DELE, b"-ERR [sys/temp]\r\n", Err(DELE, "SYS/TEMP", "")),
    (DELE, b"-ERR [LOGIN-DELAY]wait\r\n", Err(DELE, "LOGIN-DELAY", "wait")),
    (DELE, b"-ERR [unclosed text\r\n", Err(DELE, None, "[unclosed text")),
    (DELE, b"-ERR [] text\r\n", Err(DELE, None, "[] text")),
    (STAT, b"+OK 2 320\r\n", Stat(2, 320)),
    (STAT, b"+OK 2 320 and more\r\n", Stat(2, 320)),
    (commands.uidl(2), b"+OK 2 QhdPYR:00WBw1Ph7x7\r\n", UniqueIds([(2, b"QhdPYR:00WBw1Ph7x7")])),
    (commands.uidl(2), b"+OK 2 with space \xff\r\n", UniqueIds([(2, b"with space \xff")])),
    (commands.uidl(2), b"+OK\r\n", UniqueIds([], damaged=1)),
    (commands.list_sizes(2), b"+OK 2 200\r\n", Sizes([(2, 200)])),
    (commands.retr(2), b"-ERR no such message\r\n", Err(commands.retr(2), None, "no such message")),
    (commands.retr(2), b"+OK 3 octets\r\na\r\n.\r\n", Message(2, b"a\r\n")),
    (commands.top(2, 0), b"+OK\r\nSubject: x\r\n\r\n.\r\n", Message(2, b"Subject: x\r\n\r\n")),
]

# U2: STAT as it should not be. The listing decides, so none of these is an error.
ODD_STATS = [
    (b"+OK", Stat(None, None)),
    (b"+OK 3 messages", Stat(3, None)),
    (b"+OK 3 -1", Stat(3, None)),
    (b"+OK -3 100", Stat(None, 100)),
    (b"+OK   3   120", Stat(3, 120)),
    (b"+OK " + b"9" * 5000 + b" 1", Stat(None, 1)),
]


@pytest.mark.parametrize("feed", [whole, byte_by_byte, trailing])
@pytest.mark.parametrize(("command", "reply", "event"), REPLIES)
def test_reply(feed, command, reply, event):
    conn = signed_in()
    conn.send(command)
    assert feed(conn, reply) == [event]
    assert conn.outstanding == 0


@pytest.mark.parametrize(("reply", "event"), ODD_STATS)
def test_u2_malformed_stat_is_tolerated(reply, event):
    assert talk(signed_in(), STAT, reply + b"\r\n") == event


def test_c16_all_replies_in_one_block_and_byte_by_byte():
    expected = [event for _, _, event in REPLIES]
    data = b"".join(reply for _, reply, _ in REPLIES)
    for feed in (whole, byte_by_byte):
        conn = signed_in()
        for command, _, _ in REPLIES:
            conn.send(command)
        assert feed(conn, data) == expected


# ── The greeting ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("feed", [whole, byte_by_byte])
@pytest.mark.parametrize(
    ("line", "timestamp"),
    [
        (b"+OK", None),
        (b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>", b"<1896.697170952@dbc.mtview.ca.us>"),
        (b"+OK <1.2@[192.0.2.1]> ready", b"<1.2@[192.0.2.1]>"),
        (b"+OK <mail.example.org> ready", None),
        (b"+OK <a b@example.org> ready", None),
        (b"+OK <<a@b>> ready", b"<a@b>"),
    ],
)
def test_greeting(feed, line, timestamp):
    conn = Connection()
    (event,) = feed(conn, line + b"\r\n")
    assert isinstance(event, Greeting)
    assert event.apop_timestamp == timestamp
    assert conn.state is State.AUTHORIZATION


def test_c3_greeting_refused():
    conn = Connection()
    (err, closed) = whole(conn, b"-ERR [IN-USE] too many connections\r\n")
    assert (err.command.name, err.code, err.text) == ("greeting", "IN-USE", "too many connections")
    assert closed == ConnectionClosed()
    with pytest.raises(LocalProtocolError):
        conn.send(commands.user(b"ada"))


@pytest.mark.parametrize(
    "banner",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
        b"220 mx ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16\r\n",
        b"\r\n",
        b"+ go on\r\n",
        b"OK\r\n",
    ],
)
def test_c4_other_greetings_are_no_pop3(banner):
    conn = Connection()
    conn.receive(banner)
    with pytest.raises(RemoteProtocolError):
        conn.next_event()
    assert conn.state is State.BOTCHED


def test_the_greeting_comes_first():
    with pytest.raises(LocalProtocolError, match="GREETING"):
        Connection().send(commands.capa())


# ── Order and state ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", [commands.stat(), commands.retr(1), commands.dele(1), commands.noop()])
def test_nothing_of_the_mailbox_before_signing_in(command):
    with pytest.raises(LocalProtocolError, match="AUTHORIZATION"):
        connection().send(command)


@pytest.mark.parametrize("command", [commands.user(b"ada"), commands.stls(), commands.utf8()])
def test_no_signing_in_twice(command):
    with pytest.raises(LocalProtocolError, match="TRANSACTION"):
        signed_in().send(command)


@pytest.mark.parametrize(
    "command",
    [commands.password(b"x"), commands.stls(), commands.capa(), commands.quit_(), commands.apop(b"a", "0")],
)
def test_nothing_is_pipelined_behind_a_change_of_state(command):
    conn = connection()
    conn.send(command)
    with pytest.raises(LocalProtocolError, match="has to wait"):
        conn.send(commands.user(b"ada"))


@pytest.mark.parametrize("command", [commands.stls(), commands.auth("PLAIN", answers=1)])
def test_stls_and_auth_are_pipelined_behind_nothing(command):
    conn = connection()
    conn.send(commands.user(b"ada"))
    with pytest.raises(LocalProtocolError, match="has to wait"):
        conn.send(command)


def test_a_refused_command_changes_nothing():
    conn = signed_in()
    conn.send(commands.retr(1))
    with pytest.raises(LocalProtocolError):
        conn.send(commands.stls())
    assert conn.outstanding == 1
    assert whole(conn, b"+OK\r\nx\r\n.\r\n") == [Message(1, b"x\r\n")]


def test_pipelined_replies_come_in_order():
    conn = signed_in()
    sent = b"".join(conn.send(commands.retr(number)) for number in range(1, 101))
    assert sent.count(b"RETR") == conn.outstanding == 100
    replies = b"".join(
        b"-ERR gone\r\n" if n % 10 == 0 else b"+OK\r\nmessage %d\r\n.\r\n" % n for n in range(1, 101)
    )
    found = whole(conn, replies)
    assert [event.number if isinstance(event, Message) else event.command.number for event in found] == list(
        range(1, 101)
    )
    assert found[41] == Message(42, b"message 42\r\n")


def test_refused_sign_in_leaves_the_state():
    conn = connection()
    talk(conn, commands.user(b"ada"), b"+OK\r\n")
    talk(conn, commands.password(b"x"), b"-ERR [AUTH] no\r\n")
    assert conn.state is State.AUTHORIZATION


def test_quit_ends_the_session_and_nothing_after_it_counts():
    conn = signed_in()
    conn.send(commands.quit_())
    found = whole(conn, b"+OK bye\r\nchatter")
    assert [type(event) for event in found] == [Ok, ConnectionClosed]
    with pytest.raises(LocalProtocolError, match="CLOSED"):
        conn.send(commands.noop())


def test_r3_quit_refused_is_no_end():
    conn = signed_in()
    event = talk(conn, commands.quit_(), b"-ERR some messages not removed\r\n")
    assert isinstance(event, Err)
    assert conn.state is State.TRANSACTION


# ── STLS ────────────────────────────────────────────────────────────────────


def test_stls_begins_anew():
    conn = connection()
    talk(conn, commands.stls(), b"+OK begin\r\n")
    assert conn.state is State.HANDSHAKE
    with pytest.raises(LocalProtocolError, match="HANDSHAKE"):
        conn.send(commands.user(b"ada"))
    conn.tls_started()
    assert conn.state is State.AUTHORIZATION


def test_c6_stls_refused_is_an_event():
    conn = connection()
    assert isinstance(talk(conn, commands.stls(), b"-ERR not now\r\n"), Err)
    with pytest.raises(LocalProtocolError):
        conn.tls_started()


@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_c7_plain_text_glued_behind_stls(feed):
    conn = connection()
    conn.send(commands.stls())
    with pytest.raises(RemoteProtocolError, match="plain text"):
        feed(conn, b"+OK begin\r\n+OK smuggled\r\n")
    assert conn.state is State.BOTCHED


def test_c7_plain_text_that_comes_just_before_the_handshake():
    conn = connection()
    talk(conn, commands.stls(), b"+OK begin\r\n")
    conn.receive(b"+")
    with pytest.raises(RemoteProtocolError, match="plain text"):
        conn.tls_started()


# ── AUTH ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [(b"+ PDEyMz4=", b"PDEyMz4="), (b"+", b""), (b"+ ", b""), (b"+PDEyMz4=", b"PDEyMz4="), (b"+OK", b"")],
)
def test_a9_a_challenge_in_any_form(challenge, expected):
    conn = connection()
    command = commands.auth("PLAIN", answers=1)
    assert talk(conn, command, challenge + b"\r\n") == Continuation(command, expected)
    assert conn.respond(b"\0ada\0secret") == b"AGFkYQBzZWNyZXQ=\r\n"
    assert talk(conn, None, b"+OK welcome\r\n") == Ok(command, "welcome")
    assert conn.state is State.TRANSACTION


def test_a10_a_challenge_after_the_last_answer_can_be_answered_empty():
    conn = connection()
    command = commands.auth("XOAUTH2", answers=0, initial="dG9rZW4=")
    assert isinstance(talk(conn, command, b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"), Continuation)
    assert conn.respond(b"") == b"\r\n"
    assert talk(conn, None, b"-ERR [AUTH] invalid\r\n") == Err(command, "AUTH", "invalid")


def test_an_exchange_can_be_cancelled():
    conn = connection()
    talk(conn, commands.auth("CRAM-MD5", answers=1), b"+ !\r\n")
    assert conn.cancel() == b"*\r\n"
    assert isinstance(talk(conn, None, b"-ERR cancelled\r\n"), Err)
    for speak in (conn.cancel, lambda: conn.respond(b"x")):
        with pytest.raises(LocalProtocolError):
            speak()


def test_a_challenge_to_another_command_is_an_error():
    conn = connection()
    conn.send(commands.user(b"ada"))
    conn.receive(b"+ go on\r\n")
    with pytest.raises(RemoteProtocolError):
        conn.next_event()


def test_talking_on_without_an_answer_is_an_error():
    conn = connection()
    conn.send(commands.auth("PLAIN", answers=1))
    with pytest.raises(RemoteProtocolError, match="no command"):
        whole(conn, b"+ \r\n+OK\r\n")


# ── Out of step, and the end ────────────────────────────────────────────────


@pytest.mark.parametrize("line", [b"", b"hello", b"+", b"OK", b"3 messages"])
def test_r4_a_blank_or_odd_reply_botches_the_connection(line):
    conn = signed_in()
    conn.send(commands.dele(1))
    conn.send(commands.dele(2))
    conn.receive(line + b"\r\n+OK\r\n")
    with pytest.raises(RemoteProtocolError):
        conn.next_event()
    with pytest.raises(LocalProtocolError, match="BOTCHED"):
        conn.send(commands.quit_())
    with pytest.raises(RemoteProtocolError, match="out of step"):
        conn.next_event()


def test_r21_a_reply_too_many():
    conn = signed_in()
    conn.send(commands.noop())
    conn.receive(b"+OK\r\n+OK\r\n")
    assert isinstance(conn.next_event(), Ok)
    with pytest.raises(RemoteProtocolError, match="no command"):
        conn.next_event()


@pytest.mark.parametrize("reply", [b"", b"+O", b"+OK\r\nhalf a mess", b"+OK\r\n\r\n.\r"])
def test_c17_the_line_drops_in_a_reply(reply):
    conn = signed_in()
    conn.send(commands.retr(1))
    conn.receive(reply)
    conn.receive_eof()
    with pytest.raises(UnexpectedEnd):
        conn.next_event()


def test_c17_the_line_drops_while_nothing_is_due():
    conn = signed_in()
    conn.receive_eof()
    assert conn.next_event() == ConnectionClosed()


def test_the_line_drops_at_a_challenge():
    conn = connection()
    talk(conn, commands.auth("PLAIN", answers=1), b"+\r\n")
    conn.receive_eof()
    with pytest.raises(UnexpectedEnd):
        conn.next_event()


def test_what_came_before_the_end_still_counts():
    conn = signed_in()
    conn.send(commands.retr(1))
    conn.send(commands.retr(2))
    conn.receive(b"+OK\r\none\r\n.\r\n+OK\r\ntw")
    conn.receive_eof()
    assert conn.next_event() == Message(1, b"one\r\n")
    with pytest.raises(UnexpectedEnd):
        conn.next_event()


def test_need_data_says_so_as_often_as_asked():
    conn = signed_in()
    assert conn.next_event() is NEED_DATA
    conn.send(commands.retr(1))
    assert conn.next_event() is NEED_DATA
    assert conn.current.number == 1
    assert events(conn) == []
